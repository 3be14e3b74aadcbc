"""Tell people and systems of an event on every channel: at least once, and twice only after a crash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from rampart.errors import AnnouncementError, StoreError
from rampart.rollout.event import Event
from rampart.rollout.gate import Gate
from rampart.rollout.notice import Notice, notice_of
from rampart.rollout.ports import Announcer, Clock
from rampart.rollout.state import RolloutState

LEASE = timedelta(seconds=45)
"""How long a claim to tell keeps others away; longer than the function may run, so who holds it longer is dead."""
WAIT = timedelta(seconds=10)
"""How long a repetition waits that finds someone telling: the stream's few tries must outlast a dead one's lease."""


class Turn(StrEnum):
    """Whose turn it is to tell of an event on a channel."""

    OURS = "ours"
    """No one told about it, and no one else may for as long as the lease lasts."""
    OTHERS = "others"
    """Someone else is telling, or died over it: only the end of the lease says which."""
    NOBODYS = "nobodys"
    """It was told, or is not there any more."""


class EventStore(Protocol):
    """The events, and what was told about them on each channel; every method raises StoreError."""

    def state(self, rollout: str) -> RolloutState | None:
        """The record, read consistently."""

    def gate(self, rollout: str) -> Gate | None:
        """The newest gate with its answer, read consistently."""

    def claim_telling(self, rollout: str, sort_key: str, channel: str, now: datetime, *, lapsed: datetime) -> Turn:
        """Claim the turn to tell; a claim made at `lapsed` or before counts no more, one made at `now` is our own."""

    def release_telling(self, rollout: str, sort_key: str, channel: str, claimed: datetime) -> None:
        """Give the claim of that time back: telling failed, and the next try need not wait for the lease."""

    def mark_told(self, rollout: str, sort_key: str, channel: str, now: datetime) -> None:
        """Mark an event as told, for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """The use case with its ports; `pause` waits for so many seconds."""

    store: EventStore
    announcers: Sequence[Announcer]
    clock: Clock
    pause: Callable[[float], None]
    runbook: str = ""
    """Where the team reads the runbook."""

    def __call__(self, sort_key: str, event: Event) -> tuple[str, ...]:
        """Tell every channel of one event; the channels that were told now.

        One channel that fails does not keep the others from being told; an AnnouncementError is raised after them, so
        that the stream brings the event again for the channels that are left. So it is when someone else is telling.
        """
        notice = self._notice(f"{event.rollout}/{sort_key}", event)
        turns: dict[str, Turn] = {}
        failures = []
        for announcer in self.announcers:
            try:
                turns[announcer.name] = self._tell(announcer, sort_key, notice)
            except AnnouncementError as failure:
                failures.append(failure)
        if others := ", ".join(name for name, turn in turns.items() if turn is Turn.OTHERS):
            self.pause(WAIT.total_seconds())
            failures.append(AnnouncementError(f"someone else is telling {others} of {event.rollout}/{sort_key}"))
        if failures:
            raise failures[0]
        return tuple(name for name, turn in turns.items() if turn is Turn.OURS)

    def _notice(self, event_id: str, event: Event) -> Notice:
        """The notice with where the rollout stands now; where no one can read that, the event alone is told about."""
        state, gate = None, None
        with suppress(StoreError):
            state, gate = self.store.state(event.rollout), self.store.gate(event.rollout)
        return notice_of(event_id, event, state, gate, self.clock.now(), self.runbook)

    def _tell(self, announcer: Announcer, sort_key: str, notice: Notice) -> Turn:
        channel, claimed, event = announcer.name, self.clock.now(), notice.event
        turn = self.store.claim_telling(event.rollout, sort_key, channel, claimed, lapsed=claimed - LEASE)
        if turn is Turn.OURS:
            try:
                announcer.announce(notice)
            except BaseException:  # whatever went wrong, the next try must tell
                self.store.release_telling(event.rollout, sort_key, channel, claimed)
                raise
            self.store.mark_told(event.rollout, sort_key, channel, self.clock.now())
        return turn
