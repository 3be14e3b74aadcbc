"""Every sample payload in events/ is understood by what it is a sample for, and every trigger has one."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.datadog_standin.webhooks import substitute
from local.stack import webhook_payload
from rampart.adapters.items import event_of_image
from rampart.alert.payload import read_alert
from rampart.entry.trigger import Trigger, request_of_execution, request_of_message, trigger_of
from rampart.plan.model import Plan
from rampart.rollout.caller import caller_of
from rampart.rollout.event import EventKind
from rampart.rollout.gate import DecisionKind
from rampart.rollout.prepare import Resume
from rampart.rollout.request import Cause, RollbackRequest
from rampart_cli.datadog.wanted import alert_payload

EVENTS = Path(__file__).parents[2] / "events"
WIRING = EVENTS.parent / "docs" / "datadog.md"
ROLLOUT = "claim-letters-lighthouse"
USED_BY_OTHER_TESTS = {
    "decision-approve.json",  # the end-to-end tests decide with these
    "decision-override.json",
    "decision-roll-back.json",
    "decision-resume.json",
    "decision-abandon.json",
}


def sample(name: str) -> Any:
    return json.loads((EVENTS / name).read_text())


def test_the_plan_is_valid_in_both_of_its_forms() -> None:
    as_yaml = Plan.model_validate(yaml.safe_load((EVENTS / "claim-letters.yaml").read_text()))

    assert Plan.model_validate(sample("rollout-start.json")) == as_yaml
    assert Plan.model_validate(sample("prepare.json")["input"]) == as_yaml


def test_a_resume_is_understood() -> None:
    assert Resume.model_validate(sample("rollout-resume.json")["resume"]).stage == 1


def test_the_webhooks_body_is_understood_alone_and_inside_the_gateways_event() -> None:
    alone = read_alert((EVENTS / "datadog-webhook.json").read_text())
    event = sample("rollback-alert.json")

    assert read_alert(event["body"]) == alone
    assert trigger_of(event) is Trigger.ALERT


def test_the_runbooks_payload_is_used_everywhere_and_has_its_title_last() -> None:
    payload = payload_of_the_documentation()
    used = webhook_payload("cst_claim_letters_use_lighthouse_api_provider")
    assert alert_payload("cst_claim_letters_use_lighthouse_api_provider") == used

    assert list(json.loads(payload).items()) == list(used.items())
    assert list(used)[-1] == "title"
    assert list(sample("datadog-webhook.json")) == list(used)


@pytest.mark.parametrize("title", ["down", 'index "letters"', "two\nlines", "\\", '<a href="x">', '", "flags": "x'])
@pytest.mark.parametrize("in_json", [True, False], ids=["escaped", "as it is"])
def test_the_runbooks_payload_is_read_with_and_without_escaping(title: str, in_json: bool) -> None:
    told = {
        "ALERT_TRANSITION": "Triggered",
        "ALERT_ID": "4711",
        "ALERT_CYCLE_KEY": "81",
        "DATE": "1795446300000",
        "EVENT_TITLE": title,
    }

    alert = read_alert(substitute(payload_of_the_documentation(), told, in_json=in_json))

    assert (alert.transition, alert.monitor, alert.date) == ("Triggered", "4711", 1_795_446_300_000)
    assert "cst_claim_letters_use_lighthouse_api_provider" in alert.flags


def payload_of_the_documentation() -> str:
    [payload] = re.findall(r"```json\n(.*?)```", WIRING.read_text(), re.DOTALL)
    return str(payload)


@pytest.mark.parametrize(
    ("name", "cause"), [("rollback-person.json", Cause.PERSON), ("rollback-evidence.json", Cause.EVIDENCE)]
)
def test_a_direct_request_is_understood(name: str, cause: Cause) -> None:
    event = sample(name)

    assert trigger_of(event) is Trigger.DIRECT
    request = RollbackRequest.model_validate({"asked_at": "2026-11-23T15:05:02Z", **event})
    assert (request.cause, request.rollout) == (cause, ROLLOUT)


def test_a_queued_request_is_understood() -> None:
    event = sample("rollback-queue.json")

    assert trigger_of(event) is Trigger.QUEUE
    request = request_of_message(event["Records"][0])
    assert request.queued
    assert request.cause is Cause.ALERT


def test_an_executions_end_is_understood() -> None:
    event = sample("rollback-execution.json")

    assert trigger_of(event) is Trigger.EXECUTION
    request = request_of_execution(event, datetime(2026, 3, 10, 14, tzinfo=UTC))
    assert request is not None
    assert request.rollout == ROLLOUT
    assert request.execution == event["detail"]["executionArn"]


def test_a_streams_record_is_understood() -> None:
    [record] = sample("notify-stream.json")["Records"]

    key, event = event_of_image(record["dynamodb"]["NewImage"])

    assert key == record["dynamodb"]["Keys"]["sk"]["S"]
    assert event.kind is EventKind.ROLLED_BACK


def test_a_ticks_event_is_eventbridges() -> None:
    assert sample("evaluate-schedule.json")["source"] == "aws.events"


def test_an_advance_names_what_the_function_reads() -> None:
    assert sample("advance.json").keys() == {"rollout", "attempt", "execution", "gate"}


def test_there_is_a_sample_of_every_decision_and_no_sample_that_no_test_uses() -> None:
    here = Path(__file__).read_text()
    files = {path.name for path in EVENTS.glob("*.json")}

    assert {f"decision-{kind.value.replace('_', '-')}.json" for kind in DecisionKind} == USED_BY_OTHER_TESTS
    assert {name for name in files if name not in here} == set()


def test_cloudtrails_word_about_a_start_is_matched_and_understood() -> None:
    event = sample("witness-cloudtrail.json")
    template = yaml.load((EVENTS.parent / "template.yaml").read_text(), Loader=_Intrinsics)
    pattern = template["Resources"]["WitnessFunction"]["Properties"]["Events"]["Started"]["Properties"]["Pattern"]
    assert _matches(pattern, event)
    assert not _matches(pattern, event | {"source": "mine"})

    caller = caller_of(event)

    assert caller is not None
    assert caller.person == "robin.vale@agency.gov"
    assert caller.execution == event["detail"]["responseElements"]["executionArn"]


class _Intrinsics(yaml.SafeLoader):
    """Reads the template; what CloudFormation fills in stands as it is written."""


_Intrinsics.add_multi_constructor("!", lambda _, tag, node: f"!{tag} {node.value}")


def _matches(pattern: Any, value: Any) -> bool:
    """Whether an event matches a rule's pattern, as far as this one goes: every list names the values that match."""
    if isinstance(pattern, dict):
        return all(name in value and _matches(inner, value[name]) for name, inner in pattern.items())
    return any(isinstance(each, str) and each.startswith("!") for each in pattern) or value in pattern
