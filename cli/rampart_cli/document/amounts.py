"""Percentages, numbers of users and lengths of time in one short text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

PERCENT = re.compile(r"(?<![\d.,/])(\d{1,3}(?:\.\d{1,3})?)\s?(?:%|percent\b)")
_RANGE = re.compile(
    r"(?<![\d.,/])(\d{1,3}(?:\.\d{1,3})?)\s?%?\s{0,2}(?:-|\u2013|\u2014|to|through)\s{0,2}(\d{1,3}(?:\.\d{1,3})?)\s?%"
)
_INCREMENT = re.compile(
    r"(?:increments?|steps?) of\s{1,3}(\d{1,2}(?:\.\d{1,3})?)\s?%"
    r"|(\d{1,2}(?:\.\d{1,3})?)\s?%\s{0,2}(?:increments?|steps|at a time)",
    re.IGNORECASE,
)
_OF_TIME = re.compile(
    r"(?:%|percent)\s{0,3}of\s{1,3}(?:the\s{1,3})?(?:time|requests|calls)\b"
    r"|percent(?:age)?[ _-]of[ _-](?:the[ _-])?time",
    re.IGNORECASE,
)
_AUDIENCE = re.compile(
    r"\b(employees|internal|staff|testers|beta|pilot|colleagues|developers|dogfood|volunteers|allow-?list(ed)?|invited"
    r"|(team|group|panel|cohort)( members)?|selected users|early access|by state"
    r"|single (site|facility)|facilit(y|ies))\b",
    re.IGNORECASE,
)


_MOST_STEPS = 100
"""Steps that increments may make; nobody raises a flag more often."""


class StageKind(StrEnum):
    """Whom a stage reaches."""

    ACTORS = "actors"
    """A percentage of users, the same ones each time."""
    TIME = "time"
    """A percentage of requests: a user sees both sides in turn."""
    AUDIENCE = "audience"
    """Chosen people, no percentage."""
    UNKNOWN = "unknown"
    """The page does not say, or says two things."""


def percents_in(text: str) -> list[float]:
    """Every percentage of at most 100 in the text, in order."""
    return [value for found in PERCENT.finditer(text) if (value := float(found[1])) <= 100]


def range_in(text: str) -> tuple[float, float] | None:
    """The first rising range of percentages: `25% - 100%` or `25-100%`."""
    for found in _RANGE.finditer(text):
        low, high = float(found[1]), float(found[2])
        if low < high <= 100:
            return low, high
    return None


def increment_in(text: str) -> float | None:
    """The step of a phase that says so: "increments of 25%"."""
    found = _INCREMENT.search(text)
    return float(found[1] or found[2]) if found else None


def steps_of(limits: tuple[float, float], increment: float) -> list[float]:
    """The percentages from one limit to the other; none for increments so small that nobody means them."""
    low, high = limits
    if increment <= 0 or (high - low) / increment > _MOST_STEPS:
        return []
    steps = [low + n * increment for n in range(int((high - low) / increment) + 1)]
    return steps if steps[-1] == high else [*steps, high]


def is_of_time(text: str) -> bool:
    """Whether a percentage is one of time or of requests, not of users."""
    return bool(_OF_TIME.search(text))


def names_audience(text: str) -> bool:
    """Whether chosen people are named rather than a percentage."""
    return bool(_AUDIENCE.search(text))


_NUMBER = r"(?<![\d.,/])~?\s?(\d{1,3}(?:,\d{3})+(?![\d,])|\d{1,9}(?:\.\d{1,3})?)\s?([kK]\b)?"
_USERS = re.compile(_NUMBER + r"(?!\s?(?:%|percent|/|(?:business )?(?:days?|hours?|weeks?|months?|minutes?)\b))")
_LIST = re.compile(r"\d+(?:,\d+)+")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+")
_RATE = re.compile(
    r"\b(?:per|a|each|every)\s{1,2}(?:day|hour|week|month|minute)\b|/\s?(?:day|hour|week|month|d|h)\b", re.IGNORECASE
)
_POPULATION = re.compile(
    r"\b(?:out )?of\s{1,2}(?:about |around |roughly )?~?\s?\d[\d,.]{0,12}\s?[kK]?\b", re.IGNORECASE
)
_STATED = re.compile(
    r"(?:=|\bexpect(?:ing|ed)?\b)\s{0,2}(?:about |around |roughly |approximately |to see )?" + _NUMBER, re.IGNORECASE
)


def _whole(number: str, thousands: str | None) -> int:
    return round(float(number.replace(",", "")) * (1000 if thousands else 1))


def users_in(text: str) -> tuple[int, ...] | None:
    """The numbers of users in a text that is meant to hold them; None when there is none, or only a rate."""
    if stated := _STATED.search(text[:300]):
        return (_whole(stated[1], stated[2]),)
    shown = _POPULATION.sub(" ", PERCENT.sub(" ", text[:300]))
    shown = _LIST.sub(lambda found: found[0] if _GROUPED.fullmatch(found[0]) else found[0].replace(",", ", "), shown)
    if _RATE.search(shown):
        return None
    found = tuple(_whole(match[1], match[2]) for match in _USERS.finditer(shown))
    return found or None


_BESIDE = re.compile(
    r"(?:%|percent)[^(%]{0,40}\(([^()]{1,80})\)|(?:%|percent)\s{0,3}(?:=|~|,|or about|or)\s{0,3}([^%]{1,60})$"
)


def users_beside(text: str) -> tuple[int, ...] | None:
    """The users that stand beside a stage's percentage: `1% (500)`, `10% of users out of ~500 = ~50`."""
    if stated := _STATED.search(text[:300]):
        return (_whole(stated[1], stated[2]),)
    beside = _BESIDE.search(text[:300])
    return users_in(beside[1] or beside[2]) if beside else None


@dataclass(frozen=True, slots=True)
class Length:
    """How long a stage is held, as the page writes it and as a plan writes it; None where it cannot be said."""

    text: str
    hold: str | None


_WORDS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
_LENGTH = re.compile(
    r"\b(\d{1,3}(?:\.\d)?|an?|one|two|three|four|five)(?:\s?(?:-|\u2013|to)\s?(\d{1,3}(?:\.\d)?))?[ -](?:full )?"
    r"(business |working )?(minute|hour|day|week|month)s?\b",
    re.IGNORECASE,
)
_UNITS = {"minute": "m", "hour": "h", "day": "d", "week": "w"}


def length_in(text: str) -> Length | None:
    """The first length of time; of `2-3 business days` the longer one is held."""
    found = _LENGTH.search(text[:300])
    if found is None:
        return None
    first = found[1].lower()
    number = float(found[2] or _WORDS.get(first, 0) or first)
    unit = found[4].lower()
    if found[3]:
        hold = f"{number:g} business day{'' if number == 1 else 's'}" if unit == "day" and number.is_integer() else None
    else:
        hold = f"{number:g}{_UNITS[unit]}" if unit in _UNITS else None
    return Length(found[0], hold)
