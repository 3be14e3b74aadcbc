"""Tell of flags that were lowered while no one could read whose they are, once the records can be read again."""

from __future__ import annotations

from contextlib import suppress

from rampart.errors import ConflictError, FlagStoreError, RollbackUndoneError, StoreError
from rampart.rollout.event import EVERY_ROLLOUT, Event, EventKind
from rampart.rollout.lower import for_each, look
from rampart.rollout.ports import FlagStore, RolloutStore
from rampart.rollout.request import RollbackRequest
from rampart.words import second


def tell_of_unrecorded(request: RollbackRequest, store: RolloutStore, flags: FlagStore) -> None:
    """Tell of what a request lowered that no rollout holds, and that is still down; what is held gets its own record.

    Raises RollbackUndoneError where the records or the flags cannot be read: it comes again.
    """
    at = request.unrecorded
    if at is None:
        return
    try:
        held = store.claims(request.flags)
        found = for_each([flag for flag in request.flags if flag not in held], lambda flag: look(flags, flag))
        down = [reading.flag for reading in found if reading.exists and reading.is_down]
        if not down:
            return
        names = ", ".join(down)
        message = (
            f"{names} was set to 0% at {second(at)} while the records couldn't be read: {request.reason}. "
            "No live rollout holds it. If it was meant to be on, turn it on again in Flipper"
        )
        event = Event(
            at=at,
            kind=EventKind.UNRECORDED,
            rollout=EVERY_ROLLOUT,
            attempt=0,
            by=request.by,
            message=message,
            details={"flags": names},
        )
        with suppress(ConflictError):  # it is told already
            store.note(event)
    except (FlagStoreError, StoreError) as error:
        raise RollbackUndoneError(f"what was lowered without a record cannot be told yet: {error}") from error
