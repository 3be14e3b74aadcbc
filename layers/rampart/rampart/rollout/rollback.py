"""Roll back: the flag to 0% first, read back; then the record; then the token. People are told from the record."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from rampart.errors import (
    ConflictError,
    FlagsNotLoweredError,
    FlagStoreError,
    FlagUnconfirmedError,
    GateClosedError,
    GateError,
    QueueError,
    RollbackUndoneError,
    StoreError,
)
from rampart.rollout.drift import is_echo
from rampart.rollout.flag import FlagReading
from rampart.rollout.lower import USUAL_TRIES, Remembering, for_each, look, look_at_all, lower, lower_unseen
from rampart.rollout.ports import Clock, FlagStore, Gates, RollbackQueue, RolloutStore
from rampart.rollout.request import FLAG_FIRST, Cause, RollbackRequest, raised_again
from rampart.rollout.restore import Restore
from rampart.rollout.rollback_words import pending, rolled_back
from rampart.rollout.state import (
    CLOCK_SKEW,
    CLOSED,
    INTENT_EXPIRES,
    Event,
    EventKind,
    RolloutState,
    Status,
)

REPEAT_AFTER = timedelta(seconds=60)
"""When the queue looks whether a rollback is done: after a first try has had its time."""
_TRIES = 5
"""How often the record is written anew when somebody else wrote first."""


class Outcome(StrEnum):
    """How a rollback ended."""

    ROLLED_BACK = "rolled_back"
    """Flag, record and token are done."""
    NOTHING = "nothing"
    """Nothing is watched that this concerns; nothing was done."""
    NOT_BELIEVED = "not_believed"
    """The request names another execution or attempt than the record; nothing was done."""
    RESTORED = "restored"
    """The flag was lowered to its record."""


@dataclass(frozen=True, slots=True)
class RollbackResult:
    """What a rollback did: the outcome, and every flag as it was read afterwards."""

    outcome: Outcome
    readings: tuple[FlagReading, ...] = ()
    rollouts: tuple[str, ...] = ()


@dataclass(slots=True)
class _Work:
    """What is known of one run: the flags to lower, the rollouts to record, and what is not done yet."""

    flags: tuple[str, ...]
    rollouts: tuple[str, ...]
    found: dict[str, RollbackRequest] = field(default_factory=dict)
    """What to tell of a rollout instead of what was asked: it was rolled back before, and its flag is up again."""
    readings: tuple[FlagReading, ...] | None = None
    up: tuple[str, ...] = ()
    """The flags that are not confirmed at 0%."""
    over: set[float] = field(default_factory=set)
    """The percentages that were there before: what caches may show for a while yet."""
    undone: list[str] = field(default_factory=list)

    def add(self, other: _Work) -> None:
        """Do that too."""
        self.flags += other.flags
        self.rollouts += other.rollouts
        self.found |= other.found
        self.readings = (*(self.readings or ()), *other.readings) if other.readings is not None else self.readings
        self.undone += other.undone


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """The use case with its ports; `claims` is a store whose look at a claim ends within 200 ms."""

    store: RolloutStore
    claims: RolloutStore
    flags: FlagStore
    gates: Gates
    queue: RollbackQueue
    clock: Clock
    tries: int = USUAL_TRIES
    pool: Callable[[int], Executor] = ThreadPoolExecutor
    """Where the request is kept beside the flag's write; takes the number of threads."""

    def __call__(self, request: RollbackRequest) -> RollbackResult:
        """Take what the request concerns to 0% and end the attempt.

        Raises RollbackUndoneError when flag, record or token is not done: whoever called must call again.
        """
        work = self._work(request)
        if isinstance(work, RollbackResult):
            return work
        if request.cause is Cause.RESTORE:
            restored = self._restored(work.rollouts[0])
            if restored is not None:
                return restored
            request = request.model_copy(update={"cause": Cause.DRIFT})
        with self.pool(1) as pool:
            kept = pool.submit(self._keep, work.found.get(request.rollout or "", request))
            self._lower(work)
            kept.result()
        for rollout in work.rollouts:
            self._finish(rollout, work.found.get(rollout, request), work)
        if work.undone:
            raise RollbackUndoneError("; ".join(dict.fromkeys(work.undone)))
        return RollbackResult(Outcome.ROLLED_BACK, work.readings or (), work.rollouts)

    def _restored(self, rollout: str) -> RollbackResult | None:
        """The result of lowering to the record instead; None where that cannot be done, and 0% must be."""
        try:
            readings = Restore(store=self.store, flags=self.flags, clock=self.clock, tries=self.tries)(rollout)
        except FlagUnconfirmedError:
            return None
        except (FlagStoreError, StoreError) as error:
            raise RollbackUndoneError(str(error)) from error
        return RollbackResult(Outcome.RESTORED, readings, (rollout,)) if readings else RollbackResult(Outcome.NOTHING)

    # 1. What does it concern?

    def _work(self, request: RollbackRequest) -> _Work | RollbackResult:
        if request.cause is Cause.ALERT:
            return self._work_of_alert(request)
        if request.rollout is None:
            return RollbackResult(Outcome.NOTHING)
        try:
            state = self.store.state(request.rollout)
        except StoreError as error:
            if request.cause in FLAG_FIRST and request.flags:
                return _Work(request.flags, (), undone=[str(error)])
            self._keep(request)
            raise RollbackUndoneError(f"the record of {request.rollout} cannot be read: {error}") from error
        if state is not None and state.status is Status.ABANDONED and request.cause is Cause.ABANDON:
            return self._abandoned(state, request)
        if state is None or state.status in CLOSED or _is_past(request, state, self.clock.now()):
            return RollbackResult(Outcome.NOTHING)
        if request.cause not in FLAG_FIRST and not _is_believed(request, state):
            return RollbackResult(Outcome.NOT_BELIEVED)
        if request.cause in FLAG_FIRST and not request.queued:
            return _Work(state.plan.flags, (state.rollout,))
        return self._unhurried(state, request) or self._work(request)

    def _abandoned(self, state: RolloutState, request: RollbackRequest) -> RollbackResult:
        """A repetition: flag and record are done, and whoever was cut off may have left the token."""
        work = _Work((), (state.rollout,))
        if state.gate is not None:
            self._end_wait(state.gate.token, request, work)
        if work.undone:
            raise RollbackUndoneError("; ".join(work.undone))
        return RollbackResult(Outcome.ROLLED_BACK, (), work.rollouts)

    def _work_of_alert(self, request: RollbackRequest) -> _Work | RollbackResult:
        try:
            claims = self.claims.claims(request.flags).values()
        except StoreError as error:
            # The store is down: what the authenticated alert names is lowered, and the record made up for later.
            return _Work(request.flags, (), undone=[f"the record cannot be read: {error}"])
        rollouts = tuple(dict.fromkeys(claim.rollout for claim in claims))
        if not rollouts:
            return RollbackResult(Outcome.NOTHING)
        if request.queued:
            return self._work_of_repeated_alert(rollouts, request)
        return _Work(tuple(dict.fromkeys(flag for claim in claims for flag in claim.flags)), rollouts)

    def _work_of_repeated_alert(self, rollouts: Sequence[str], request: RollbackRequest) -> _Work | RollbackResult:
        """There is no hurry any more: is it about an attempt that is over?"""
        work = _Work((), ())
        for rollout in rollouts:
            part = None
            while part is None:
                state = self._state(rollout)
                if state is None or state.status in CLOSED or _is_past(request, state, self.clock.now()):
                    break
                part = self._unhurried(state, request)
            else:
                work.add(part)
        return work if work.rollouts else RollbackResult(Outcome.NOTHING)

    def _state(self, rollout: str) -> RolloutState | None:
        try:
            return self.store.state(rollout)
        except StoreError as error:
            raise RollbackUndoneError(f"the record of {rollout} cannot be read: {error}") from error

    def _unhurried(self, state: RolloutState, request: RollbackRequest) -> _Work | None:
        """The work for what comes again or late; None where the record moved meanwhile and must be read anew.

        What was rolled back before is lowered only where another writer raised it since, and then people are told: the
        repetition of an alert, or the end of an execution, may be faster than the next tick. What a cache may still
        hold of the time before the rollback is nobody's doing: it is lowered once more, and nobody is told.
        """
        if state.status is not Status.ROLLED_BACK or request.cause is Cause.ABANDON:
            return _Work(state.plan.flags, (state.rollout,))
        try:
            readings = for_each(state.plan.flags, lambda flag: look(self.flags, flag))
            up = [reading for reading in readings if not reading.is_down]
            if all(is_echo(reading, state, self.clock.now()) for reading in up):
                lower_unseen(self.flags, [reading.flag for reading in up])
                return _Work((), (state.rollout,), readings=readings)
        except FlagStoreError as error:
            return _Work((), (state.rollout,), undone=[str(error)])
        now = self._state(state.rollout)
        if now is None or now.epoch != state.epoch:
            return None  # resumed, perhaps: then its own advance raised the flag
        reason = raised_again(max(reading.exposure for reading in readings))
        seen = {"attempt": state.attempt, "execution": state.execution, "epoch": state.epoch}
        drift = request.model_copy(update={"cause": Cause.DRIFT, "reason": reason, **seen})
        return _Work(state.plan.flags, (state.rollout,), found={state.rollout: drift})

    # 2. Flag first, and 3. durable at the same time.

    def _lower(self, work: _Work) -> None:
        try:
            lowered = lower(Remembering(self.flags, work.over), work.flags, self.tries) if work.flags else ()
            work.readings = (*(work.readings or ()), *lowered)
        except FlagsNotLoweredError as error:
            work.readings, work.up = None, error.flags
            work.undone.append(str(error))

    def _keep(self, request: RollbackRequest) -> None:
        if not request.queued:
            # A queue that is down never stops a rollback; Datadog and the next tick repeat it too.
            with suppress(QueueError):
                self.queue.put(request.model_copy(update={"queued": True}), REPEAT_AFTER)

    # 4. The record, and 5. the token.

    def _finish(self, rollout: str, request: RollbackRequest, work: _Work) -> None:
        try:
            state = self._record(rollout, request, work)
        except StoreError as error:
            work.undone.append(f"the record of {rollout} cannot be written: {error}")
            return
        if state is None:
            return
        if state.status is Status.HALTED:
            work.undone.append(f"{rollout} is halted, but an advance is in flight or a flag is not confirmed at 0%")
        if state.gate is not None:
            self._end_wait(state.gate.token, request, work)

    def _end_wait(self, token: str, request: RollbackRequest, work: _Work) -> None:
        try:
            self.gates.fail(token, "RolledBack", request.reason)
        except GateClosedError:
            pass  # nobody waits any more: done before, or the execution is gone
        except GateError as error:
            work.undone.append(f"the execution still waits: {error}")

    def _record(self, rollout: str, request: RollbackRequest, work: _Work) -> RolloutState | None:
        for _ in range(_TRIES):
            before = self.store.state(rollout)
            if before is None or _is_past(request, before, self.clock.now()):
                return None
            if request.cause not in FLAG_FIRST and not _is_believed(request, before):
                return None  # it was resumed since it was looked at
            readings = self._confirmed(before, work)
            now = self.clock.now()
            after, events = halted(before, request, readings, now, up=work.up, over=work.over)
            closing = request.cause is Cause.ABANDON and after.status is Status.ROLLED_BACK and readings is not None
            if closing:
                after = after.model_copy(update={"status": Status.ABANDONED, "epoch": before.epoch + 1, "updated": now})
                events = [*events, _event(after, request, now, EventKind.ABANDONED, f"abandoned: {request.reason}")]
            if not events and after == before:
                return before
            try:
                self.store.commit(before, after, events=events, release=closing)
            except ConflictError:
                continue
            return after
        raise ConflictError("somebody else kept writing first")

    def _confirmed(self, state: RolloutState, work: _Work) -> tuple[FlagReading, ...] | None:
        """What the flags read now that the record is known; None where one is not confirmed at 0%.

        Since they were lowered, an advance may have begun and ended. From here on none can unseen: its intent comes
        before its write to the flag, and moves the epoch that the record is written at.
        """
        if state.status not in (Status.LIVE, Status.HALTED):
            return work.readings  # nobody advances it, and the flags of a closed rollout may be another's by now
        if set(state.plan.flags) & set(work.up):
            return None
        found = look_at_all(self.flags, state.plan.flags)
        readings = tuple(each for each in found if not isinstance(each, FlagStoreError))
        if len(readings) == len(found) and all(reading.is_down for reading in readings):
            return readings
        try:
            return lower(Remembering(self.flags, work.over), state.plan.flags, self.tries)
        except FlagsNotLoweredError as error:
            work.up += error.flags
            work.undone.append(str(error))
            return None


def halted(
    before: RolloutState,
    request: RollbackRequest,
    readings: tuple[FlagReading, ...] | None,
    now: datetime,
    *,
    up: Sequence[str] = (),
    over: Collection[float] = (),
) -> tuple[RolloutState, list[Event]]:
    """The record after a rollback and what is to be told.

    `readings` is None where the flags named by `up` are not confirmed at 0%; `over` is what they were at before.
    """
    writes = (before.intent.at if before.intent else None, before.cut_off)
    in_flight = any(at is not None and now - at < INTENT_EXPIRES for at in writes)
    done = readings is not None and not in_flight
    if before.status is Status.ROLLED_BACK and (request.epoch is None or request.epoch != before.epoch):
        return before, []
    if before.status is Status.HALTED:
        if not done:
            return before, []
        request = before.halted_by or request  # whoever finishes it, this is why
    if before.status in CLOSED:
        if readings is None or before.percent == 0:
            return before, []
        # It was completed while its flags came down: the record must not go on saying that they are up.
        after = before.moved(now, percent=0.0, own_write=before.written(now, *over))
        message = rolled_back(before, request, readings)
        return after, [_event(after, request, now, EventKind.ROLLED_BACK, message)]
    after = before.moved(
        now,
        status=Status.ROLLED_BACK if done else Status.HALTED,
        percent=0.0 if readings is not None else before.percent,
        intent=None if done else before.intent,
        own_write=before.written(now, *over, *([before.intent.percent] if before.intent else [])),
        halted_at=before.halted_at or now,
        halted_by=None if done else request,
        watch_until=now + before.plan.watch,
        watched=True,
    )
    again = request.epoch is not None
    kind = (EventKind.TAKEN_DOWN_AGAIN if again else EventKind.ROLLED_BACK) if done else EventKind.ROLLING_BACK
    unconfirmed = [flag for flag in before.plan.flags if flag in up]
    message = pending(before, request, unconfirmed) if not done else rolled_back(before, request, readings or ())
    return after, [_event(after, request, now, kind, request.reason if again and done else message)]


def _event(state: RolloutState, request: RollbackRequest, now: datetime, kind: EventKind, message: str) -> Event:
    details = request.model_dump(mode="json", include={"cause", "monitor", "cycle", "decision", "asked_at"})
    return Event(
        at=now,
        kind=kind,
        rollout=state.rollout,
        attempt=state.attempt,
        stage=state.stage,
        percent=state.percent,
        by=request.by,
        message=message,
        details={name: value for name, value in details.items() if value is not None} | {"reason": request.reason},
    )


def _is_past(request: RollbackRequest, state: RolloutState, now: datetime) -> bool:
    """Whether what comes again is about an attempt that is over: it must not take a resumed one down.

    Never past is a new alert, for whatever it was sent, it is bad now; and what names the attempt's own execution, for
    each attempt has another. Nor is anything while the attempt began later than now: that was a clock that is ahead.
    """
    is_new_alert = request.cause is Cause.ALERT and not request.queued
    if is_new_alert or request.execution == state.execution or state.attempt_started > now + CLOCK_SKEW:
        return False
    return request.asked_at < state.attempt_started


def _is_believed(request: RollbackRequest, state: RolloutState) -> bool:
    if request.execution != state.execution:
        return False
    # An execution's event knows no attempt; its execution is this attempt's own.
    return request.attempt is None or request.attempt == state.attempt
