"""A stand-in for the one call of Systems Manager that Rampart makes, `GetCalendarState`, which MiniStack lacks.

It speaks AWS's JSON protocol 1.1 as botocore's model of the service has it; who calls isn't checked.
"""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.exchange import HttpAnswer, HttpRefusal, Request
from local.standin import StandIn

_TARGET = "AmazonSSM.GetCalendarState"
_CONTENT_TYPE = "application/x-amz-json-1.1"


@dataclass
class Calendars:
    """The calendars by ARN: None is open, a time is closed until then (epoch seconds)."""

    closed_until: dict[str, float | None] = field(default_factory=dict)


class CalendarStandIn(StandIn[Calendars]):
    """Systems Manager at `url`, with these change calendars, which are open at first."""

    name = "calendars"

    def __init__(self, *arns: str) -> None:
        super().__init__(Calendars(dict.fromkeys(arns)))

    def close(self, arn: str, *, until: float) -> None:
        """Close a calendar until the first whole second at or after a time, in epoch seconds.

        An answer's times have whole seconds: one that opened within a second would still be closed at the time it told.
        """
        with self.lock:
            self.state.closed_until[arn] = math.ceil(until)

    def open(self, arn: str) -> None:
        """Open a calendar."""
        with self.lock:
            self.state.closed_until[arn] = None

    def is_write(self, request: Request) -> bool:
        """Whether a request changes anything: its one call only asks, though it is a POST."""
        return super().is_write(request) and request.headers.get("x-amz-target") != _TARGET

    def answer(self, request: Request) -> HttpAnswer:
        """Answer `GetCalendarState`: closed if any of the calendars is."""
        target = request.headers.get("x-amz-target", "")
        if target != _TARGET:
            raise _refusal("UnknownOperationException", f"there is no {target!r} here")
        names = request.json().get("CalendarNames") or []
        unknown = [name for name in names if name not in self.state.closed_until]
        if unknown or not names:
            raise _refusal("InvalidDocument", f"there is no calendar {', '.join(unknown)}")
        now = self.clock()
        ends = [until for name in names if (until := self.state.closed_until[name]) is not None and now < until]
        said: dict[str, Any] = {"State": "CLOSED" if ends else "OPEN", "AtTime": _moment(now)}
        if ends:
            said["NextTransitionTime"] = _moment(max(ends))
        return HttpAnswer(body=said, content_type=_CONTENT_TYPE)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _refusal(kind: str, message: str) -> HttpRefusal:
    return HttpRefusal(400, {"__type": kind, "Message": message}, _CONTENT_TYPE)
