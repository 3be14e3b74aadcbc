"""A small world for the use cases: every port in memory, one clock, and the two state machines played by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from rampart.absence import AbsenceReason
from rampart.evidence.series import Measured, Series, Unavailable
from rampart.evidence.verdict import Verdict
from rampart.rollout.advance import Advance
from rampart.rollout.evaluate import Evaluate, EvaluateResult
from rampart.rollout.event import EventKind
from rampart.rollout.gate import Answer, DecisionKind, Gate, GateKind, Question
from rampart.rollout.prepare import Prepare
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.rollback import Rollback, RollbackResult
from rampart.rollout.state import RolloutState, Standing, Status
from tests.doubles import (
    FixedClock,
    MemoryCalendars,
    MemoryFlagStore,
    MemoryGates,
    MemoryRollbackQueue,
    MemoryRolloutStore,
    Moment,
    ScriptedMetricSource,
)

START = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)
"""A Tuesday, 10:00 in New York."""
FLAG = "letters_api"
ROLLOUT = "letters"
ERRORS = "download error rate"
EXECUTION = "arn:aws:states:us-east-1:1:execution:rollout:first"

PLAN: dict[str, Any] = {
    "rollout": ROLLOUT,
    "owner": "benefits-management-tools",
    "flags": [FLAG],
    "timezone": "America/New_York",
    "look_every": "5m",
    "criteria": {
        ERRORS: {"kind": "rate", "errors": "e", "total": "t", "below": "8%", "scope": "cohort", "clump": 1},
    },
    "stages": [
        {"name": "Canary", "percent": 1, "hold": "1h"},
        {"percent": 25, "hold": "1h"},
        {"percent": 100, "hold": "1h"},
    ],
}

COMPLAINTS = {"complaints": {"kind": "reported", "at_most": 0}}
OFFICE_HOURS = {"advance_on": "business_days", "holidays": "US-federal", "between": "09:00-16:00"}

Script = Callable[[int, int, int], Measured]


class CrashError(BaseException):
    """The process ended here."""


def crash() -> None:
    raise CrashError


def ignore(_: object) -> None:
    """Take whatever a step gave."""


def steady(each: float) -> Script:
    """The same number in every bucket."""
    return lambda start, end, bucket: Series(tuple((at, each) for at in range(start, end, bucket)))


EVIDENCE: dict[Verdict, tuple[Measured | Script, Measured | Script]] = {
    Verdict.PASS: (steady(0), steady(1000)),
    Verdict.FAIL: (steady(500), steady(1000)),
    Verdict.INCONCLUSIVE: (steady(8), steady(100)),  # at the bar: nothing is ever proven there
    Verdict.NO_DATA: (Series(()), Series(())),
    Verdict.ERROR: (Unavailable(AbsenceReason.UNREACHABLE, ""), Unavailable(AbsenceReason.UNREACHABLE, "")),
}
"""Errors and requests that lead to each verdict."""


@dataclass
class World:
    """Everything that a rollout meets, and what it did."""

    clock: FixedClock = field(default_factory=lambda: FixedClock(START))
    flags: MemoryFlagStore = field(default_factory=lambda: MemoryFlagStore.at(**{FLAG: 0.0}))
    store: MemoryRolloutStore = field(default_factory=MemoryRolloutStore)
    gates: MemoryGates = field(default_factory=MemoryGates)
    queue: MemoryRollbackQueue = field(default_factory=MemoryRollbackQueue)
    metrics: ScriptedMetricSource = field(default_factory=ScriptedMetricSource)
    calendars: MemoryCalendars = field(default_factory=MemoryCalendars)
    calls: list[str] = field(default_factory=list)
    """Every call to a port that was begun, in order."""
    hooks: dict[tuple[str, Moment], Callable[[], None]] = field(default_factory=dict)
    """What happens at a call, once."""
    crash_at: int | None = None
    """End the process at this call or answer, counted from 0."""
    moments: int = 0

    def __post_init__(self) -> None:
        """Listen to every port."""
        for port in (self.flags, self.store, self.gates, self.queue, self.metrics, self.calendars):
            port.on_call = self._on_call
        self.measure(Verdict.PASS)

    def _on_call(self, call: str, moment: Moment) -> None:
        if moment is Moment.BEFORE:
            self.calls.append(call)
        hook = self.hooks.pop((call, moment), None)
        if hook is not None:
            hook()
        self.moments += 1
        if self.crash_at is not None and self.moments > self.crash_at:
            self.crash_at = None
            raise CrashError(call)

    def measure(self, verdict: Verdict, name: str = ERRORS) -> None:
        """Let the evidence from now on lead to a verdict."""
        errors, total = EVIDENCE[verdict]
        self.metrics.script |= {f"{name}/errors": errors, f"{name}/total": total}

    # The use cases.

    @property
    def prepare(self) -> Prepare:
        return Prepare(
            store=self.store, flags=self.flags, metrics=self.metrics, calendars=self.calendars, clock=self.clock
        )

    @property
    def rollback(self) -> Rollback:
        return Rollback(
            store=self.store,
            claims=self.store,
            flags=self.flags,
            gates=self.gates,
            queue=self.queue,
            clock=self.clock,
        )

    def advance(self, gate: str | None = None, *, attempt: int = 1, execution: str = EXECUTION) -> dict[str, Any]:
        use_case = Advance(
            store=self.store, flags=self.flags, metrics=self.metrics, calendars=self.calendars, clock=self.clock
        )
        return use_case(rollout=ROLLOUT, attempt=attempt, execution=execution, gate=gate).to_wire()

    def tick(self) -> EvaluateResult:
        use_case = Evaluate(
            store=self.store,
            flags=self.flags,
            metrics=self.metrics,
            gates=self.gates,
            rollback=self.queue,
            clock=self.clock,
        )
        return use_case(ROLLOUT)

    def request(self, cause: Cause, **changes: Any) -> RollbackRequest:
        """A rollback that is asked for now, with what its cause needs to be believed."""
        request = RollbackRequest(cause=cause, reason="because", asked_at=self.clock.now())
        if cause is Cause.ALERT:
            request = request.model_copy(update={"flags": (FLAG,)})
        else:
            request = request.model_copy(update={"rollout": ROLLOUT, "attempt": 1, "execution": EXECUTION})
        return request.model_copy(update=changes)

    def roll_back(self, cause: Cause = Cause.ALERT, **changes: Any) -> RollbackResult:
        return self.rollback(self.request(cause, **changes))

    def deliver(self) -> list[RollbackResult]:
        """What `evaluate` called for arrives at `rollback`."""
        called, self.queue.called = self.queue.called, []
        return [self.rollback(request) for request in called]

    def redeliver(self) -> list[RollbackResult]:
        """The queue's messages arrive; those that are done are deleted."""
        waiting, self.queue.waiting = self.queue.waiting, []
        return [self.rollback(request) for request, _ in waiting]

    # The state machines.

    def start(self, execution: str = EXECUTION, **changes: Any) -> dict[str, Any]:
        self.gates.running.add(execution)
        return self.prepare(PLAN | changes, execution).to_wire()

    def resume(self, stage: int, execution: str = "second", **changes: Any) -> dict[str, Any]:
        self.gates.running.add(execution)
        wish = {"rollout": ROLLOUT, "stage": stage, "by": "ann", "note": "fixed", "decision": "d-9"} | changes
        return self.prepare({"resume": wish}, execution).to_wire()

    def open_gate(self, kind: GateKind = GateKind.BAKE, **changes: Any) -> str:
        """Open the next gate of the attempt; its id, which is its token too."""
        state = self.state
        gate_id = f"a{state.attempt}-s{state.stage}-{kind.value}-{len(self.gates.waiting)}{len(self.gates.succeeded)}"
        assert state.stage is not None
        gate = Gate(
            id=gate_id,
            kind=kind,
            attempt=state.attempt,
            stage=state.stage,
            token=gate_id,
            opened=self.clock.now(),
        ).model_copy(update=changes)
        self.gates.wait(gate_id, state.execution)
        self.store.open_gate(ROLLOUT, state.execution, gate)
        return gate_id

    def ask(self, question: Mapping[str, Any]) -> str:
        """Open the approval gate that a bake gate's output asks for."""
        asked = Question.model_validate(question["question"])
        return self.open_gate(GateKind.APPROVAL, question=asked, lapses=datetime.fromisoformat(question["lapses"]))

    def answer(self, gate: str, decision: DecisionKind = DecisionKind.APPROVE, **reported: float) -> None:
        """A person answers an approval gate."""
        said = Answer(decision=decision, by="ann", note="why", reported=reported, execution="d-1", at=self.clock.now())
        self.store.answer_gate(ROLLOUT, gate, said)

    def baked(self) -> str:
        """Wait at a new bake gate until the hold is over and it is answered; its id."""
        gate = self.open_gate()
        self.clock.at = max(self.clock.at, self.standing.hold_ends)
        self.tick()
        return gate

    def bake(self) -> Mapping[str, Any]:
        """Wait at a new bake gate until the hold is over; what the gate then says."""
        return self.gates.succeeded[self.baked()]

    def asked(self) -> str:
        """Wait until people are asked; the approval gate's id."""
        return self.ask(self.bake())

    def approved(self, decision: DecisionKind = DecisionKind.APPROVE, **reported: float) -> str:
        """Wait until people are asked, and let one answer; the gate's id."""
        gate = self.asked()
        self.answer(gate, decision, **reported)
        return gate

    def complete(self) -> str:
        """Wait in the last stage until it may end, and end the rollout; the gate's id."""
        gate = self.baked()
        assert self.advance(gate)["outcome"] == "completed"
        return gate

    def climb(self, stage: int, **changes: Any) -> None:
        """Start, and advance to a stage with healthy evidence and approvals."""
        assert self.start(**changes)["outcome"] == "ready"
        assert self.advance()["outcome"] == "advanced"
        for _ in range(stage):
            assert self.advance(self.approved())["outcome"] == "advanced"
        self.calls.clear()

    def forget(self) -> None:
        """Look only at what happens from here on."""
        self.calls.clear()
        self.store.told.clear()
        self.store.looks.clear()
        self.flags.history.clear()
        self.metrics.asked.clear()

    def wait(self, **time: float) -> None:
        self.clock.move(timedelta(**time))

    # What became of it.

    @property
    def state(self) -> RolloutState:
        return self.store.states[ROLLOUT]

    @property
    def standing(self) -> Standing:
        """Where the attempt stands."""
        assert self.state.standing is not None
        return self.state.standing

    @property
    def status(self) -> Status:
        return self.state.status

    @property
    def token(self) -> str:
        """The token of the gate on record."""
        assert self.state.gate is not None
        return self.state.gate.token

    @property
    def causes(self) -> list[Cause]:
        """What `rollback` was called for by ticks and is not delivered yet."""
        return [request.cause for request in self.queue.called]

    @property
    def percent(self) -> float:
        """What the flag reads."""
        return self.flags.flags[FLAG].exposure

    @property
    def told(self) -> list[EventKind]:
        """What people were told about, oldest first."""
        return [event.kind for event in self.store.told]


def errors_of(outcome: dict[str, Any]) -> dict[str, str]:
    """The named problems of a refused start, by error."""
    assert outcome["outcome"] == "refused"
    return {problem["code"]: problem["where"] for problem in outcome["problems"]}


def assert_ready(outcome: dict[str, Any]) -> None:
    assert outcome["outcome"] == "ready"


# The clump.
