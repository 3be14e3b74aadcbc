"""AWS Systems Manager's change calendars: one question about all of them, and one for each when any is closed.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCalendarState.html: of several calendars the
answer is OPEN only if all are, and it doesn't say which one is closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from rampart.errors import CalendarsUnreadableError
from rampart.rollout.freeze import Closure


class _SystemsManager(Protocol):
    """What is used of boto3's client."""

    def get_calendar_state(self, *, CalendarNames: Sequence[str]) -> Mapping[str, Any]:  # noqa: N803 -- AWS's name
        ...


class SsmChangeCalendars:
    """Asks the change calendars of these ARNs."""

    def __init__(self, calendars: Sequence[str], client: _SystemsManager) -> None:
        self._calendars = tuple(calendars)
        self._client = client

    def closed(self) -> Closure | None:
        """Why no change may be made now; None when every calendar is open. Raises CalendarsUnreadableError."""
        if self._is_open(self._asked(self._calendars)):
            return None
        answers = {calendar: self._asked([calendar]) for calendar in self._calendars}
        closed = {calendar: answer for calendar, answer in answers.items() if not self._is_open(answer)}
        if not closed:  # one opened between the two questions: the next question will tell
            return Closure("a change calendar was closed a moment ago")
        opens = [_time(answer.get("NextTransitionTime")) for answer in closed.values()]
        known = [at for at in opens if at is not None]
        names = ", ".join(calendar.rpartition("/")[2] for calendar in closed)
        what = "the change calendar" if len(closed) == 1 else "the change calendars"
        is_or_are = "is" if len(closed) == 1 else "are"
        return Closure(f"{what} {names} {is_or_are} closed", max(known) if len(known) == len(opens) else None)

    def _asked(self, calendars: Sequence[str]) -> Mapping[str, Any]:
        try:
            return self._client.get_calendar_state(CalendarNames=list(calendars))
        except ClientError as error:
            said = error.response["Error"]
            raise CalendarsUnreadableError(f"Systems Manager answers {said['Code']}") from error
        except BotoCoreError as error:
            raise CalendarsUnreadableError(f"{type(error).__name__}") from error

    @staticmethod
    def _is_open(answer: Mapping[str, Any]) -> bool:
        state = answer.get("State")
        if state not in ("OPEN", "CLOSED"):
            raise CalendarsUnreadableError(f"Systems Manager says neither open nor closed, but {state!r}")
        return bool(state == "OPEN")


def _time(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
