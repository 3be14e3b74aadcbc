"""What the template allows each function, and a guard that refuses every call to AWS that goes beyond it.

What a call needs is as the Service Authorization Reference has it: https://docs.aws.amazon.com/service-authorization/.
A transaction needs what each of its items does; publishing to a topic that has a key of its own needs that key.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]  # cfn-lint ships no types

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
REGION = "us-east-1"
ACCOUNT = "123456789012"
_PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::StackName": "rampart",
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/rampart/1",
}
_ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::Serverless::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Serverless::StateMachine": "states:{region}:{account}:stateMachine:{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::SNS::Topic": "sns:{region}:{account}:{name}",
    "AWS::Events::EventBus": "events:{region}:{account}:event-bus/{name}",
    "AWS::KMS::Key": "kms:{region}:{account}:key/{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
}
"""The ARN of each type of resource, after `arn:aws:`; here a resource's name is its logical id."""
_REF_IS_ARN = {"AWS::SNS::Topic", "AWS::Serverless::StateMachine"}
_SUBSTITUTED = re.compile(r"\$\{([^}]+)\}")


class Permission(NamedTuple):
    """One action on one resource; both may hold wildcards where they are granted."""

    action: str
    resource: str

    def covers(self, wanted: Permission) -> bool:
        """Whether this grant is enough for what is wanted."""
        return self.action in (wanted.action, "*") and fnmatchcase(wanted.resource, self.resource)


class Template:
    """The template with its parameters' defaults, unless others are given, and every name resolved."""

    def __init__(self, **parameters: str) -> None:
        document = cfn_yaml.load(str(TEMPLATE))
        self.resources: Mapping[str, Any] = document["Resources"]
        self._conditions: Mapping[str, Any] = document["Conditions"]
        self._globals: Mapping[str, Any] = document["Globals"]["Function"]
        self._parameters = {
            name: str(each.get("Default", "")) for name, each in document["Parameters"].items()
        } | parameters

    def arn(self, name: str) -> str:
        """The ARN of a resource by its logical id."""
        suffix = _ARNS[self.resources[name]["Type"]].format(region=REGION, account=ACCOUNT, name=name)
        return f"arn:aws:{suffix}"

    def resolve(self, value: Any) -> str:
        """What CloudFormation makes of a value: text, Ref, GetAtt of an ARN, If, Join, or Sub."""
        match value:
            case str():
                return value
            case {"Ref": str(name)}:
                return self._ref(name)
            case {"Fn::Split": [str(between), whole]}:
                return between.join(self.resolve(whole).split(between))
            case {"Fn::GetAtt": [str(name), "Arn"]}:
                return self.arn(name) if name in self.resources else name  # SAM makes some of its own
            case {"Fn::If": [str(name), then, otherwise]}:
                return self.resolve(then if self._holds(self._conditions[name]) else otherwise)
            case {"Fn::Join": [str(between), values]}:
                return between.join(map(self.resolve, _as_list(values)))
            case {"Fn::Select": [index, {"Fn::Split": [str(between), whole]}]}:
                # CloudFormation resolves only the branch that is taken.
                return self.resolve(whole).split(between)[int(index)]
            case {"Fn::Sub": [str(text), {**names}]}:
                known = {name: self.resolve(each) for name, each in names.items()}
                return _SUBSTITUTED.sub(lambda match: known.get(match[1]) or self._substitute(match[1]), text)
            case {"Fn::Sub": str(text)}:
                return _SUBSTITUTED.sub(lambda match: self._substitute(match[1]), text)
        raise NotImplementedError(f"the template says {value!r}: teach this module to read it")

    def _holds(self, condition: Any) -> bool:
        match condition:
            case {"Fn::Not": [inner]}:
                return not self._holds(inner)
            case {"Fn::Equals": [one, other]}:
                return self.resolve(one) == self.resolve(other)
        raise NotImplementedError(f"the template has the condition {condition!r}: teach this module to read it")

    def _ref(self, name: str) -> str:
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self._parameters:
            return self._parameters[name]
        if name.endswith(".Alias"):  # what SAM makes of a function's AutoPublishAlias
            return f"{self.arn(name.removesuffix('.Alias'))}:{self._globals['AutoPublishAlias']}"
        kind = self.resources[name]["Type"]
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"
        return self.arn(name) if kind in _REF_IS_ARN else name

    def _substitute(self, name: str) -> str:
        return self.arn(name.removesuffix(".Arn")) if name.endswith(".Arn") else self._ref(name)

    def permissions(self, name: str) -> list[Permission]:
        """Every action and resource that a function's or machine's own statements, or a managed policy, allow."""
        properties = self.resources[name]["Properties"]
        documents = [properties["PolicyDocument"]] if "PolicyDocument" in properties else properties["Policies"]
        return [
            Permission(action, self.resolve(resource))
            for document in documents
            for statement in self._stated(document["Statement"])
            for action in _as_list(statement["Action"])
            for resource in _as_list(statement["Resource"])
        ]

    def _stated(self, statements: list[Any]) -> Iterator[Any]:
        """The statements that there are with these parameters."""
        for statement in statements:
            if "Fn::If" not in statement:
                yield statement
                continue
            condition, then, otherwise = statement["Fn::If"]
            chosen = then if self._holds(self._conditions[condition]) else otherwise
            if chosen != {"Ref": "AWS::NoValue"}:
                yield chosen

    def environment(self, function: str) -> dict[str, str]:
        """A function's environment variables."""
        own = self.resources[function]["Properties"]["Environment"]["Variables"]
        shared = self._globals["Environment"]["Variables"]
        return {name: self.resolve(value) for name, value in {**shared, **own}.items()}

    @cached_property
    def topic_key(self) -> str | None:
        """The ARN of the key with which notices are encrypted."""
        key = self.resources["PageTopic"]["Properties"].get("KmsMasterKeyId")
        return None if key is None else self.resolve(key)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_ITEM_ACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


def _table(name: str) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"


def _of_transaction(_: Template, call: Mapping[str, Any]) -> Iterator[Permission]:
    for item in call["TransactItems"]:
        for kind, operation in item.items():
            yield Permission(f"dynamodb:{_ITEM_ACTIONS[kind]}", _table(operation["TableName"]))


def _of_batch(_: Template, call: Mapping[str, Any]) -> Iterator[Permission]:
    for name in call["RequestItems"]:
        yield Permission("dynamodb:BatchGetItem", _table(name))


def _of_query(_: Template, call: Mapping[str, Any]) -> Iterator[Permission]:
    index = f"/index/{call['IndexName']}" if "IndexName" in call else ""
    yield Permission("dynamodb:Query", _table(call["TableName"]) + index)


def _of_publish(template: Template, call: Mapping[str, Any]) -> Iterator[Permission]:
    yield Permission("sns:Publish", call["TopicArn"])
    if template.topic_key is not None:
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            yield Permission(action, template.topic_key)


def _of_put_events(_: Template, call: Mapping[str, Any]) -> Iterator[Permission]:
    for entry in call["Entries"]:
        yield Permission(
            "events:PutEvents", f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{entry.get('EventBusName', 'default')}"
        )


def _function(call: Mapping[str, Any]) -> str:
    name = call["FunctionName"]
    return name if name.startswith("arn:") else f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def _schedule(template: Template) -> str:
    return template.resolve({"Fn::GetAtt": ["EvaluateFunctionEveryMinute", "Arn"]})


def _one(action: str, resource: Callable[[Mapping[str, Any]], str]) -> Needs:
    return lambda _, call: iter([Permission(action, resource(call))])


Needs = Callable[[Template, Mapping[str, Any]], Iterator[Permission]]
NEEDS: dict[tuple[str, str], Needs] = {
    **{
        ("dynamodb", name): _one(f"dynamodb:{name}", lambda call: _table(call["TableName"]))
        for name in ("GetItem", "PutItem", "UpdateItem", "DeleteItem")
    },
    ("dynamodb", "TransactWriteItems"): _of_transaction,
    ("dynamodb", "BatchGetItem"): _of_batch,
    ("dynamodb", "Query"): _of_query,
    **{
        # These know no resource: the token is the secret.
        ("stepfunctions", name): _one(f"states:{name}", lambda _: "*")
        for name in ("SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat")
    },
    ("s3", "GetObject"): _one("s3:GetObject", lambda call: f"arn:aws:s3:::{call['Bucket']}/{call['Key']}"),
    ("ssm", "GetCalendarState"): lambda _, call: (
        Permission("ssm:GetCalendarState", calendar) for calendar in call["CalendarNames"]
    ),
    # By its name, CloudFormation authorizes a stack with a star in the place of its id.
    ("cloudformation", "DescribeStacks"): _one(
        "cloudformation:DescribeStacks",
        lambda call: (
            call["StackName"]
            if call["StackName"].startswith("arn:")
            else f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{call['StackName']}/*"
        ),
    ),
    ("cloudformation", "ListStackResources"): _one(
        "cloudformation:ListStackResources",
        lambda call: f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{call['StackName']}/*",
    ),
    ("sts", "GetCallerIdentity"): lambda *_: iter(()),  # needs no permission
    # These know no resource.
    ("cloudwatch", "DescribeAlarms"): _one("cloudwatch:DescribeAlarms", lambda _: "*"),
    ("cloudwatch", "GetMetricData"): _one("cloudwatch:GetMetricData", lambda _: "*"),
    ("sts", "AssumeRole"): _one("sts:AssumeRole", lambda call: call["RoleArn"]),
    ("cloudwatch", "GetMetricStatistics"): _one("cloudwatch:GetMetricStatistics", lambda _: "*"),
    ("events", "DescribeRule"): lambda template, _: iter([Permission("events:DescribeRule", _schedule(template))]),
    ("sns", "ListSubscriptionsByTopic"): _one("sns:ListSubscriptionsByTopic", lambda call: call["TopicArn"]),
    ("logs", "FilterLogEvents"): _one(
        "logs:FilterLogEvents", lambda call: f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{call['logGroupName']}:*"
    ),
    ("stepfunctions", "GetExecutionHistory"): _one("states:GetExecutionHistory", lambda call: call["executionArn"]),
    **{
        ("sqs", name): _one(
            f"sqs:{name}", lambda call: f"arn:aws:sqs:{REGION}:{ACCOUNT}:{call['QueueUrl'].rsplit('/', 1)[1]}"
        )
        for name in ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes")
    },
    ("stepfunctions", "DescribeExecution"): _one("states:DescribeExecution", lambda call: call["executionArn"]),
    ("stepfunctions", "StartExecution"): _one("states:StartExecution", lambda call: call["stateMachineArn"]),
    ("lambda", "Invoke"): _one("lambda:InvokeFunction", _function),
    ("lambda", "GetFunctionConfiguration"): _one("lambda:GetFunctionConfiguration", _function),
    ("sqs", "SendMessage"): _one(
        "sqs:SendMessage", lambda call: f"arn:aws:sqs:{REGION}:{ACCOUNT}:{call['QueueUrl'].rsplit('/', 1)[1]}"
    ),
    ("sns", "Publish"): _of_publish,
    ("events", "PutEvents"): _of_put_events,
    # A secret's ARN ends in six characters that Secrets Manager chose.
    ("secretsmanager", "GetSecretValue"): _one(
        "secretsmanager:GetSecretValue",
        lambda call: f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{call['SecretId']}-x7Gq2Z",
    ),
}
"""What each call needs; a call that is not here is a new one, and no one has thought of its permission yet."""


class Guard:
    """Refuses what is not allowed before it is sent, as IAM would; to be registered as `before-parameter-build`."""

    def __init__(self, template: Template, allowed: list[Permission]) -> None:
        self._template = template
        self._allowed = allowed
        self._lock = threading.Lock()
        self.passed: list[tuple[str, Mapping[str, Any]]] = []
        """Operation and parameters of every call that was let through."""
        self.unknown: list[tuple[str, str]] = []
        """Calls that `NEEDS` does not know."""

    def needs_of(self, params: Mapping[str, Any], model: Any) -> Iterator[Permission]:
        """What a call needs; nothing where no one knows."""
        needs = NEEDS.get((model.service_model.service_name, model.name))
        return iter(()) if needs is None else needs(self._template, params)

    def __call__(self, params: Mapping[str, Any], model: Any, **_: object) -> None:
        """Let the call pass, or raise what IAM's refusal becomes in botocore."""
        call = (model.service_model.service_name, model.name)
        if call not in NEEDS:
            self.unknown.append(call)
            raise _refusal(model.name, f"no permission is known for {call}")
        for wanted in NEEDS[call](self._template, params):
            if not any(grant.covers(wanted) for grant in self._allowed):
                raise _refusal(model.name, f"not allowed: {wanted.action} on {wanted.resource}")
        with self._lock:
            self.passed.append((model.name, params))


def _refusal(operation: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, operation)
