"""What the function `rollback` makes of its queue's messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from functions.rollback import app
from rampart.entry.trigger import MOST_RECEIVES
from rampart.entry.wiring import Wiring
from rampart.errors import QueueError, RollbackUndoneError, UnrecordedError
from rampart.rollout.request import RollbackRequest
from rampart.rollout.rollback import RollbackResult
from tests.doubles import MemoryRollbackQueue
from tests.unit.functions.calls import call

EVENTS = Path(__file__).parents[3] / "events"
EVENT: dict[str, Any] = json.loads((EVENTS / "rollback-queue.json").read_text())


@pytest.fixture
def queue() -> MemoryRollbackQueue:
    return MemoryRollbackQueue()


def never_done(request: RollbackRequest) -> RollbackResult:
    """A rollback that is not done, however often it is tried."""
    raise RollbackUndoneError("Flipper answers 503")


def received(times: int) -> dict[str, Any]:
    """The sample event, received for the `times`-th time."""
    (message,) = EVENT["Records"]
    attributes = message["attributes"] | {"ApproximateReceiveCount": str(times)}
    return {"Records": [message | {"attributes": attributes}]}


def failed(event: dict[str, Any], queue: MemoryRollbackQueue) -> list[str]:
    answer = call(app.lambda_handler, event, Wiring(rollback=never_done, queue=queue))
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_a_rollback_that_is_not_done_stays_in_the_queue(queue: MemoryRollbackQueue) -> None:
    assert failed(received(1), queue) == [EVENT["Records"][0]["messageId"]]
    assert queue.waiting == []


def test_a_rollback_that_is_not_done_is_counted_for_the_alarm(
    queue: MemoryRollbackQueue, capsys: pytest.CaptureFixture[str]
) -> None:
    failed(received(1), queue)
    [counted] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "RollbacksUndone" in line]
    assert counted["RollbacksUndone"] == [1.0]
    assert (counted["service"], counted["function_name"]) == ("rollback", "rampart-function")
    [metrics] = counted["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], set(metrics["Dimensions"][0])) == ("Rampart", {"service", "function_name"})


def test_a_message_received_too_often_is_requeued_before_the_queue_drops_it(queue: MemoryRollbackQueue) -> None:
    """1,000 receives, the most that a redrive policy may allow, are less than a day; a flag may be up for longer."""
    assert failed(received(MOST_RECEIVES), queue) == []
    [(kept, _)] = queue.waiting
    assert kept.queued
    assert kept.model_dump(exclude={"queued"}) == RollbackRequest.model_validate_json(
        EVENT["Records"][0]["body"]
    ).model_dump(exclude={"queued"})


def test_a_message_that_cannot_be_requeued_stays_where_it_is(queue: MemoryRollbackQueue) -> None:
    queue.failure = QueueError("down")
    with pytest.raises(QueueError):
        failed(received(MOST_RECEIVES), queue)


def counted(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The metrics that were written, by name."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    return [metric["Name"] for line in lines for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]


def test_what_is_lowered_without_a_record_is_counted_for_an_alarm_of_its_own(
    queue: MemoryRollbackQueue, capsys: pytest.CaptureFixture[str]
) -> None:
    def unrecorded(request: RollbackRequest) -> RollbackResult:
        raise UnrecordedError("the table is down")

    with pytest.raises(UnrecordedError):
        call(app.lambda_handler, PERSON, Wiring(rollback=unrecorded, queue=queue))
    assert counted(capsys) == ["RollbacksUndone", "ClaimsUnread"]


# Who calls again: Lambda's own retries and the dead letters after them are for what no one repeats.

PERSON = json.loads((EVENTS / "rollback-person.json").read_text())
EVIDENCE = json.loads((EVENTS / "rollback-evidence.json").read_text())
EXECUTION = json.loads((EVENTS / "rollback-execution.json").read_text())


@pytest.mark.parametrize(
    ("event", "kept", "raises"),
    [
        (EVIDENCE, True, False),
        (EVIDENCE, False, True),
        (EVIDENCE | {"queued": True}, False, False),  # the next tick calls again
        (EXECUTION, True, False),
        (EXECUTION, False, True),
        (PERSON, True, True),  # the state machine waits for the answer, and says it to the person
    ],
)
def test_a_rollback_that_is_not_done_is_raised_where_nobody_else_repeats_it(
    queue: MemoryRollbackQueue, event: dict[str, Any], *, kept: bool, raises: bool
) -> None:
    def undone(request: RollbackRequest) -> RollbackResult:
        raise RollbackUndoneError("Flipper answers 503", comes_again=kept)

    wiring = Wiring(rollback=undone, queue=queue)
    if raises:
        with pytest.raises(RollbackUndoneError):
            call(app.lambda_handler, event, wiring)
    else:
        assert call(app.lambda_handler, event, wiring) == {"outcome": "undone", "why": "Flipper answers 503"}


def test_of_one_monitors_alerts_that_are_not_done_only_the_latest_comes_again(queue: MemoryRollbackQueue) -> None:
    """While the records can't be read each process keeps an alert of its own, and Lambda renews its processes."""
    wiring = Wiring(rollback=never_done, queue=queue)
    minutes = [3, 7, 5, 7]
    left = []
    for number in range(2 * len(minutes)):
        alert = json.loads(EVENT["Records"][0]["body"]) | {"asked_at": f"2026-03-10T14:0{minutes[number % 4]}:00Z"}
        record = EVENT["Records"][0] | {"messageId": str(number), "body": json.dumps(alert)}
        answer = call(app.lambda_handler, {"Records": [record]}, wiring)
        left += [int(each["itemIdentifier"]) for each in answer["batchItemFailures"]]
    assert left == [0, 1, 3, 5, 7], "two as old as each other stay: one may be the other's renewal"


@pytest.mark.parametrize(
    "other",
    [{"monitor": "1"}, {"flags": ["another"]}, {"unrecorded": "2026-03-10T14:01:00Z"}, {"cause": "person"}],
    ids=lambda other: next(iter(other)),
)
def test_what_was_asked_for_otherwise_is_another_matter(queue: MemoryRollbackQueue, other: dict[str, Any]) -> None:
    wiring = Wiring(rollback=never_done, queue=queue)
    later = json.loads(EVENT["Records"][0]["body"]) | {"asked_at": "2026-03-10T14:05:00Z"}
    earlier = later | {"asked_at": "2026-03-10T14:01:00Z"} | other
    for body in (later, earlier):
        record = EVENT["Records"][0] | {"body": json.dumps(body)}
        assert call(app.lambda_handler, {"Records": [record]}, wiring)["batchItemFailures"]
