"""What called the function `rollback`, told apart by the form of its event."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rampart.adapters.json_text import read_json
from rampart.rollout.request import Cause, RollbackRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


MOST_RECEIVES = 900
"""SQS moves a message to the dead letters after 1,000 receives at the most, less than a day at one each 84 s."""


_MOST_WORDS = 500


class Trigger(StrEnum):
    """Who called."""

    ALERT = "alert"
    """API Gateway, with a Datadog monitor's webhook."""
    QUEUE = "queue"
    """The function's own queue."""
    EXECUTION = "execution"
    """EventBridge: an execution of the state machine `rollout` ended badly."""
    DIRECT = "direct"
    """`evaluate`, a state machine, or the queue's message itself: a request as it is."""


def trigger_of(event: Mapping[str, Any]) -> Trigger:
    """Tell what called."""
    if "httpMethod" in event or "requestContext" in event:
        return Trigger.ALERT
    if "Records" in event:
        return Trigger.QUEUE
    if event.get("source") == "aws.states" or event.get("detail-type") == "Step Functions Execution Status Change":
        return Trigger.EXECUTION
    return Trigger.DIRECT


def request_of_message(message: Mapping[str, Any]) -> RollbackRequest:
    """The request that a queue's message keeps; what was put there had passed validation."""
    return RollbackRequest.model_validate_json(message["body"]).changed(queued=True)


def is_worn_out(message: Mapping[str, Any]) -> bool:
    """Whether a queue's message came so often that SQS is about to give it up."""
    return int(message.get("attributes", {}).get("ApproximateReceiveCount", 1)) >= MOST_RECEIVES


def request_of_execution(event: Mapping[str, Any], now: datetime) -> RollbackRequest | None:
    """The rollback that an execution's end asks for; None when its input names no rollout."""
    detail = event["detail"]
    rollout = _rollout_of(detail.get("input"))
    if rollout is None:
        return None
    return RollbackRequest(
        cause=Cause.EXECUTION,
        reason=_why_ended(detail),
        rollout=rollout,
        execution=detail["executionArn"],
        asked_at=now,
    )


def _why_ended(detail: Mapping[str, Any]) -> str:
    """How an execution ended, with the error and the cause that the one who stopped it gave."""
    status = str(detail.get("status", ""))
    given = ": ".join(str(detail[name]) for name in ("error", "cause") if detail.get(name))
    ended = f"the execution {detail.get('name', '')} {_ENDS.get(status, f'ended: {status.lower()}')}"
    return f"{ended} ({given[:_MOST_WORDS]})" if given else ended


_ENDS = {"ABORTED": "was aborted", "FAILED": "failed", "TIMED_OUT": "timed out"}


def _rollout_of(text: object) -> str | None:
    try:
        document = read_json(text) if isinstance(text, str) else None
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    inner = document.get("resume", document)
    rollout = inner.get("rollout") if isinstance(inner, dict) else None
    return rollout if isinstance(rollout, str) else None
