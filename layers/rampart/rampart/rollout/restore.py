"""Restore: lower a live rollout's flags to its record, where the plan says so and another writer raised them."""

from __future__ import annotations

from dataclasses import dataclass

from rampart.errors import ConflictError, FlagStoreError, FlagUnconfirmedError
from rampart.rollout.audience import Opening
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.lower import close_openings, look, lower, lower_to
from rampart.rollout.ports import Clock, FlagStore, RolloutStore
from rampart.rollout.state import RolloutState, Status
from rampart.words import percentage


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """A part of `rollback`, with its ports."""

    store: RolloutStore
    flags: FlagStore
    clock: Clock
    tries: int

    def __call__(self, rollout: str) -> tuple[FlagReading, ...]:
        """Lower the flags to the record and return what they read; nothing where nothing is to be restored.

        Raises FlagUnconfirmedError where a percentage cannot lower them, FlagStoreError where it is to be tried again,
        and StoreError.
        """
        state = self.store.state(rollout)
        # While a drift is on record no advance begins, so what is above the record is another writer's.
        if state is None or state.status is not Status.LIVE or state.intent is not None or state.drift is None:
            return ()
        moves = [lower_to(self.flags, flag, state.percent) for flag in state.plan.flags]
        if state.drift.member is not None:  # someone is let in whom this stage does not let in yet, or no more
            left = Opening(flag=state.drift.flag, member=state.drift.member)
            moves = [self._closed(before, now, left) for before, now in moves]
        readings = tuple(now for _, now in moves)
        above = [reading for reading in readings if reading.exposure > state.percent]
        if not above:
            self._record(state, tuple(before.exposure for before, _ in moves))
            return readings
        current = self.store.state(rollout)
        if current is None or current.epoch != state.epoch:
            return ()  # an advance may have raised it since: the next tick looks again
        told = f"{above[0].flag} reads {percentage(above[0].exposure)}, above its {percentage(state.percent)}"
        if any(reading.open_gates for reading in above):
            raise FlagUnconfirmedError(told)
        raise FlagStoreError(f"{told}: a cache may still hold it; it will be tried again")

    def _closed(self, before: FlagReading, now: FlagReading, opening: Opening) -> tuple[FlagReading, FlagReading]:
        return before, look(self.flags, now.flag) if close_openings(self.flags, now, [opening]) else now

    def _record(self, state: RolloutState, over: tuple[float, ...]) -> None:
        now = self.clock.now()
        was = f"from {percentage(max(over))} " if max(over) > state.percent else ""  # or someone was let in by name
        message = f"lowered {was}to {percentage(state.percent)} again: someone raised it outside Rampart"
        try:
            after = state.moved(now, drift=None, own_write=state.written(now, *over))
            self.store.commit(state, after, events=[state.event(now, EventKind.RESTORED, message)])
        except ConflictError:
            current = self.store.state(state.rollout)
            if current is not None and current.status is not Status.LIVE:
                # A rollback came in between: what was written here comes down with the rest.
                lower(self.flags, state.plan.flags, self.tries, current.openings)
