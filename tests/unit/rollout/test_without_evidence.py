"""No step without evidence: a hold that ends unseen, a criterion that breaks among passes, too little traffic."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from rampart.absence import AbsenceReason
from rampart.evidence.series import Measured, Series, Unavailable
from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.gate import DecisionKind
from rampart.rollout.state import Status
from tests.unit.rollout.world import ERRORS, PLAN, World

RATE = PLAN["criteria"][ERRORS]
ALONE = [stage | {"approval": "none"} for stage in PLAN["stages"]]
BOTH_WAYS = pytest.mark.parametrize("stages", [PLAN["stages"], ALONE], ids=["with approval", "without approval"])


def holds(world: World) -> bool:
    """Whether the flag is where the stage put it, no one asked to take it down, and it counts as no rollback."""
    return (world.percent, world.state.stage, world.status, world.causes) == (1, 0, Status.LIVE, [])


# A stage that ends before its first evaluation.


@BOTH_WAYS
def test_a_hold_that_ends_before_anybody_looked_moves_nothing(world: World, stages: list[dict[str, object]]) -> None:
    """No tick ever came: not even an answer at the bake gate itself goes on."""
    world.climb(0, stages=stages)
    gate = world.open_gate()
    world.wait(hours=10)
    assert world.state.latest is None
    assert world.advance(gate)["outcome"] == "stale"
    assert world.told[-1] is EventKind.HELD
    assert holds(world)


@pytest.mark.parametrize("decision", [DecisionKind.APPROVE, DecisionKind.OVERRIDE])
def test_a_stage_that_nobody_looked_at_is_not_even_advanced_by_a_person(world: World, decision: DecisionKind) -> None:
    world.climb(0)
    gate = world.ask(
        {
            "question": {"evaluation": "", "verdict": "no_data", "unmet": [ERRORS], "reported": {}},
            "lapses": "2027-01-01T00:00:00.000Z",
        }
    )
    world.answer(gate, decision)
    world.wait(hours=10)
    assert "too old" in world.advance(gate)["why"]
    assert holds(world)


@BOTH_WAYS
def test_a_hold_that_ends_before_its_settling_time_asks_for_an_override(
    world: World, stages: list[dict[str, object]]
) -> None:
    world.climb(0, settle="2h", stages=stages)
    world.metrics.asked.clear()
    asked = world.bake()
    assert world.metrics.asked == [], "there was nothing to ask Datadog for"
    assert (asked["outcome"], asked["decision"], asked["verdict"]) == ("ask", "override", "no_data")
    assert asked["question"]["unmet"] == [ERRORS]
    assert holds(world)


def test_only_an_override_answers_a_question_without_data_and_its_note_is_kept(world: World) -> None:
    world.climb(0, settle="2h")
    gate = world.asked()
    world.answer(gate, DecisionKind.APPROVE)
    assert "says no_data" in world.advance(gate)["why"]
    assert holds(world)
    assert world.advance(world.approved(DecisionKind.OVERRIDE))["outcome"] == "advanced"
    (override,) = world.state.overrides
    assert (override.criteria, override.by, override.note) == ((ERRORS,), "ann", "why")


@BOTH_WAYS
def test_a_stage_whose_evidence_never_comes_holds_for_ever(world: World, stages: list[dict[str, object]]) -> None:
    world.measure(Verdict.NO_DATA)
    world.climb(0, stages=stages)
    for _ in range(20):
        gate = world.open_gate()
        world.wait(hours=6)
        world.tick()
        assert world.advance(gate)["outcome"] == "stale"
        if world.gates.succeeded[gate]["outcome"] == "ask":
            question = world.ask(world.gates.succeeded[gate])
            world.answer(question, DecisionKind.APPROVE)
            assert world.advance(question)["outcome"] == "stale"
    assert holds(world)


# Every criterion.

CRITERIA = ["first", "second", "third"]
NO_PASS = [Verdict.INCONCLUSIVE, Verdict.NO_DATA, Verdict.ERROR]


def several(world: World, verdicts: dict[str, Verdict], stages: list[dict[str, object]]) -> None:
    for name in CRITERIA:
        world.measure(Verdict.PASS, name)
    world.climb(0, criteria=dict.fromkeys(CRITERIA, RATE), stages=stages)
    for name, verdict in verdicts.items():
        world.measure(verdict, name)


@BOTH_WAYS
@pytest.mark.parametrize("broken", CRITERIA)
@pytest.mark.parametrize("verdict", NO_PASS)
def test_one_criterion_without_a_pass_prevents_a_pass(
    world: World, broken: str, verdict: Verdict, stages: list[dict[str, object]]
) -> None:
    several(world, {broken: verdict}, stages)
    gate = world.open_gate()
    world.wait(hours=1)
    assert world.tick().verdict is verdict
    latest = world.state.latest
    assert latest is not None
    assert latest.verdicts == dict.fromkeys(CRITERIA, Verdict.PASS) | {broken: verdict}
    said = world.gates.succeeded.get(gate, {"outcome": "nothing", "decision": "override"})
    assert said["outcome"] != "advance"
    assert said["decision"] == "override"
    assert world.advance(gate)["outcome"] == "stale"
    assert holds(world)


@BOTH_WAYS
@pytest.mark.parametrize("verdict", NO_PASS)
def test_a_stage_whose_every_look_was_without_a_pass_never_goes_up(
    world: World, verdict: Verdict, stages: list[dict[str, object]]
) -> None:
    several(world, dict.fromkeys(CRITERIA, verdict), stages)
    gate = world.open_gate()
    world.wait(minutes=10)  # settled, and a first bucket is whole
    for _ in range(100):
        world.wait(minutes=5)
        world.tick()
    assert {look.verdict for look in world.store.looks} == {verdict}
    assert world.gates.succeeded.get(gate, {"outcome": "nothing"})["outcome"] != "advance"
    assert world.advance(gate)["outcome"] == "stale"
    assert holds(world)


def test_a_stage_with_only_errors_asks_nobody_and_lets_its_gate_lapse(world: World) -> None:
    several(world, dict.fromkeys(CRITERIA, Verdict.ERROR), PLAN["stages"])
    gate = world.open_gate()
    world.wait(minutes=10)
    for _ in range(100):
        world.wait(minutes=5)
        world.tick()
    assert gate not in world.gates.succeeded
    assert gate not in world.gates.kept_alive


@pytest.mark.parametrize("silent", list(itertools.product(CRITERIA, ["errors", "total"])), ids="/".join)
def test_one_unanswered_question_of_many_prevents_a_pass(world: World, silent: tuple[str, str]) -> None:
    several(world, {}, ALONE)
    world.metrics.script["/".join(silent)] = Unavailable(AbsenceReason.MALFORMED, "half an answer")
    gate = world.open_gate()
    world.wait(hours=1)
    assert world.tick().verdict is Verdict.ERROR
    assert world.advance(gate)["outcome"] == "stale"
    assert holds(world)


def test_a_pass_before_the_last_look_does_not_count_when_that_one_broke(world: World) -> None:
    several(world, {}, PLAN["stages"])
    gate = world.approved()
    world.measure(Verdict.ERROR, "second")
    world.wait(minutes=5)
    world.tick()
    assert "says error" in world.advance(gate)["why"]
    assert holds(world)


# Datadog says no, or nothing.


@BOTH_WAYS
@pytest.mark.parametrize("reason", list(AbsenceReason))
def test_a_stage_holds_while_datadog_does_not_answer(
    world: World, reason: AbsenceReason, stages: list[dict[str, object]]
) -> None:
    """Refused for being too many above all: no verdict, no one is asked, nothing comes down, and nothing is used up."""
    world.climb(0, stages=stages)
    gate = world.open_gate()
    answers = dict(world.metrics.script)
    world.metrics.script = {f"{ERRORS}/{part}": Unavailable(reason, "later") for part in ("errors", "total")}
    world.wait(minutes=10)
    for _ in range(50):
        world.wait(minutes=5)
        assert world.tick().verdict is Verdict.ERROR
    assert gate not in world.gates.succeeded
    assert world.advance(gate)["outcome"] == "stale"
    assert holds(world)

    world.metrics.script = answers
    world.wait(minutes=5)
    again = world.bake()
    assert again["outcome"] == ("advance" if stages is ALONE else "ask")


# Low traffic.


def once(errors: float, requests: float) -> tuple[Callable[[int, int, int], Measured], ...]:
    """So many errors and requests in the stage's first bucket, and none after it."""

    def series(count: float) -> Callable[[int, int, int], Measured]:
        return lambda start, end, bucket: Series(
            tuple((at, count if at == start else 0) for at in range(start, end, bucket))
        )

    return series(errors), series(requests)


def each(errors: float, requests: float) -> tuple[Callable[[int, int, int], Measured], ...]:
    """So many errors and requests in the whole stage, at even pace."""

    def series(count: float) -> Callable[[int, int, int], Measured]:
        return lambda start, end, bucket: Series(
            tuple(
                (at, float((index + 1) * count // 9 - index * count // 9))
                for index, at in enumerate(range(start, end, bucket))
            )
        )

    return series(errors), series(requests)


@BOTH_WAYS
@pytest.mark.parametrize(
    ("errors", "requests"),
    [(0, 0), (0, 1), (1, 1), (0, 5), (1, 5), (2, 2), (2, 9), (0, 9)],
)
@pytest.mark.parametrize("pace", [once, each])
@pytest.mark.parametrize("below", ["8%", "0.3%"])
def test_low_traffic_holds_and_goes_neither_way(
    world: World,
    pace: Callable[[float, float], tuple[Callable[[int, int, int], Measured], ...]],
    errors: float,
    requests: float,
    below: str,
    stages: list[dict[str, object]],
) -> None:
    """One error of one request isn't a fault, and nine good requests aren't proof."""
    world.climb(0, stages=stages, criteria={ERRORS: RATE | {"below": below}})
    world.metrics.script[f"{ERRORS}/errors"], world.metrics.script[f"{ERRORS}/total"] = pace(errors, requests)
    gate = world.open_gate()
    for _ in range(12):
        world.wait(minutes=5)
        assert world.tick().verdict in {Verdict.INCONCLUSIVE, Verdict.NO_DATA}
    asked = world.gates.succeeded[gate]
    assert (asked["outcome"], asked["decision"]) == ("ask", "override")
    question = world.ask(asked)
    world.answer(question, DecisionKind.APPROVE)
    assert world.advance(question)["outcome"] == "stale"
    assert holds(world)
