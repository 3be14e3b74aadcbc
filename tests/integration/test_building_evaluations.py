"""An evaluation stores what is new since another one: what is read back is what was judged, at half the cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.adapters import items
from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart.evidence.verdict import Verdict
from rampart.rollout.evaluation import Evaluation
from rampart.rollout.state import RolloutState
from rampart.words import timestamp
from tests.table import create_table
from tests.unit.cli.conftest import NOON, live

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "rampart"
LOOK_EVERY = timedelta(minutes=5)
START = int(NOON.timestamp())
QUERIES = (
    "download error rate/errors",
    "download error rate/total",
    "index error rate/errors",
    "index error rate/total",
)


@pytest.fixture
def client(aws: None) -> DynamoDBClient:
    made = boto3.client("dynamodb")
    create_table(made, TABLE)
    return made


def evidence_at(at: datetime, *, late: bool = True) -> dict[str, Any]:
    """Counts by the minute since the stage began; the newest two grow as late data comes in."""
    minutes = int((at.timestamp() - START) // 60)
    found: dict[str, Any] = {}
    for number, name in enumerate(QUERIES):
        chance = Random(number)
        usual = 40.0 if name.endswith("total") else 0.3
        values = [float(max(0, round(chance.gauss(usual, usual**0.5)))) for _ in range(minutes)]
        if late and len(values) > 2:
            values[-2:] = [values[-2] // 2, values[-1] // 3]
        found[name] = {"points": [[START + 60 * minute, value] for minute, value in enumerate(values)]}
    return found


def evaluation_at(state: RolloutState, at: datetime) -> Evaluation:
    message = "download error rate 0.4% (3 of 812) is below 8%, and the interval up to 1.2% is too"
    judgement = {"name": "download error rate", "verdict": "pass", "message": message, "interval": [0.001, 0.012]}
    return Evaluation(
        id=timestamp(at),
        at=at,
        rollout=state.rollout,
        attempt=state.attempt,
        stage=0,
        percent=1.0,
        window=(START, int(at.timestamp()), 60, 1440),
        verdict=Verdict.PASS,
        judgements=(judgement, judgement | {"name": "index error rate"}),
        evidence=evidence_at(at),
        plan_hash=state.plan_hash,
        rule_version="3",
    )


def looks(
    client: DynamoDBClient, count: int, *, every: timedelta = LOOK_EVERY, restarts: frozenset[int] = frozenset()
) -> list[Evaluation]:
    """Look at a stage so often, with a new process before some looks; every evaluation as it was judged."""
    store = DynamoRolloutStore(TABLE, client)
    state = live(gate=None, latest=None)
    store.open(state, "{}", [])
    made = []
    for number in range(count):
        if number in restarts:
            store = DynamoRolloutStore(TABLE, client)
        at = NOON + (number + 1) * every
        after = state.moved(at)
        evaluation = evaluation_at(state, at)
        store.commit(state, after, evaluation=evaluation)
        made.append(evaluation)
        state = after
    return made


def stored(client: DynamoDBClient) -> list[dict[str, Any]]:
    return [
        dict(item)
        for page in client.get_paginator("scan").paginate(TableName=TABLE)
        for item in page["Items"]
        if str(item["sk"].get("S")).startswith("EVALUATION#")
    ]


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("restarts", [frozenset[int](), frozenset({3, 4, 17})])
def test_what_is_read_is_what_was_judged(
    client: DynamoDBClient, restarts: frozenset[int], *, newest_first: bool
) -> None:
    made = looks(client, 30, restarts=restarts)
    read = list(DynamoRolloutStore(TABLE, client).evaluations("letters", newest_first=newest_first))
    assert read == (made[::-1] if newest_first else made)


@pytest.mark.parametrize("newest_first", [False, True])
def test_what_others_build_on_is_expanded_once_for_all_of_them(
    client: DynamoDBClient, monkeypatch: pytest.MonkeyPatch, *, newest_first: bool
) -> None:
    """Fifteen hundred looks were read in four seconds more, most of them for the same few evaluations."""
    looks(client, 30)
    wholes = sum("builds_on" not in item for item in stored(client))
    expanded: list[bytes] = []
    expand = items.expand_evidence

    def counted(content: bytes, base: Mapping[str, Any] | None = None) -> dict[str, Any]:
        expanded.append(content)
        return expand(content, base)

    monkeypatch.setattr(items, "expand_evidence", counted)
    list(DynamoRolloutStore(TABLE, client).evaluations("letters", newest_first=newest_first))
    assert len(expanded) == 30 + (wholes if newest_first else 0)


def test_most_evaluations_build_on_one_of_the_last_hour(client: DynamoDBClient) -> None:
    looks(client, 30)
    building = [item for item in stored(client) if "builds_on" in item]
    assert len(building) >= 24
    assert {item["schema_version"]["N"] for item in building} == {"2"}, "an older Rampart refuses them in words"
    assert {item["schema_version"]["N"] for item in stored(client) if "builds_on" not in item} == {"1"}


def test_what_builds_on_an_expired_evaluation_has_expired_with_it(client: DynamoDBClient) -> None:
    looks(client, 3)
    whole, *building = sorted(stored(client), key=lambda item: item["sk"]["S"])
    assert {item["expires"]["N"] for item in building} == {whole["expires"]["N"]}
    client.delete_item(TableName=TABLE, Key={"pk": whole["pk"], "sk": whole["sk"]})
    assert list(DynamoRolloutStore(TABLE, client).evaluations("letters")) == []


def units(item: dict[str, Any]) -> int:
    """Write units of an item in a transaction: two for each kilobyte that is begun."""
    return 2 * math.ceil(_size(item) / 1024)


def _size(value: Any) -> int:
    """An item's size as DynamoDB counts it: names, text and bytes by their length, numbers by their digits."""
    match value:
        case {"S": str(text)}:
            return len(text.encode())
        case {"N": str(number)}:
            return len(number) // 2 + 2
        case {"B": content}:
            return len(content)
        case {"M": dict(inner)}:
            return 3 + sum(len(name) + _size(each) + 1 for name, each in inner.items())
        case {"L": list(inner)}:
            return 3 + sum(_size(each) + 1 for each in inner)
        case dict():
            return sum(len(name) + _size(each) for name, each in value.items())
    return 1


def test_a_day_of_looks_writes_half_of_what_it_wrote_for_evaluations(
    client: DynamoDBClient,
) -> None:
    """docs/cost.md has these figures."""
    made = looks(client, 288)
    before = sum(units(items.to_item(items.evaluation_attributes(each, timedelta(days=400))[0])) for each in made)
    after = sum(map(units, stored(client)))
    record = client.get_item(TableName=TABLE, Key={"pk": {"S": "ROLLOUT#letters"}, "sk": {"S": "STATE"}})["Item"]
    told = f"write units a look: evaluation {before / 288:.1f} → {after / 288:.1f}, record {units(dict(record))}"
    print(told)  # noqa: T201  pytest -s shows the figures
    assert after <= before / 2


points = st.lists(st.tuples(st.integers(0, 400), st.floats(0, 1e6)), max_size=30, unique_by=lambda each: each[0])


@given(points.map(sorted), points.map(sorted))
def test_any_series_comes_back_whatever_it_builds_on(
    mine: list[tuple[int, float]], theirs: list[tuple[int, float]]
) -> None:
    new, old = {"q": {"points": [list(each) for each in mine]}}, {"q": {"points": [list(each) for each in theirs]}}
    content, _ = items.compress_evidence(new, base=old)
    assert items.expand_evidence(content, old) == new
