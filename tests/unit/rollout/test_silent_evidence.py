"""What falls silent during a stage holds, is told once, is asked about, and never goes on alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from rampart.evidence.series import Series
from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.gate import DecisionKind
from rampart.rollout.state import Status
from tests.unit.rollout.world import ERRORS, START, Script, World, steady

RATE = {"kind": "rate", "errors": "e", "total": "t", "below": "1%", "scope": "cohort"}
WITHOUT_CLUMP = {ERRORS: RATE}
KNOWN = {ERRORS: RATE | {"baseline": "0.3%", "scope": "everyone"}}
STAGES = [{"percent": 25, "hold": "1d"}, {"percent": 100, "hold": "1d"}]
ALONE = [stage | {"approval": "none"} for stage in STAGES]
RENAMED = int(START.timestamp()) + 6 * 3600
"""Six hours after the start."""

BOTH_WAYS = pytest.mark.parametrize("stages", [STAGES, ALONE], ids=["with approval", "without approval"])


def until(moment: int, each: Callable[[int], float], after: float | None) -> Script:
    """A number for each bucket before a moment, and then another one, or none at all."""

    def script(start: int, end: int, bucket: int) -> Series:
        points = ((at, each(at) if at < moment else after) for at in range(start, end, bucket))
        return Series(tuple(point for point in points if point[1] is not None))

    return script


def three(_: int) -> float:
    return 3.0


def by_chance(at: int) -> float:
    """What a count that moves reads."""
    return float(random.Random(at).randrange(5))


def renamed(world: World, after: float | None = 0.0) -> None:
    """Three errors in 1,000 requests, and after six hours the requests alone."""
    world.metrics.script |= {f"{ERRORS}/errors": until(RENAMED, three, after), f"{ERRORS}/total": steady(1000)}


def look_for(world: World, hours: int) -> list[Verdict | None]:
    """Look every five minutes, as ticks do."""
    verdicts = []
    for _ in range(hours * 12):
        world.wait(minutes=5)
        verdicts.append(world.tick().verdict)
    return verdicts


@BOTH_WAYS
@pytest.mark.parametrize("criteria", [WITHOUT_CLUMP, KNOWN], ids=["own pace", "baseline"])
@pytest.mark.parametrize("after", [0.0, None])
def test_errors_that_stop_hold_the_stage_and_are_told_once(
    world: World, stages: list[dict[str, Any]], criteria: dict[str, Any], after: float | None
) -> None:
    renamed(world, after)
    world.climb(0, criteria=criteria, stages=stages)
    gate = world.open_gate()
    world.forget()
    verdicts = look_for(world, 24)
    assert verdicts[70] is Verdict.PASS
    silent = verdicts.index(Verdict.NO_DATA, 12)
    assert 72 <= silent <= 96, "within two hours of the renaming"
    assert set(verdicts[silent:]) == {Verdict.NO_DATA}
    told = [event.message for event in world.store.told if event.message.startswith("no data")]
    assert len(told) == 2, "at the first look of all, and once since"
    assert "errors stopped: 0 where about" in told[1]
    assert (world.percent, world.state.stage, world.causes) == (25, 0, [])
    answered = world.gates.succeeded.get(gate)
    assert answered is None or answered["outcome"] == "ask"


@BOTH_WAYS
def test_when_the_hold_is_over_an_override_with_a_note_is_asked_for(world: World, stages: list[dict[str, Any]]) -> None:
    world.climb(0, criteria=WITHOUT_CLUMP, stages=stages)
    renamed(world)
    asked = world.bake()
    assert (asked["outcome"], asked["verdict"], asked["decision"]) == ("ask", "no_data", "override")
    assert "was a tag renamed, or is it fixed?" in str(asked["evidence"])
    gate = world.ask(asked)
    world.answer(gate)
    assert world.advance(gate)["why"] == "the newest evaluation says no_data", "an approval is not enough"
    assert world.percent == 25


@BOTH_WAYS
def test_an_override_goes_on(world: World, stages: list[dict[str, Any]]) -> None:
    world.climb(0, criteria=WITHOUT_CLUMP, stages=stages)
    renamed(world)
    assert world.advance(world.approved(DecisionKind.OVERRIDE))["outcome"] == "advanced"
    assert world.percent == 100


def test_errors_that_were_never_there_go_on_alone(world: World) -> None:
    """No error series at all next to requests: zero errors."""
    world.climb(0, criteria=WITHOUT_CLUMP, stages=ALONE)
    world.metrics.script |= {f"{ERRORS}/errors": Series(()), f"{ERRORS}/total": steady(1000)}
    assert world.bake() == {"outcome": "advance"}


@pytest.mark.parametrize(
    "criterion",
    [
        {"kind": "count", "query": "q", "at_most": 10_000},
        {"kind": "value", "query": "q", "below": 100, "for": "15m"},
    ],
    ids=["count", "value"],
)
def test_a_number_that_freezes_never_goes_on_alone(world: World, criterion: dict[str, Any]) -> None:
    world.metrics.script["letters/value"] = until(RENAMED, by_chance, 2.0)
    world.climb(0, criteria={"letters": criterion}, stages=ALONE)
    asked = world.bake()
    assert (asked["outcome"], asked["verdict"], asked["decision"]) == ("ask", "no_data", "override")
    assert "letters has read 2 and nothing else since" in str(asked["evidence"])
    assert world.told.count(EventKind.VERDICT_CHANGED) == 1
    assert (world.status, world.percent) == (Status.LIVE, 25)
