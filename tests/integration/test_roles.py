"""Permissions that nothing local enforces: what SAM adds to roles, the state machines' roles, people's policies."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from local.ministack import INTERPRETER
from rampart.adapters import items
from rampart_cli.doctor.installation import FUNCTIONS
from rampart_cli.doctor.subscribers import TOPICS
from tests.integration.permissions import NEEDS, REGION, TEMPLATE, Permission, Template

ROOT = TEMPLATE.parent

# What SAM adds to a function's role, for the Lambda service to work with.

ADDED = {
    "AWSLambdaBasicExecutionRole": "the service writes what the function says into its log",
    "AWSLambdaVPCAccessExecutionRole": "the service makes network interfaces, where subnets are given",
    "AWSLambdaSQSQueueExecutionRole": "the service takes messages from the queue for the function",
    "AWSLambdaDynamoDBExecutionRole": "the service reads the stream for the function",
    "DeadLetterQueuePolicy": "the service leaves calls that failed for good in the dead-letter queue",
    "NotifyFunctionStreamSQSPolicy": "the service leaves stretches of the stream that failed in the dead-letter queue",
}
LOGS_AND_NETWORK = {"AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole"}
ADDED_TO = {
    "Prepare": LOGS_AND_NETWORK,
    "Advance": LOGS_AND_NETWORK,
    "Evaluate": LOGS_AND_NETWORK | {"DeadLetterQueuePolicy"},
    "Rollback": LOGS_AND_NETWORK | {"DeadLetterQueuePolicy", "AWSLambdaSQSQueueExecutionRole"},
    "Notify": {"AWSLambdaBasicExecutionRole", "AWSLambdaDynamoDBExecutionRole", "NotifyFunctionStreamSQSPolicy"},
}


@pytest.fixture(scope="module")
def roles(translated: dict[str, Any]) -> dict[str, Any]:
    """Every role as it is deployed."""
    return {name: each["Properties"] for name, each in translated.items() if each["Type"] == "AWS::IAM::Role"}


@pytest.fixture(scope="module")
def translated() -> dict[str, Any]:
    """Every resource as SAM makes it."""
    if not INTERPRETER.exists():
        pytest.skip("no .venv-aws: `make local-tools` makes it")
    done = subprocess.run(
        [INTERPRETER, Path(__file__).with_name("translated_resources.py")],
        input=TEMPLATE.read_text(),
        env=os.environ | {"AWS_DEFAULT_REGION": REGION},
        capture_output=True,
        text=True,
        check=True,
    )
    resources: dict[str, Any] = json.loads(done.stdout)
    return resources


@pytest.mark.parametrize("function", ADDED_TO)
def test_what_sam_adds_to_a_role_is_known_with_its_reason(roles: dict[str, Any], function: str) -> None:
    role = roles[f"{function}FunctionRole"]
    managed = {arn.rsplit("/", 1)[1] for arn in role["ManagedPolicyArns"]}
    inline = {policy["PolicyName"]: policy["PolicyDocument"] for policy in role["Policies"]}
    own = inline.pop(f"{function}FunctionRolePolicy0")

    assert own["Statement"], "the template's own statements: every one is taken away in test_permissions"
    assert managed | inline.keys() == ADDED_TO[function] <= ADDED.keys()
    for document in inline.values():
        [statement] = document["Statement"]
        assert statement["Action"] == "sqs:SendMessage"
        assert statement["Resource"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}


def test_with_a_key_of_their_own_functions_may_decrypt_their_secrets() -> None:
    key = f"arn:aws:kms:{REGION}:123456789012:key/one"
    wanted = Permission("kms:Decrypt", key)
    for function in ADDED_TO:
        assert wanted in Template(SecretsKeyArn=key).permissions(f"{function}Function")
        assert wanted not in Template().permissions(f"{function}Function")


def test_the_endpoint_has_one_stage(translated: dict[str, Any]) -> None:
    """SAM makes one more, named Stage, which nothing throttles, unless it knows that this is OpenAPI 3."""
    of_stages = [each for each in translated.values() if each["Type"].startswith("AWS::ApiGateway::")]
    named = {each["Properties"].get("StageName") for each in of_stages if "StageName" in each["Properties"]}
    assert named == {"live"}


def test_several_source_ranges_are_a_list(translated: dict[str, Any]) -> None:
    [statement] = translated["Api"]["Properties"]["Body"]["x-amazon-apigateway-policy"]["Statement"]
    assert "Fn::Split" in statement["Condition"]["IpAddress"]["aws:SourceIp"]


# State machines: derived from their definitions.

MACHINES = {"RolloutMachine": "rollout", "DecisionMachine": "decision"}
_TASK = re.compile(r"arn:aws:states:::(?:aws-sdk:)?(\w+):([a-zA-Z]+)")
_SERVICES = {"sfn": "stepfunctions"}


def needed_by(template: Template, machine: str) -> Iterator[Permission]:
    """What a machine's tasks do, action and resource, with the names that the template gives the definition."""
    text = (ROOT / f"functions/{MACHINES[machine]}.asl.json").read_text()
    for name, value in template.resources[machine]["Properties"]["DefinitionSubstitutions"].items():
        text = text.replace(f"${{{name}}}", template.resolve(value))
    for state in json.loads(text)["States"].values():
        if state["Type"] == "Task":
            task = _TASK.match(state["Resource"])
            assert task, state["Resource"]
            service, operation = _SERVICES.get(task[1], task[1]), task[2][0].upper() + task[2][1:]
            call = state.get("Parameters") or state["Arguments"]
            # The definition writes the names of Step Functions' own API with a capital.
            yield from NEEDS[service, operation](template, call | {n[0].lower() + n[1:]: v for n, v in call.items()})


@pytest.mark.parametrize("machine", MACHINES)
def test_a_machine_may_do_exactly_what_its_definition_does(machine: str) -> None:
    template = Template()
    allowed = {each for each in template.permissions(machine) if not each.action.startswith("logs:")}

    assert allowed == set(needed_by(template, machine))


# People: what `rampart` calls, and what the consoles show next to it.

CLI = ROOT / "cli" / "rampart_cli"


def _calls() -> Iterator[ast.Call]:
    for path in CLI.rglob("*.py"):
        yield from (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def _named(call: ast.Call) -> str:
    """The name of the method that is called; empty for anything else."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _text(call: ast.Call) -> str:
    """The text that is a call's first argument."""
    first = call.args[0] if call.args else None
    return str(first.value) if isinstance(first, ast.Constant) else ""


def called_by_the_command_line() -> set[str]:
    """Methods of AWS clients, `service.method`, that the command line's own code calls."""
    services = {_text(call) for call in _calls() if _named(call) == "client"}
    methods = {_text(call) if _named(call) == "get_paginator" else _named(call) for call in _calls()}
    session = botocore.session.get_session()
    return {
        f"{service}.{xform_name(operation)}"
        for service in services
        for operation in session.get_service_model(service).operation_names
        if xform_name(operation) in methods
    }


def _executions(machine: str) -> str:
    return f"arn:aws:states:{REGION}:123456789012:execution:rampart-{machine}:some-name"


def _everybodys(template: Template) -> set[Permission]:
    """Looking: `status`, `history`, `report`, and how what was started ends; and `freeze`."""
    return {
        Permission("cloudformation:DescribeStacks", f"arn:aws:cloudformation:{REGION}:123456789012:stack/rampart/*"),
        Permission("dynamodb:GetItem", template.arn("Table")),
        Permission("dynamodb:Query", template.arn("Table")),
        Permission("dynamodb:Query", f"{template.arn('Table')}/index/watched"),
        *(Permission("states:DescribeExecution", _executions(machine)) for machine in MACHINES.values()),
        *(Permission("states:GetExecutionHistory", _executions(machine)) for machine in MACHINES.values()),
        Permission("dynamodb:PutItem", template.arn("Table")),
        Permission("dynamodb:DeleteItem", template.arn("Table")),
        *(Permission("sns:ListSubscriptionsByTopic", template.arn(topic)) for topic in TOPICS),
    }


def _operators(template: Template) -> set[Permission]:
    """`start`, `dead-letters` with its redrive, and `doctor`."""
    letters = template.arn("DeadLetters")
    return {
        Permission("states:StartExecution", template.arn("RolloutMachine")),
        *(
            Permission(f"sqs:{name}", letters)
            for name in ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")
        ),
        *(
            Permission("lambda:InvokeFunction", template.resolve({"Ref": f"{name}Function.Alias"}))
            for name in ("Rollback", "Notify", "Prepare")
        ),
        *_doctors(template),
    }


def _doctors(template: Template) -> set[Permission]:
    """What `doctor` looks at."""
    of_stack = f"{REGION}:123456789012"
    return {
        Permission("cloudformation:ListStackResources", f"arn:aws:cloudformation:{of_stack}:stack/rampart/*"),
        *(Permission("lambda:GetFunctionConfiguration", template.arn(f"{name}Function")) for name in FUNCTIONS),
        *(Permission("logs:FilterLogEvents", template.arn(f"{name}Logs")) for name in FUNCTIONS),
        Permission("cloudwatch:DescribeAlarms", "*"),
        Permission("cloudwatch:GetMetricStatistics", "*"),
        Permission("events:DescribeRule", template.resolve({"Fn::GetAtt": ["EvaluateFunctionEveryMinute", "Arn"]})),
        *(Permission("sqs:GetQueueAttributes", template.arn(name)) for name in ("DeadLetters", "RollbackQueue")),
    }


def _approvers(template: Template) -> set[Permission]:
    """`approve`, `override`, `rollback`, `resume`, `abandon`."""
    return {Permission("states:StartExecution", template.arn("DecisionMachine"))}


PEOPLE = {"OperatorsPolicy": _operators, "ApproversPolicy": _approvers}
FOR_THE_CONSOLE = {
    "states:DescribeStateMachine": "Step Functions' console shows a machine before anything is started there",
    "states:ListExecutions": "Step Functions' console lists the executions that wait",
    "states:ListStateMachines": "Step Functions' console lists the machines first",
    "states:DescribeStateMachineForExecution": "an execution's page draws the definition that it began with",
    "states:StopExecution": "down is always allowed: the console's way to end an attempt and take its flags to 0%",
    "sqs:GetQueueAttributes": "the queue's console shows how many messages wait",
    "cloudwatch:DescribeAlarms": "the runbook sends people to the alarms",
    "cloudwatch:GetDashboard": "the stack's dashboard",
    "cloudwatch:GetMetricData": "what the dashboard draws",
    "sns:GetTopicAttributes": "the runbook: is anyone subscribed, and confirmed?",
    "sns:ListSubscriptionsByTopic": "as above, with whom",
    "logs:DescribeLogGroups": "the console lists log groups first",
    "logs:DescribeLogStreams": "the runbook: the log of a function says why",
    "logs:FilterLogEvents": "as above",
    "logs:GetLogEvents": "as above",
    "lambda:GetFunctionConfiguration": "how a function is configured, without its code",
    "events:DescribeRule": "the runbook: is the schedule on?",
}
NEEDS_NO_PERMISSION = {"sts.get_caller_identity"}
OF_OTHERS = {"cloudformation.get_template"}
"""Methods of the same name that aren't calls to AWS: the report's pages are jinja2's."""
BY_THEIR_OWN_RIGHTS = {"secretsmanager.describe_secret"}
"""Those who wire Datadog must be allowed to read the token: no policy of the stack gives that to everyone."""
FROM_THE_RECORDS = {"dynamodb.get_item", "dynamodb.query", "dynamodb.put_item", "dynamodb.delete_item"}
"""What the store calls where the command line reads records, or freezes."""


def test_every_call_of_the_command_line_is_somebodys() -> None:
    """A new call must be put to the policies above first."""
    template = Template()
    permitted = {each.action for people in (_everybodys, _operators, _approvers) for each in people(template)}
    prefixes = {"states": "stepfunctions"}
    methods = {
        f"{prefixes.get(service, service)}.{xform_name(name.removesuffix('Function'))}"
        for service, name in (action.split(":") for action in permitted)
    }

    assert (
        called_by_the_command_line() - OF_OTHERS - BY_THEIR_OWN_RIGHTS
        == methods - FROM_THE_RECORDS | NEEDS_NO_PERMISSION
    )


@pytest.mark.parametrize("policy", PEOPLE)
def test_people_may_do_what_their_commands_do(policy: str) -> None:
    template = Template()
    granted = template.permissions(policy)

    missing = [
        wanted
        for wanted in _everybodys(template) | PEOPLE[policy](template)
        if not any(grant.covers(wanted) for grant in granted)
    ]

    assert missing == []


@pytest.mark.parametrize("policy", PEOPLE)
def test_people_may_do_nothing_that_no_command_or_console_needs(policy: str) -> None:
    template = Template()
    wanted = _everybodys(template) | PEOPLE[policy](template)
    granted = [each for each in template.permissions(policy) if each.action not in FOR_THE_CONSOLE]

    spare = [grant for grant in granted if not any(grant.covers(each) for each in wanted)]

    assert spare == []


@pytest.mark.parametrize("policy", PEOPLE)
def test_people_may_write_a_freeze_and_no_record(policy: str) -> None:
    document = Template().resources[policy]["Properties"]["PolicyDocument"]
    writing = [
        each for each in document["Statement"] if {"dynamodb:PutItem", "dynamodb:DeleteItem"} & set(each["Action"])
    ]

    [statement] = writing
    assert statement["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [items.FREEZE["pk"]]}}


def test_no_approver_starts_a_rollout_and_no_operator_decides() -> None:
    template = Template()
    starts = {
        policy: {each.resource for each in template.permissions(policy) if each.action == "states:StartExecution"}
        for policy in PEOPLE
    }

    assert starts == {
        "OperatorsPolicy": {template.arn("RolloutMachine")},
        "ApproversPolicy": {template.arn("DecisionMachine")},
    }
