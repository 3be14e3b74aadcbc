"""`rampart doctor` on the deployed stack: well, and with each of several things broken."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from deploy.__main__ import after
from deploy.section import Environment
from local.faults import Fault, FaultKind
from local.ministack import REGION
from local.stack import STACK_NAME, LocalStack
from rampart_cli.doctor.subscribers import TOPICS

RAMPART = Path(sys.executable).with_name("rampart")


def doctor(stack: LocalStack) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """Examine the stack; the exit code, and what is not well, by check."""
    ended = subprocess.run(
        [RAMPART, "doctor", "--json"],
        env=stack.environment | {"RAMPART_ALERT_URL": stack.alert_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ended.stderr
    assert stack.alert_token not in ended.stdout + ended.stderr
    found: dict[str, list[dict[str, str]]] = {}
    for line in json.loads(ended.stdout)["checks"]:
        found.setdefault(line["check"], []).append(line)
    return ended.returncode, {
        check: [line for line in lines if line["health"] == "problem"] for check, lines in found.items()
    }


@pytest.fixture
def subscribed(stack: LocalStack) -> Iterator[None]:
    """Someone gets the notices."""
    sqs, sns = stack.ministack.client("sqs"), stack.ministack.client("sns")
    url = sqs.create_queue(QueueName="for-doctor")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topics = [stack.outputs[f"{topic}Arn"] for topic in TOPICS]
    made = [sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"] for topic in topics]
    yield
    for subscription in made:
        sns.unsubscribe(SubscriptionArn=subscription)


def test_a_stack_that_works_is_told_to_work_down_to_flipper_and_datadog(stack: LocalStack, subscribed: None) -> None:
    stack.evaluate()  # the first tick may still be starting
    _, problems = doctor(stack)
    # Other tests leave dead letters and set off alarms, on purpose.
    assert [line for check, lines in problems.items() if check not in ("queues", "alarms") for line in lines] == []
    assert {"stack", "outside", "endpoint", "schedule", "functions", "subscribers", "clock"} <= problems.keys()


@pytest.mark.parametrize(
    ("outside", "path", "status", "told"),
    [
        ("flipper", "/features/rampart_doctor", 401, "Flipper answered 401"),
        ("datadog", "timeseries", 403, "Datadog's metrics: refused_credentials"),
        ("datadog", "/monitor", 403, "Datadog's monitors"),
    ],
)
def test_what_keeps_the_functions_from_flipper_or_datadog_is_told(
    stack: LocalStack, subscribed: None, outside: str, path: str, status: int, told: str
) -> None:
    faults = getattr(stack, outside).faults
    faults.add(Fault(kind=FaultKind.STATUS, status=status, path=path, body={"errors": ["Forbidden"]}))
    try:
        code, problems = doctor(stack)
    finally:
        faults.clear()
    assert code == 1
    [line] = problems["outside"]
    assert told in line["message"]
    assert line["fix"]


def test_a_deployment_ends_with_the_doctor_and_says_what_is_left(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (stack.environment | {"RAMPART_ALERT_URL": stack.alert_url}).items():
        monkeypatch.setenv(name, value)
    section = Environment("staging", STACK_NAME, "000000000000", REGION, {"FlipperUrl": "u"}, confirm=False)
    stack.evaluate()
    assert after(section, boto3.Session(region_name=REGION)) == 0
    told = capsys.readouterr().out
    assert "ok      the functions reach Flipper's flags" in told
    assert "ok      the alert endpoint answers 401 to a test notification without a token" in told
    assert "connect Datadog (monitors and webhook): rampart datadog sync" in told
    described = stack.ministack.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    assert described["EnableTerminationProtection"]

    stack.flipper.faults.add(Fault(kind=FaultKind.STATUS, status=401, path="/features/rampart_doctor", body={}))
    try:
        assert after(section, boto3.Session(region_name=REGION)) == 1
    finally:
        stack.flipper.faults.clear()
    assert "FIX: the functions can't read Flipper's flags" in capsys.readouterr().out


def test_a_schedule_that_is_off_is_told(stack: LocalStack, subscribed: None) -> None:
    events: Any = stack.ministack.client("events")
    [rule] = [each["Name"] for each in events.list_rules()["Rules"] if "EveryMinute" in each["Name"]]
    events.disable_rule(Name=rule)
    try:
        code, problems = doctor(stack)
    finally:
        events.enable_rule(Name=rule)
    assert code == 1
    [line] = problems["schedule"]
    assert "DISABLED" in line["message"]


def test_a_stack_without_a_subscriber_says_so(stack: LocalStack) -> None:
    code, problems = doctor(stack)
    if problems["subscribers"]:  # another test may have subscribed a queue before
        assert code == 1
        assert "No one gets notices" in problems["subscribers"][0]["message"]


def test_what_arrived_is_listed_with_its_answer_and_the_reason(stack: LocalStack) -> None:
    alert = {"transition": "Triggered", "monitor": "4242", "flags": "letters_misspelled", "title": "blank letters"}
    assert stack.post_alert(alert).status_code == 200
    assert stack.post_alert(alert, token="guess").status_code == 401
    assert stack.post_alert({"transition": "Triggered"}).status_code == 400

    ended = subprocess.run(
        [RAMPART, "alerts", "--last", "100", "--json"],
        env=stack.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    seen = [(each["status"], each["monitor"], each["why"]) for each in json.loads(ended.stdout)]
    assert (200, "4242", "no live rollout holds letters_misspelled") in seen
    assert (401, "", "no token, or a wrong one") in seen
    assert any(status == 400 and "monitor" in why for status, _, why in seen)
