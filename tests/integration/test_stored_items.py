"""Records that the first version of the items stored are read today: a change of the models must not lose them.

The files in `items_v1` are what DynamoDB held (binary values as base64). They are never changed: a new version of the
items gets a folder of its own, and the code reads both.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rampart.adapters import items
from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart.errors import StoreError
from rampart.plan.calendar import AdvanceOn
from rampart.plan.model import Plan, WhenBlind
from rampart.rollout.event import Event, EventKind
from rampart.rollout.gate import Answer, DecisionKind, Gate, GateKind, OpenGate, Question
from rampart.rollout.notify import Turn
from rampart.rollout.state import SCHEMA_VERSION, Claim, Intent, RolloutState, Status
from rampart.rollout.waiver import Override

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

FOLDER = Path(__file__).with_name("items_v1")
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
DEFINITIONS = Path(__file__).parents[2] / "functions"
ROLLOUT = "claim-letters"
FLAGS = ("letters_web", "letters_mobile")
PLAN_HASH = "6db4268f18fbc848369a15901a2e3e0cfa48a97e57e279db59f0f9f73423ea82"
Store = Callable[..., DynamoRolloutStore]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def item_of(name: str, **changes: Any) -> items.Item:
    stored: items.Item = json.loads((FOLDER / f"{name}.json").read_text())
    return {name: _from_json(value) for name, value in (stored | changes).items()}


def _from_json(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": base64.b64decode(value["B"])} if "B" in value else value


@pytest.fixture
def holding(client: DynamoDBClient, table: DynamoRolloutStore) -> Store:
    """Puts stored items into the table as they are."""

    def put(*names: str, **changes: Any) -> DynamoRolloutStore:
        for name in names:
            client.put_item(TableName="rampart", Item=item_of(name, **changes))
        return table

    return put


def record(holding: Store, name: str) -> RolloutState:
    state = holding(name).state(ROLLOUT)
    assert state is not None
    return state


# The record.


def test_the_plan_in_a_record_is_read(holding: Store) -> None:
    plan = record(holding, "state_new").plan

    assert (plan.flags, plan.monitors, plan.when_blind) == (FLAGS, (4711,), WhenBlind.ROLL_BACK)
    assert plan.calendar.advance_on is AdvanceOn.BUSINESS_DAYS
    assert [(stage.label, stage.percent) for stage in plan.stages] == [
        ("Canary (1%)", 1.0),
        ("25.5%", 25.5),
        ("100%", 100.0),
    ]
    assert [(name, spec.kind) for name, spec in plan.criteria.items()] == [
        ("download error rate", "rate"),
        ("timeouts", "count"),
        ("latency", "value"),
        ("complaints", "reported"),
    ]
    assert plan.stages[0].hold.clock == timedelta(days=4)
    assert plan.stages[1].hold.business_days == 1


def test_a_rollout_that_has_just_begun(holding: Store) -> None:
    state = record(holding, "state_new")

    assert (state.status, state.attempt, state.epoch, state.stage, state.percent) == (Status.LIVE, 1, 1, None, 0.0)
    assert state.plan_hash == PLAN_HASH
    assert state.started == at("2025-07-28T14:00:03.120")
    assert holding().watched() == [ROLLOUT]


def test_a_rollout_that_asks(holding: Store) -> None:
    state = record(holding, "state_asking")

    assert (state.epoch, state.stage, state.percent, state.passed_gate) == (42, 0, 1.0, "start")
    assert state.gate == OpenGate(
        id="a1-s0-1f0c9d3e", kind=GateKind.APPROVAL, token="AQCEAAAAKgAAAAMAAAAA", opened=at("2025-08-01T14:06:00")
    )
    assert state.latest is not None
    assert state.latest.verdicts == {"download error rate": "inconclusive", "timeouts": "pass", "latency": "pass"}
    assert state.latest.messages["timeouts"] == "timeouts 0 of at most 5"
    assert state.standing is not None
    assert state.standing.hold_ends == at("2025-08-01T14:00:09.500")


def test_an_advance_in_flight_with_an_override(holding: Store) -> None:
    state = record(holding, "state_in_flight")
    moment = at("2025-08-01T14:20:00")

    assert state.intent == Intent(gate="a1-s0-1f0c9d3e", stage=1, percent=25.5, at=moment)
    assert state.cut_off == moment
    assert state.overrides == (
        Override(
            criteria=("download error rate", "complaints"),
            by="Robin Vale",
            note="too little traffic to prove it",
            through_stage=1,
        ),
    )


def test_a_rollback_that_is_not_finished(holding: Store) -> None:
    state = record(holding, "state_halted")

    assert (state.status, state.watched) == (Status.HALTED, True)
    assert state.intent is not None
    assert str(state.drift) == "letters_web was changed outside Rampart: expected 1%, found 25.5%"
    assert state.halted_at == at("2025-08-01T14:20:04")
    assert state.watch_until == at("2025-08-01T14:35:04")


def test_a_rolled_back_and_a_completed_rollout(holding: Store) -> None:
    down, done = record(holding, "state_rolled_back"), record(holding, "state_completed")

    assert (down.status, down.percent, down.watched, down.intent) == (Status.ROLLED_BACK, 0.0, True, None)
    assert (done.status, done.attempt, done.target, done.stage) == (Status.COMPLETED, 2, 1, 2)
    assert (done.percent, done.watched) == (100.0, False)
    assert holding().watched() == []


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("state_")])
def test_nothing_in_a_record_is_lost(holding: Store, name: str) -> None:
    """A field that is renamed or dropped would be read as its default, without an error."""
    stored = item_of(name)
    key = items.rollout_key(ROLLOUT, "STATE")

    today = items.to_item(key | items.state_attributes(record(holding, name)))

    for each in stored.keys() - {"plan", "drift"}:  # a drift is no longer a sentence
        assert still_holds(today.get(each), stored[each]), each


def still_holds(today: object, stored: object) -> bool:
    """Whether everything that was stored is stored today; what came later may stand next to it."""
    match today, stored:
        case dict(), dict():
            return all(still_holds(today.get(name), value) for name, value in stored.items())
        case list(), list():
            return len(today) == len(stored) and all(map(still_holds, today, stored))
    return today == stored


def test_a_record_of_the_first_version_goes_on(holding: Store) -> None:
    """What is written to it is read with what was there before."""
    before = record(holding, "state_asking")
    after = before.moved(
        at("2025-08-01T15:00:00"), status=Status.ROLLED_BACK, gate=None, standing=before.at_percent(0.0)
    )
    table = holding()
    table.commit(before, after)

    assert table.state(ROLLOUT) == after


# What lies next to it.


def test_the_submitted_plan(holding: Store) -> None:
    document = holding("plan").plan_document(ROLLOUT, PLAN_HASH)

    assert document is not None
    assert Plan.model_validate_json(document) == record(holding, "state_new").plan


def test_a_bake_gate_and_a_blind_one(holding: Store) -> None:
    assert holding("gate_bake").gate(ROLLOUT) == Gate(
        id="a1-s0-9b2d4c11",
        kind=GateKind.BAKE,
        attempt=1,
        stage=0,
        token="AQCEAAAAKgAAAAMAAAAB",
        opened=at("2025-07-28T14:00:10.001"),
    )
    blind = holding("gate_blind").gate(ROLLOUT)
    assert blind is not None
    assert blind.kind is GateKind.BLIND


def test_a_question_and_its_answer(holding: Store) -> None:
    asked, answered = (holding(name).gate(ROLLOUT) for name in ("gate_approval", "gate_answered"))

    assert asked is not None
    assert asked.answer is None
    assert asked.lapses == at("2025-08-01T20:00:00")
    assert asked.question == Question.model_validate(
        {
            "evaluation": "2025-08-01T14:05:00.250Z",
            "verdict": "inconclusive",
            "unmet": ["download error rate"],
            "reported": {"complaints": 0},
        }
    )
    answer = Answer(
        decision=DecisionKind.OVERRIDE,
        by="Robin Vale",
        note="too little traffic to prove it",
        reported={"complaints": 0},
        execution="arn:aws:states:us-east-1:123456789012:execution:rampart-decision:d-1",
        at=at("2025-08-01T14:19:58.700"),
    )
    assert answered == asked.model_copy(update={"answer": answer})


def test_events_of_functions_and_of_machines(holding: Store) -> None:
    names = ("event_blind", "event_asked", "event_decided", "event_rolled_back")
    events = list(holding(*names).events(ROLLOUT).values())

    assert [event.kind for event in events] == [
        EventKind.BLIND,
        EventKind.ASKED,
        EventKind.DECIDED,
        EventKind.ROLLED_BACK,
    ]
    assert [event.by for event in events] == ["rampart", "rampart", "Robin Vale", "datadog"]
    assert events[1].details["decision"] == "override"
    assert events[3] == Event(
        at=at("2025-08-01T14:21:00"),
        kind=EventKind.ROLLED_BACK,
        rollout=ROLLOUT,
        attempt=1,
        stage=0,
        percent=0.0,
        by="datadog",
        message="letters_web, letters_mobile read at 0%: Datadog monitor 4711 alerts",
        details={
            "cause": "alert",
            "monitor": "4711",
            "cycle": "8122906711593452100",
            "asked_at": "2025-08-01T14:20:03Z",
            "reason": "Datadog monitor 4711 alerts",
        },
    )


def test_an_event_is_told_once_whichever_version_stored_it(holding: Store) -> None:
    table = holding("event_rolled_back")
    [key] = table.events(ROLLOUT)

    later, lapsed = at("2025-08-02T00:00:00"), at("2025-08-01T23:00:00")
    assert table.claim_telling(ROLLOUT, key, "topic", later, lapsed=lapsed) is Turn.NOBODYS


def test_an_evaluation_with_its_evidence(holding: Store) -> None:
    [evaluation] = holding("evaluation").evaluations(ROLLOUT)

    assert (evaluation.verdict, evaluation.percent, evaluation.rule_version) == ("error", 1.0, "1")
    assert evaluation.window == (1_753_711_500, 1_754_056_800, 300, 1152)
    assert evaluation.evidence == {
        "download error rate/errors": {"points": [[1_753_711_500, 0.0], [1_753_711_800, None], [1_753_712_100, 1.0]]},
        "download error rate/total": {"points": [[1_753_711_500, 90.0], [1_753_711_800, 10.0], [1_753_712_100, 100.0]]},
        "timeouts/value": {"points": []},
        "latency/value": {"unavailable": "unreachable", "detail": "Datadog answered 503"},
    }
    assert [each["verdict"] for each in evaluation.judgements] == ["inconclusive", "error"]


def test_a_claim(holding: Store) -> None:
    claims = holding("claim").claims(["letters_web"])

    assert claims == {"letters_web": Claim(flag="letters_web", rollout=ROLLOUT, flags=FLAGS)}


# Versions.

READERS: dict[str, Callable[[DynamoRolloutStore], object]] = {
    "state": lambda table: table.state(ROLLOUT),
    "gate": lambda table: table.gate(ROLLOUT),
    "event": lambda table: table.events(ROLLOUT),
    "evaluation": lambda table: list(table.evaluations(ROLLOUT)),
    "plan": lambda table: table.plan_document(ROLLOUT, PLAN_HASH),
    "claim": lambda table: table.claims(["letters_web"]),
}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_later_rampart_added_is_passed_over(holding: Store, name: str) -> None:
    read = READERS[name.partition("_")[0]]
    as_it_was = read(holding(name))

    assert read(holding(name, added_later={"S": "something"})) == as_it_was


@pytest.mark.parametrize("name", NAMES)
def test_an_item_of_a_later_version_is_refused_in_words(holding: Store, name: str) -> None:
    table = holding(name, schema_version={"N": str(SCHEMA_VERSION + 1)})

    with pytest.raises(StoreError, match=r"stored in version 2 .* up to version 1: use the later Rampart"):
        READERS[name.partition("_")[0]](table)


def test_the_stream_brings_no_event_of_a_later_version_unnoticed() -> None:
    with pytest.raises(StoreError, match="version 2"):
        items.event_of_image(item_of("event_asked", schema_version={"N": "2"}))


@pytest.mark.parametrize("name", NAMES)
def test_every_stored_item_carries_its_version(name: str) -> None:
    assert item_of(name)["schema_version"] == {"N": "1"}


@pytest.mark.parametrize("machine", ["rollout", "decision"])
def test_what_the_machines_store_carries_the_version(machine: str) -> None:
    states = json.loads((DEFINITIONS / f"{machine}.asl.json").read_text())["States"].values()
    arguments = [state.get("Parameters") or state.get("Arguments") or {} for state in states]
    puts = [item["Put"]["Item"] for each in arguments for item in each.get("TransactItems", []) if "Put" in item]

    assert puts
    assert all(put["schema_version"] == {"N": str(SCHEMA_VERSION)} for put in puts)


def test_what_the_functions_store_carries_the_version(
    client: DynamoDBClient,
    table: DynamoRolloutStore,
    live: Callable[..., RolloutState],
    happened: Callable[..., Event],
    looked: Callable[..., Any],
) -> None:
    state = live()
    table.open(state, "{}", [happened()])
    table.commit(state, state.moved(state.updated), evaluation=looked())

    stored = client.scan(TableName="rampart")["Items"]

    assert {item["sk"]["S"].split("#")[0] for item in stored} == {"STATE", "PLAN", "CLAIM", "EVENT", "EVALUATION"}
    assert all(item["schema_version"] == {"N": str(SCHEMA_VERSION)} for item in stored)
