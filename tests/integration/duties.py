"""The five functions at work in this process, each with all its duties, behind a guard that knows its policy.

AWS is moto's; what moto cannot do (answering task tokens, calling functions) is answered here. What a run did is
what anyone could see of it: answers, records, flags, messages, tokens, notices.
"""

from __future__ import annotations

import importlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.sns.models import sns_backends

from local.datadog_standin import API_KEY, APP_KEY, DatadogStandIn, Scenario
from local.flipper_standin import FlipperStandIn
from rampart.adapters import dynamodb, items
from rampart.entry.wiring import Wiring
from rampart.plan.model import Plan
from rampart.rollout.event import Event, EventKind
from rampart.rollout.gate import OpenGate
from rampart.rollout.state import Latest, RolloutState, Status
from rampart.words import timestamp
from rampart_cli.doctor.subscribers import TOPICS
from tests.integration.permissions import ACCOUNT, REGION, Guard, Permission, Template
from tests.records import record
from tests.table import create_table

FLIPPER_TOKEN, ALERT_TOKEN = "flipper-token", "alert-token"
MONITOR = {
    "type": "query alert",
    "query": "sum(last_5m):sum:blanks.errors{*}.as_count() > 1000000",
    "message": "{{#is_alert}}@webhook-rampart-letters{{/is_alert}}",
}
POLICY = b"{policy: letters, rules: [{fewest_stages: 1, reason: A plan has stages}]}"
Story = dict[str, Any]
"""What was seen of a run, without its times."""
_MINUTE = 60
_HOURS_OF_DATA = 4
CALENDAR = f"arn:aws:ssm:{REGION}:{ACCOUNT}:document/changes"
"""The organization's change calendar, which is open."""
CHANGE_CONTROL = {"ChangeCalendars": CALENDAR, "PolicyUri": "s3://policies/policy.yaml"}
"""The parameters without which functions need fewer permissions."""
ROLE = {"CloudWatchRoleArn": f"arn:aws:iam::{ACCOUNT}:role/metrics"}
"""Lets CloudWatch be read as a role; the guard takes what the role may for what the function may."""
OF_ROLE = Permission("cloudwatch:GetMetricData", "*")


def scenario(now: float) -> Scenario:
    """Four hours of requests; `letters` are well, of `blanks` every second one fails."""
    minutes = range(int(now) // _MINUTE * _MINUTE - _HOURS_OF_DATA * 3600, int(now) + 3600, _MINUTE)
    values = {"letters.requests": 1000, "letters.errors": 0, "blanks.requests": 1000, "blanks.errors": 500}
    return Scenario.model_validate(
        {"points": [{"metric": name, "points": [[at, value] for at in minutes]} for name, value in values.items()]}
    )


@contextmanager
def outside() -> Iterator[tuple[FlipperStandIn, DatadogStandIn]]:
    """The systems outside of AWS."""
    with (
        FlipperStandIn(token=FLIPPER_TOKEN) as flipper,
        DatadogStandIn(scenario(time.time()), tick_seconds=0, queries_per_hour=1_000_000) as datadog,
    ):
        yield flipper, datadog


@dataclass(frozen=True)
class Context:
    """What Lambda tells a function of its call."""

    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:function"
    aws_request_id: str = "request"

    def get_remaining_time_in_millis(self) -> int:
        return 50_000


@dataclass
class World:
    """AWS as one function finds it, and the hands that set the scene without asking the guard."""

    flipper: FlipperStandIn
    datadog: DatadogStandIn
    guard: Guard
    tables: Any
    queue: Any
    queue_url: str
    now: datetime
    wiring: Wiring = field(default_factory=Wiring)
    """The functions' own parts, made inside of the guard."""

    def call(self, function: str, event: Mapping[str, Any]) -> Any:
        """Call a function's handler; its answer, or the name of what it raised."""
        handler = importlib.import_module(f"functions.{function}.app").lambda_handler
        try:
            return handler(event, Context(), wiring=self.wiring)
        except Exception as error:  # noqa: BLE001 -- whatever comes out of a handler is how it ended
            return f"raised {type(error).__name__}"

    def begin(self, rollout: str, percent: float = 1.0, *, metric: str = "letters", **fields: Any) -> RolloutState:
        """Put a rollout on record at its first stage for two hours, with its claim, its flag and a bake gate."""
        plan = Plan.model_validate(self.plan_of(rollout, metric))
        since = self.now - timedelta(hours=2)
        known = {
            "rollout": rollout,
            "status": Status.LIVE,
            "plan": plan,
            "plan_hash": plan.digest,
            "execution": execution(rollout),
            "stage": 0,
            "percent": percent,
            "stage_started": since,
            "hold_ends": self.now - timedelta(hours=1),
            "gate": OpenGate(id=f"{rollout}-gate", kind="bake", token=f"{rollout}-token", opened=since),
            "started": since,
            "attempt_started": since,
            "updated": since,
        }
        state = record(**known | fields)
        dynamodb.DynamoRolloutStore("Table", self.tables).open(state, "{}", [])
        self.flipper.set_gates(rollout, percentage_of_actors=state.percent)
        return state

    def plan_of(self, rollout: str, metric: str = "letters") -> dict[str, Any]:
        """A plan for one flag, which is named as the rollout is, and with the monitors that Datadog has."""
        return plan_of(rollout, metric) | {"monitors": sorted(self.datadog.state.monitors.by_id)}

    def approve(self, state: RolloutState) -> str:
        """Let a person have approved at a rollout's approval gate; the gate's id."""
        answer = {"decision": "approve", "by": "Ada", "execution": "decision", "at": timestamp(self.now)}
        gate = items.rollout_key(state.rollout, "GATE") | {
            "id": f"{state.rollout}-asked",
            "kind": "approval",
            "attempt": state.attempt,
            "stage": state.stage,
            "token": "asked",
            "opened": timestamp(self.now),
            "answer": answer,
            "schema_version": 1,
        }
        self.tables.put_item(TableName="Table", Item=items.to_item(gate))
        return f"{state.rollout}-asked"

    def latest(self) -> Latest:
        """An evaluation that has just passed."""
        return Latest.model_validate(
            {"id": "now", "at": self.now, "verdict": "pass", "verdicts": {"error rate": "pass"}}
        )

    def seen(self) -> Story:
        """Everything that is there to see after the run."""
        stored = [
            items.to_attributes(item)
            for page in self.tables.get_paginator("scan").paginate(TableName="Table")
            for item in page["Items"]
        ]
        records = {each["pk"]: _outline(each) for each in stored if each["sk"] == "STATE"}
        rest = Counter(f"{each['pk']} {each['sk'].split('#')[0]} {each.get('kind', '')}" for each in stored)
        counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed")
        queued = self.queue.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=counts)["Attributes"]
        topics = sns_backends[ACCOUNT][REGION].topics.values()
        return {
            "records": records,
            "items": dict(rest),
            "verdicts": sorted(f"{each['pk']} {each['verdict']}" for each in stored if "evidence" in each),
            "flags": {flag: self.flipper.percentage(flag) for flag in sorted(self.flipper.state.gates)},
            "queued": sum(int(queued[name]) for name in counts),
            "tokens": sorted((name, call["taskToken"]) for name, call in self.guard.passed if "taskToken" in call),
            "called": sorted(
                json.loads(call["Payload"])["cause"] for name, call in self.guard.passed if name == "Invoke"
            ),
            "told on the topic": sum(len(topic.sent_notifications) for topic in topics),
            "told Datadog": [event["title"] for event in self.datadog.state.events.posted],
        }


def _outline(record: Mapping[str, Any]) -> Story:
    return {name: str(record.get(name)) for name in ("status", "attempt", "stage", "percent", "watched", "passed_gate")}


def execution(rollout: str) -> str:
    """The ARN of a rollout's execution, as the template's machine names it."""
    return f"arn:aws:states:{REGION}:{ACCOUNT}:execution:rampart-rollout:{rollout}"


def plan_of(rollout: str, metric: str = "letters") -> dict[str, Any]:
    """A plan for one flag, which is named as the rollout is."""
    return {
        "rollout": rollout,
        "title": f"The letters of {rollout}",
        "owner": "benefits-management-tools",
        "flags": [rollout],
        "timezone": "America/New_York",
        "criteria": {
            "error rate": {
                "kind": "rate",
                "errors": f"sum:{metric}.errors{{*}}.as_count()",
                "total": f"sum:{metric}.requests{{*}}.as_count()",
                "below": "8%",
                "scope": "cohort",
            },
            "slow letters": {
                "kind": "rate",
                "errors": {"cloudwatch": {"namespace": "Letters", "metric": "Slow"}},
                "total": {"cloudwatch": {"namespace": "Letters", "metric": "Requests"}},
                "below": "8%",
                "scope": "cohort",
            },
        },
        "stages": [{"name": "Canary", "percent": 1, "hold": "1h"}, {"percent": 100, "hold": "1h"}],
    }


# What each function is there for.


def prepare(world: World) -> Story:
    """Start one rollout; resume another; say whether the outside can be reached."""
    world.flipper.set_gates("new", percentage_of_actors=0)
    world.begin("fallen", 0, status=Status.ROLLED_BACK, gate=None)
    wish = {"rollout": "fallen", "stage": 0, "by": "Ada", "note": "fixed", "decision": "decision"}
    return {
        "start": world.call("prepare", {"input": world.plan_of("new"), "execution": execution("new")}),
        "resume": world.call("prepare", {"input": {"resume": wish}, "execution": execution("again")}),
        "reach": world.call("prepare", {"reach": True}),
    }


def advance(world: World) -> Story:
    """Go to the first stage, to the next one after a person's answer, and to the end."""
    world.begin("first", 0, stage=None, stage_started=None, hold_ends=None, gate=None)
    climbing = world.begin("climbing", latest=world.latest())
    ending = world.begin("ending", 100, stage=1, latest=world.latest())
    gates = {"first": None, "climbing": world.approve(climbing), "ending": world.approve(ending)}
    return {
        rollout: world.call(
            "advance", {"rollout": rollout, "attempt": 1, "execution": execution(rollout), "gate": gate}
        )
        for rollout, gate in gates.items()
    }


def evaluate(world: World) -> Story:
    """Look at rollouts: one whose hold is over, one that bakes, fails, was moved, is dead, or is over."""
    world.begin("asks")
    world.begin("bakes", hold_ends=world.now + timedelta(hours=1))
    world.begin("fails", metric="blanks")
    world.begin("moved")
    world.flipper.set_gates("moved", percentage_of_actors=50)
    world.begin("dead", gate=None)
    world.begin("over", 100, status=Status.COMPLETED, gate=None)
    world.flipper.set_gates("over", percentage_of_actors=0)
    return {"tick": world.call("evaluate", {"time": "now"})}


def rollback(world: World) -> Story:
    """Take flags down for an alert, a person who abandons, the queue, and an execution that was stopped."""
    for rollout in ("alerted", "abandoned", "queued", "stopped"):
        world.begin(rollout)
    alert = {"transition": "Triggered", "monitor": "4711", "flags": "alerted", "title": "blank letters"}
    headers = {"X-Rampart-Token": ALERT_TOKEN}
    person = {"by": "Ada", "reason": "blank letters", "asked_at": world.now.isoformat()}
    kept = {"cause": "person", "rollout": "queued", "queued": True, **person}
    ended = {
        "executionArn": execution("stopped"),
        "name": "stopped",
        "status": "ABORTED",
        "input": json.dumps(plan_of("stopped")),
    }
    return {
        "alert": world.call("rollback", {"httpMethod": "POST", "headers": headers, "body": json.dumps(alert)}),
        "person": world.call("rollback", {"cause": "abandon", "rollout": "abandoned", **person}),
        "queue": world.call("rollback", {"Records": [{"messageId": "1", "body": json.dumps(kept)}]}),
        "execution": world.call("rollback", {"source": "aws.states", "detail": ended}),
    }


def notify(world: World) -> Story:
    """Tell people about an event of each level on every channel, with the name that its plan gives it."""
    world.begin("told")
    records = []
    for number, kind in enumerate((EventKind.ADVANCED, EventKind.HELD, EventKind.BLIND)):
        event = Event(at=world.now, kind=kind, rollout="told", attempt=1, message="told read at 1%")
        item = items.to_item(items.event_attributes(event, str(number)))
        world.tables.put_item(TableName="Table", Item=item)
        records.append({"eventName": "INSERT", "dynamodb": {"SequenceNumber": f"11{number}", "NewImage": item}})
    return {f"event {number}": world.call("notify", {"Records": [each]}) for number, each in enumerate(records)}


DUTIES: dict[str, Callable[[World], Story]] = {
    "Prepare": prepare,
    "Advance": advance,
    "Evaluate": evaluate,
    "Rollback": rollback,
    "Notify": notify,
}


def run(
    function: str,
    allowed: Sequence[Permission],
    flipper: FlipperStandIn,
    datadog: DatadogStandIn,
    parameters: Mapping[str, str] = CHANGE_CONTROL,
) -> Story:
    """Let a function do all its duties with these permissions, in a world of its own, and tell what was seen."""
    template = Template(FlipperUrl=flipper.api, DatadogUrl=datadog.url, **parameters)
    guard = Guard(template, list(allowed))
    flipper.state.gates.clear()
    datadog.state.events.posted.clear()
    datadog.state.monitors.by_id.clear()
    for _ in range(2):
        number = datadog.state.monitors.create(MONITOR, time.time())["id"]
        datadog.state.monitors.get(number).body["overall_state"] = "OK"
    with _aws(guard, template.environment(f"{function}Function")) as parts:
        world = World(flipper, datadog, guard, *parts, now=datetime.now(UTC))
        story = DUTIES[function](world) | world.seen()
    assert not guard.unknown, f"calls that no one knows the permission of: {guard.unknown}"
    return story


_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}
_UNWANTED = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL")


@contextmanager
def _aws(guard: Guard, environment: dict[str, str]) -> Iterator[tuple[Any, Any, str]]:
    """AWS in memory with the stack's parts; clients that are made inside are guarded, those given out are not."""
    kept = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    with (
        patch.dict(os.environ, kept | _CREDENTIALS | environment, clear=True),
        # The real bounds are for real time; a busy machine must not change what is seen.
        patch.object(dynamodb, "_IMPATIENCE", 30.0),
        patch.object(importlib.import_module("functions.evaluate.app"), "_AT_ONCE", 1),
        mock_aws(),
        patch.object(boto3, "DEFAULT_SESSION", boto3.Session()) as session,
    ):
        tables, queue = boto3.client("dynamodb"), boto3.client("sqs")
        url = _build(tables, queue)
        events: Any = session.events  # its types say that hooks answer nothing
        events.register("before-parameter-build", guard)
        events.register("before-call.sfn", _answer_of_machines)
        events.register("before-call.lambda.Invoke", _answer_of_lambda)
        events.register("before-call.ssm.GetCalendarState", _answer_of_calendars)
        yield tables, queue, url


def _build(tables: Any, queue: Any) -> str:
    create_table(tables, "Table")
    secrets = {
        "rampart/flipper": {"token": FLIPPER_TOKEN},
        "rampart/datadog": {"api_key": API_KEY, "app_key": APP_KEY},
        "rampart/alerts": {"token": ALERT_TOKEN},
    }
    for name, value in secrets.items():
        boto3.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(value))
    for topic in TOPICS:
        boto3.client("sns").create_topic(Name=topic)
    boto3.client("events").create_event_bus(Name="Bus")
    boto3.client("s3").create_bucket(Bucket="policies")
    boto3.client("s3").put_object(Bucket="policies", Key="policy.yaml", Body=POLICY)
    _put_metrics(time.time())
    return str(queue.create_queue(QueueName="RollbackQueue")["QueueUrl"])


def _put_metrics(now: float) -> None:
    """Four hours of requests in CloudWatch, none of which is slow."""
    minutes = range(int(now) // _MINUTE * _MINUTE - _HOURS_OF_DATA * 3600, int(now), _MINUTE)
    data: list[Any] = [
        {"MetricName": name, "Timestamp": at, "Value": value}
        for at in minutes
        for name, value in {"Requests": 1000, "Slow": 0}.items()
    ]
    boto3.client("cloudwatch").put_metric_data(Namespace="Letters", MetricData=data)


def _answer_of_machines(params: Mapping[str, Any], **_: object) -> tuple[SimpleNamespace, Story]:
    """What Step Functions says: every token is taken, and every execution runs but one."""
    asked = json.loads(params["body"]).get("executionArn", "")
    return SimpleNamespace(status_code=200), {"status": "ABORTED" if asked.endswith(":dead") else "RUNNING"}


def _answer_of_lambda(**_: object) -> tuple[SimpleNamespace, Story]:
    return SimpleNamespace(status_code=202), {}


def _answer_of_calendars(**_: object) -> tuple[SimpleNamespace, Story]:
    return SimpleNamespace(status_code=200), {"State": "OPEN"}
