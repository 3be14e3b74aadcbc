"""The ports done in memory, with the semantics of the real ones: for tests, simulations and explorers of orderings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rampart.errors import (
    CalendarsUnreadableError,
    ConflictError,
    FlagStoreError,
    FrozenError,
    GateClosedError,
    QueueError,
    StoreError,
    UnknownFlagError,
)
from rampart.evidence.monitor import MonitorReading
from rampart.evidence.series import Measured, Series
from rampart.plan.stage import Member, MemberKind
from rampart.rollout.caller import Caller
from rampart.rollout.evaluation import Evaluation
from rampart.rollout.flag import FlagReading
from rampart.rollout.freeze import Closure, Freeze
from rampart.rollout.gate import Answer, Gate, OpenGate
from rampart.rollout.state import Claim, Event, RolloutState, Status

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from rampart.rollout.notice import Notice
from rampart.rollout.request import RollbackRequest


class Moment(StrEnum):
    """When an `on_call` hook is called."""

    BEFORE = "before"
    """Nothing is done yet: raising here is a call that never arrived."""
    AFTER = "after"
    """All is done: raising here is a lost answer."""


OnCall = Callable[[str, Moment], None]
"""Called around every call with its name, such as `store.commit`: the place for crashes and other writers."""


def _nothing(_call: str, _moment: Moment) -> None:
    """Let the call be."""


@contextmanager
def _around(on_call: OnCall, call: str) -> Iterator[None]:
    on_call(call, Moment.BEFORE)
    yield
    on_call(call, Moment.AFTER)


@dataclass(slots=True)
class FixedClock:
    """A clock that stands still until it is told to move."""

    at: datetime

    def now(self) -> datetime:
        """Give the time at which the clock stands."""
        return self.at

    def move(self, by: timedelta) -> datetime:
        """Go on by `by` and give the new time."""
        self.at += by
        return self.at


@dataclass(slots=True)
class MemoryFlagStore:
    """Flags with Flipper's gate semantics; `failure` is raised by every call, `ignores_writes` forgets what it took."""

    flags: dict[str, FlagReading] = field(default_factory=dict)
    failure: FlagStoreError | None = None
    ignores_writes: bool = False
    on_call: OnCall = _nothing
    history: list[FlagReading] = field(default_factory=list)
    """Every state that a write led to, oldest first."""

    @classmethod
    def at(cls, **percentages: float) -> MemoryFlagStore:
        """Give a store with these flags and their percentages of actors."""
        return cls({flag: FlagReading(flag, percent) for flag, percent in percentages.items()})

    def read(self, flag: str) -> FlagReading:
        """Read a flag's gates; raises UnknownFlagError when there is no such flag."""
        with self._call("flags.read"):
            if flag not in self.flags:
                raise UnknownFlagError(f"there is no flag {flag!r}")
            return self.flags[flag]

    def set_percentage(self, flag: str, percent: float) -> None:
        """Write the percentage of actors; a flag that does not exist is made."""
        with self._call("flags.set_percentage"):
            self._write(replace(self.flags.get(flag, FlagReading(flag)), percent=percent))

    def close_gates(self, flag: str) -> None:
        """Clear every gate, hand-picked actors and groups included."""
        with self._call("flags.close_gates"):
            self._write(FlagReading(flag))

    def open_to(self, flag: str, member: Member) -> None:
        """Let someone in by name; a flag that does not exist is made."""
        with self._call("flags.open_to"):
            self._write(with_member(self.flags.get(flag, FlagReading(flag)), member))

    def close_to(self, flag: str, member: Member) -> None:
        """Let someone in by name no longer."""
        with self._call("flags.close_to"):
            self._write(without_member(self.flags.get(flag, FlagReading(flag)), member))

    def turn_on(self, flag: str) -> None:
        """Open the boolean gate, which clears every other one."""
        with self._call("flags.turn_on"):
            self._write(FlagReading(flag, boolean=True))

    def put(self, reading: FlagReading) -> None:
        """Set a flag as another writer would, behind Rampart's back."""
        self.flags[reading.flag] = reading

    def _write(self, reading: FlagReading) -> None:
        if not self.ignores_writes:
            self.flags[reading.flag] = reading
            self.history.append(reading)

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        with _around(self.on_call, name):
            if self.failure is not None:
                raise self.failure
            yield


def with_member(reading: FlagReading, member: Member) -> FlagReading:
    """The flag with someone let in by name."""
    return _with_members(reading, (*(m for m in reading.members if m != member), member))


def without_member(reading: FlagReading, member: Member) -> FlagReading:
    """The flag with someone let in by name no longer."""
    return _with_members(reading, [each for each in reading.members if each != member])


def _with_members(reading: FlagReading, members: Sequence[Member]) -> FlagReading:
    actors = tuple(each.name for each in members if each.kind is MemberKind.ACTOR)
    return replace(reading, actors=actors, groups=tuple(each.name for each in members if each.kind is MemberKind.GROUP))


@dataclass(slots=True)
class MemoryCalendars:
    """Change calendars that are as a test says; `failure` is raised by every call."""

    closure: Closure | None = None
    failure: CalendarsUnreadableError | None = None
    on_call: OnCall = _nothing

    def closed(self) -> Closure | None:
        """Why no change may be made now."""
        with _around(self.on_call, "calendars.closed"):
            if self.failure is not None:
                raise self.failure
            return self.closure


@dataclass(slots=True)
class MemoryRolloutStore:
    """The records with the table's conditions; `failure` is raised by every call."""

    states: dict[str, RolloutState] = field(default_factory=dict)
    plans: dict[tuple[str, str], str] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    owners: dict[str, Claim] = field(default_factory=dict)
    told: list[Event] = field(default_factory=list)
    """Every event, oldest first."""
    looks: list[Evaluation] = field(default_factory=list)
    """Every evaluation, oldest first."""
    frozen: Freeze | None = None
    callers: dict[str, Caller] = field(default_factory=dict)
    """Who started which execution, by AWS's record."""
    failure: StoreError | None = None
    on_call: OnCall = _nothing

    def freeze(self) -> Freeze | None:
        """What stops every advance."""
        with self._call("store.freeze"):
            return self.frozen

    def caller(self, execution: str) -> Caller | None:
        """Who started an execution by AWS's own record, where one has come."""
        with self._call("store.caller"):
            return self.callers.get(execution)

    def put_freeze(self, freeze: Freeze, event: Event) -> None:
        """Stop every advance; raises ConflictError where a freeze stands already."""
        with self._call("store.put_freeze"):
            if self.frozen is not None:
                raise ConflictError("a freeze stands already")
            self.frozen = freeze
            self.told.append(event)

    def lift_freeze(self, freeze: Freeze, event: Event) -> None:
        """Let rollouts advance again; raises ConflictError where this freeze doesn't stand."""
        with self._call("store.lift_freeze"):
            if self.frozen is None or self.frozen.at != freeze.at:
                raise ConflictError("another freeze stands, or none")
            self.frozen = None
            self.told.append(event)

    def watched(self) -> Sequence[str]:
        """Ids of the rollouts that a tick looks at."""
        with self._call("store.watched"):
            return sorted(name for name, state in self.states.items() if state.watched)

    def unwatched(self, status: Status) -> Sequence[str]:
        """Ids of the rollouts of a status that no tick looks at any more."""
        with self._call("store.unwatched"):
            return sorted(name for name, each in self.states.items() if not each.watched and each.status is status)

    def state(self, rollout: str) -> RolloutState | None:
        with self._call("store.state"):
            return self.states.get(rollout)

    def gate(self, rollout: str) -> Gate | None:
        with self._call("store.gate"):
            return self.gates.get(rollout)

    def claims(self, flags: Sequence[str]) -> Mapping[str, Claim]:
        """Who holds each flag; a flag that no one holds is missing."""
        with self._call("store.claims"):
            return {flag: self.owners[flag] for flag in flags if flag in self.owners}

    def open(self, state: RolloutState, submitted: str, events: Sequence[Event]) -> None:
        """Begin a rollout, or nothing; raises ConflictError when its name or one of its flags is taken."""
        with self._call("store.open"):
            flags = state.plan.flags
            if state.rollout in self.states or any(flag in self.owners for flag in flags):
                raise ConflictError(f"{state.rollout}: the name or one of its flags is taken")
            self.states[state.rollout] = state
            self.plans[state.rollout, state.plan_hash] = submitted
            self.owners |= {flag: Claim(flag=flag, rollout=state.rollout, flags=flags) for flag in flags}
            self.told.extend(events)

    def commit(
        self,
        before: RolloutState,
        after: RolloutState,
        *,
        events: Sequence[Event] = (),
        evaluation: Evaluation | None = None,
        answered: str | None = None,
        release: bool = False,
        unless_frozen: bool = False,
    ) -> None:
        """Write the fields that changed, if the record is still at `before.epoch`; raises ConflictError.

        Raises ValueError when `after` is not the next version of `before`.
        """
        if after.epoch != before.epoch + 1:
            raise ValueError(f"{before.rollout}: epoch {after.epoch} does not follow {before.epoch}")
        with self._call("store.commit"):
            stored = self.states.get(before.rollout)
            if stored is None or stored.epoch != before.epoch:
                raise ConflictError(f"{before.rollout}: the record is not at version {before.epoch} any more")
            if answered is not None and not self._is_answered(before.rollout, answered):
                raise ConflictError(f"{before.rollout}: gate {answered} holds no answer")
            if unless_frozen and self.frozen is not None:
                raise FrozenError(str(self.frozen))
            held = {flag: self.owners.get(flag) for flag in before.plan.flags}
            if release and any(claim is None or claim.rollout != before.rollout for claim in held.values()):
                raise ConflictError(f"{before.rollout}: it does not hold its flags")
            self.states[before.rollout] = stored.changed(**changes(before, after))
            self.told.extend(events)
            self.looks.extend([evaluation] if evaluation else [])
            for flag in held if release else ():
                del self.owners[flag]

    def note(self, event: Event) -> None:
        """Keep an event that changes no record; raises ConflictError where it is kept already."""
        with self._call("store.note"):
            if event in self.told:
                raise ConflictError("its event is stored already")
            self.told.append(event)

    def open_gate(self, rollout: str, execution: str, gate: Gate, events: Sequence[Event] = ()) -> None:
        """Open a gate as the rollout's machine does; raises ConflictError when the attempt is not at that stage."""
        with self._call("store.open_gate"):
            state = self.states.get(rollout)
            is_open = state is not None and state.status is Status.LIVE and state.execution == execution
            if state is None or not is_open or (state.attempt, state.stage) != (gate.attempt, gate.stage):
                raise ConflictError(f"{rollout}: attempt {gate.attempt} is not live at stage {gate.stage}")
            opened = OpenGate(id=gate.id, kind=gate.kind, token=gate.token, opened=gate.opened)
            self.states[rollout] = state.changed(gate=opened)
            self.gates[rollout] = gate
            self.told.extend(events)

    def answer_gate(self, rollout: str, gate_id: str, answer: Answer) -> None:
        """Take an answer as the decision's machine does; raises ConflictError when the gate is not open for it."""
        with self._call("store.answer_gate"):
            gate = self.gates.get(rollout)
            if gate is None or gate.id != gate_id or (gate.lapses is not None and gate.lapses <= answer.at):
                raise ConflictError(f"{rollout}: gate {gate_id} is not open")
            if gate.answer is not None and gate.answer.execution != answer.execution:
                raise ConflictError(f"{rollout}: gate {gate_id} is answered already")
            self.gates[rollout] = gate.changed(answer=answer)

    def events(self, rollout: str) -> Mapping[str, Event]:
        """Everything that happened, oldest first, by its number."""
        mine = [event for event in self.told if event.rollout == rollout]
        return {str(number): event for number, event in enumerate(mine)}

    def evaluations(self, rollout: str, *, newest_first: bool = False) -> Iterator[Evaluation]:
        """Every evaluation, oldest first unless told otherwise."""
        mine = [evaluation for evaluation in self.looks if evaluation.rollout == rollout]
        return iter(mine[::-1] if newest_first else mine)

    def plan_document(self, rollout: str, plan_hash: str) -> str | None:
        """The plan as it was submitted."""
        return self.plans.get((rollout, plan_hash))

    def _is_answered(self, rollout: str, gate_id: str) -> bool:
        gate = self.gates.get(rollout)
        return gate is not None and gate.id == gate_id and gate.answer is not None

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        with _around(self.on_call, name):
            if self.failure is not None:
                raise self.failure
            yield


def changes(before: RolloutState, after: RolloutState) -> dict[str, Any]:
    """The fields of `after` that differ from `before`, as they are: what a commit writes, and nothing else."""
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in type(after).model_fields}
    return {name: new for name, (old, new) in pairs.items() if new is not old and new != old}


@dataclass(slots=True)
class MemoryGates:
    """Executions that run, and the tokens they wait on; a token is closed by its answer or by its execution's end."""

    waiting: dict[str, str] = field(default_factory=dict)
    """The execution that waits, by token."""
    running: set[str] = field(default_factory=set)
    succeeded: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Error and cause by token."""
    kept_alive: list[str] = field(default_factory=list)
    failure: Exception | None = None
    on_call: OnCall = _nothing

    def wait(self, token: str, execution: str) -> None:
        """Let an execution wait at a token."""
        self.waiting[token] = execution
        self.running.add(execution)

    def stop(self, execution: str) -> None:
        """End an execution from outside; no one waits at its tokens any more."""
        self.running.discard(execution)
        self.waiting = {token: waits for token, waits in self.waiting.items() if waits != execution}

    def succeed(self, token: str, output: Mapping[str, Any]) -> None:
        """Let the execution go on."""
        with self._call("gates.succeed", token):
            self.succeeded[token] = output
            del self.waiting[token]

    def fail(self, token: str, error: str, cause: str) -> None:
        """End the wait with an error."""
        with self._call("gates.fail", token):
            self.failed[token] = (error, cause)
            del self.waiting[token]

    def keep_alive(self, token: str) -> None:
        """Tell the execution that someone still watches."""
        with self._call("gates.keep_alive", token):
            self.kept_alive.append(token)

    def is_running(self, execution: str) -> bool:
        with self._call("gates.is_running"):
            return execution in self.running

    @contextmanager
    def _call(self, name: str, token: str | None = None) -> Iterator[None]:
        with _around(self.on_call, name):
            if self.failure is not None:
                raise self.failure
            if token is not None and token not in self.waiting:
                raise GateClosedError("no one waits at that gate any more")
            yield


@dataclass(slots=True)
class MemoryRollbackQueue:
    """Requests that wait, with the delay each was put with, and those called for at once."""

    waiting: list[tuple[RollbackRequest, timedelta]] = field(default_factory=list)
    called: list[RollbackRequest] = field(default_factory=list)
    failure: QueueError | None = None
    on_call: OnCall = _nothing

    def put(self, request: RollbackRequest, delay: timedelta) -> None:
        with _around(self.on_call, "queue.put"):
            if self.failure is not None:
                raise self.failure
            self.waiting.append((request, delay))

    def call(self, request: RollbackRequest) -> None:
        """Keep a request that is wanted at once: the queue stands for the caller of `rollback` too."""
        with _around(self.on_call, "rollback.call"):
            if self.failure is not None:
                raise self.failure
            self.called.append(request)


Script = Measured | Callable[[int, int, int], Measured]
"""An answer, or what makes one of start, end and bucket (seconds)."""


@dataclass(slots=True)
class ScriptedMetricSource:
    """Answers by a query's key, then by its text; what no script knows is an empty series, as Datadog has it."""

    script: dict[str, Script] = field(default_factory=dict)
    monitors: dict[int, str | MonitorReading] = field(default_factory=dict)
    """What monitors say, by id; a text is the state of one that is well otherwise, and what is missing is quiet."""
    failure: Exception | None = None
    """Raised by `read_monitors`."""
    asked: list[tuple[dict[str, str], int, int, int]] = field(default_factory=list)
    """Queries, start, end and bucket of each request."""
    on_call: OnCall = _nothing

    def read(self, queries: Mapping[str, str], *, start: int, end: int, bucket: int) -> Mapping[str, Measured]:
        with _around(self.on_call, "metrics.read"):
            self.asked.append((dict(queries), start, end, bucket))
            scripts = {key: self.script.get(key, self.script.get(text, Series(()))) for key, text in queries.items()}
            return {key: each(start, end, bucket) if callable(each) else each for key, each in scripts.items()}

    def read_monitors(self, ids: Sequence[int]) -> Mapping[int, MonitorReading]:
        """What each of these monitors says of itself."""
        with _around(self.on_call, "metrics.monitors"):
            if self.failure is not None:
                raise self.failure
            return {monitor: monitor_that_says(monitor, self.monitors.get(monitor, "OK")) for monitor in ids}


def monitor_that_says(monitor: int, said: str | MonitorReading) -> MonitorReading:
    """A monitor that notifies this stack's webhook and is in a state; `unknown` is one that does not exist."""
    if isinstance(said, MonitorReading):
        return said
    return MonitorReading(monitor=monitor, exists=said != "unknown", state=said, reaches=("webhook-rampart",))


@dataclass(slots=True)
class MemoryAnnouncer:
    """Keeps what it was told to tell."""

    name: str = "memory"
    announced: list[tuple[str, Event]] = field(default_factory=list)
    failure: Exception | None = None

    def announce(self, notice: Notice) -> None:
        if self.failure is not None:
            raise self.failure
        self.announced.append((notice.event_id, notice.event))


@dataclass(frozen=True, slots=True)
class FixedSecret:
    """A secret that is known beforehand, for local use."""

    content: Mapping[str, Any] = field(repr=False)

    def __call__(self) -> Mapping[str, Any]:
        """Give the secret."""
        return self.content

    def refresh(self) -> Mapping[str, Any]:
        """Give the secret: there is no newer one."""
        return self.content
