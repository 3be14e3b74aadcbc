"""Tell people and systems of an event, once for each channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rampart.errors import AnnouncementError
from rampart.ports import Announcer, Clock
from rampart.rollout.state import Event


class EventStore(Protocol):
    """The events, and what was told of them."""

    def mark_told(self, rollout: str, sort_key: str, channel: str, now: datetime) -> bool:
        """Mark an event as told on a channel; False when it was marked before."""

    def unmark_told(self, rollout: str, sort_key: str, channel: str) -> None:
        """Take the mark back: telling failed, and the next try must tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """The use case with its ports."""

    store: EventStore
    announcers: Sequence[Announcer]
    clock: Clock

    def __call__(self, sort_key: str, event: Event) -> tuple[str, ...]:
        """Tell every channel of one event; the channels that were told now.

        One channel that fails does not keep the others from being told; the first failure is raised after them, so
        that the stream brings the event again for the channels that are left.
        """
        told, failures = [], []
        for announcer in self.announcers:
            if not self.store.mark_told(event.rollout, sort_key, announcer.name, self.clock.now()):
                continue
            try:
                announcer.announce(f"{event.rollout}/{sort_key}", event)
                told.append(announcer.name)
            except AnnouncementError as failure:
                failures.append(failure)
            finally:
                if announcer.name not in told:  # whatever went wrong, the next try must tell
                    self.store.unmark_told(event.rollout, sort_key, announcer.name)
        if failures:
            raise failures[0]
        return tuple(told)
