"""What each command asks of AWS, recorded, and who may ask it by the policies that the stack gives to people.

`python -m tests.integration.people` runs every command with every policy and writes the table in docs/security.md.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from io import BytesIO, StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
import yaml
from botocore.exceptions import ClientError
from moto import mock_aws

from rampart.adapters import items
from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart.rollout.event import EventKind
from rampart.rollout.freeze import Freeze
from rampart_cli.doctor.installation import FUNCTIONS, AwsInstallation
from rampart_cli.doctor.subscribers import TOPICS
from rampart_cli.failures import ExitCode
from rampart_cli.main import main
from rampart_cli.stack import connect
from tests.integration.permissions import ACCOUNT, REGION, Guard, Permission, Template
from tests.table import create_table
from tests.unit.cli.conftest import NOON, PLAN, asked, event

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
POLICIES = ("ApproversPolicy", "OperatorsPolicy")
BEGINS, ENDS = "<!-- who may do what: begin -->", "<!-- who may do what: end -->"
GATE = "a1-s0-1a2b"
DECIDE = ("--by", "Ada", "--note", "why")
COMMANDS: dict[str, tuple[str, ...]] = {
    "list": ("list",),
    "status": ("status", "letters"),
    "explain": ("explain", "letters"),
    "events": ("events", "letters"),
    "evaluations": ("evaluations", "letters"),
    "report": ("report", "letters", "--json"),
    "freeze": ("freeze", "--by", "Ada", "--note", "an incident"),
    "thaw": ("thaw", "--by", "Ada", "--note", "over"),
    "start": ("start", "plan.yaml", "--detach"),
    "approve": ("approve", "letters", "--gate", GATE, "--reported", "complaints=0", "--detach", *DECIDE),
    "override": ("override", "letters", "--gate", GATE, "--reported", "complaints=0", "--detach", *DECIDE),
    "rollback": ("rollback", "letters", *DECIDE),
    "resume": ("resume", "fallen", "--stage", "25%", "--detach", *DECIDE),
    "abandon": ("abandon", "letters", "--yes", *DECIDE),
    "dead-letters list": ("dead-letters", "list"),
    "dead-letters redrive": ("dead-letters", "redrive"),
    "alerts": ("alerts",),
    "doctor": ("doctor",),
}
"""Every command that asks AWS; `watch` asks what `status` does, and `datadog` needs the token besides."""


@dataclass(frozen=True)
class Said:
    """How a command ended, and every permission that it needed as far as it came."""

    ended: int
    needed: frozenset[Permission]
    refused: frozenset[str]
    """Actions."""


class Recorder(Guard):
    """Lets through what a policy allows, and remembers what was wanted."""

    def __init__(self, template: Template, allowed: list[Permission]) -> None:
        super().__init__(template, allowed)
        self.wanted: set[Permission] = set()
        self.refused: set[str] = set()

    def __call__(self, params: Mapping[str, Any], model: Any, **also: object) -> None:
        self.wanted |= set(self.needs_of(params, model))
        try:
            super().__call__(params, model, **also)
        except ClientError:
            self.refused |= {each.action for each in self.needs_of(params, model)}
            raise


def run(command: str, policy: str | None) -> Said:
    """Run a command with what a policy allows, or with every permission, in an AWS of its own."""
    template = Template()
    allowed = [Permission("*", "*")] if policy is None else template.permissions(policy)
    recorder = Recorder(template, allowed)
    with _aws(template, command) as session, tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "plan.yaml").write_text(yaml.safe_dump(PLAN | {"rollout": "new"}))
        session.events.register("before-parameter-build", recorder)
        arguments = [str(Path(folder) / each) if each == "plan.yaml" else each for each in COMMANDS[command]]
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as told:
            ended = main(arguments, connect=lambda name: connect(name, session))
    assert not recorder.unknown, (recorder.unknown, told.getvalue())
    return Said(ended, frozenset(recorder.wanted), frozenset(recorder.refused))


@contextmanager
def _aws(template: Template, command: str) -> Iterator[Any]:
    """AWS in memory, with a rollout that waits for an answer, one that was rolled back, and a dead letter."""
    credentials = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with patch.dict(os.environ, kept | credentials | {"RAMPART_STACK": "rampart"}, clear=True), mock_aws():
        session = boto3.Session()
        tables = session.client("dynamodb")
        create_table(tables, "Table")
        store = DynamoRolloutStore("Table", tables)
        state, gate = asked()
        store.open(state, json.dumps(PLAN), [event(EventKind.STARTED, "letters starts")])
        attributes = {name: value for name, value in gate.model_dump(mode="json").items() if value is not None}
        attributes["question"] = json.dumps(attributes["question"])
        tables.put_item(TableName="Table", Item=items.to_item(items.rollout_key("letters", "GATE") | attributes))
        fallen = state.changed(
            rollout="fallen", status="rolled_back", gate=None, plan=state.plan.changed(rollout="fallen", flags=("f",))
        )
        store.open(fallen, "{}", [])
        if command == "thaw":
            put_freeze(store)
        letters = session.client("sqs").create_queue(QueueName="DeadLetters")["QueueUrl"]
        body = {"cause": "person", "reason": "r", "rollout": "letters", "asked_at": NOON.isoformat()}
        session.client("sqs").send_message(QueueUrl=letters, MessageBody=json.dumps(body))
        outputs = _outputs(template, letters)
        events: Any = session.events
        events.register("before-call.cloudformation", lambda **_: _answer({"Stacks": [_stack(outputs)]}))
        events.register("before-call.sfn.StartExecution", lambda **_: _answer({"executionArn": _execution()}))
        events.register("before-call.sfn.DescribeExecution", lambda **_: _answer(_ENDED))
        events.register(
            "before-call.lambda.Invoke", lambda **_: _answer({"Payload": BytesIO(b'{"outcome": "rolled_back"}')})
        )
        if command in ("alerts", "doctor"):
            for call, answer in _installation(template).items():
                events.register(f"before-call.{call}", lambda answer=answer, **_: _answer(answer))
        with patch.object(AwsInstallation, "post", lambda _, token, __: 401 if token is None else 200):
            yield session


def _installation(template: Template) -> dict[str, dict[str, Any]]:
    """What AWS says of an installation in which all is well, by call."""
    resources = {name: name for name in template.resources}
    resources |= {f"{name}FunctionAliaslive": template.resolve({"Ref": f"{name}Function.Alias"}) for name in FUNCTIONS}
    resources |= {name: template.resolve({"Ref": name}) for name in ("DeadLetters", "RollbackQueue")}
    resources["EvaluateFunctionEveryMinute"] = "EvaluateFunctionEveryMinute"
    made = {"LastUpdatedTimestamp": NOON}
    summaries = [{"LogicalResourceId": name, "PhysicalResourceId": id_, **made} for name, id_ in resources.items()]
    subscriber = {"Protocol": "email", "Endpoint": "on-call@example.gov", "SubscriptionArn": "arn:aws:sns:one"}
    return {
        "cloudformation.ListStackResources": {"StackResourceSummaries": summaries},
        "lambda.GetFunctionConfiguration": {"State": "Active", "LastUpdateStatus": "Successful"},
        "cloudwatch.GetMetricStatistics": {"Datapoints": [{"Sum": 1.0}]},  # an error, so that logs are read, too
        "cloudwatch.DescribeAlarms": {"MetricAlarms": [{"AlarmName": "one", "StateValue": "OK"}]},
        "events.DescribeRule": {"State": "ENABLED"},
        "logs.FilterLogEvents": {"events": []},
        "sns.ListSubscriptionsByTopic": {"Subscriptions": [subscriber]},
        "sqs.GetQueueAttributes": {"Attributes": {}},
        "secretsmanager.GetSecretValue": {"SecretString": '{"token": "a token of the alert endpoint"}'},
        "sts.GetCallerIdentity": {"ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(datetime.now(UTC))}}},
    }


_ENDED = {"status": "SUCCEEDED", "output": json.dumps({"outcome": "rolled_back", "accepted": True})}


def _answer(body: Mapping[str, Any]) -> tuple[SimpleNamespace, Mapping[str, Any]]:
    return SimpleNamespace(status_code=200), body


def _execution() -> str:
    return f"arn:aws:states:{REGION}:{ACCOUNT}:execution:rampart-rollout:one"


def _outputs(template: Template, letters: str) -> dict[str, str]:
    return {
        "TableName": "Table",
        "DeadLettersUrl": letters,
        **{f"{topic}Arn": template.arn(topic) for topic in TOPICS},
        "RolloutMachine": template.arn("RolloutMachine"),
        "DecisionMachine": template.arn("DecisionMachine"),
        "RollbackFunction": template.resolve({"Ref": "RollbackFunction.Alias"}),
        "AlertUrl": "https://example.gov/live/alerts/datadog",
    }


def _stack(outputs: Mapping[str, str]) -> dict[str, Any]:
    given = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
    ranges = {"ParameterKey": "AlertSourceRanges", "ParameterValue": "0.0.0.0/0"}
    return {"StackName": "rampart", "StackStatus": "CREATE_COMPLETE", "Outputs": given, "Parameters": [ranges]}


def put_freeze(store: DynamoRolloutStore) -> None:
    """Let a freeze stand, for the one who lifts it."""
    freeze = Freeze(by="Ada", note="an incident", at=NOON)
    store.put_freeze(freeze, freeze.begun)


# The page.


def table() -> Iterator[str]:
    """The rows of docs/security.md: each command, who may run it, and what it asks of AWS."""
    yield "| command | approvers | operators | permissions |"
    yield "|---|---|---|---|"
    for command in COMMANDS:
        may = [_may(run(command, policy)) for policy in POLICIES]
        actions = sorted({each.action for each in run(command, None).needed})
        yield f"| `rampart {command}` | {' | '.join(may)} | {', '.join(f'`{action}`' for action in actions)} |"


def _may(said: Said) -> str:
    if not said.refused:
        return "yes"
    without = ", ".join(f"`{action}`" for action in sorted(said.refused))
    return "no" if said.ended == ExitCode.UNREACHABLE else f"all but what needs {without}"


def page(written: str, rows: Callable[[], Iterator[str]] = table) -> str:
    """The page with its table as it is now."""
    before, _, rest = written.partition(BEGINS)
    _, _, after = rest.partition(ENDS)
    return "\n".join([before + BEGINS, "", *rows(), "", ENDS + after])


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
