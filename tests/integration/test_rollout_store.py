"""The contract of the records, which the table and the store in memory both keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest

from rampart.errors import ConflictError, FrozenError
from rampart.evidence.verdict import Verdict
from rampart.plan.model import Plan
from rampart.rollout.drift import Drift, DriftSide
from rampart.rollout.evaluation import Evaluation
from rampart.rollout.event import Event, EventKind
from rampart.rollout.freeze import Freeze
from rampart.rollout.gate import Answer, Gate, GateKind, OpenGate
from rampart.rollout.ports import RolloutStore
from rampart.rollout.state import Claim, Intent, Latest, RolloutState, Status
from tests.doubles import MemoryRolloutStore
from tests.records import standing

NOW = datetime(2026, 11, 23, 20, 33, 12, 123_000, tzinfo=UTC)
Live = Callable[..., RolloutState]
Happened = Callable[..., Event]
Looked = Callable[..., Evaluation]
Gates = Callable[..., Gate]
Answers = Callable[..., Answer]


class Store(RolloutStore, Protocol):
    """The port, and what the command line reads."""

    def events(self, rollout: str) -> Mapping[str, Event]: ...
    def evaluations(self, rollout: str, *, newest_first: bool = False) -> Iterator[Evaluation]: ...
    def plan_document(self, rollout: str, plan_hash: str) -> str | None: ...
    def put_freeze(self, freeze: Freeze, event: Event) -> None: ...
    def lift_freeze(self, freeze: Freeze, event: Event) -> None: ...


DRIFT = Drift(side=DriftSide.BELOW, flag="letters_web", reads=0, record=1, since=NOW)


class Machines(Protocol):
    """What the state machines write themselves."""

    def open_gate(self, rollout: str, execution: str, gate: Gate) -> None: ...
    def answer_gate(self, rollout: str, gate_id: str, answer: Answer) -> None: ...


Both = tuple[Store, Machines]


@pytest.fixture(params=["memory", "table"])
def both(request: pytest.FixtureRequest) -> Both:
    if request.param == "table":
        return request.getfixturevalue("table"), request.getfixturevalue("table_machines")
    memory = MemoryRolloutStore()
    return memory, memory


@pytest.fixture
def store(both: Both) -> Store:
    return both[0]


@pytest.fixture
def machines(both: Both) -> Machines:
    return both[1]


def test_a_rollout_reads_as_it_was_opened(store: Store, live: Live) -> None:
    state = live()
    store.open(state, '{"rollout": "claim-letters"}', [])
    assert store.state("claim-letters") == state
    assert store.plan_document("claim-letters", state.plan_hash) == '{"rollout": "claim-letters"}'


def test_what_is_not_there_reads_as_none(store: Store) -> None:
    assert store.state("no one") is None
    assert store.gate("no one") is None
    assert store.plan_document("no one", "hash") is None
    assert not store.events("no one")


def test_opening_claims_every_flag_for_all_of_them(store: Store, live: Live) -> None:
    store.open(live(), "{}", [])
    flags = ("letters_web", "letters_mobile")
    assert store.claims(["letters_web", "letters_web", "free"]) == {
        "letters_web": Claim(flag="letters_web", rollout="claim-letters", flags=flags)
    }


def test_asking_for_no_claims_finds_none(store: Store) -> None:
    assert store.claims([]) == {}


def test_a_name_is_opened_once(store: Store, live: Live, happened: Happened) -> None:
    store.open(live(), "{}", [])
    with pytest.raises(ConflictError):
        store.open(live(execution="second"), "{}", [happened()])
    assert store.state("claim-letters") == live()
    assert not store.events("claim-letters")


def test_a_flag_that_is_held_refuses_the_start_and_leaves_nothing_behind(store: Store, live: Live, plan: Plan) -> None:
    store.open(live(), "{}", [])
    other = plan.model_copy(update={"rollout": "other", "flags": ("only_mine", "letters_mobile")})
    with pytest.raises(ConflictError):
        store.open(live(rollout="other", plan=other), "{}", [])
    assert store.state("other") is None
    assert store.claims(["only_mine"]) == {}


def test_a_commit_writes_the_record_with_its_events_and_its_evaluation(
    store: Store, live: Live, happened: Happened, looked: Looked
) -> None:
    state = live()
    store.open(state, "{}", [happened(EventKind.STARTED)])
    latest = Latest(
        id="e-1", at=NOW, verdict=Verdict.PASS, verdicts={"latency": Verdict.PASS}, messages={"latency": "ok"}
    )
    after = state.moved(NOW, standing=standing(NOW, percent=12.5, latest=latest), drift=DRIFT)
    told = [
        happened(details={"tiny": 1e-200, "nothing": None, "list": [1, {"a": 0.1}]}),
        happened(percent=1.0, stage=0),
    ]
    store.commit(state, after, events=told, evaluation=looked())
    assert store.state("claim-letters") == after
    assert list(store.events("claim-letters").values()) == [happened(EventKind.STARTED), *told]
    assert list(store.evaluations("claim-letters")) == [looked()]


def test_fields_that_became_none_are_gone(store: Store, live: Live) -> None:
    state = live(stage=0, intent=Intent(gate="g", stage=1, percent=25, at=NOW), drift=DRIFT, halted_at=NOW)
    store.open(state, "{}", [])
    after = state.moved(NOW, standing=None, intent=None, drift=None, halted_at=None)
    store.commit(state, after)
    assert store.state("claim-letters") == after


def test_a_commit_on_an_old_version_writes_nothing(
    store: Store, live: Live, happened: Happened, looked: Looked
) -> None:
    state = live()
    store.open(state, "{}", [])
    store.commit(state, state.moved(NOW, target=1))
    with pytest.raises(ConflictError):
        store.commit(state, state.moved(NOW, target=2), events=[happened()], evaluation=looked(), release=True)
    assert store.state("claim-letters") == state.moved(NOW, target=1)
    assert not store.events("claim-letters")
    assert not list(store.evaluations("claim-letters"))
    assert set(store.claims(["letters_web", "letters_mobile"])) == {"letters_web", "letters_mobile"}


def test_a_commit_to_nothing_is_a_conflict(store: Store, live: Live) -> None:
    with pytest.raises(ConflictError):
        store.commit(live(), live().moved(NOW))
    assert store.state("claim-letters") is None


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_commit_leads_to_the_next_version_only(store: Store, live: Live, epoch: int) -> None:
    store.open(live(), "{}", [])
    with pytest.raises(ValueError, match="does not follow"):
        store.commit(live(), live(epoch=epoch))


def test_a_gate_opened_meanwhile_survives_a_commit(store: Store, live: Live, machines: Machines, bake: Gates) -> None:
    """The state machine opens gates without a new version; a tick that read the record before must not close them."""
    state = live(stage=0)
    store.open(state, "{}", [])
    machines.open_gate("claim-letters", state.execution, bake())
    after = state.moved(NOW, drift=DRIFT)
    store.commit(state, after)
    kept = store.state("claim-letters")
    assert kept is not None
    assert kept.gate == OpenGate(id="a1-s0-1", kind=GateKind.BAKE, token="token-1", opened=NOW)
    assert kept.drift == DRIFT


def test_a_gate_that_was_seen_can_be_closed(store: Store, live: Live, machines: Machines, bake: Gates) -> None:
    state = live(stage=0)
    store.open(state, "{}", [])
    machines.open_gate("claim-letters", state.execution, bake())
    seen = store.state("claim-letters")
    assert seen is not None
    store.commit(seen, seen.moved(NOW, gate=None))
    closed = store.state("claim-letters")
    assert closed is not None
    assert closed.gate is None


@pytest.mark.parametrize(
    "meanwhile",
    [{"status": Status.HALTED}, {"attempt": 2}, {"standing": standing(NOW, stage=1)}, {"execution": "another"}],
)
def test_no_gate_opens_on_an_attempt_that_moved_on(
    store: Store, live: Live, meanwhile: dict[str, Any], machines: Machines, bake: Gates
) -> None:
    state = live(stage=0)
    store.open(state, "{}", [])
    store.commit(state, state.moved(NOW, **meanwhile))
    with pytest.raises(ConflictError):
        machines.open_gate("claim-letters", state.execution, bake())
    assert store.gate("claim-letters") is None


def test_a_gate_reads_with_its_question_and_its_answer(
    store: Store, live: Live, machines: Machines, approval: Gates, answer: Answers
) -> None:
    state = live(stage=0)
    store.open(state, "{}", [])
    machines.open_gate("claim-letters", state.execution, approval())
    assert store.gate("claim-letters") == approval()
    machines.answer_gate("claim-letters", "a1-s0-2", answer(note="looks good"))
    assert store.gate("claim-letters") == approval(answer=answer(note="looks good"))


def test_a_gate_takes_one_answer_and_the_same_again(
    store: Store, live: Live, machines: Machines, approval: Gates, answer: Answers
) -> None:
    state = live(stage=0)
    store.open(state, "{}", [])
    machines.open_gate("claim-letters", state.execution, approval())
    machines.answer_gate("claim-letters", "a1-s0-2", answer())
    machines.answer_gate("claim-letters", "a1-s0-2", answer())
    with pytest.raises(ConflictError):
        machines.answer_gate("claim-letters", "a1-s0-2", answer(execution="decision-2", by="Bob"))
    gate = store.gate("claim-letters")
    assert gate is not None
    assert gate.answer == answer()


def test_a_lapsed_gate_takes_no_answer(
    store: Store, live: Live, machines: Machines, approval: Gates, answer: Answers
) -> None:
    state = live(stage=0)
    store.open(state, "{}", [])
    machines.open_gate("claim-letters", state.execution, approval(lapses=NOW))
    with pytest.raises(ConflictError):
        machines.answer_gate("claim-letters", "a1-s0-2", answer())


def test_a_commit_that_needs_an_answer_needs_it_at_that_gate(
    store: Store, live: Live, machines: Machines, approval: Gates, answer: Answers
) -> None:
    state = live(stage=0)
    store.open(state, "{}", [])
    machines.open_gate("claim-letters", state.execution, approval())
    seen = store.state("claim-letters")
    assert seen is not None
    after = seen.moved(NOW, intent=Intent(gate="a1-s0-2", stage=1, percent=25, at=NOW))
    with pytest.raises(ConflictError):
        store.commit(seen, after, answered="a1-s0-2")
    machines.answer_gate("claim-letters", "a1-s0-2", answer())
    with pytest.raises(ConflictError):
        store.commit(seen, after, answered="a1-s0-1")
    assert store.state("claim-letters") == seen
    store.commit(seen, after, answered="a1-s0-2")
    assert store.state("claim-letters") == after


def test_a_release_frees_the_flags_in_the_same_write(store: Store, live: Live) -> None:
    state = live()
    store.open(state, "{}", [])
    store.commit(state, state.moved(NOW, status=Status.COMPLETED), release=True)
    assert store.claims(["letters_web", "letters_mobile"]) == {}


def test_flags_of_another_rollout_are_not_freed(store: Store, live: Live, plan: Plan) -> None:
    state = live()
    store.open(state, "{}", [])
    store.commit(state, state.moved(NOW, status=Status.COMPLETED), release=True)
    other = plan.model_copy(update={"rollout": "other"})
    store.open(live(rollout="other", plan=other), "{}", [])
    done = store.state("claim-letters")
    assert done is not None
    with pytest.raises(ConflictError):
        store.commit(done, done.moved(NOW), release=True)
    assert {claim.rollout for claim in store.claims(plan.flags).values()} == {"other"}


def test_flags_that_were_freed_are_held_again_in_the_same_write(store: Store, live: Live) -> None:
    state = live()
    store.open(state, "{}", [])
    done = state.moved(NOW, status=Status.COMPLETED)
    store.commit(state, done, release=True)
    back = done.moved(NOW, status=Status.HALTED)
    store.commit(done, back, claim=True)
    assert {claim.rollout for claim in store.claims(state.plan.flags).values()} == {state.rollout}
    again = back.moved(NOW, status=Status.ROLLED_BACK)
    store.commit(back, again, claim=True)
    assert store.state(state.rollout) == again


def test_a_flag_that_another_rollout_took_meanwhile_is_not_held_again(store: Store, live: Live, plan: Plan) -> None:
    state = live()
    store.open(state, "{}", [])
    done = state.moved(NOW, status=Status.COMPLETED)
    store.commit(state, done, release=True)
    other = plan.changed(rollout="another", flags=plan.flags[:1])
    store.open(live(rollout="another", plan=other), "{}", [])
    with pytest.raises(ConflictError):
        store.commit(done, done.moved(NOW, status=Status.HALTED), claim=True)
    assert store.state(state.rollout) == done
    assert {claim.rollout for claim in store.claims(plan.flags).values()} == {"another"}


def test_only_watched_rollouts_are_looked_at(store: Store, live: Live, plan: Plan) -> None:
    state = live()
    other = plan.model_copy(update={"rollout": "other", "flags": ("another",)})
    store.open(state, "{}", [])
    store.open(live(rollout="other", plan=other), "{}", [])
    assert sorted(store.watched()) == ["claim-letters", "other"]
    gone = state.moved(NOW, watched=False)
    store.commit(state, gone)
    assert store.watched() == ["other"]
    store.commit(gone, gone.moved(NOW, watched=True))
    assert sorted(store.watched()) == ["claim-letters", "other"]


def test_evaluations_read_in_either_order(store: Store, live: Live, looked: Looked) -> None:
    state = live()
    store.open(state, "{}", [])
    looks = [looked(at=NOW + timedelta(minutes=5 * index)) for index in range(3)]
    for look in looks:
        after = state.moved(NOW)
        store.commit(state, after, evaluation=look)
        state = after
    assert list(store.evaluations("claim-letters")) == looks
    assert list(store.evaluations("claim-letters", newest_first=True)) == looks[::-1]


def test_events_of_one_millisecond_are_all_kept_in_order(store: Store, live: Live, happened: Happened) -> None:
    state = live()
    store.open(state, "{}", [happened(message="0")])
    for number in range(1, 12):
        after = state.moved(NOW)
        store.commit(state, after, events=[happened(message=f"{number}a"), happened(message=f"{number}b")])
        state = after
    expected = ["0", *(f"{number}{part}" for number in range(1, 12) for part in "ab")]
    assert [event.message for event in store.events("claim-letters").values()] == expected


# The freeze.


def frozen_at(at: datetime = NOW) -> tuple[Freeze, Event]:
    freeze = Freeze(by="ada", note="an incident", at=at)
    return freeze, freeze.begun


def test_a_freeze_stands_until_it_is_lifted(store: Store) -> None:
    assert store.freeze() is None
    freeze, told = frozen_at()
    store.put_freeze(freeze, told)
    assert store.freeze() == freeze
    store.lift_freeze(freeze, freeze.ended("ben", NOW + timedelta(seconds=1), "over"))
    assert store.freeze() is None


def test_a_second_freeze_is_refused_and_another_one_is_not_lifted(store: Store) -> None:
    freeze, told = frozen_at()
    other, others = frozen_at(NOW + timedelta(seconds=5))
    store.put_freeze(freeze, told)
    with pytest.raises(ConflictError):
        store.put_freeze(other, others)
    with pytest.raises(ConflictError):
        store.lift_freeze(other, others)
    assert store.freeze() == freeze


def test_a_commit_that_must_not_happen_in_a_freeze_writes_nothing(store: Store, live: Live) -> None:
    state = live()
    store.open(state, "{}", [])
    freeze, told = frozen_at()
    store.put_freeze(freeze, told)
    after = state.moved(NOW, attempt=2)
    with pytest.raises(FrozenError, match="ada froze every rollout at 2026-11-23 20:33:12 UTC: an incident"):
        store.commit(state, after, unless_frozen=True)
    assert store.state(state.rollout) == state
    store.commit(state, after)
    assert store.state(state.rollout) == after


def test_without_a_freeze_it_is_a_commit_like_any_other(store: Store, live: Live) -> None:
    state = live()
    store.open(state, "{}", [])
    store.commit(state, state.moved(NOW, attempt=2), unless_frozen=True)
    with pytest.raises(ConflictError):
        store.commit(state, state.moved(NOW, attempt=2), unless_frozen=True)
