"""The outside of the use cases as one value: flag, table, queue, executions, time, and everything that is under way.

A world is never changed; `reply` gives what a call is answered and the world after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from rampart.errors import (
    ConflictError,
    FlagStoreError,
    FrozenError,
    GateClosedError,
    GateError,
    QueueError,
    RampartError,
    StoreError,
)
from rampart.evidence.verdict import Verdict
from rampart.plan.model import Plan
from rampart.plan.stage import Member, MemberKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.gate import Answer, DecisionKind, FirstApproval, Gate, GateKind, OpenGate, Question
from rampart.rollout.request import RollbackRequest
from rampart.rollout.state import EventKind, RolloutState, Status
from rampart.rollout.waiver import LETS_ON
from tests.doubles import changes
from tests.interleaving.tape import Call, Kept, Library, Node, Reply

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


ERRORS: dict[str, type[RampartError]] = {
    "flag": FlagStoreError,
    "store": StoreError,
    "gates": GateError,
    "queue": QueueError,
    "rollback": QueueError,
}
"""What a use case sees of an accident, by port."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What answers calls, with the conditions of the real parts."""

    library: Library
    plan: Plan
    _committed: dict[Any, Kept] = field(default_factory=dict)

    def reply(self, world: World, call: Call) -> tuple[World, Reply]:
        """The world after a call that arrives, and its answer."""
        name, args = call
        match name:
            case "flag.write":
                return written(world, args[0]), Reply()
            case "store.commit":
                return self._commit(world, *args)
            case "store.note":
                return world, Reply()
            case "decision.take":
                return self._take(world, *args)
            case "queue.put":
                return self.put(world, args[0]), Reply()
            case "rollback.call":
                return order(world, ("rollback", args[0])), Reply()
        return self._of_gates(world, name, *args) if args else (world, Reply(self._read(world, name)))

    def _read(self, world: World, name: str) -> Any:
        return {
            "flag.read": world.reading,
            "store.state": world.record,
            "store.gate": world.gate,
            "store.claims": ROLLOUT if world.claimed else "",
            "store.freeze": world.frozen,
            "store.watched": (ROLLOUT,) if self.is_watched(world.state) else (),
            "metrics.read": world.errors,
        }[name]

    def is_watched(self, state: RolloutState) -> bool:
        """Whether the sparse index holds the record."""
        return state.watched

    def put(self, world: World, request: Kept) -> World:
        """The queue keeps a request."""
        return world if request in world.queue else world._replace(queue=in_order((*world.queue, request)))

    # The table.

    def _commit(
        self,
        world: World,
        before: Kept,
        after: Kept,
        told: tuple[tuple[Any, ...], ...],
        answered: str | None,
        release: bool,
        at_epoch: bool,
        unless_frozen: bool,
    ) -> tuple[World, Reply]:
        if unless_frozen and world.frozen:
            return world, Reply(error=FrozenError)
        holds = world.state.epoch == before.model.epoch or not at_epoch
        if not (holds and (world.claimed or not release) and self.is_answered(world, answered)):
            return world, Reply(error=ConflictError)
        key = (world.record, before, after)
        record = self._committed.get(key)
        if record is None:
            # Without its condition, a commit is a plain write of the whole record.
            written = changes(before.model, after.model) if at_epoch else dict(after.model)
            update = written | {"epoch": world.state.epoch + 1}
            record = self._committed[key] = self.library.keep(world.state.model_copy(update=update))
        log = world.log + tuple(event for event in told if event[0] in _LOGGED)
        world = world._replace(record=record, log=log, claimed=world.claimed and not release)
        return (self._resumed(world) if after.model.attempt > before.model.attempt else world), Reply()

    def _resumed(self, world: World) -> World:
        state = world.state
        asked = any(run.caller[0] in ("alert", "person") for run in world.runs)
        asked |= any(request_of(kept).asked_at >= state.attempt_started for kept in world.queue)  # at this very moment
        excused = world.excused | {state.attempt} if asked else world.excused
        return world._replace(approved=max(world.approved, height_at(self.plan, state.target)), excused=excused)

    def is_answered(self, world: World, gate: str | None) -> bool:
        """Whether the gate that a commit names, if it does, holds an answer."""
        if gate is None:
            return True
        return world.gate is not None and world.gate.model.id == gate and world.gate.model.answer is not None

    def _take(self, world: World, gate_id: str, me: str, kind: DecisionKind, person: str) -> tuple[World, Reply]:
        """`TakeFirst` or `TakeAnswer` of the state machine `decision`."""
        gate: Gate | None = world.gate.model if world.gate else None
        if gate is None or gate.id != gate_id or gate.kind is not GateKind.APPROVAL or gate.question is None:
            return world, Reply(error=ConflictError)
        if gate.answer is not None and gate.answer.execution == me:
            return world, Reply()  # refused as a repetition, the machine finds its own answer there and goes on
        lapsed = gate.lapses is not None and gate.lapses <= moment(world.now)
        allowed = gate.question.verdict in LETS_ON or kind is DecisionKind.OVERRIDE
        if lapsed or not self.is_free(gate, me) or not allowed or not self.is_awaited(world.state, gate_id):
            return world, Reply(error=ConflictError)
        if self.plan.approvals > 1:
            if gate.first is not None and gate.first.execution == me:
                return world, Reply(FIRST_OF_TWO)
            if gate.first is not None and not self.is_another(gate.first, person):
                return world, Reply(error=ConflictError)
            if gate.first is None:
                first = FirstApproval(by="ana", person=person, execution=me, at=moment(world.now))
                kept = self.library.keep(gate.model_copy(update={"first": first}))
                return world._replace(gate=kept, people=(*world.people, (gate_id, person))), Reply(FIRST_OF_TWO)
        answer = Answer(decision=kind, by="ana", person=person, execution=me, at=moment(world.now))
        seen = [shown.limit for shown in gate.question.shown.values() if shown.verdict is Verdict.FAIL]
        waived = max([limit for limit in (world.waived, *seen) if limit is not None], default=None)
        return (
            world._replace(
                gate=self.library.keep(gate.model_copy(update={"answer": answer})),
                approved=max(world.approved, height_at(self.plan, gate.stage + 1)),
                answered=(*world.answered, gate_id),
                people=(*world.people, (gate_id, person)),
                unawaited=world.unawaited or world.state.status is not Status.LIVE,
                waived=waived if kind is DecisionKind.OVERRIDE else world.waived,
            ),
            Reply(),
        )

    def is_another(self, first: FirstApproval, person: str) -> bool:
        """Whether a second approval is another person's."""
        return first.person != person

    def is_free(self, gate: Gate, me: str) -> bool:
        """Whether a decision may answer a gate: no one else did."""
        return gate.answer is None or gate.answer.execution == me

    def is_awaited(self, state: RolloutState, gate_id: str) -> bool:
        """Whether the rollout waits at a gate: an answer anywhere else would be recorded, and never counted."""
        return state.status is Status.LIVE and state.gate is not None and state.gate.id == gate_id

    def may_open(self, world: World, execution: Execution) -> bool:
        """The condition of the transaction that opens a gate."""
        state = world.state
        is_mine = (state.attempt, state.execution) == (execution.attempt, execution.name)
        return is_mine and state.status is Status.LIVE

    def open_gate(self, world: World, execution: Execution) -> World:
        """`Bake` or `AwaitApproval`: one transaction that opens the gate, or the end of the execution."""
        if not self.may_open(world, execution):
            return end(world, execution)
        state = world.state
        number = execution.gates + 1
        gate_id = f"a{execution.attempt}-g{number}"
        kind = GateKind.BAKE if execution.at == "opening bake" else GateKind.APPROVAL
        opened = OpenGate(id=gate_id, kind=kind, token=gate_id, opened=moment(world.now))
        asked = execution.asked.model if execution.asked and kind is GateKind.APPROVAL else None
        gate = Gate(
            id=gate_id,
            kind=kind,
            attempt=execution.attempt,
            stage=state.stage or 0,
            token=gate_id,
            opened=opened.opened,
            lapses=datetime.fromisoformat(asked["lapses"]) if asked else None,
            question=Question.model_validate(asked["question"]) if asked else None,
        )
        waiting = execution._replace(at="waiting", gate=gate_id, kind=kind, gates=number)
        return move(
            world._replace(
                record=self.library.keep(state.model_copy(update={"gate": opened})), gate=self.library.keep(gate)
            ),
            waiting,
        )

    # The executions.

    def _of_gates(self, world: World, name: str, who: str, *args: Any) -> tuple[World, Reply]:
        if name == "gates.is_running":
            return world, Reply(any(each.name == who and each.at != "ended" for each in world.executions))
        waiting = next((each for each in world.executions if each.at == "waiting" and each.gate == who), None)
        if waiting is None:
            return world, Reply(error=GateClosedError)
        match name:
            case "gates.fail":
                return end(world, waiting), Reply()
            case "gates.succeed" if waiting.kind is GateKind.APPROVAL or args[0].model["outcome"] == "advance":
                return move(world, waiting._replace(at="advance")), Reply()
            case "gates.succeed":
                return move(world, waiting._replace(at="opening approval", asked=args[0])), Reply()
        return world, Reply()  # kept alive


_LOGGED = frozenset(
    {
        EventKind.ADVANCED,
        EventKind.COMPLETED,
        EventKind.RESUMED,
        EventKind.ROLLED_BACK,
        EventKind.TAKEN_DOWN_AGAIN,
        EventKind.ABANDONED,
    }
)


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
