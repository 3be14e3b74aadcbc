"""What the function `rollback` makes of its queue's messages."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from functions.rollback import app
from rampart.adapters import wiring
from rampart.adapters.trigger import MOST_RECEIVES
from rampart.errors import QueueError, RollbackUndoneError
from rampart.rollout.request import RollbackRequest
from tests.doubles import MemoryRollbackQueue
from tests.unit.functions.calls import call

EVENT: dict[str, Any] = json.loads((Path(__file__).parents[3] / "events" / "rollback-queue.json").read_text())


@dataclass
class Undone:
    """A rollback that is not done, however often it is tried."""

    queue: MemoryRollbackQueue = field(default_factory=MemoryRollbackQueue)

    def __call__(self, request: RollbackRequest) -> None:
        raise RollbackUndoneError("Flipper answers 503")


@pytest.fixture
def undone(monkeypatch: pytest.MonkeyPatch) -> Undone:
    rollback = Undone()
    monkeypatch.setattr(wiring, "rollback", lambda: rollback)
    return rollback


def received(times: int) -> dict[str, Any]:
    """The sample event, received for the so-manieth time."""
    (message,) = EVENT["Records"]
    attributes = message["attributes"] | {"ApproximateReceiveCount": str(times)}
    return {"Records": [message | {"attributes": attributes}]}


def failed(event: dict[str, Any]) -> list[str]:
    answer = call(app.lambda_handler, event)
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_a_rollback_that_is_not_done_stays_in_the_queue(undone: Undone) -> None:
    assert failed(received(1)) == [EVENT["Records"][0]["messageId"]]
    assert undone.queue.waiting == []


def test_a_rollback_that_is_not_done_is_counted_for_the_alarm(
    undone: Undone, capsys: pytest.CaptureFixture[str]
) -> None:
    failed(received(1))
    [counted] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "RollbacksUndone" in line]
    assert counted["RollbacksUndone"] == [1.0]
    assert (counted["service"], counted["function_name"]) == ("rollback", "rampart-function")
    [metrics] = counted["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], set(metrics["Dimensions"][0])) == ("Rampart", {"service", "function_name"})


def test_a_message_received_too_often_is_requeued_before_the_queue_drops_it(undone: Undone) -> None:
    """1,000 receives, the most that a redrive policy may allow, are less than a day; a flag may be up for longer."""
    assert failed(received(MOST_RECEIVES)) == []
    [(kept, _)] = undone.queue.waiting
    assert kept.queued
    assert kept.model_dump(exclude={"queued"}) == RollbackRequest.model_validate_json(
        EVENT["Records"][0]["body"]
    ).model_dump(exclude={"queued"})


def test_a_message_that_cannot_be_requeued_stays_where_it_is(undone: Undone) -> None:
    undone.queue.failure = QueueError("down")
    with pytest.raises(QueueError):
        failed(received(MOST_RECEIVES))
