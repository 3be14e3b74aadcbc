"""The beginnings: what is true at first, what will happen from outside, and what may go wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from rampart.evidence.verdict import Verdict
from rampart.plan.model import Plan
from rampart.rollout.request import Cause
from rampart.rollout.state import Gate, GateKind, Intent, Latest, OpenGate, Question, RolloutState, Status
from tests.interleaving.explorer import Explored, explore
from tests.interleaving.laws import always, at_the_end, said_is_so
from tests.interleaving.moves import CRASH, EVERYTHING, IGNORED, LATE, LOST, OUTAGE, REFUSED, TWICE, Moves
from tests.interleaving.tape import Library
from tests.interleaving.world import FLAG, ROLLOUT, START, Execution, Outside, World

PLAN = Plan.model_validate(
    {
        "rollout": ROLLOUT,
        "owner": "letters",
        "flags": [FLAG],
        "timezone": "UTC",
        "settle": "1m",
        "lag": "1m",
        "bucket": "1m",
        "criteria": {"errors": {"kind": "count", "query": "errors", "at_most": 0}},
        "stages": [{"percent": 1, "hold": "5m"}, {"percent": 25, "hold": "5m"}],
    }
)
FIRST = "first"
_BEFORE = START - timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One beginning, to be explored in full."""

    name: str
    state: RolloutState
    orders: tuple[tuple[Any, ...], ...]
    ticks: int | None = None
    """Ticks beside the last one; None is an exploration without any."""
    faults: frozenset[str] = frozenset()
    most_faults: int = 1
    steps: int = 0
    percent: float | None = None
    at: str = "waiting"


def rollout(**changes: Any) -> RolloutState:
    """A live rollout at its first stage whose question to people is open."""
    known: dict[str, Any] = {
        "rollout": ROLLOUT,
        "status": Status.LIVE,
        "plan": PLAN,
        "plan_hash": PLAN.digest,
        "execution": FIRST,
        "stage": 0,
        "percent": 1.0,
        "stage_started": _BEFORE,
        "hold_ends": _BEFORE + timedelta(minutes=5),
        "latest": Latest(id="e1", at=START, verdict=Verdict.PASS, verdicts={"errors": Verdict.PASS}),
        "gate": OpenGate(id="a1-g2", kind=GateKind.APPROVAL, token="a1-g2", opened=START),
        "passed_gate": "start",
        "started": _BEFORE,
        "attempt_started": _BEFORE,
        "updated": START,
    }
    return RolloutState.model_validate(known | changes)


def beginning(scenario: Scenario, library: Library) -> World:
    """The world at first."""
    state = scenario.state
    gate = state.gate
    stored = None
    if gate is not None:
        asks = gate.kind is GateKind.APPROVAL
        stored = Gate(
            id=gate.id,
            kind=gate.kind,
            attempt=state.attempt,
            stage=state.stage or 0,
            token=gate.token,
            opened=gate.opened,
            lapses=START + timedelta(hours=24) if asks else None,
            question=Question(evaluation="e1", verdict=Verdict.PASS) if asks else None,
        )
    waiting = Execution(
        FIRST, state.attempt, scenario.at, gate.id if gate else None, gate.kind if gate else GateKind.BAKE, gates=2
    )
    return World(
        record=library.keep(state),
        percent=state.percent if scenario.percent is None else scenario.percent,
        gate=library.keep(stored) if stored else None,
        executions=(waiting,),
        orders=tuple(sorted(scenario.orders)),
        faults=scenario.most_faults if scenario.faults else 0,
        steps=scenario.steps,
        ticks=scenario.ticks or 0,
        approved=state.percent,
    )


def explore_scenario(scenario: Scenario, without: frozenset[str] = frozenset()) -> Explored:
    """Explore one beginning in full."""
    library = Library(in_any_order=bool(scenario.faults))
    outside = Outside(library, PLAN, without)
    moves = Moves(library, outside, scenario.faults, scenario.ticks is not None, scenario.most_faults, _guards=without)
    first = beginning(scenario, library)
    law = said_is_so if scenario.ticks is None else always
    return explore(first, moves, always=law, at_the_end=at_the_end)


NO_CRASH = frozenset({LOST, REFUSED, TWICE, LATE})
ALERT, SECOND, APPROVE = ("alert", 1), ("alert", 2), ("approve", 1)
PERSON = ("person", 1, Cause.PERSON)

SCENARIOS = (
    Scenario("plain", rollout(), (ALERT, APPROVE)),
    Scenario("plain with ticks", rollout(), (ALERT, APPROVE), ticks=1),
    Scenario("advance, alert", rollout(), (ALERT, APPROVE), faults=NO_CRASH),
    Scenario("advance, alert, with ticks", rollout(), (ALERT, APPROVE), ticks=0, faults=EVERYTHING),
)
