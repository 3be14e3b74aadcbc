"""Whatever the order, the crashes and the repetitions: what must hold of a rollout."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rampart.errors import FlagStoreError, GateError, QueueError, RampartError, StoreError
from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.gate import DecisionKind, GateKind
from rampart.rollout.request import Cause
from rampart.rollout.state import DOWN, Status
from tests.doubles import Moment
from tests.unit.rollout.world import EXECUTION, FLAG, PLAN, ROLLOUT, CrashError, World

PERCENTS = [stage["percent"] for stage in PLAN["stages"]]
CRASH = st.none() | st.integers(0, 12)
ASKING = [Cause.ALERT, Cause.PERSON, Cause.EXECUTION]


class Rollout(RuleBasedStateMachine):
    """One rollout, with everyone who may touch it, in any order; every part may be down, and every step cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.execution = EXECUTION
        self.attempt = 1
        self.gate: str | None = None
        self.approved = 0.0
        """The highest percentage that anyone approved in this attempt."""
        self.asked_down = False
        """Whether someone believable asked for 0% since the attempt began."""

    @initialize()
    def start(self) -> None:
        self.world.start()
        self.approved = PERCENTS[0]

    def attempt_at(self, step: Callable[[], object], crash: int | None) -> None:
        """Do a step that may be cut off, or meet a part that is down."""
        self.world.moments, self.world.crash_at = 0, crash
        with contextlib.suppress(CrashError, RampartError):
            step()
        self.world.crash_at = None

    @rule(crash=CRASH)
    def advance(self, crash: int | None) -> None:
        self.attempt_at(lambda: self.world.advance(self.gate, attempt=self.attempt, execution=self.execution), crash)

    @rule(
        crash=CRASH,
        call=st.sampled_from(["store.commit", "flags.set_percentage", "flags.read"]),
        cause=st.sampled_from(ASKING),
    )
    def advance_while_a_rollback_comes(self, crash: int | None, call: str, cause: Cause) -> None:
        def come_down() -> None:
            with contextlib.suppress(RampartError):
                self.ask_down(cause)

        self.world.hooks[call, Moment.BEFORE] = come_down
        self.advance(crash)
        self.world.hooks.clear()

    @rule(crash=CRASH)
    def tick(self, crash: int | None) -> None:
        self.attempt_at(self.world.tick, crash)

    @rule(crash=CRASH)
    def deliver(self, crash: int | None) -> None:
        self.attempt_at(self.world.deliver, crash)

    @rule(cause=st.sampled_from(ASKING), crash=CRASH)
    def roll_back(self, cause: Cause, crash: int | None) -> None:
        self.attempt_at(lambda: self.ask_down(cause), crash)

    def ask_down(self, cause: Cause) -> None:
        if self.world.status is Status.COMPLETED:
            return
        self.asked_down = True
        request = self.world.request(cause, attempt=None, execution=self.execution)
        # Anyone who asks asks again until it is done: the queue has it before anything else may fail.
        self.world.queue.waiting.append(
            (request.model_copy(update={"queued": True}), request.asked_at - request.asked_at)
        )
        self.world.rollback(request)

    @rule(minutes=st.sampled_from([1, 3, 6, 61]))
    def wait(self, minutes: int) -> None:
        self.world.wait(minutes=minutes)

    @rule(verdict=st.sampled_from([Verdict.PASS, Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.NO_DATA, Verdict.ERROR]))
    def measure(self, verdict: Verdict) -> None:
        self.world.measure(verdict)

    @precondition(lambda self: self.world.state.stage is not None)
    @rule()
    def open_bake(self) -> None:
        with contextlib.suppress(RampartError):
            self.gate = self.world.open_gate(id=f"g{self.world.moments}", token=f"g{self.world.moments}")
            self.world.gates.wait(self.gate, self.execution)

    @precondition(lambda self: self.gate in self.world.gates.succeeded)
    @rule(decision=st.sampled_from([DecisionKind.APPROVE, DecisionKind.OVERRIDE, None]))
    def ask_and_answer(self, decision: DecisionKind | None) -> None:
        assert self.gate is not None
        said = self.world.gates.succeeded[self.gate]
        if said["outcome"] != "ask":
            return
        with contextlib.suppress(RampartError):
            self.gate = self.world.ask(said)
            if decision is not None:
                self.world.answer(self.gate, decision)
                following = self.world.state.next_stage
                if self.world.status is Status.LIVE and following < len(PERCENTS):
                    self.approved = max(self.approved, PERCENTS[following])

    @precondition(lambda self: self.world.status is Status.ROLLED_BACK)
    @rule(stage=st.integers(0, 2))
    def resume(self, stage: int) -> None:
        self.repair()
        self.world.wait(minutes=1)
        execution = f"resume-{self.attempt}"
        if self.world.resume(stage, execution)["outcome"] == "ready":
            self.attempt, self.execution, self.gate = self.attempt + 1, execution, None
            self.approved, self.asked_down = PERCENTS[stage], False
            self.world.flags.history.clear()

    @rule(port=st.sampled_from(["flags", "store", "gates", "queue"]))
    def break_down(self, port: str) -> None:
        if port == "flags":
            self.world.flags.failure = FlagStoreError("down")
        elif port == "store":
            self.world.store.failure = StoreError("down")
        elif port == "gates":
            self.world.gates.failure = GateError("down")
        else:
            self.world.queue.failure = QueueError("down")

    @rule()
    def repair(self) -> None:
        self.world.flags.failure = None
        self.world.store.failure = None
        self.world.gates.failure = None
        self.world.queue.failure = None

    @invariant()
    def nothing_was_raised_above_what_was_approved(self) -> None:
        written = [reading.percent for reading in self.world.flags.history]
        assert max(written, default=0) <= self.approved
        assert ROLLOUT not in self.world.store.states or self.world.state.percent <= self.approved

    @invariant()
    def what_is_said_to_be_rolled_back_is_down(self) -> None:
        if ROLLOUT in self.world.store.states and self.world.status is Status.ROLLED_BACK:
            assert self.world.state.percent == 0
            assert self.world.state.intent is None

    @invariant()
    def the_claim_is_held_for_as_long_as_the_rollout_is_open(self) -> None:
        if ROLLOUT in self.world.store.states:
            assert (FLAG in self.world.store.owners) is (self.world.status is not Status.COMPLETED)

    def teardown(self) -> None:
        """Everyone who retries retries, everything that is down comes back: what is halted ends at 0%."""
        self.repair()
        for _ in range(3):
            self.attempt_at(self.world.deliver, None)
            self.attempt_at(self.world.redeliver, None)
            self.world.wait(minutes=6)
            self.attempt_at(self.world.tick, None)
        self.attempt_at(self.world.deliver, None)
        if self.asked_down or self.world.status in DOWN:
            assert self.world.status is Status.ROLLED_BACK
            assert self.world.percent == 0
            assert self.world.state.gate is None or self.world.state.gate.token not in self.world.gates.waiting


TestAnyOrder = Rollout.TestCase
TestAnyOrder.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("rollback_at", range(16))
@pytest.mark.parametrize("cause", [Cause.ALERT, Cause.PERSON, Cause.EVIDENCE, Cause.ABANDON])
def test_a_rollback_at_any_moment_of_an_advance_ends_at_zero(world: World, rollback_at: int, cause: Cause) -> None:
    world.climb(0)
    gate = world.approved()
    world.moments = 0

    def at_that_moment(call: str, moment: Moment) -> None:
        world.moments += 1
        if world.moments == rollback_at + 1:
            with contextlib.suppress(RampartError):
                world.roll_back(cause)

    world.flags.on_call = world.store.on_call = world.calendars.on_call = at_that_moment
    with contextlib.suppress(RampartError):  # it may read what the rollback wrote; the machine runs it again
        world.advance(gate)
    settle(world, gate)
    if rollback_at + 1 <= world.moments:
        assert world.percent == world.state.percent == 0
        assert world.status in {Status.ROLLED_BACK, Status.ABANDONED}
        assert world.told.count(EventKind.ROLLED_BACK) == 1


def settle(world: World, gate: str) -> None:
    """The step that was refused is run again, and everything that waits arrives."""
    world.advance(gate)
    for _ in range(2):
        with contextlib.suppress(RampartError):
            world.redeliver()
        world.wait(minutes=6)
        world.tick()
        with contextlib.suppress(RampartError):
            world.deliver()


@pytest.mark.parametrize("written", [1.0, 25.0, 100.0])
def test_a_write_that_arrives_after_the_rollback_is_taken_down_by_the_watch(world: World, written: float) -> None:
    world.climb(1)
    world.roll_back()
    world.flags.put(FlagReading(FLAG, percent=written))
    world.wait(minutes=1)
    world.tick()
    world.deliver()
    assert world.percent == 0
    assert world.status is Status.ROLLED_BACK


@pytest.mark.parametrize("kind", list(GateKind))
def test_ticks_alone_never_raise_a_flag(world: World, kind: GateKind) -> None:
    world.climb(1)
    world.open_gate(kind)
    world.flags.history.clear()
    for _ in range(30):
        world.tick()
        world.wait(minutes=7)
    assert world.flags.history == []
