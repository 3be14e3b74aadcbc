"""A clock, change calendars, an announcer and a secret that are as a test says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rampart.errors import CalendarsUnreadableError
from rampart.rollout.event import Event
from rampart.rollout.freeze import Closure
from rampart.rollout.notice import Notice
from tests.doubles.calls import OnCall, around, nothing


@dataclass(slots=True)
class FixedClock:
    """A clock that stands still until it is told to move."""

    at: datetime

    def now(self) -> datetime:
        """Give the time at which the clock stands."""
        return self.at

    def move(self, by: timedelta) -> datetime:
        """Go on by `by` and give the new time."""
        self.at += by
        return self.at


@dataclass(slots=True)
class MemoryCalendars:
    """Change calendars that are as a test says; `failure` is raised by every call."""

    closure: Closure | None = None
    failure: CalendarsUnreadableError | None = None
    on_call: OnCall = nothing

    def closed(self) -> Closure | None:
        """Why no change may be made now."""
        with around(self.on_call, "calendars.closed", self.failure):
            return self.closure


@dataclass(slots=True)
class MemoryAnnouncer:
    """Keeps what it was told to tell."""

    name: str = "memory"
    announced: list[tuple[str, Event]] = field(default_factory=list)
    failure: Exception | None = None

    def announce(self, notice: Notice) -> None:
        if self.failure is not None:
            raise self.failure
        self.announced.append((notice.event_id, notice.event))


@dataclass(frozen=True, slots=True)
class FixedSecret:
    """A secret that is known beforehand, for local use."""

    content: Mapping[str, Any] = field(repr=False)

    def __call__(self) -> Mapping[str, Any]:
        """Give the secret."""
        return self.content

    def refresh(self) -> Mapping[str, Any]:
        """Give the secret: there is no newer one."""
        return self.content
