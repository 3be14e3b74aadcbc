"""Percentages and lengths of time in one short text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from rampart_cli.document.lexicon import NUMBER_WORDS, part, pattern

NO_SHARE = part("not of users")
"""What makes a percentage one of progress or a comparison, and not a share of users."""
PERCENT = re.compile(rf"(?<![\d.,/])(\d{{1,3}}(?:\.\d{{1,3}})?)\s?(?:%|percent\b){NO_SHARE}")
FULL = 100
"""The percentage at which everyone is reached."""
_RANGE = re.compile(
    r"(?<![\d.,/])(\d{1,3}(?:\.\d{1,3})?)\s?%?\s{0,2}(?:-|\u2013|\u2014|to|through)\s{0,2}(\d{1,3}(?:\.\d{1,3})?)\s?%"
)
_PEOPLE = part("anyone reached")
_BEFORE = part("enabled for")
_ALL = re.compile(rf"{_BEFORE}(?:every(?:one|body)|all(?: the| our| of our| remaining)? {_PEOPLE})", re.IGNORECASE)
_MOST_STEPS = 100
"""Steps that increments may make; no one raises a flag more often."""
_SPELT = {
    **NUMBER_WORDS, "fifteen": 15, "twenty": 20, "twenty-five": 25, "twenty five": 25, "thirty": 30, "forty": 40,
    "fifty": 50, "sixty": 60, "seventy-five": 75, "seventy five": 75, "eighty": 80, "ninety": 90, "hundred": 100,
    "one hundred": 100, "a hundred": 100, "half": 50, "a quarter": 25,
}  # fmt: skip  # a table, many to a line
_WORDS_FIRST = "|".join(sorted(_SPELT, key=len, reverse=True))
_WRITTEN_OUT = re.compile(
    r"(?:(?P<number>(?<!\d)\d{1,3}(?:\.\d{1,3})?)"
    rf"|\b(?<!ty[ -])(?<!and )(?<!point )(?P<word>{_WORDS_FIRST}))"
    r"[\s-]?(?:pct\b\.?|per\s?cent\b)"
    rf"|\b(?P<part>half|a quarter)(?=\sof\s(?:the\s|our\s|all\s)?{part('people')})",
    re.IGNORECASE,
)
_UNITS = {"minute": "m", "hour": "h", "day": "d", "week": "w"}


class StageKind(StrEnum):
    """Whom a stage reaches."""

    ACTORS = "actors"  # a percentage of users, the same ones each time
    TIME = "time"  # a percentage of requests: a user sees both sides in turn
    AUDIENCE = "audience"  # chosen people, no percentage
    UNKNOWN = "unknown"  # the page does not say, or says two things


def with_signs(text: str) -> str:
    """The text with every percentage written as one: `10%` for `10 percent`, `ten per cent`, `half of users`."""
    folded = text.casefold()
    if not any(sign in folded for sign in ("cent", "pct", "half of", "a quarter of")):
        return text
    return _WRITTEN_OUT.sub(lambda each: f"{_SPELT.get(each[each.lastgroup or 0].casefold()) or each['number']}%", text)


def without_asides(text: str) -> str:
    """The text without what it says is not meant: `(was 5%)`, `not 60%`."""
    return pattern("not meant").sub(" ", pattern("how far it is").sub(" ", text)) if "%" in text else text


def percents_in(text: str) -> list[float]:
    """Every percentage of at most 100 that the text means, in order."""
    return [value for found in PERCENT.finditer(without_asides(text)) if (value := float(found[1])) <= 100]


def rises(shares: Sequence[float]) -> bool:
    """Whether each share is larger than the one before it."""
    return all(before < after for before, after in pairwise(shares))


def range_in(text: str) -> tuple[float, float] | None:
    """The first rising range of percentages: `25% - 100%` or `25-100%`."""
    found = ((float(each[1]), float(each[2])) for each in _RANGE.finditer(text))
    return next(((low, high) for low, high in found if low < high <= FULL), None)


def increment_in(text: str) -> float | None:
    """The step of a phase that says so: "increments of 25%"."""
    found = pattern("an increment").search(text)
    return float(found[1] or found[2]) if found else None


def steps_of(limits: tuple[float, float], increment: float) -> list[float]:
    """The percentages from one limit to the other; none for increments so small that no one means them."""
    low, high = limits
    if increment <= 0 or (high - low) / increment > _MOST_STEPS:
        return []
    steps = [low + n * increment for n in range(int((high - low) / increment) + 1)]
    return steps if steps[-1] == high else [*steps, high]


def share_kind(*texts: str) -> StageKind:
    """Whether a percentage is one of time or of requests, where a text says so, and not of users."""
    return StageKind.TIME if any(map(pattern("of time").search, texts)) else StageKind.ACTORS


def reaches_all(text: str) -> bool:
    """Whether a text says that everyone is reached, and nothing else: "everyone", "enable for all users"."""
    return bool(_ALL.fullmatch(text))


def names_only_audience(text: str) -> bool:
    """Whether a text names chosen people, and nothing else: "internal staff only", not "staff meeting"."""
    return bool(pattern("chosen").fullmatch(text))


class Length(NamedTuple):
    """How long a stage is held, as the page writes it and as a plan writes it; None where it cannot be said."""

    text: str
    hold: str | None


def length_in(text: str) -> Length | None:
    """The first length of time; of `2-3 business days` the longer one is held."""
    found = pattern("a length of time").search(text[:300])
    if found is None:
        return None
    number = float(found[2] or {"a": 1, "an": 1, **NUMBER_WORDS}.get(found[1].lower(), found[1]))
    unit = found[4].lower()
    if found[3]:
        hold = f"{number:g} business day{'' if number == 1 else 's'}" if unit == "day" and number.is_integer() else None
    else:
        hold = f"{number:g}{_UNITS[unit]}" if unit in _UNITS else None
    return Length(found[0], hold)
