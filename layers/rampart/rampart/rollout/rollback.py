"""Roll back: the flag to 0% first, read back; then the record; then the token. People are told from the record."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from rampart.errors import (
    ConflictError,
    FlagsNotLoweredError,
    FlagStoreError,
    FlagUnconfirmedError,
    GateClosedError,
    GateError,
    RollbackUndoneError,
    StoreError,
    UnrecordedError,
)
from rampart.rollout.audience import Opening, is_up
from rampart.rollout.concern import (
    Concern,
    Unconcerned,
    concern_of,
    concern_of_claims,
    concern_of_raised,
    is_believed,
    is_past,
    takes_back,
)
from rampart.rollout.flag import FlagReading
from rampart.rollout.keeping import Kept, keep, put
from rampart.rollout.lower import USUAL_TRIES, Remembering, for_each, look, look_at_all, lower, lower_unseen
from rampart.rollout.ports import Clock, FlagStore, Gates, RollbackQueue, RolloutStore
from rampart.rollout.request import FLAG_FIRST, Cause, RollbackRequest
from rampart.rollout.restore import Restore
from rampart.rollout.rollback_record import Lowered, recorded, taken_back
from rampart.rollout.sight import is_echo
from rampart.rollout.state import RolloutState, Status
from rampart.rollout.unrecorded import tell_of_unrecorded

_TRIES = 5
"""How often the record is written again when someone else wrote first."""


class RollbackOutcome(StrEnum):
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

    outcome: RollbackOutcome
    readings: tuple[FlagReading, ...] = ()
    rollouts: tuple[str, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """The answer as the state machine `decision` and the log read it."""
        return {
            "outcome": self.outcome.value,
            "rollouts": list(self.rollouts),
            "flags": {reading.flag: reading.percent for reading in self.readings},
            "left_open": {reading.flag: list(reading.left_open) for reading in self.readings if reading.left_open},
        }


_NOTHING_YET = Lowered(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """The use case with its ports; `claims` is a store whose answers come within seconds, or not at all."""

    store: RolloutStore
    claims: RolloutStore
    flags: FlagStore
    gates: Gates
    queue: RollbackQueue
    clock: Clock
    tries: int = USUAL_TRIES
    pool: Callable[[int], Executor] = ThreadPoolExecutor
    """Where the request is queued while the flag is written; takes the number of threads."""
    kept: set[Kept] = field(default_factory=set)
    """What this process put into the queue, of rollbacks that are not on record yet: each only once."""

    def __call__(self, request: RollbackRequest) -> RollbackResult:
        """Take what the request concerns to 0% and end the attempt.

        Raises RollbackUndoneError when flag, record or token is not done: the caller must call again.
        """
        concern = self._concern(request)
        if request.queued and request.unrecorded is not None:
            tell_of_unrecorded(request, self.store, self.flags)
        if concern is Unconcerned.ABANDONED:
            return RollbackResult(RollbackOutcome.ROLLED_BACK, (), (request.rollout,) if request.rollout else ())
        if isinstance(concern, Unconcerned):
            return RollbackResult(RollbackOutcome(concern.value))
        if request.cause is Cause.RESTORE:
            restored = self._restored(concern.rollouts[0])
            if restored is not None:
                return restored
            request = request.changed(cause=Cause.DRIFT)
        with self.pool(1) as pool:
            kept = pool.submit(self._keep, concern, concern.told.get(request.rollout or "", request))
            lowered = self._lower(concern.flags, concern.openings)
            comes_again = kept.result()
        if lowered.readings is None and not comes_again:
            comes_again = put(request, self.queue)
        undone = [*concern.undone, *lowered.undone]
        if lowered.readings is not None:
            lowered = replace(lowered, readings=concern.readings + lowered.readings)
        for rollout in concern.rollouts:
            undone += self._finish(rollout, concern.told.get(rollout, request), lowered)
        if undone:
            kind = UnrecordedError if concern.unrecorded else RollbackUndoneError
            raise kind("; ".join(dict.fromkeys(undone)), comes_again=comes_again)
        return RollbackResult(RollbackOutcome.ROLLED_BACK, lowered.readings or (), concern.rollouts)

    def _restored(self, rollout: str) -> RollbackResult | None:
        """The result of lowering to the record instead; None where that cannot be done, and 0% must be."""
        try:
            readings = Restore(store=self.store, flags=self.flags, clock=self.clock, tries=self.tries)(rollout)
        except FlagUnconfirmedError:
            return None
        except (FlagStoreError, StoreError) as error:
            raise RollbackUndoneError(str(error)) from error
        outcome = RollbackOutcome.RESTORED if readings else RollbackOutcome.NOTHING
        return RollbackResult(outcome, readings, (rollout,) if readings else ())

    # 1. What does it concern?

    def _concern(self, request: RollbackRequest) -> Concern | Unconcerned:
        if request.cause is Cause.ALERT:
            return self._concern_of_alert(request)
        if request.rollout is None:
            return Unconcerned.NOTHING
        try:
            return self._concern_of_rollout(request.rollout, request)
        except StoreError as error:
            told = f"the record of {request.rollout} cannot be read: {error}"
            if request.cause in FLAG_FIRST and request.flags and not request.queued:
                return Concern(request.flags, undone=(told,), unrecorded=True)
            comes_again = self._keep(Concern(unrecorded=True), request)
            raise RollbackUndoneError(told, comes_again=comes_again) from error

    def _concern_of_alert(self, request: RollbackRequest) -> Concern | Unconcerned:
        try:
            claims = self.claims.claims(request.flags).values()
        except StoreError as error:
            told = f"the record cannot be read: {error}"
            if request.queued:  # there is no hurry any more, and the flags may be another's by now, or a person's
                raise RollbackUndoneError(told) from error
            # The store is down: what the authenticated alert names is lowered, and the record made up for later.
            return Concern(request.flags, undone=(told,), unrecorded=True)
        concern = concern_of_claims(claims)
        if request.queued:  # there is no hurry any more: is it about an attempt that is over?
            concern = self._concern_of_repeated(concern.rollouts, request)
        return concern if concern.rollouts else Unconcerned.NOTHING

    def _concern_of_repeated(self, rollouts: tuple[str, ...], request: RollbackRequest) -> Concern:
        found = Concern()
        for rollout in rollouts:
            try:
                part = self._concern_of_rollout(rollout, request)
            except StoreError as error:
                raise RollbackUndoneError(f"the record of {rollout} cannot be read: {error}") from error
            found = found.plus(part) if isinstance(part, Concern) else found
        return found

    def _concern_of_rollout(self, rollout: str, request: RollbackRequest) -> Concern | Unconcerned:
        """Raises StoreError; the record is read again for as long as it moves while its flags are looked at."""
        while True:
            state = self.store.state(rollout)
            if state is not None and takes_back(request, state, self.clock.now()):
                if not self._take_back(state, request):
                    return Unconcerned.NOTHING
                continue
            found = concern_of(request, state, self.clock.now())
            if found is Unconcerned.ABANDONED and state is not None and (undone := self._end_wait(state, request)):
                raise RollbackUndoneError(undone)
            if state is not None and found is None:
                found = self._look(state, request)
            if found is not None:
                return found

    def _take_back(self, state: RolloutState, request: RollbackRequest) -> bool:
        """Hold a completed rollout's flags again; whether the record must be read again, and isn't another's story."""
        claims = self.store.claims(state.plan.flags).values()
        if any(claim.rollout != state.rollout for claim in claims):
            return False
        # Someone else may write first: a second request like this one, or a new rollout of the same flags.
        with suppress(ConflictError):
            self.store.commit(state, taken_back(state, request, self.clock.now()), claim=True)
        return True

    def _look(self, state: RolloutState, request: RollbackRequest) -> Concern | None:
        """What is up of a rolled-back rollout; None where the record moved meanwhile and must be read again.

        What a cache may still hold of the time before the rollback is no one's doing: it is lowered once more, and
        no one is told.
        """
        try:
            readings = for_each(state.plan.flags, lambda flag: look(self.flags, flag))
            up = [reading for reading in readings if is_up(reading, state.openings)]
            if all(is_echo(reading, state, self.clock.now()) for reading in up):
                lower_unseen(self.flags, up, state.openings)
                return Concern((), (state.rollout,), readings=readings, known=(state,))
        except FlagStoreError as error:
            return Concern((), (state.rollout,), undone=(str(error),), known=(state,))
        try:
            current = self.store.state(state.rollout)
        except StoreError as error:
            raise RollbackUndoneError(f"the record of {state.rollout} cannot be read: {error}") from error
        if current is None or current.epoch != state.epoch:
            return None  # resumed, perhaps: then its own advance raised the flag
        return concern_of_raised(request, state, readings)

    # 2. Flag first, and 3. durable at the same time.

    def _lower(self, flags: tuple[str, ...], openings: tuple[Opening, ...], before: Lowered = _NOTHING_YET) -> Lowered:
        over = set(before.over)
        try:
            readings = lower(Remembering(self.flags, over), flags, self.tries, openings) if flags else ()
        except FlagsNotLoweredError as error:
            return Lowered(None, before.up + error.flags, frozenset(over), (*before.undone, str(error)))
        return replace(before, readings=readings, over=frozenset(over))

    def _keep(self, concern: Concern, request: RollbackRequest) -> bool:
        return keep(request, concern, store=self.claims, queue=self.queue, kept=self.kept)

    # 4. The record, and 5. the token.

    def _finish(self, rollout: str, request: RollbackRequest, lowered: Lowered) -> tuple[str, ...]:
        """Record it and end the wait; what is not done."""
        try:
            state, undone = self._record(rollout, request, lowered)
        except StoreError as error:
            return (f"the record of {rollout} cannot be written: {error}",)
        if state is None:
            return undone
        if state.status is Status.HALTED:
            undone += (f"{rollout} is halted, but an advance is in flight or a flag is not confirmed at 0%",)
        waits = self._end_wait(state, request)
        return (*undone, waits) if waits else undone

    def _end_wait(self, state: RolloutState, request: RollbackRequest) -> str | None:
        """End the wait at the record's gate, if there is one; why the execution still waits."""
        try:
            if state.gate is not None:
                self.gates.fail(state.gate.token, "RolledBack", request.reason)
        except GateClosedError:
            pass  # no one waits any more: done before, or the execution is gone
        except GateError as error:
            return f"the execution still waits: {error}"
        return None

    def _record(
        self, rollout: str, request: RollbackRequest, lowered: Lowered
    ) -> tuple[RolloutState | None, tuple[str, ...]]:
        """Write the record; what it then is, None where it is not concerned any more, and what is not done."""
        for _ in range(_TRIES):
            before = self.store.state(rollout)
            # It may have been resumed since it was looked at.
            if before is None or is_past(request, before, self.clock.now()) or not is_believed(request, before):
                return None, lowered.undone
            lowered = self._confirmed(before, lowered)
            now = self.clock.now()
            after, events = recorded(before, request, lowered, now)
            if after is before:
                return before, lowered.undone
            released = after.status is Status.ABANDONED and before.status is not Status.ABANDONED
            try:
                self.store.commit(before, after, events=events, release=released)
            except ConflictError:
                continue
            return after, lowered.undone
        raise ConflictError("someone else kept writing first")

    def _confirmed(self, state: RolloutState, lowered: Lowered) -> Lowered:
        """How far the flags are down now that the record is known.

        Since they were lowered, an advance may have begun and ended. From here on none can unseen: its intent comes
        before its write to the flag, and moves the epoch that the record is written at.
        """
        if state.status not in (Status.LIVE, Status.HALTED):
            return lowered  # no one advances it, and the flags of a closed rollout may be another's by now
        if set(state.plan.flags) & set(lowered.up):
            return replace(lowered, readings=None)
        found = look_at_all(self.flags, state.plan.flags)
        readings = tuple(each for each in found if not isinstance(each, FlagStoreError))
        if len(readings) == len(found) and not any(is_up(reading, state.openings) for reading in readings):
            return replace(lowered, readings=readings)
        return self._lower(state.plan.flags, state.openings, replace(lowered, undone=()))
