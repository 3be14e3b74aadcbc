"""Days on which a team advances nothing, whatever the calendar says: single days, and ranges of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from rampart.numbers import shown

MOST_CLOSED = 366
"""Days that may be closed in all: longer than any rollout lasts."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", re.ASCII)
_RANGE = re.compile(r"\s*\.\.\s*")
_HELP = "write a day, 2026-12-24, or a range of days, 2026-12-28..2027-01-02"

Days = tuple[date, date]
"""The first and the last of some days in a row."""


def _parse_days(value: object) -> Days:
    if isinstance(value, tuple):
        ends = list(value)
    else:
        ends = _RANGE.split(value.strip()) if isinstance(value, str) else [value]
    if not 1 <= len(ends) <= 2:
        raise ValueError(f"{shown(value)} isn't one range of days; {_HELP}")
    first, last = _parse_day(ends[0]), _parse_day(ends[-1])
    if last < first:
        raise ValueError(f"{shown(value)} ends before it begins; write the earlier day first")
    return first, last


def _parse_day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or _DAY.match(value) is None:
        raise ValueError(f"{shown(value)} isn't a day; {_HELP}")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{shown(value)} is in no calendar; {_HELP}") from error


def _format_days(days: Days) -> str:
    first, last = days
    return f"{first}" if first == last else f"{first}..{last}"


def count_days(closed: Sequence[Days]) -> int:
    """How many days are closed, each counted once."""
    total, reached = 0, date.min
    for first, last in sorted(closed):
        if last >= reached:
            total += (last - max(first, reached)).days + 1
            reached = last + timedelta(days=1) if last < date.max else last
    return total


def _few_enough(closed: tuple[Days, ...]) -> tuple[Days, ...]:
    if (days := count_days(closed)) > MOST_CLOSED:
        raise ValueError(f"{days} days are closed, and at most {MOST_CLOSED} may be; name only those to come")
    return closed


ClosedDays = Annotated[
    tuple[
        Annotated[
            Days,
            BeforeValidator(_parse_days),
            PlainSerializer(_format_days, return_type=str),
            WithJsonSchema({"type": "string", "examples": ["2026-12-24", "2026-12-28..2027-01-02"]}),
        ],
        ...,
    ],
    Field(max_length=MOST_CLOSED),
    AfterValidator(_few_enough),
]
