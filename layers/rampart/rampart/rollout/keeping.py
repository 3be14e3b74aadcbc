"""Keep a rollback in the queue until it is done: one message, however often it is asked for while something is down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from rampart.errors import QueueError, StoreError
from rampart.rollout.concern import Concern
from rampart.rollout.ports import RollbackQueue, RolloutStore
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.state import RolloutState, Status

REPEAT_AFTER = timedelta(seconds=60)
"""When the queue looks whether a rollback is done: after a first try has had its time."""


class Kept(NamedTuple):
    """A rollback that the queue keeps, of an attempt; of none where no one could read which attempt it is."""

    cause: Cause
    of: tuple[str | None, ...]
    """The rollout, or the flags where only they are known."""
    attempt: int | None


def keep(
    request: RollbackRequest, concern: Concern, *, store: RolloutStore, queue: RollbackQueue, kept: set[Kept]
) -> bool:
    """Let the queue keep a request of a live rollout, unless such a message waits there; whether it comes again.

    `kept` is what this process put there already. A rolled-back rollout needs no message unless its flag turns out to
    be up: what rolled it back left one.
    """
    if request.queued:
        return True
    states = _states(concern, store)
    if states is None:
        wanted = {Kept(request.cause, (request.rollout, *request.flags), None)}
    else:
        kept -= {each for each in kept if each.attempt is None}  # the records can be read, so those are being done
        wanted = {Kept(request.cause, (each.rollout,), each.attempt) for each in states if _is_open(each)}
        if not wanted:
            return all(_comes_again(request, state) for state in states)
    if not wanted <= kept:
        unrecorded = request.asked_at if concern.unrecorded and concern.flags else None
        if not put(request, queue, unrecorded):
            return False
        kept |= wanted
    return True


def put(request: RollbackRequest, queue: RollbackQueue, unrecorded: datetime | None = None) -> bool:
    """Put a request into the queue; whether it is there. A queue that is down never stops a rollback."""
    try:
        queue.put(request.changed(queued=True, unrecorded=unrecorded), REPEAT_AFTER)
    except QueueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class LatestAlerts:
    """When the latest alert of each kind was asked that the queue brought to this process and that isn't done.

    While the records cannot be read, each process keeps an alert of its own, and processes come and go.
    """

    _asked: dict[tuple[object, ...], datetime] = field(default_factory=dict)

    def supersedes(self, request: RollbackRequest) -> bool:
        """Whether a later alert of the same monitor for the same flags waits too, so that this one needn't come again.

        What is past or done of the later one is so of the earlier one. Of two as old as each other both stay: one
        may be the other's renewal.
        """
        if request.cause is not Cause.ALERT:
            return False
        kind = (request.monitor, request.flags, request.unrecorded is None)
        self._asked[kind] = max(request.asked_at, self._asked.get(kind, request.asked_at))
        return request.asked_at < self._asked[kind]


def _states(concern: Concern, store: RolloutStore) -> Sequence[RolloutState] | None:
    """The records that a rollback concerns; None where they cannot be read."""
    if concern.unrecorded or concern.known:
        return concern.known or None
    try:
        found = [store.state(rollout) for rollout in concern.rollouts]
    except StoreError:
        return None
    return [state for state in found if state is not None]


def _is_open(state: RolloutState) -> bool:
    """Whether no message of this attempt waits yet: it is live, or was halted by what only a tick repeats."""
    return state.status is Status.LIVE or (
        state.status is Status.HALTED and (state.halted_by is None or state.halted_by.queued)
    )


def _comes_again(request: RollbackRequest, state: RolloutState) -> bool:
    """Whether what a closed or rolled-back record may still need is done without this request."""
    return state.status is Status.HALTED or (state.status is Status.ROLLED_BACK and request.cause is Cause.EXECUTION)
