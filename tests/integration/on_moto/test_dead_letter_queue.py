"""The dead-letter queue, and what a redrive makes of each message."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart.adapters.items import event_of_image
from rampart.rollout.event import EventKind
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.state import Status
from rampart_cli.dead_letters import DeadLetters, LetterKind, Redriven
from tests.integration.on_moto.conftest import run
from tests.unit.cli.conftest import NOON, event, live


class FakeFunctions:
    """Lambda as `DeadLetters` calls it: keeps the calls and answers what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answer: dict[str, Any] = {"outcome": "rolled_back"}
        self.failed = False

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self.calls.append((FunctionName, json.loads(Payload)))
        answered: dict[str, Any] = {"Payload": io.BytesIO(json.dumps(self.answer).encode())}
        return answered | ({"FunctionError": "Unhandled"} if self.failed else {})


class Queue:
    """The dead-letter queue with what a test puts there."""

    def __init__(self, url: str) -> None:
        self.sqs = boto3.client("sqs")
        self.url = url
        self.functions = FakeFunctions()
        functions: Any = self.functions
        self.letters = DeadLetters(queue_url=url, rollback_function="rollback", sqs=self.sqs, functions=functions)

    def put(self, body: object, **reasons: str) -> None:
        attributes: Any = {name: {"DataType": "String", "StringValue": value} for name, value in reasons.items()}
        text = body if isinstance(body, str) else json.dumps(body)
        self.sqs.send_message(QueueUrl=self.url, MessageBody=text, MessageAttributes=attributes)

    def left(self) -> int:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
        return int(answer["ApproximateNumberOfMessages"]) + int(answer["ApproximateNumberOfMessagesNotVisible"])


@pytest.fixture
def queue(outputs: dict[str, str]) -> Queue:
    return Queue(outputs["DeadLettersUrl"])


ROLLBACK = RollbackRequest(
    cause=Cause.EVIDENCE, reason="9% is above 8%", rollout="letters", attempt=1, execution="arn:one", asked_at=NOON
).model_dump(mode="json")
ENDED = {"source": "aws.states", "detail": {"name": "one", "status": "FAILED", "executionArn": "arn:one"}}
TICK = {"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-03-04T17:00:00Z"}


def stretch(size: int, at: datetime) -> dict[str, Any]:
    """What Lambda sends for a stretch of the table's stream that `notify` could not tell of."""
    arrived = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    return {
        "requestContext": {"functionArn": "notify-arn", "condition": "RetryAttemptsExhausted"},
        "DDBStreamBatchInfo": {
            "batchSize": size,
            "approximateArrivalOfFirstRecord": arrived,
            "approximateArrivalOfLastRecord": arrived,
        },
    }


def test_the_list_says_what_each_message_is_and_changes_nothing(queue: Queue) -> None:
    queue.put(ROLLBACK, ErrorMessage="Task timed out")
    queue.put(ENDED, ERROR_MESSAGE="throttled")
    queue.put(TICK)
    queue.put(stretch(2, NOON))
    queue.put({"what": "is this"})
    queue.put("no JSON")
    letters = queue.letters.take(100)
    queue.letters.put_back(letters)
    assert sorted(letter.kind for letter in letters) == sorted([*LetterKind, LetterKind.UNKNOWN])
    about = {letter.kind: (letter.about, letter.why) for letter in letters}
    assert about[LetterKind.ROLLBACK] == ("roll back letters (evidence): 9% is above 8%", "Task timed out")
    assert about[LetterKind.EXECUTION] == ("execution one ended: FAILED", "throttled")
    assert about[LetterKind.NOTICES][1] == "RetryAttemptsExhausted"
    assert len(queue.letters.take(100)) == 6
    assert queue.functions.calls == []


def redriven(queue: Queue, store: DynamoRolloutStore, *rollouts: str) -> Redriven:
    (letter,) = queue.letters.take(10)
    return queue.letters.redrive(letter, store, rollouts)


def test_a_redriven_rollback_cannot_touch_a_newer_attempt(queue: Queue, store: DynamoRolloutStore) -> None:
    queue.put(ROLLBACK)
    assert redriven(queue, store).done
    ((function, payload),) = queue.functions.calls
    assert function == "rollback"
    assert RollbackRequest.model_validate(payload).queued
    assert RollbackRequest.model_validate(payload).asked_at == NOON
    assert queue.left() == 0


def test_a_rollback_that_fails_again_stays(queue: Queue, store: DynamoRolloutStore) -> None:
    queue.put(ROLLBACK)
    queue.functions.failed, queue.functions.answer = True, {"errorMessage": "the flag is up"}
    result = redriven(queue, store)
    assert (result.done, result.told) == (False, "not done yet: the flag is up")
    assert queue.left() == 1


def test_an_executions_end_is_handed_to_rollback_as_it_came(queue: Queue, store: DynamoRolloutStore) -> None:
    queue.put(ENDED)
    assert redriven(queue, store).done
    assert queue.functions.calls == [("rollback", ENDED)]


def test_a_tick_is_dropped_because_later_ones_saw_more(queue: Queue, store: DynamoRolloutStore) -> None:
    queue.put(TICK)
    assert redriven(queue, store).done
    assert (queue.functions.calls, queue.left()) == ([], 0)


def test_what_is_unknown_is_left_alone(queue: Queue, store: DynamoRolloutStore) -> None:
    queue.put({"what": "is this"})
    assert not redriven(queue, store).done
    assert (queue.functions.calls, queue.left()) == ([], 1)


def with_event(store: DynamoRolloutStore, at: datetime) -> None:
    store.open(live(stage=None, gate=None, latest=None), "{}", [event(EventKind.STARTED, "letters starts", at=at)])


def test_untold_events_are_read_from_the_table_and_brought_to_notify(queue: Queue, store: DynamoRolloutStore) -> None:
    with_event(store, NOON)
    queue.put(stretch(1, NOON + timedelta(seconds=2)))
    queue.functions.answer = {"batchItemFailures": []}
    assert redriven(queue, store, "letters").done
    ((function, payload),) = queue.functions.calls
    assert function == "notify-arn"
    key, told = event_of_image(payload["Records"][0]["dynamodb"]["NewImage"])
    assert store.events("letters") == {key: told}
    assert queue.left() == 0


def test_untold_events_stay_when_notify_fails_again(queue: Queue, store: DynamoRolloutStore) -> None:
    with_event(store, NOON)
    queue.put(stretch(1, NOON))
    queue.functions.answer = {"batchItemFailures": [{"itemIdentifier": "x"}]}
    assert not redriven(queue, store, "letters").done
    assert queue.left() == 1


def test_untold_events_of_a_rollout_that_nobody_named_stay(queue: Queue, store: DynamoRolloutStore) -> None:
    with_event(store, NOON)
    queue.put(stretch(1, NOON))
    result = redriven(queue, store)
    assert not result.done
    assert "--rollout" in result.told
    assert queue.functions.calls == []


def test_events_of_another_time_are_not_taken_for_those_that_are_missing(
    queue: Queue, store: DynamoRolloutStore
) -> None:
    with_event(store, NOON - timedelta(days=2))
    queue.put(stretch(1, NOON))
    assert not redriven(queue, store, "letters").done


def test_the_commands_list_and_redrive(
    outputs: dict[str, str], queue: Queue, store: DynamoRolloutStore, capsys: pytest.CaptureFixture[str]
) -> None:
    queue.put(TICK)
    queue.put({"what": "is this"})
    assert run(outputs, "dead-letters", "list", "--json") == 0
    assert {each["kind"] for each in json.loads(capsys.readouterr().out)} == {"tick", "unknown"}
    assert run(outputs, "dead-letters", "redrive") == 1
    assert "stays" in capsys.readouterr().out
    assert queue.left() == 1
    assert run(outputs, "dead-letters", "list") == 0
    assert "unknown" in capsys.readouterr().out


def test_an_empty_queue_does_not_hide_a_rollback_that_is_not_done(
    outputs: dict[str, str], queue: Queue, store: DynamoRolloutStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.open(live(status=Status.HALTED), "{}", [])
    assert run(outputs, "dead-letters", "list") == 0
    out = capsys.readouterr().out
    assert "The dead-letter queue is empty" in out
    assert "The rollback of letters isn't done yet: rampart status letters" in out


def test_times_of_messages_are_when_they_were_sent(queue: Queue) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    queue.put(TICK)
    (letter,) = queue.letters.take(1)
    assert before < letter.sent < before + timedelta(minutes=2)
