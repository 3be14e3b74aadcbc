"""The beginnings: what is true at first, what will happen from outside at any moment, and what may go wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rampart.evidence.verdict import Verdict
from rampart.rollout.gate import Answer, DecisionKind, Gate, GateKind, Question
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.state import EventKind, RolloutState, Status
from tests.interleaving.explorer import Explored, explore
from tests.interleaving.laws import always, at_the_end, said_is_so
from tests.interleaving.moves import Moves
from tests.interleaving.records import (
    ASKED,
    ASKED_FOR_TWO,
    AT_EVERYONE,
    AT_LAST_STAGE,
    BAKING,
    DUE,
    FIRST,
    LONG_AGO,
    RESTORING,
    ROLLED_BACK,
    STARTING,
    STARTING_WITH_STAFF,
    UNPROVEN,
    WITH_STAFF,
)
from tests.interleaving.tape import Library
from tests.interleaving.world import ERRORS, FLAG, START, Execution, Fault, Outside, World, height_at, in_order


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
    is_down = state.status is Status.ROLLED_BACK
    at = "ended" if is_down else scenario.at
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


ALERT, SECOND_ALERT = ("alert", 1), ("alert", 2)
OLD_ALERT = RollbackRequest(
    cause=Cause.ALERT, reason="an alert", flags=(FLAG,), asked_at=START - timedelta(minutes=1), queued=True
)
PERSON, ABANDON = ("person", 1, Cause.PERSON), ("person", 2, Cause.ABANDON)
APPROVE, SECOND_APPROVE, OTHERS = ("approve", 1), ("approve", 2), ("approve", 10)
FREEZE, THAW = ("freeze", 1), ("thaw", 1)

WITHOUT_TICKS = (
    Scenario(name="a freeze meets an approval", state=ASKED, orders=(FREEZE, APPROVE)),
    Scenario(
        name="a freeze meets an advance and an alert", state=ASKED, at="advance", orders=(FREEZE, ALERT), tells=True
    ),
    Scenario(name="a freeze meets the first advance", state=STARTING, at="advance", orders=(FREEZE,), tells=True),
    Scenario(
        name="two people approve, one of them twice", state=ASKED_FOR_TWO, orders=(APPROVE, SECOND_APPROVE, OTHERS)
    ),
    Scenario(name="an alert meets the approvals of two people", state=ASKED_FOR_TWO, orders=(ALERT, APPROVE, OTHERS)),
    Scenario(
        name="two people approve, and an answer is lost",
        state=ASKED_FOR_TWO,
        orders=(APPROVE, OTHERS),
        faults=frozenset({Fault.LOST, Fault.REFUSED}),
        where=frozenset({"store", "gates"}),
    ),
    Scenario(name="an alert meets an opening for staff", state=STARTING_WITH_STAFF, at="advance", orders=(ALERT,)),
    Scenario(
        name="an opening for staff that an alert meets loses an answer",
        state=STARTING_WITH_STAFF,
        at="advance",
        orders=(ALERT,),
        faults=frozenset({Fault.LOST, Fault.IGNORED}),
        where=frozenset({"flag"}),
    ),
    Scenario(name="an alert meets the advance after staff", state=WITH_STAFF, at="advance", orders=(ALERT,)),
    Scenario(
        name="an alert meets an opening for staff who were let in before",
        state=STARTING_WITH_STAFF,
        at="advance",
        orders=(ALERT,),
        stood=True,
    ),
    Scenario(name="a freeze meets an opening for staff", state=STARTING_WITH_STAFF, at="advance", orders=(FREEZE,)),
    Scenario(name="an alert meets the end that turns the flag on", state=AT_EVERYONE, at="advance", orders=(ALERT,)),
    Scenario(
        name="the end that turns the flag on loses an answer",
        state=AT_EVERYONE,
        at="advance",
        orders=(ALERT,),
        faults=frozenset({Fault.LOST, Fault.IGNORED}),
        where=frozenset({"flag"}),
    ),
    Scenario(name="a freeze meets the end that turns the flag on", state=AT_EVERYONE, orders=(FREEZE, APPROVE)),
    Scenario(name="an alert meets an approval", state=ASKED, orders=(ALERT, APPROVE), tells=True),
    Scenario(name="an alert meets two approvals", state=ASKED, orders=(ALERT, APPROVE, SECOND_APPROVE)),
    Scenario(name="an alert meets the first advance", state=STARTING, at="advance", orders=(ALERT,), tells=True),
    Scenario(name="a person abandons during an advance", state=ASKED, at="advance", orders=(ABANDON,), tells=True),
    Scenario(name="two alerts meet at a gate", state=BAKING, orders=(ALERT, SECOND_ALERT)),
    Scenario(name="an alert and a person meet at a gate", state=BAKING, orders=(ALERT, PERSON)),
    Scenario(
        name="an advance that an alert meets loses an answer",
        state=ASKED,
        at="advance",
        orders=(ALERT,),
        faults=frozenset({Fault.LOST}),
        where=frozenset({"flag", "store"}),
    ),
    Scenario(
        name="a write of an advance that an alert meets lands late",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        faults=frozenset({Fault.LATE}),
        where=frozenset({"flag"}),
        steps=1,
    ),
    Scenario(
        name="an advance is called twice",
        state=ASKED,
        at="advance",
        orders=(),
        faults=frozenset({Fault.TWICE}),
    ),
    Scenario(
        name="a write to the flag is accepted and forgotten",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        faults=frozenset({Fault.IGNORED}),
    ),
    Scenario(
        name="a write of an advance is accepted and forgotten",
        state=ASKED,
        at="advance",
        orders=(),
        faults=frozenset({Fault.IGNORED}),
    ),
    Scenario(
        name="the end of a refused start meets an approval",
        state=ASKED,
        orders=(("execution ended", "refused"), APPROVE),
    ),
    Scenario(
        name="an advance that an alert meets is called twice",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        faults=frozenset({Fault.TWICE}),
        where=frozenset({"flag"}),
        deep=True,
    ),
    Scenario(
        name="two alerts meet an advance",
        state=ASKED,
        at="advance",
        orders=(ALERT, SECOND_ALERT),
        tells=True,
        deep=True,
    ),
    Scenario(
        name="an alert and a person meet an advance", state=ASKED, at="advance", orders=(ALERT, PERSON), deep=True
    ),
)
WITH_TICKS = (
    Scenario(
        name="a freeze and its end meet an approval and a tick",
        state=ASKED,
        orders=(FREEZE, THAW, APPROVE),
        ticks=1,
        steps=1,
    ),
    Scenario(
        name="a freeze meets an advance that is cut off",
        state=ASKED,
        at="advance",
        orders=(FREEZE,),
        ticks=1,
        faults=frozenset({Fault.CRASH, Fault.LOST, Fault.REFUSED}),
        where=frozenset({"flag", "store"}),
    ),
    Scenario(
        name="a stage of a frozen rollout fails",
        state=LONG_AGO,
        orders=(FREEZE, ("stage fails",)),
        ticks=1,
        faults=frozenset({Fault.CRASH}),
    ),
    Scenario(
        name="an opening for staff lands late, even after time went on",
        state=STARTING_WITH_STAFF,
        at="advance",
        orders=(ALERT,),
        ticks=0,
        steps=1,
        faults=frozenset({Fault.LATE}),
        where=frozenset({"flag"}),
    ),
    Scenario(
        name="an opening for staff or the alert that it meets crashes",
        state=STARTING_WITH_STAFF,
        at="advance",
        orders=(ALERT,),
        ticks=0,
        faults=frozenset({Fault.CRASH}),
        deep=True,
    ),
    Scenario(
        name="the end that turns the flag on lands late, even after time went on",
        state=AT_EVERYONE,
        at="advance",
        orders=(ALERT,),
        ticks=0,
        steps=1,
        faults=frozenset({Fault.LATE}),
        where=frozenset({"flag"}),
    ),
    Scenario(name="an alert meets an advance and a tick", state=ASKED, at="advance", orders=(ALERT,), ticks=1),
    Scenario(
        name="an advance or the alert that it meets crashes",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        ticks=0,
        faults=frozenset({Fault.CRASH}),
    ),
    Scenario(
        name="an advance or the alert that it meets loses any answer",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        ticks=0,
        faults=frozenset({Fault.LOST}),
    ),
    Scenario(
        name="a tick is cut off at the gate, or loses its answer",
        state=BAKING,
        orders=(APPROVE,),
        ticks=1,
        faults=frozenset({Fault.CRASH, Fault.LOST, Fault.REFUSED}),
        where=frozenset({"gates", "store"}),
    ),
    Scenario(
        name="a write of an advance lands late, even after time went on",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        ticks=0,
        steps=1,
        faults=frozenset({Fault.LATE}),
        where=frozenset({"flag"}),
    ),
    Scenario(
        name="the table is down when the alert comes, and an approval after it",
        state=ASKED,
        orders=(ALERT, APPROVE),
        ticks=0,
        steps=1,
        faults=frozenset({Fault.OUTAGE}),
        where=frozenset({"store"}),
    ),
    Scenario(
        name="the queue is down when an alert meets an advance",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        ticks=0,
        faults=frozenset({Fault.OUTAGE}),
        where=frozenset({"queue"}),
    ),
    Scenario(
        name="the stage fails, and the tick that sees it is cut off",
        state=LONG_AGO,
        orders=(("stage fails",),),
        ticks=1,
        faults=frozenset({Fault.CRASH, Fault.REFUSED}),
    ),
    Scenario(
        name="the stage fails while an approval is acted on",
        state=DUE,
        orders=(("stage fails",), APPROVE),
        ticks=1,
        faults=frozenset({Fault.CRASH}),
    ),
    Scenario(
        name="someone stops the execution, and no one is told",
        state=BAKING,
        orders=(("stop", 1),),
        ticks=1,
        faults=frozenset({Fault.CRASH}),
    ),
    Scenario(
        name="the attempt goes blind while an alert comes",
        state=BAKING,
        orders=(("go blind", 1), ALERT),
        ticks=0,
        tells=True,
    ),
    Scenario(
        name="the end of the rollout meets an alert",
        state=AT_LAST_STAGE,
        orders=(ALERT,),
        ticks=1,
        steps=1,
        faults=frozenset({Fault.CRASH}),
    ),
    Scenario(
        name="a resume meets what is left of the attempt before",
        state=ROLLED_BACK,
        orders=(("resume", 1), ("execution ended", FIRST)),
        queued=(OLD_ALERT,),
        ticks=0,
    ),
    Scenario(
        name="a resume and a decision meet what is left of the attempt before",
        state=ROLLED_BACK,
        orders=(("resume", 1), ("execution ended", FIRST), PERSON),
        queued=(OLD_ALERT,),
        ticks=0,
        deep=True,
    ),
    Scenario(
        name="another writer raises the flag, and it is restored while an alert comes",
        state=ASKED.model_copy(update={"plan": RESTORING}),
        orders=(("writer", 50.0), ALERT),
        ticks=1,
        faults=frozenset({Fault.CRASH}),
        others=True,
    ),
    Scenario(
        name="another writer raises the flag, and it is restored while an approval comes",
        state=ASKED.model_copy(update={"plan": RESTORING}),
        orders=(("writer", 50.0), APPROVE),
        ticks=2,
        others=True,
    ),
    Scenario(
        name="someone lowers the flag before an approval is acted on",
        state=ASKED,
        orders=(("writer", 0.0), APPROVE),
        ticks=1,
        faults=frozenset({Fault.CRASH, Fault.LOST, Fault.REFUSED}),
        where=frozenset({"flag", "store"}),
        others=True,
    ),
    Scenario(
        name="what was not proven is overridden, and the next stage fails",
        state=UNPROVEN,
        orders=(("override", 1), ("stage fails",)),
        ticks=1,
        faults=frozenset({Fault.CRASH}),
        where=frozenset({"store"}),
    ),
    Scenario(
        name="another writer raises a rolled-back flag",
        state=ROLLED_BACK,
        orders=(("writer", 50.0),),
        ticks=1,
        faults=frozenset({Fault.CRASH, Fault.LOST, Fault.REFUSED}),
        others=True,
    ),
    Scenario(
        name="another writer raises a rolled-back flag before the end of its execution is told",
        state=ROLLED_BACK,
        orders=(("writer", 50.0), ("execution ended", FIRST)),
        queued=(OLD_ALERT,),
        ticks=1,
        others=True,
    ),
    Scenario(
        name="anything but a second call happens to the first advance and an alert",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        ticks=0,
        faults=frozenset(Fault) - {Fault.TWICE},
        deep=True,
    ),
)


def explored(scenarios: Iterable[Scenario], *, deep: bool) -> Iterator[tuple[Scenario, Explored]]:
    """Explore one after the other; the deep ones only when asked to."""
    for scenario in scenarios:
        if deep or not scenario.deep:
            yield scenario, run(scenario)
