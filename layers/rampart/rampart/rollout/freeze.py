"""What stops every advance: a freeze of the whole stack, and the organization's change calendars.

A freeze is one item of the table, which an advance's own transaction checks: none begins while it stands. The calendars
are asked before. Rollbacks ask neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from rampart.errors import CalendarsUnreadableError
from rampart.model import Model
from rampart.rollout.event import EVERY_ROLLOUT, Event, EventKind
from rampart.rollout.state import Stop
from rampart.words import moment, second

_ASKED_AGAIN = timedelta(hours=8)
"""When a closed calendar is asked again at the latest: a team may open it early, and each time costs 20 events."""
_UNREADABLE_FOR = timedelta(minutes=15)
"""When calendars that could not be asked are asked again."""


UNTIL_THAWED = "Nothing advances until someone runs `rampart thaw`; rollbacks go on."


class Freeze(Model):
    """Who stopped every advance, when, and why."""

    by: str
    note: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.by} froze every rollout at {second(self.at)}: {self.note}"

    @property
    def begun(self) -> Event:
        """What people and systems are told about it."""
        return self._event(EventKind.FROZEN, self.at, self.by, f"{self}")

    def ended(self, by: str, now: datetime, note: str = "") -> Event:
        """What they are told about its end."""
        why = f": {note}" if note else ""
        return self._event(EventKind.THAWED, now, by, f"{by} lets rollouts advance again{why}. Before that, {self}")

    def _event(self, kind: EventKind, at: datetime, by: str, message: str) -> Event:
        return Event(at=at, kind=kind, rollout=EVERY_ROLLOUT, attempt=0, by=by, message=message)


@dataclass(frozen=True, slots=True)
class Closure:
    """Why the change calendars allow no change, and when they allow one again, where they say so."""

    why: str
    opens: datetime | None = None

    def __str__(self) -> str:
        return self.why if self.opens is None else f"{self.why} until {moment(self.opens)}"


class ChangeCalendars(Protocol):
    """The organization's change calendars."""

    def closed(self) -> Closure | None:
        """Why no change may be made now; None when every calendar is open. Raises CalendarsUnreadableError."""


@dataclass(frozen=True, slots=True)
class NoCalendars:
    """Stands for the calendars where none are named."""

    def closed(self) -> Closure | None:
        """None: nothing closes."""
        return None


NO_CALENDARS = NoCalendars()


def stop_of(calendars: ChangeCalendars, now: datetime) -> Stop | None:
    """What the calendars stop, and until when nothing need be asked again; what can't be read stops too."""
    try:
        closure = calendars.closed()
    except CalendarsUnreadableError as error:
        return Stop(why=f"the change calendars can't be asked: {error}", until=now + _UNREADABLE_FOR)
    if closure is None:
        return None
    again = now + _ASKED_AGAIN
    return Stop(why=str(closure), until=min(closure.opens or again, again))
