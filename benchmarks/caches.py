"""How advances and rollbacks end on a Flipper whose processes answer from old copies: `make bench-caches`.

Real use cases and the real Flipper adapter against the stand-in over HTTP, with simulated time: the state machine's own
retries, a tick each minute, the queue's repetition. A wrong end is an advance that ends at 0%, or a rollback that
doesn't; a false notice is a drift, another writer, or a flag lowered again, where only Rampart wrote.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from local.flipper_standin import FlipperStandIn
from local.flipper_standin.caches import Caches
from rampart.adapters.flipper import FlipperFlagStore
from rampart.errors import FlagStoreError, RollbackUndoneError
from rampart.evidence.series import Measured, Series
from rampart.rollout.advance import Advance, AdvanceOutcome
from rampart.rollout.evaluate import Evaluate
from rampart.rollout.event import EventKind
from rampart.rollout.gate import Answer, DecisionKind, Gate, GateKind, Question
from rampart.rollout.prepare import Prepare
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.rollback import Rollback
from rampart.rollout.state import RolloutState, Status
from tests.doubles import (
    FixedClock,
    FixedSecret,
    MemoryGates,
    MemoryRollbackQueue,
    MemoryRolloutStore,
    ScriptedMetricSource,
)

FALSE = frozenset({EventKind.DRIFTED, EventKind.TAKEN_DOWN_AGAIN, EventKind.RESTORED, EventKind.HELD})
"""What must not be reported where only Rampart wrote."""
_MACHINE = Path(__file__).parents[1] / "functions" / "rollout.asl.json"
_TICK = timedelta(minutes=1)
_AGAIN = timedelta(seconds=84)
"""How long until the queue brings an undone rollback again."""
_CALL = timedelta(milliseconds=300)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class Tally:
    """What became of some advances or rollbacks."""

    runs: int = 0
    wrong_ends: int = 0
    false_notices: int = 0
    said_early: int = 0
    """"At 25%" or "rolled back" said before the features themselves were there."""
    tries: list[int] = field(default_factory=list)


def pauses() -> list[timedelta]:
    """The state machine's pauses between its tries of `advance`."""
    states = json.loads(_MACHINE.read_text())["States"]
    retry = next(each for each in states["Advance"]["Retry"] if "States.TaskFailed" in each["ErrorEquals"])
    wished = (retry["IntervalSeconds"] * retry["BackoffRate"] ** n for n in range(retry["MaxAttempts"]))
    return [timedelta(seconds=min(each, retry["MaxDelaySeconds"])) for each in wished]


@dataclass
class Played:
    """One rollout on a cached Flipper, and its time."""

    flipper: FlipperStandIn
    clock: FixedClock
    flags: tuple[str, ...]
    name: str
    store: MemoryRolloutStore = field(default_factory=MemoryRolloutStore)
    gates: MemoryGates = field(default_factory=MemoryGates)
    queue: MemoryRollbackQueue = field(default_factory=MemoryRollbackQueue)
    metrics: ScriptedMetricSource = field(default_factory=ScriptedMetricSource)
    next_tick: datetime = _NEVER
    calls: int = 0

    def __post_init__(self) -> None:
        """Every bucket is healthy."""
        self.flag_store = FlipperFlagStore(self.flipper.api, FixedSecret({}))
        self.metrics.script |= {"errors/errors": _healthy(1), "errors/total": _healthy(1000)}

    @property
    def state(self) -> RolloutState:
        """The record."""
        return self.store.states[self.name]

    def prepare(self) -> None:
        """Start, at 0%."""
        use_case = Prepare(store=self.store, flags=self.flag_store, metrics=self.metrics, clock=self.clock)
        self.gates.running.add("execution")
        answer = use_case(_plan(self.name, self.flags), "execution").to_wire()
        if answer["outcome"] != "ready":
            raise RuntimeError(answer["cause"])
        self.next_tick = self.clock.now() + _TICK

    def wait(self, time: timedelta) -> None:
        """Let time pass, with a tick each minute."""
        until = self.clock.now() + time
        while self.next_tick <= until:
            self.clock.at = max(self.clock.at, self.next_tick)
            self.tick()
            self.next_tick += _TICK
        self.clock.at = max(self.clock.at, until)

    def tick(self) -> None:
        """`evaluate`, and what it calls."""
        evaluate = Evaluate(
            store=self.store,
            flags=self.flag_store,
            metrics=self.metrics,
            gates=self.gates,
            rollback=self.queue,
            clock=self.clock,
        )
        evaluate(self.name)
        called, self.queue.called = self.queue.called, []
        for request in called:
            self.roll_back(request)

    def advance(self, gate: str | None) -> bool:
        """One advance as the state machine calls it; whether it ended well; otherwise the flags go to 0%."""
        for pause in [*pauses(), None]:
            self.calls += 1
            self.wait(_CALL)
            try:
                use_case = Advance(store=self.store, flags=self.flag_store, metrics=self.metrics, clock=self.clock)
                result = use_case(rollout=self.name, attempt=1, execution="execution", gate=gate)
            except FlagStoreError:
                if pause is not None:
                    self.wait(pause)
            else:
                return result.outcome is AdvanceOutcome.ADVANCED
        return False

    def roll_back(self, request: RollbackRequest) -> bool:
        """`rollback`; whether it is done."""
        use_case = Rollback(
            store=self.store,
            claims=self.store,
            flags=self.flag_store,
            gates=self.gates,
            queue=self.queue,
            clock=self.clock,
        )
        self.calls += 1
        try:
            use_case(request)
        except RollbackUndoneError:
            return False
        return True

    def approve(self) -> str:
        """A person approves the next stage, once the hold is over; the gate's id."""
        state = self.state
        gate = f"gate-{state.epoch}"
        self.gates.wait(gate, "execution")
        if state.standing is None:
            raise RuntimeError("no stage is left to approve")
        self.wait(state.standing.hold_ends - self.clock.now() + 2 * _TICK)
        answer = Answer(decision=DecisionKind.APPROVE, by="ann", execution="d", at=self.clock.now())
        asked = Question(evaluation="e", verdict=self.state.latest.verdict if self.state.latest else "waived")
        opened = Gate(
            id=gate,
            kind=GateKind.APPROVAL,
            attempt=1,
            stage=state.standing.stage,
            token=gate,
            opened=self.clock.now(),
            question=asked,
        )
        self.store.open_gate(self.name, "execution", opened)
        self.store.answer_gate(self.name, gate, answer)
        return gate

    def are_at(self, percent: float) -> bool:
        """Whether the features themselves are at a percentage."""
        return all(self.flipper.percentage(flag) == percent for flag in self.flags)


def _healthy(each: float) -> Callable[[int, int, int], Measured]:
    def script(start: int, end: int, bucket: int) -> Measured:
        return Series(tuple((at, each) for at in range(start, end, bucket)))

    return script


def _plan(name: str, flags: tuple[str, ...]) -> dict[str, object]:
    rate = {"kind": "rate", "errors": "e", "total": "t", "below": "8%", "scope": "cohort", "clump": 1}
    stages = [{"percent": percent, "hold": "5m"} for percent in (1, 25, 50, 75, 100)]
    about = {"rollout": name, "owner": "bench", "flags": list(flags), "timezone": "UTC", "bucket": "1m"}
    about |= {"settle": "30s", "look_every": "2m"}
    return about | {"criteria": {"errors": rate}, "stages": stages}


@contextmanager
def _played(processes: int, seconds: float, flags: int, seed: int) -> Iterator[Iterator[Played]]:
    """Rollouts one after the other on one cached Flipper, each with its own flags."""
    clock = FixedClock(datetime.fromisoformat("2026-03-10T14:00:00+00:00"))
    caches = Caches(processes=processes, seconds=seconds, seed=seed)
    with FlipperStandIn(caches=caches, clock=lambda: clock.now().timestamp()) as flipper:

        def rollouts() -> Iterator[Played]:
            for number in count():
                names = tuple(f"flag-{number}-{each}" for each in range(flags))
                for each in names:
                    flipper.set_gates(each, percentage_of_actors=0)
                clock.move(timedelta(minutes=5))
                yield Played(flipper, clock, names, f"rollout-{number}")

        yield rollouts()


def advances(wanted: int, *, processes: int, seconds: float, flags: int, seed: int = 1) -> Tally:
    """Run this many approved advances: how they ended, and what was reported."""
    tally = Tally()
    with _played(processes, seconds, flags, seed) as rollouts:
        for rollout in rollouts:
            rollout.prepare()
            gate: str | None = None
            for stage in rollout.state.plan.stages:
                rollout.calls = 0
                done = rollout.advance(gate)
                tally.runs += 1
                tally.tries.append(rollout.calls)
                tally.said_early += done and not rollout.are_at(stage.percent)
                rollout.wait(timedelta(minutes=3))
                tally.wrong_ends += not done or rollout.state.status is not Status.LIVE
                if tally.runs == wanted or not done:
                    break
                gate = rollout.approve()
            tally.false_notices += sum(event.kind in FALSE for event in rollout.store.told)
            if tally.runs >= wanted:
                return tally
    return tally


def rollbacks(wanted: int, *, processes: int, seconds: float, flags: int, seed: int = 1) -> Tally:
    """Run this many rollbacks by an alert, each from the first stage: how they ended, and what was reported."""
    tally = Tally()
    with _played(processes, seconds, flags, seed) as rollouts:
        for rollout in rollouts:
            rollout.prepare()
            rollout.advance(None)
            rollout.wait(timedelta(seconds=7 * tally.runs % 900))
            rollout.calls = 0
            alert = RollbackRequest(
                cause=Cause.ALERT, reason="an alert", flags=rollout.flags, asked_at=rollout.clock.now()
            )
            rollout.roll_back(alert)
            tally.said_early += rollout.state.status is Status.ROLLED_BACK and not rollout.are_at(0)
            again = alert.model_copy(update={"queued": True})
            for _ in range(5):
                rollout.wait(_AGAIN)
                if rollout.roll_back(again):
                    break
            rollout.wait(timedelta(minutes=5))
            tally.runs += 1
            tally.tries.append(rollout.calls)
            tally.wrong_ends += rollout.state.status is not Status.ROLLED_BACK or not rollout.are_at(0)
            tally.false_notices += sum(event.kind in FALSE for event in rollout.store.told)
            if tally.runs >= wanted:
                return tally
    return tally


def main() -> None:
    """Print the table of the docs; fails if anything ended wrongly."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 334
    bad = 0
    print("| what | processes | copies of | flags | runs | wrong ends | false notices | said early | tries, mean |")
    print("|---|---|---|---|---|---|---|---|---|")
    for what in (advances, rollbacks):
        for processes, seconds, flags in ((10, 60, 1), (30, 60, 2), (30, 90, 2)):
            tally = what(wanted, processes=processes, seconds=seconds, flags=flags)
            bad += tally.wrong_ends + tally.false_notices + tally.said_early
            mean = sum(tally.tries) / len(tally.tries)
            print(
                f"| {what.__name__} | {processes} | {seconds} s | {flags} | {tally.runs:,} | {tally.wrong_ends} "
                f"| {tally.false_notices} | {tally.said_early} | {mean:.1f} |",
                flush=True,
            )
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
