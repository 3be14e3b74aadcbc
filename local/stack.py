"""Rampart and everything it talks to on this machine: the deployed stack, and the stand-ins for Flipper and Datadog."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import requests

from local.calendar_standin import CalendarStandIn
from local.datadog_standin import API_KEY, APP_KEY, DatadogStandIn, Scenario
from local.datadog_standin.server import QUERIES_PER_HOUR
from local.deployment import deploy
from local.flipper_standin import FlipperStandIn
from local.ministack import MiniStack, running

STACK_NAME = "rampart"
POLICY_BUCKET, POLICY_KEY = "rampart-policies", "policy.yaml"
POLICY = "policy: local\nrules:\n  - {fewest_stages: 1, reason: A plan has stages.}\n"
"""The organization's policy here, which every plan keeps to."""
CALENDAR = "arn:aws:ssm:us-east-1:000000000000:document/changes"
"""The organization's change calendar here, which is open unless someone closes it."""


@dataclass(frozen=True)
class LocalStack:
    """A deployed Rampart, and every outside system that it talks to."""

    ministack: MiniStack
    flipper: FlipperStandIn
    datadog: DatadogStandIn
    calendars: CalendarStandIn
    outputs: Mapping[str, str]
    alert_token: str

    @cached_property
    def _lambda(self) -> Any:  # noqa: ANN401  boto3 makes its clients' classes at run time
        return self.ministack.client("lambda")

    @cached_property
    def machines(self) -> Any:  # noqa: ANN401  boto3 makes its clients' classes at run time
        return self.ministack.client("stepfunctions")

    @property
    def environment(self) -> dict[str, str]:
        """What a child process needs for its AWS SDK or `rampart` to talk to this stack and to nothing else."""
        return self.ministack.environment | {"RAMPART_STACK": STACK_NAME}

    @property
    def alert_url(self) -> str:
        """Where Datadog's webhook posts, as this machine reaches it."""
        return f"{self.ministack.endpoint_url}/_aws/execute-api/{self.outputs['ApiId']}/live/alerts/datadog"

    def post_alert(self, body: Mapping[str, Any] | str | bytes, *, token: str | None = None) -> requests.Response:
        """Post what a webhook would."""
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        headers = {"Content-Type": "application/json", "X-Rampart-Token": token or self.alert_token}
        return requests.post(self.alert_url, data=text, headers=headers, timeout=30)

    def invoke(self, function: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Call one of the stack's functions and return its answer; raises RuntimeError with what it raised."""
        answer = self._lambda.invoke(FunctionName=self.outputs[function], Payload=json.dumps(payload))
        body: dict[str, Any] = json.loads(answer["Payload"].read() or "{}")
        if "FunctionError" in answer:
            raise RuntimeError(f"{function}: {body.get('errorMessage', body)}")
        return body

    def evaluate(self) -> dict[str, Any]:
        """Evaluate every watched rollout now, as the schedule does each minute."""
        return self.invoke("EvaluateFunction", {})

    def start(self, plan: Mapping[str, Any], name: str) -> str:
        """Start a rollout as the console does; the execution's ARN."""
        started = self.machines.start_execution(
            stateMachineArn=self.outputs["RolloutMachine"], name=name, input=json.dumps(plan)
        )
        return str(started["executionArn"])

    def decide(self, **decision: Any) -> dict[str, Any]:  # noqa: ANN401  a decision's fields are JSON
        """Start `decision` as the console does, wait for its end, and return how it ended."""
        started = self.machines.start_execution(
            stateMachineArn=self.outputs["DecisionMachine"], input=json.dumps(decision)
        )
        return self.ended(str(started["executionArn"]))

    def ended(self, execution: str) -> dict[str, Any]:
        """Wait for the end of an execution, by its ARN; how it ended."""
        while True:
            ended: dict[str, Any] = self.machines.describe_execution(executionArn=execution)
            if ended["status"] != "RUNNING":
                return ended
            time.sleep(0.05)


def webhook_payload(flags: str) -> dict[str, str]:
    """The webhook's payload as the runbook has it."""
    return {
        "transition": "$ALERT_TRANSITION",
        "monitor": "$ALERT_ID",
        "date": "$DATE",
        "flags": flags,
        "cycle": "$ALERT_CYCLE_KEY",
        "title": "$EVENT_TITLE",
    }


def webhook(stack: LocalStack, name: str, flags: str) -> None:
    """Set up Datadog's webhook by hand, as the runbook says, with the token as a secret variable."""
    _post(
        stack,
        "/integration/webhooks/configuration/custom-variables",
        {"name": "RAMPART_TOKEN", "value": stack.alert_token, "is_secret": True},
    )
    document = {
        "name": name,
        "url": stack.alert_url,
        "encode_as": "json",
        "custom_headers": json.dumps({"X-Rampart-Token": "$RAMPART_TOKEN"}),
        "payload": json.dumps(webhook_payload(flags)),
    }
    _post(stack, "/integration/webhooks/configuration/webhooks", document)


def monitor(stack: LocalStack, query: str, name: str, webhook_name: str) -> int:
    """Create a Datadog monitor that calls the webhook when it alerts and when it recovers; its id."""
    document = {
        "name": name,
        "type": "query alert",
        "query": query,
        "message": "{{#is_alert}}@webhook-NAME{{/is_alert}}{{#is_recovery}}@webhook-NAME{{/is_recovery}}".replace(
            "NAME", webhook_name
        ),
        "tags": ["managed_by:rampart"],
        "options": {
            "thresholds": {"critical": float(query.rpartition(">")[2])},
            "require_full_window": False,
            "notify_no_data": False,
        },
    }
    return int(_post(stack, "/monitor", document)["id"])


def mute(stack: LocalStack, monitor_id: int) -> None:
    """Mute a Datadog monitor: it keeps evaluating, and notifies no one."""
    _post(stack, f"/monitor/{monitor_id}/mute", {})


def unmute(stack: LocalStack, monitor_id: int) -> None:
    _post(stack, f"/monitor/{monitor_id}/unmute", {})


def _post(stack: LocalStack, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"DD-API-KEY": API_KEY, "DD-APPLICATION-KEY": APP_KEY}
    answer = requests.post(f"{stack.datadog.url}/api/v1{path}", json=document, headers=headers, timeout=10)
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body


def _parameters(flipper: FlipperStandIn, datadog: DatadogStandIn, calendars: CalendarStandIn) -> dict[str, str]:
    """The stack's parameters here: the stand-ins' addresses, and a higher alert limit than any test needs.

    A throttled call is answered 429 here whatever the template says, so that throttling hides what the function does.
    """
    rates = dict.fromkeys(("AlertRate", "AlertBurst"), "10000")
    asked = {"ChangeCalendars": CALENDAR, "ChangeCalendarUrl": calendars.url}
    asked |= {"PolicyUri": f"s3://{POLICY_BUCKET}/{POLICY_KEY}", "ProveIdentity": "cloudtrail"}
    return {"FlipperUrl": flipper.api, "DatadogUrl": datadog.url, **asked, **rates}


def bound_queue(ministack: MiniStack, function: str) -> None:
    """Tell MiniStack the queue's concurrency as a number: it keeps a parameter's text, and then polls no queue."""
    functions = ministack.client("lambda")
    for mapping in functions.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]:
        if scaling := mapping.get("ScalingConfig"):
            most = int(scaling["MaximumConcurrency"])
            functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": most})


def allow_plain_http(ministack: MiniStack, outputs: Mapping[str, str]) -> None:
    """Take the statements that demand TLS off queues and topics: MiniStack speaks plain HTTP, and enforces them."""
    sqs, sns = ministack.client("sqs"), ministack.client("sns")
    for url in (outputs["RollbackQueueUrl"], outputs["DeadLettersUrl"]):
        policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _without_denials(policy)})
    for topic in (arn for name, arn in outputs.items() if name.endswith("TopicArn")):
        policy = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=_without_denials(policy))


def _without_denials(policy: str) -> str:
    """A policy without its denials; empty where nothing is left."""
    document = json.loads(policy)
    kept = [each for each in document["Statement"] if each["Effect"] != "Deny"]
    return json.dumps({**document, "Statement": kept}) if kept else ""


def put_policy(ministack: MiniStack, policy: str) -> None:
    """Write the organization's policy, which a start reads each time."""
    s3 = ministack.client("s3")
    s3.create_bucket(Bucket=POLICY_BUCKET)
    s3.put_object(Bucket=POLICY_BUCKET, Key=POLICY_KEY, Body=policy.encode())


@contextmanager
def running_stack(
    scenario: Scenario,
    flags: Mapping[str, float | None],
    *,
    tick_seconds: float = 1.0,
    retry_seconds: float = 5.0,
    minute_seconds: float = 60.0,
    looks_per_minute: int = 1,
) -> Iterator[LocalStack]:
    """Start the stand-ins and the local AWS, create the secrets, build and deploy the template; all end with the run.

    With more evaluations than the schedule's, `looks_per_minute`, Datadog's limit rises by as much; otherwise it
    would stop a run of half an hour. Raises what `local.ministack` and `local.deployment` raise.
    """
    flipper_token, alert_token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    with (
        FlipperStandIn(flags=flags, token=flipper_token, groups=["staff"]) as flipper,
        DatadogStandIn(
            scenario,
            flipper=flipper,
            tick_seconds=tick_seconds,
            retry_seconds=retry_seconds,
            minute_seconds=minute_seconds,
            queries_per_hour=QUERIES_PER_HOUR * looks_per_minute,
        ) as datadog,
        CalendarStandIn(CALENDAR) as calendars,
        running(enforce_iam=True) as ministack,
    ):
        vault = ministack.client("secretsmanager")
        for name, value in {
            "rampart/flipper": {"token": flipper_token},
            "rampart/datadog": {"api_key": API_KEY, "app_key": APP_KEY},
            "rampart/alerts": {"token": alert_token},
        }.items():
            vault.create_secret(Name=name, SecretString=json.dumps(value))
        put_policy(ministack, POLICY)
        outputs = deploy(ministack, stack_name=STACK_NAME, parameters=_parameters(flipper, datadog, calendars))
        bound_queue(ministack, outputs["RollbackFunction"])
        allow_plain_http(ministack, outputs)
        yield LocalStack(ministack, flipper, datadog, calendars, outputs, alert_token)
