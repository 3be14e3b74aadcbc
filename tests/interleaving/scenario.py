"""One beginning: what is true at first, what will happen from outside at any moment, and what may go wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.gate import Answer, DecisionKind, Gate, GateKind, Question
from rampart.rollout.request import RollbackRequest
from rampart.rollout.state import RolloutState, Status
from tests.interleaving.explorer import Explored, explore
from tests.interleaving.laws import always, at_the_end, said_is_so
from tests.interleaving.moves import Moves
from tests.interleaving.outside import ERRORS, Outside
from tests.interleaving.records import (
    FIRST,
)
from tests.interleaving.tape import Library
from tests.interleaving.world import START, Execution, Fault, World, height_at, in_order


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One beginning, to be explored in full."""

    name: str
    state: RolloutState
    orders: tuple[tuple[Any, ...], ...]
    at: str = "waiting"
    """Where the execution stands."""
    ticks: int | None = None
    """Ticks next to the last one; None is an exploration without any."""
    faults: frozenset[Fault] = frozenset()
    """What may go wrong, once."""
    where: frozenset[str] = frozenset(ERRORS)
    """The ports whose calls may go wrong."""
    steps: int = 0
    """Steps of time before the last one."""
    queued: tuple[RollbackRequest, ...] = ()
    """What the queue keeps from before."""
    tells: bool = False
    """Whether EventBridge tells of executions that ended badly."""
    others: bool = False
    """Whether someone else writes the flag: then it may be anywhere, for a while."""
    stood: bool = False
    """Whether the flag lets staff in before the rollout."""
    deep: bool = False
    """Whether it is too large for every run of the tests."""
    large: bool = False
    """Whether it is too large to be explored once more for each guard that is redundant."""


def _question(state: RolloutState) -> Question:
    """What the approval gate of a record asks."""
    verdicts = state.latest.verdicts if state.latest else {}
    unmet = tuple(name for name, verdict in verdicts.items() if verdict is not Verdict.PASS)
    shown = {name: state.shown(name) for name in unmet}
    return Question(evaluation="e1", verdict=state.effective_verdict, unmet=unmet, shown=shown)


def _gate(scenario: Scenario) -> Gate | None:
    gate = scenario.state.gate
    if gate is None:
        return None
    asks = gate.kind is GateKind.APPROVAL
    answered = Answer(decision=DecisionKind.APPROVE, by="ana", execution="decision-0", at=START)
    return Gate(
        id=gate.id,
        kind=gate.kind,
        attempt=scenario.state.attempt,
        stage=scenario.state.stage or 0,
        token=gate.token,
        opened=gate.opened,
        lapses=START + timedelta(hours=24) if asks else None,
        question=_question(scenario.state) if asks else None,
        answer=answered if scenario.at == "advance" else None,
    )


def beginning(scenario: Scenario, library: Library) -> World:
    """The world at first."""
    state, gate = scenario.state, _gate(scenario)
    is_down, is_completed = state.status is Status.ROLLED_BACK, state.status is Status.COMPLETED
    at = "ended" if is_down or is_completed else scenario.at
    execution = Execution(FIRST, state.attempt, at, gate.id if gate and not is_down else None, gates=2)
    coming = state.next_stage if scenario.at == "advance" else state.next_stage - 1
    return World(
        record=library.keep(state),
        percent=state.percent,
        gate=library.keep(gate) if gate else None,
        executions=(execution._replace(kind=gate.kind) if gate and not is_down else execution,),
        orders=tuple(sorted(scenario.orders)),
        faults=1 if scenario.faults else 0,
        steps=scenario.steps,
        ticks=scenario.ticks or 0,
        tells=scenario.tells,
        queue=in_order(tuple(library.keep(request) for request in scenario.queued)),
        errors=None if state.latest is not None and state.latest.verdict is Verdict.NO_DATA else 0.0,
        approved=100.0 if scenario.others else height_at(state.plan, coming) if coming >= 0 else 0.0,
        named=scenario.stood or bool(state.opened),
        stood=scenario.stood,
        answered=(gate.id,) if gate and gate.answer else (),
        claimed=not is_completed,
        asked=frozenset({state.attempt}) if is_down else frozenset(),
        log=((EventKind.ROLLED_BACK, state.attempt, 0, None),) if is_down else (),
    )


def run(scenario: Scenario, most: int = 5_000_000) -> Explored:
    """Explore one beginning in full."""
    keeping_may_fail = scenario.faults and (Fault.CRASH in scenario.faults or "queue" in scenario.where)
    freezes = any(what[0] == "freeze" for what in scenario.orders)
    library = Library(in_any_order=bool(keeping_may_fail), freezes=freezes)
    outside = Outside(library, scenario.state.plan)
    moves = Moves(library, outside, scenario.faults, scenario.where, scenario.ticks is not None)
    first = beginning(scenario, library)
    law = said_is_so if scenario.ticks is None and not scenario.others else always
    return explore(first, moves, always=law, at_the_end=at_the_end, most=most)


def explored(scenarios: Iterable[Scenario], *, deep: bool) -> Iterator[tuple[Scenario, Explored]]:
    """Explore one after the other; the deep ones only when asked to."""
    for scenario in scenarios:
        if deep or not scenario.deep:
            yield scenario, run(scenario)
