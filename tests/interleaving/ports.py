"""The ports on a tape: each method is one call, whose reply the exploration chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rampart.evidence.monitor import MonitorReading
from rampart.evidence.series import Measured, Series
from rampart.plan.stage import Member
from rampart.rollout.evaluation import Evaluation
from rampart.rollout.event import Event
from rampart.rollout.flag import FlagReading
from rampart.rollout.freeze import Freeze
from rampart.rollout.gate import Gate
from rampart.rollout.request import RollbackRequest
from rampart.rollout.state import Claim, RolloutState, Status
from tests.interleaving.tape import Tape
from tests.interleaving.world import START, Switch


@dataclass(frozen=True, slots=True)
class TapedClock:
    """Time stands still between two calls."""

    tape: Tape

    def now(self) -> datetime:
        return self.tape.ask("clock.now")  # type: ignore[no-any-return]  # the world's moment


@dataclass(frozen=True, slots=True)
class TapedFlags:
    """The flag store."""

    tape: Tape

    def read(self, flag: str) -> FlagReading:
        return self.tape.ask("flag.read")  # type: ignore[no-any-return]  # the world's reading

    def set_percentage(self, flag: str, percent: float) -> None:
        self.tape.ask("flag.write", float(percent))

    def close_gates(self, flag: str) -> None:
        self.tape.ask("flag.write", Switch.CLEAR)

    def open_to(self, flag: str, member: Member) -> None:
        self.tape.ask("flag.write", Switch.OPEN)

    def close_to(self, flag: str, member: Member) -> None:
        self.tape.ask("flag.write", Switch.CLOSE)

    def turn_on(self, flag: str) -> None:
        self.tape.ask("flag.write", Switch.TURN_ON)


@dataclass(frozen=True, slots=True)
class TapedStore:
    """The records."""

    tape: Tape

    def watched(self) -> Sequence[str]:
        return self.tape.ask("store.watched")  # type: ignore[no-any-return]  # names

    def unwatched(self, status: Status) -> Sequence[str]:
        raise NotImplementedError("what is over is not a part of any scenario")

    def state(self, rollout: str) -> RolloutState | None:
        return self.tape.ask("store.state").model  # type: ignore[no-any-return]  # a kept record

    def gate(self, rollout: str) -> Gate | None:
        kept = self.tape.ask("store.gate")
        return None if kept is None else kept.model

    def claims(self, flags: Sequence[str]) -> Mapping[str, Claim]:
        holder = self.tape.ask("store.claims")
        return {flag: Claim(flag=flag, rollout=holder, flags=tuple(flags)) for flag in flags if holder}

    def freeze(self) -> Freeze | None:
        # Where no one ever freezes, asking could change nothing, and would only make more worlds.
        is_frozen = self.tape.library.freezes and self.tape.ask("store.freeze")
        return Freeze(by="ana", note="an incident", at=START) if is_frozen else None

    def open(self, state: RolloutState, submitted: str, events: Sequence[Event]) -> None:
        raise NotImplementedError("every scenario begins with an open rollout")

    def note(self, event: Event) -> None:
        self.tape.ask("store.note", self.tape.library.keep(event))

    def commit(
        self,
        before: RolloutState,
        after: RolloutState,
        *,
        events: Sequence[Event] = (),
        evaluation: Evaluation | None = None,
        answered: str | None = None,
        release: bool = False,
        claim: bool = False,
        unless_frozen: bool = False,
    ) -> None:
        keep = self.tape.library.keep
        told = tuple((event.kind, event.attempt, event.stage, event.details.get("gate")) for event in events)
        at_epoch = self.is_conditional(before, after)
        self.tape.ask(
            "store.commit", keep(before), keep(after), told, answered, (release, claim), at_epoch, unless_frozen
        )

    def is_conditional(self, before: RolloutState, after: RolloutState) -> bool:
        """Whether the record must be as it was; a commit that does not ask is what a guard's removal makes."""
        return True


@dataclass(frozen=True, slots=True)
class TapedGates:
    """Where executions wait."""

    tape: Tape

    def succeed(self, token: str, output: Mapping[str, Any]) -> None:
        self.tape.ask("gates.succeed", token, self.tape.library.keep(dict(output)))

    def fail(self, token: str, error: str, cause: str) -> None:
        self.tape.ask("gates.fail", token)

    def keep_alive(self, token: str) -> None:
        self.tape.ask("gates.keep_alive", token)

    def is_running(self, execution: str) -> bool:
        return self.tape.ask("gates.is_running", execution)  # type: ignore[no-any-return]  # yes or no


@dataclass(frozen=True, slots=True)
class TapedQueue:
    """The rollback queue, and the call of `rollback`."""

    tape: Tape

    def put(self, request: RollbackRequest, delay: timedelta) -> None:
        self.tape.ask("queue.put", self.tape.library.keep(request))

    def call(self, request: RollbackRequest) -> None:
        self.tape.ask("rollback.call", self.tape.library.keep(request))


@dataclass(frozen=True, slots=True)
class TapedMetrics:
    """Evidence: so many errors in each bucket."""

    tape: Tape

    def read(self, queries: Mapping[str, str], *, start: int, end: int, bucket: int) -> Mapping[str, Measured]:
        errors = self.tape.ask("metrics.read")
        points = () if errors is None else tuple((at, errors) for at in range(start, end, bucket))
        return dict.fromkeys(queries, Series(points))

    def read_monitors(self, ids: Sequence[int]) -> Mapping[int, MonitorReading]:
        assert not ids, "no plan names monitors here: asking them isn't a moment on the tape"
        return {}
