from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.entry.trigger import Trigger, request_of_execution, request_of_message, trigger_of
from rampart.rollout.request import Cause, RollbackRequest

NOW = datetime(2026, 3, 10, 14, tzinfo=UTC)
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:rollout:letters-1"


def ended(given_input: object, **detail: Any) -> dict[str, Any]:
    """What EventBridge tells of an execution's end."""
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"executionArn": EXECUTION, "name": "letters-1", "status": "ABORTED", "input": given_input} | detail,
    }


@pytest.mark.parametrize(
    ("event", "trigger"),
    [
        ({"httpMethod": "POST", "headers": {}, "body": "{}"}, Trigger.ALERT),
        ({"requestContext": {"stage": "prod"}, "body": None}, Trigger.ALERT),
        ({"Records": [{"messageId": "1", "body": "{}"}]}, Trigger.QUEUE),
        ({"Records": []}, Trigger.QUEUE),
        (ended("{}"), Trigger.EXECUTION),
        ({"cause": "evidence", "rollout": "letters", "reason": "fails"}, Trigger.DIRECT),
        ({}, Trigger.DIRECT),
    ],
)
def test_what_called_is_told_by_the_form_of_its_event(event: dict[str, Any], trigger: Trigger) -> None:
    assert trigger_of(event) is trigger


def test_an_alert_is_an_alert_whatever_its_body_pretends() -> None:
    event = {"httpMethod": "POST", "Records": [], "source": "aws.states", "cause": "person"}
    assert trigger_of(event) is Trigger.ALERT


def test_a_message_from_the_queue_is_a_repetition_of_what_was_asked() -> None:
    asked = RollbackRequest(cause=Cause.PERSON, reason="why", rollout="letters", by="ann", asked_at=NOW)
    request = request_of_message({"messageId": "1", "body": asked.model_dump_json()})
    assert request == asked.model_copy(update={"queued": True})


@pytest.mark.parametrize(
    "document",
    [{"rollout": "letters", "flags": ["a"]}, {"resume": {"rollout": "letters", "stage": 1}}],
)
def test_an_executions_end_asks_for_the_rollout_that_its_input_names(document: dict[str, Any]) -> None:
    request = request_of_execution(ended(json.dumps(document)), NOW)
    assert request is not None
    assert (request.cause, request.rollout, request.execution) == (Cause.EXECUTION, "letters", EXECUTION)
    assert request.attempt is None
    assert request.reason == "the execution letters-1 was aborted"


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ({"status": "FAILED"}, "the execution letters-1 failed"),
        ({"status": "TIMED_OUT"}, "the execution letters-1 timed out"),
        ({"error": "Stop", "cause": "stopped by hand"}, "the execution letters-1 was aborted (Stop: stopped by hand)"),
        ({"cause": "stopped by hand"}, "the execution letters-1 was aborted (stopped by hand)"),
        ({"error": None, "cause": None}, "the execution letters-1 was aborted"),
    ],
)
def test_it_tells_how_an_execution_ended_and_what_was_said_of_it(detail: dict[str, Any], reason: str) -> None:
    request = request_of_execution(ended('{"rollout": "letters"}', **detail), NOW)
    assert request is not None
    assert request.reason == reason


@pytest.mark.parametrize(
    "given_input", [None, "", "no json", "[]", "7", "{}", '{"rollout": 7}', '{"resume": []}', '{"resume": {}}', {}]
)
def test_an_input_that_names_no_rollout_asks_for_nothing(given_input: object) -> None:
    assert request_of_execution(ended(given_input), NOW) is None


@given(st.text())
def test_no_input_breaks_it(text: str) -> None:
    request_of_execution(ended(text), NOW)
