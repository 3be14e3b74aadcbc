"""The outside of the use cases as one value: flag, table, queue, executions, time, and everything that is under way.

A world is never changed; `Outside.reply` gives what a call is answered and the world after it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from rampart.plan.model import Plan
from rampart.plan.stage import Member, MemberKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.gate import GateKind
from rampart.rollout.request import RollbackRequest
from rampart.rollout.state import RolloutState
from tests.interleaving.tape import Kept, Node

START = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
STEP = 360
"""Seconds of one step of time: longer than an intent stands, shorter than the watch."""
FIRST_OF_TWO = "first of two"
"""What an approval ends with after which another person must approve."""
BY_NAME, FULLY_ON = 0.5, 101.0
"""Heights of a flag that is open for people by name, and for every check."""
FLAG = "letters"
ROLLOUT = "letters"


def moment(seconds: int) -> datetime:
    """The time of a world."""
    return START + timedelta(seconds=seconds)


class Fault(StrEnum):
    """What can go wrong with a call."""

    CRASH = "crash"
    """The process ends before or after it."""
    LOST = "lost"
    """It is done, and reported as failed."""
    REFUSED = "refused"
    """It is not done, and reported as failed."""
    LATE = "late"
    """A write to the flag is given up, and lands later."""
    IGNORED = "ignored"
    """A write to the flag is accepted and forgotten."""
    OUTAGE = "outage"
    """Its port answers nothing until time goes on, and anyone who calls gives up before."""
    TWICE = "twice"
    """The state machine loses the run's answer, and calls again while it is still under way."""


class Run(NamedTuple):
    """A function under way: where it stands, who called it, and how often that caller tried before."""

    node: Node
    caller: tuple[Any, ...]
    tries: int = 0

    def __str__(self) -> str:
        return f"{self.node.name} ({self.caller[0]})" if self.node.name == "rollback" else self.node.name


class Execution(NamedTuple):
    """One execution of the state machine `rollout`."""

    name: str
    attempt: int
    at: str
    """preparing, advance, advancing, opening bake, opening approval, waiting, rolling back or ended."""
    gate: str | None = None
    """The gate that it opens, waits at or was answered at; its token is the gate's id."""
    kind: GateKind = GateKind.BAKE
    asked: Kept | None = None
    """The bake gate's output."""
    gates: int = 0
    """How many gates it opened."""


class Switch(StrEnum):
    """A write to the flag's other gates than the percentage of actors."""

    OPEN = "open for staff"
    CLOSE = "closed for staff"
    CLEAR = "cleared"
    TURN_ON = "on"


FlagWrite = float | Switch
"""A percentage of actors, or another gate."""
STAFF = Member(kind=MemberKind.GROUP, name="staff")
"""Whom a stage lets in by name."""


class LateWrite(NamedTuple):
    """An HTTP write whose sender gave it up, and that lands all the same."""

    what: FlagWrite
    sent: int


class World(NamedTuple):
    """Everything that a scenario can depend on."""

    record: Kept
    percent: float
    """The percentage of actors that the flag reads."""
    named: bool = False
    """Whether it lets staff in by name."""
    on: bool = False
    """Whether its boolean gate is open."""
    stood: bool = False
    """Whether it let staff in before the rollout."""
    gate: Kept | None = None
    claimed: bool = True
    now: int = 0
    """Seconds since the scenario began."""
    executions: tuple[Execution, ...] = ()
    runs: tuple[Run, ...] = ()
    queue: tuple[Kept, ...] = ()
    late: tuple[LateWrite, ...] = ()
    orders: tuple[tuple[Any, ...], ...] = ()
    """What will still happen from outside, at any moment: alerts, decisions, ends of executions."""
    errors: float | None = 0.0
    """What the metrics show in each bucket; one is a failing stage, None is no data."""
    down: str = ""
    """The port that answers nothing until time goes on."""
    faults: int = 0
    """Faults that may still happen."""
    steps: int = 0
    """Steps that time may still take before the end."""
    ticks: int = 0
    """Ticks that may still come before the last one."""
    last: bool = False
    """Whether the last tick came: nothing fails any more."""
    frozen: bool = False
    """Whether someone stopped every advance."""
    tells: bool = True
    """Whether EventBridge tells of executions that ended badly."""
    # What only the laws look at.
    log: tuple[tuple[Any, ...], ...] = ()
    """Events: kind, attempt, stage, gate."""
    approved: float = 0.0
    """The most that anyone ever approved, as a height."""
    answered: tuple[str, ...] = ()
    """Gates whose answer was taken, once for each time."""
    people: tuple[tuple[str, str], ...] = ()
    """Who approved at which gate, by AWS's record."""
    unawaited: bool = False
    """Whether an answer was taken for a rollout that was over."""
    asked: frozenset[int] = frozenset()
    """Attempts whose rollback was asked for."""
    waived: float | None = None
    """The highest count that a person saw fail and waived."""
    ceiling: float | None = None
    """While every advance is stopped: where the flag was then, or where an advance that had begun was going."""
    turned_down: float | None = None
    """What another writer lowered the flag to, while no advance was under way that could have looked before."""
    raised: bool = False
    """Whether another writer raised a rolled-back flag in a way that people must hear of."""
    excused: frozenset[int] = frozenset()
    """Attempts that began while an alert or a person's decision was under way: that counts for them too."""

    @property
    def height(self) -> float:
        """How far the flag is open by the rollout: a percentage, a half for people by name, or beyond everyone."""
        if self.on:
            return FULLY_ON
        return self.percent or (BY_NAME if self.named and not self.stood else 0.0)

    @property
    def reading(self) -> FlagReading:
        """What the flag reads."""
        return FlagReading(FLAG, self.percent, boolean=self.on, groups=(STAFF.name,) if self.named else ())

    @property
    def state(self) -> RolloutState:
        """The record."""
        found: RolloutState = self.record.model
        return found

    def __str__(self) -> str:
        gates = f"{', staff' if self.named else ''}{', on' if self.on else ''}"
        parts = [f"{self.now // 60} min: flag {self.percent:g}%{gates}, attempt {self.state.attempt} {self.record}"]
        parts += [f"{each.name} {each.at}" for each in self.executions]
        parts += [f"{request} queued" for request in self.queue]
        parts += [f"{write.what} may land late" for write in self.late]
        return ", ".join(parts)


def order(world: World, what: tuple[Any, ...]) -> World:
    """Let something happen from now on, at any moment, once."""
    if what in world.orders:
        return world
    return world._replace(orders=tuple(sorted((*world.orders, what), key=_rank)))


def frozen(world: World) -> World:
    """Someone stops every advance; one that has begun may still end."""
    intent = world.state.intent
    going = height_at(world.state.plan, intent.stage) if intent else 0.0
    return world._replace(frozen=True, ceiling=max(world.height, going))


def height_at(plan: Plan, stage: int) -> float:
    """How far a stage opens the flag, or the end of the rollout."""
    at = plan.stages[min(stage, len(plan.stages) - 1)]
    return FULLY_ON if at.fully_on else at.percent or BY_NAME


def written(world: World, what: FlagWrite) -> World:
    """The flag after a write, by Flipper's rules."""
    match what:
        case Switch.OPEN | Switch.CLOSE:
            return world._replace(named=what is Switch.OPEN)
        case Switch.CLEAR | Switch.TURN_ON:
            return world._replace(percent=0.0, named=False, on=what is Switch.TURN_ON)
    return world._replace(percent=what)


def landed(world: World, write: LateWrite) -> World:
    """A late write reaches the flag after all."""
    late = list(world.late)
    late.remove(write)
    return written(world._replace(late=tuple(late)), write.what)


def move(world: World, execution: Execution) -> World:
    """The world with one execution elsewhere."""
    others = tuple(each for each in world.executions if each.name != execution.name)
    return world._replace(executions=tuple(sorted((*others, execution))))


def end(world: World, execution: Execution) -> World:
    """An execution that ends badly; EventBridge tells of it, some time."""
    ended = Execution(execution.name, execution.attempt, "ended")
    world = move(world, ended)
    return order(world, ("execution ended", execution.name)) if world.tells else world


def _rank(what: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(each.number if isinstance(each, Kept) else each for each in what)


def in_order(kept: tuple[Kept, ...]) -> tuple[Kept, ...]:
    """The same documents, so that the order in which they came makes no other world."""
    return tuple(sorted(kept, key=lambda each: each.number))


def request_of(kept: Kept) -> RollbackRequest:
    """A request that was kept."""
    found: RollbackRequest = kept.model
    return found
