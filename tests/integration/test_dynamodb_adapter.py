"""The table's store: what only a table can get wrong."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from rampart.adapters import items
from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart.errors import ConflictError, StoreError
from rampart.rollout.drift import Drift, DriftSide
from rampart.rollout.evaluation import Evaluation
from rampart.rollout.event import Event, EventKind
from rampart.rollout.notify import Turn
from rampart.rollout.state import RolloutState, Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "rampart"
NOW = datetime(2026, 11, 23, 20, 33, 12, 123_000, tzinfo=UTC)
Live = Callable[..., RolloutState]
Happened = Callable[..., Event]
Looked = Callable[..., Evaluation]


def raw(client: DynamoDBClient, pk: str, sk: str) -> dict[str, Any]:
    """An item as it is stored."""
    return dict(client.get_item(TableName=TABLE, Key={"pk": {"S": pk}, "sk": {"S": sk}})["Item"])


def all_raw(client: DynamoDBClient) -> list[dict[str, Any]]:
    """Every item as it is stored."""
    return [dict(item) for item in client.scan(TableName=TABLE)["Items"]]


def test_the_record_lies_in_the_table_as_the_state_machines_need_it(
    table: DynamoRolloutStore, client: DynamoDBClient, live: Live
) -> None:
    table.open(live(stage=0, percent=12.5), "{}", [])
    record = raw(client, "ROLLOUT#claim-letters", "STATE")
    assert record["status"] == {"S": "live"}
    assert record["attempt"] == {"N": "1"}
    assert record["epoch"] == {"N": "1"}
    assert record["percent"] == {"N": "12.5"}
    assert record["watched"] == {"S": "yes"}
    assert record["started"] == {"S": "2026-11-23T20:33:12.123Z"}
    assert json.loads(record["plan"]["S"])["rollout"] == "claim-letters"
    assert record["stage"] == {"N": "0"}
    assert not {"standing", "gate", "intent", "latest"} & record.keys()
    state = live(stage=0, percent=12.5)
    table.commit(state, state.moved(NOW, standing=None, watched=False))
    record = raw(client, "ROLLOUT#claim-letters", "STATE")
    assert not {"stage", "stage_started", "hold_ends"} & record.keys()
    assert record["watched"] == {"S": "live"}, "found by its status, and by no tick"


def test_rollouts_that_no_tick_looks_at_are_found_by_their_status(table: DynamoRolloutStore, live: Live) -> None:
    state = live()
    table.open(state, "{}", [])
    assert list(table.watched()) == ["claim-letters"]
    over = state.moved(NOW, status=Status.ROLLED_BACK, watched=False)
    table.commit(state, over)
    assert list(table.watched()) == []
    assert list(table.unwatched(Status.ROLLED_BACK)) == ["claim-letters"]
    assert list(table.unwatched(Status.COMPLETED)) == []


def test_a_record_carries_its_plan_and_reads_it_from_nowhere_else(
    table: DynamoRolloutStore, client: DynamoDBClient, live: Live
) -> None:
    """The plan's own item is kept to be read by people: who rewrites it changes no rollout in flight."""
    state = live()
    table.open(state, "{}", [])
    key = {"pk": {"S": "ROLLOUT#claim-letters"}, "sk": {"S": f"PLAN#{state.plan_hash}"}}
    edited = json.dumps({**json.loads(state.plan.model_dump_json(by_alias=True)), "look_every": "1h", "flags": ["x"]})
    client.put_item(TableName=TABLE, Item={**key, "document": {"S": edited}, "schema_version": {"N": "1"}})
    assert table.state("claim-letters") == state
    client.delete_item(TableName=TABLE, Key=cast("Any", key))
    assert table.state("claim-letters") == state


def test_every_item_tells_its_schema_version(
    table: DynamoRolloutStore, client: DynamoDBClient, live: Live, happened: Happened, looked: Looked
) -> None:
    state = live()
    table.open(state, "{}", [happened()])
    table.commit(state, state.moved(NOW), evaluation=looked())
    kinds = {item["sk"]["S"].partition("#")[0] for item in all_raw(client)}
    assert kinds == {"STATE", "PLAN", "EVENT", "EVALUATION", "CLAIM"}
    assert all(item["schema_version"] == {"N": "1"} for item in all_raw(client))


DRIFT = Drift(side=DriftSide.BELOW, flag="letters_web", reads=0, record=1, since=NOW)


def test_a_commit_writes_changed_attributes_only(table: DynamoRolloutStore, client: DynamoDBClient, live: Live) -> None:
    state = live(stage=0, drift=DRIFT)
    table.open(state, "{}", [])
    sent: list[dict[str, Any]] = []
    client.meta.events.register("before-parameter-build.dynamodb", lambda params, **_: sent.append(params))
    table.commit(state, state.moved(NOW, standing=state.at_percent(1.0), drift=None))
    (update,) = [operation["Update"] for operation in sent[0]["TransactItems"]]
    assert set(update["ExpressionAttributeNames"].values()) == {"percent", "drift", "epoch"}


def test_an_evaluation_ends_with_its_retention(
    table: DynamoRolloutStore, client: DynamoDBClient, live: Live, looked: Looked
) -> None:
    state = live()
    store = DynamoRolloutStore(TABLE, client, retention=timedelta(days=30))
    store.open(state, "{}", [])
    store.commit(state, state.moved(NOW), evaluation=looked())
    item = raw(client, "ROLLOUT#claim-letters", "EVALUATION#2026-11-23T20:33:12.123Z")
    assert item["expires"] == {"N": str(int((NOW + timedelta(days=30)).timestamp()))}


def test_evidence_that_is_too_large_is_missing_by_name(
    table: DynamoRolloutStore, client: DynamoDBClient, live: Live, looked: Looked, caplog: pytest.LogCaptureFixture
) -> None:
    noise = [[1_764_000_000 + 300 * index, (index * 7919 % 100_003) / 100_003] for index in range(5000)]
    evidence = {"latency/value": {"points": noise}, "rate/total": {"points": [[1_764_000_000, 7.0]]}}
    state = live()
    table.open(state, "{}", [])
    with caplog.at_level(logging.WARNING):
        table.commit(state, state.moved(NOW), evaluation=looked(evidence=evidence))
    (kept,) = table.evaluations("claim-letters")
    assert kept.evidence["rate/total"] == evidence["rate/total"]
    assert kept.evidence["latency/value"]["unavailable"]
    assert "not kept" in kept.evidence["latency/value"]["detail"]
    item = raw(client, "ROLLOUT#claim-letters", "EVALUATION#2026-11-23T20:33:12.123Z")
    assert item["dropped"] == {"L": [{"S": "latency/value"}]}
    assert len(item["evidence"]["B"]) <= items.MOST_EVIDENCE
    assert "latency/value" in caplog.text


def test_attributes_of_a_later_version_are_ignored(
    table: DynamoRolloutStore, client: DynamoDBClient, live: Live
) -> None:
    table.open(live(), "{}", [])
    client.update_item(
        TableName=TABLE,
        Key=items.to_item(items.rollout_key("claim-letters", "STATE")),
        UpdateExpression="SET mood = :good",
        ExpressionAttributeValues={":good": {"S": "good"}},
    )
    assert table.state("claim-letters") == live()


def test_a_record_that_cannot_be_understood_is_an_error_of_the_store(
    table: DynamoRolloutStore, client: DynamoDBClient
) -> None:
    client.put_item(TableName=TABLE, Item=items.to_item(items.rollout_key("odd", "STATE") | {"status": "?"}))
    with pytest.raises(StoreError, match="record of odd cannot be understood"):
        table.state("odd")


def test_an_event_of_the_state_machine_is_an_event_too(table: DynamoRolloutStore, client: DynamoDBClient) -> None:
    keys = items.rollout_key("claim-letters", "EVENT#2026-11-23T20:33:12.123Z#a1-s0-2")
    asked = {"at": NOW, "kind": "asked", "rollout": "claim-letters", "attempt": 1, "stage": 0, "message": "may it?"}
    item = items.to_item(keys | asked | {"by": "rampart", "details": '{"gate": "a1-s0-2"}', "schema_version": 1})
    client.put_item(TableName=TABLE, Item=item)
    (event,) = table.events("claim-letters").values()
    assert (event.kind, event.percent, event.details) == (EventKind.ASKED, None, {"gate": "a1-s0-2"})
    assert items.event_of_image(item) == (keys["sk"], event)
    assert table.event("claim-letters", keys["sk"]) == event


@pytest.fixture
def telling(table: DynamoRolloutStore, live: Live, happened: Happened) -> Callable[..., Turn]:
    """Claims the turn to tell of the table's only event, with a lease of 45 seconds."""
    table.open(live(), "{}", [happened()])

    def claim(now: datetime = NOW, channel: str = "topic") -> Turn:
        (sort_key,) = table.events("claim-letters")
        return table.claim_telling("claim-letters", sort_key, channel, now, lapsed=now - timedelta(seconds=45))

    return claim


def test_one_at_a_time_may_tell_of_an_event_on_a_channel(telling: Callable[..., Turn]) -> None:
    assert telling() is Turn.OURS
    assert telling(NOW + timedelta(milliseconds=1)) is Turn.OTHERS
    assert telling(channel="bus") is Turn.OURS


def test_a_claim_to_tell_whose_answer_was_lost_is_still_ones_own(telling: Callable[..., Turn]) -> None:
    assert telling() is telling() is Turn.OURS


def test_a_claim_to_tell_lapses_with_its_lease(telling: Callable[..., Turn]) -> None:
    telling()
    assert telling(NOW + timedelta(milliseconds=44_999)) is Turn.OTHERS
    assert telling(NOW + timedelta(seconds=45)) is Turn.OURS
    assert telling(NOW + timedelta(seconds=46)) is Turn.OTHERS


def test_what_was_told_is_nobodys_turn_for_good(
    table: DynamoRolloutStore, client: DynamoDBClient, telling: Callable[..., Turn]
) -> None:
    telling()
    ((sort_key, event),) = table.events("claim-letters").items()
    table.mark_told("claim-letters", sort_key, "topic", NOW)
    assert telling() is telling(NOW + timedelta(days=1)) is Turn.NOBODYS
    assert telling(channel="bus") is Turn.OURS
    assert table.event("claim-letters", sort_key) == event
    stored = raw(client, "ROLLOUT#claim-letters", sort_key)
    assert stored["told_topic"] == stored["telling_bus"] == {"S": "2026-11-23T20:33:12.123Z"}
    assert "telling_topic" not in stored


def test_a_claim_that_is_given_back_is_free_at_once(table: DynamoRolloutStore, telling: Callable[..., Turn]) -> None:
    telling()
    (sort_key,) = table.events("claim-letters")
    for _ in range(2):
        table.release_telling("claim-letters", sort_key, "topic", NOW)
    assert telling(NOW + timedelta(milliseconds=1)) is Turn.OURS


def test_a_lapsed_claim_is_not_given_back_for_who_took_over(
    table: DynamoRolloutStore, telling: Callable[..., Turn]
) -> None:
    telling()
    later = NOW + timedelta(minutes=1)
    telling(later)
    (sort_key,) = table.events("claim-letters")
    table.release_telling("claim-letters", sort_key, "topic", NOW)
    assert telling(later + timedelta(milliseconds=1)) is Turn.OTHERS


def test_a_missing_event_is_neither_claimed_nor_created(table: DynamoRolloutStore, client: DynamoDBClient) -> None:
    missing = "claim-letters", "EVENT#2026#1", "topic"
    assert table.claim_telling(*missing, NOW, lapsed=NOW) is Turn.NOBODYS
    table.mark_told(*missing, NOW)
    table.release_telling(*missing, NOW)
    assert not all_raw(client)


class SilentServer(Protocol):
    url: str
    taken: list[object]


class CancellingClient:
    """Cancels transactions for the reasons in its script, then lets them pass."""

    def __init__(self, *script: Sequence[str]) -> None:
        self.script = list(script)
        self.writes = 0

    def transact_write_items(self, **_: object) -> None:
        self.writes += 1
        if self.script:
            reasons = [{"Code": code} for code in self.script.pop(0)]
            details = {"Error": {"Code": "TransactionCanceledException", "Message": "ConditionalCheckFailed, or not"}}
            raise ClientError(details | {"CancellationReasons": reasons}, "TransactWriteItems")  # type: ignore[arg-type]  # as botocore makes it


def committed_with(client: CancellingClient, state: RolloutState) -> list[float]:
    pauses: list[float] = []
    DynamoRolloutStore(TABLE, cast("DynamoDBClient", client), pause=pauses.append).commit(state, state.moved(NOW))
    return pauses


def test_a_write_that_meets_another_transaction_is_tried_again(live: Live) -> None:
    client = CancellingClient(["TransactionConflict"], ["TransactionConflict"])
    assert len(committed_with(client, live())) == 2
    assert client.writes == 3


def test_a_write_that_keeps_meeting_others_is_a_conflict_in_the_end(live: Live) -> None:
    client = CancellingClient(*[["TransactionConflict"]] * 10)
    with pytest.raises(ConflictError, match="others kept writing"):
        committed_with(client, live())
    assert client.writes == 4


def test_a_condition_that_does_not_hold_is_not_tried_again(live: Live) -> None:
    client = CancellingClient(["ConditionalCheckFailed", "TransactionConflict"])
    with pytest.raises(ConflictError, match="not at version 1 any more"):
        committed_with(client, live())
    assert client.writes == 1


@pytest.mark.parametrize("code", ["ThrottlingError", "ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_a_write_that_is_cancelled_for_another_reason_is_not_a_conflict(live: Live, code: str) -> None:
    """The reasons' codes tell: the message speaks of conditions in each of these."""
    with pytest.raises(StoreError, match=code) as caught:
        committed_with(CancellingClient([code]), live())
    assert not isinstance(caught.value, ConflictError)


def test_a_table_that_is_missing_is_an_error_of_the_store(aws: None, live: Live) -> None:
    store = DynamoRolloutStore("nowhere", boto3.client("dynamodb"))
    asks: list[Callable[[], object]] = [
        store.watched,
        lambda: store.state("x"),
        lambda: store.gate("x"),
        lambda: store.claims(["x"]),
        lambda: store.open(live(), "{}", []),
        lambda: store.commit(live(), live().moved(NOW)),
        lambda: store.events("x"),
        lambda: store.mark_told("x", "y", "topic", NOW),
        lambda: store.claim_telling("x", "y", "topic", NOW, lapsed=NOW),
        lambda: store.release_telling("x", "y", "topic", NOW),
    ]
    for ask in asks:
        with pytest.raises(StoreError, match="ResourceNotFoundException") as caught:
            ask()
        assert not isinstance(caught.value, ConflictError)


def test_a_table_that_cannot_be_reached_is_an_error_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    closed = "http://127.0.0.1:1"
    client = boto3.client(
        "dynamodb", region_name="us-east-1", endpoint_url=closed, config=Config(retries={"total_max_attempts": 1})
    )
    with pytest.raises(StoreError, match="could not read"):
        DynamoRolloutStore(TABLE, client).state("x")


def test_claims_that_a_throttled_table_leaves_unread_are_not_taken_for_free(live: Live) -> None:
    class Throttled:
        def batch_get_item(self, RequestItems: object) -> dict[str, object]:  # noqa: N803 -- boto3's name
            return {"Responses": {}, "UnprocessedKeys": RequestItems}

    with pytest.raises(StoreError, match="throttled"):
        DynamoRolloutStore(TABLE, cast("DynamoDBClient", Throttled())).claims(["letters_web"])


def test_stored_evidence_is_plain_compressed_json(
    table: DynamoRolloutStore, client: DynamoDBClient, live: Live, looked: Looked
) -> None:
    """Other tools can read it: zlib around JSON."""
    state = live()
    table.open(state, "{}", [])
    table.commit(state, state.moved(NOW), evaluation=looked())
    item = raw(client, "ROLLOUT#claim-letters", "EVALUATION#2026-11-23T20:33:12.123Z")
    content = json.loads(zlib.decompress(item["evidence"]["B"]))
    assert content["download error rate/total"]["points"] == [[1_764_000_000, 300], [7.0, 5.0]]
