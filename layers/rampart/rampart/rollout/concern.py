"""What a request for a rollback concerns: by the claims on its flags, or by the record of its rollout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from rampart.rollout.audience import Opening, raised_again
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import FLAG_FIRST, Cause, RollbackRequest
from rampart.rollout.state import CLOCK_SKEW, CLOSED, Claim, RolloutState, Status


@dataclass(frozen=True, slots=True)
class Concern:
    """The flags to take to 0%, the rollouts to record it of, and what is known of them already."""

    flags: tuple[str, ...] = ()
    rollouts: tuple[str, ...] = ()
    told: Mapping[str, RollbackRequest] = field(default_factory=dict)
    """What to tell of a rollout instead of what was asked: it was rolled back before, and its flag is up again."""
    readings: tuple[FlagReading, ...] = ()
    """What flags read that are down, or lowered already."""
    undone: tuple[str, ...] = ()
    """What is not done, whatever becomes of the rest."""
    openings: tuple[Opening, ...] = ()
    """Whom the rollouts let in by name, as far as their records are read already."""
    known: tuple[RolloutState, ...] = ()
    """The records of the rollouts, where they were read already."""
    unrecorded: bool = False
    """Whether the records cannot be read, and the flags are only those that the request names."""

    def plus(self, other: Concern) -> Concern:
        """Both."""
        return Concern(
            self.flags + other.flags,
            self.rollouts + other.rollouts,
            {**self.told, **other.told},
            self.readings + other.readings,
            self.undone + other.undone,
            self.openings + other.openings,
            self.known + other.known,
        )


class Unconcerned(StrEnum):
    """Why nothing is to be lowered."""

    NOTHING = "nothing"
    """Nothing that is watched, or an attempt that is over."""
    NOT_BELIEVED = "not_believed"
    """The request names another execution or attempt than the record."""
    ABANDONED = "abandoned"
    """A repetition: flag and record are done, and a run that was cut off may have left the token."""


def concern_of_claims(claims: Iterable[Claim]) -> Concern:
    """Every flag that moves with one that an alert names, and the rollouts that hold them."""
    claims = tuple(claims)
    flags = tuple(dict.fromkeys(flag for claim in claims for flag in claim.flags))
    return Concern(flags, tuple(dict.fromkeys(claim.rollout for claim in claims)))


def concern_of(request: RollbackRequest, state: RolloutState | None, now: datetime) -> Concern | Unconcerned | None:
    """What a request concerns, by a rollout's record.

    None where its flags must be looked at first: it was rolled back before, and there is no hurry any more.
    """
    if state is not None and state.status is Status.ABANDONED and request.cause is Cause.ABANDON:
        return Unconcerned.ABANDONED
    if state is None or state.status in CLOSED or is_past(request, state, now):
        return Unconcerned.NOTHING
    if not is_believed(request, state):
        return Unconcerned.NOT_BELIEVED
    is_urgent = request.cause in FLAG_FIRST and not request.queued
    if is_urgent or state.status is not Status.ROLLED_BACK or request.cause is Cause.ABANDON:
        return Concern(state.plan.flags, (state.rollout,), openings=state.openings, known=(state,))
    return None


def takes_back(request: RollbackRequest, state: RolloutState, now: datetime) -> bool:
    """Whether a person wants the flags of a completed rollout down: it must hold them again first, for they are free.

    An alert doesn't: the flags of a completed rollout are no one's business but the team's. Nor is there anything to
    take back where a rollback met the very end: then the record says 0% already.
    """
    is_up = state.status is Status.COMPLETED and state.percent > 0
    return is_up and request.cause is Cause.PERSON and not is_past(request, state, now)


def concern_of_raised(request: RollbackRequest, state: RolloutState, readings: Sequence[FlagReading]) -> Concern:
    """A rolled-back rollout whose flags another writer raised since: people are told about that.

    The repetition of an alert, or the end of an execution, may be faster than the next tick.
    """
    drift = request.changed(
        cause=Cause.DRIFT,
        reason=raised_again(readings, state.openings),
        attempt=state.attempt,
        execution=state.execution,
        epoch=state.epoch,
    )
    openings, known = state.openings, (state,)
    return Concern(state.plan.flags, (state.rollout,), {state.rollout: drift}, openings=openings, known=known)


def is_past(request: RollbackRequest, state: RolloutState, now: datetime) -> bool:
    """Whether what comes again is about an attempt that is over: it must not take a resumed one down.

    Never past is a new alert, for whatever it was sent, it is bad now; and what names the attempt's own execution, for
    each attempt has another. Nor is anything while the attempt began later than now: that was a clock that is ahead.
    """
    is_new_alert = request.cause is Cause.ALERT and not request.queued
    if is_new_alert or request.execution == state.execution or state.attempt_started > now + CLOCK_SKEW:
        return False
    return request.asked_at < state.attempt_started


def is_believed(request: RollbackRequest, state: RolloutState) -> bool:
    """Whether a request may move the flag: by its cause, or with the execution and attempt that the record holds."""
    if request.cause in FLAG_FIRST:
        return True
    if request.execution != state.execution:
        return False
    # An execution's event knows no attempt; its execution is this attempt's own.
    return request.attempt is None or request.attempt == state.attempt
