"""Dates as people write them; a year that is not written is never made up."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from rampart_cli.document.labels import placeholder_in
from rampart_cli.document.lexicon import listed, pattern, says

_MONTHS = {name[:size]: n for n, name in enumerate(listed("months"), start=1) for size in (3, len(name))} | {"sept": 9}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_TOKEN = re.compile(
    rf"(?P<iso>\d{{4}}[/.-]\d{{1,2}}[/.-]\d{{1,2}})(?!\d)"
    rf"|(?P<us>\d{{1,2}}/\d{{1,2}}(?:/(?:\d{{4}}|\d{{2}}))?)(?![\d/])"
    rf"|(?P<days>\b\d{{1,2}}\s?[-\u2013\u2014]\s?\d{{1,2}}(?:st|nd|rd|th)?\s{{1,3}}(?:{_MONTH})\b\.?(?:,?\s{{1,3}}\d{{4}})?)"
    rf"|(?P<dash>\d{{1,2}}-\d{{1,2}}-\d{{4}})(?!\d)"
    rf"|\b(?P<month>(?:{_MONTH})\.?\s{{1,3}}\d{{1,2}}(?:st|nd|rd|th)?(?!\d)(?:,?\s{{1,3}}\d{{4}})?)"
    rf"|(?P<european>\b\d{{1,2}}(?:st|nd|rd|th)?(?:\s{{1,3}}(?:of\s)?|-)(?:{_MONTH})\b(?:(?:,?\s{{1,3}}|-)\d{{4}})?)"
    r"|(?P<and>\s{1,3}and\s{1,3})"
    r"|(?P<sep>\s{0,3}(?:(?<=\d)/(?=20\d\d-)|-|\u2013|\u2014|→|\bto\b|\bthrough\b|\bthru\b|\buntil\b)\s{0,3}"
    r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b[.,]?\s{0,3})?)"
    r"|(?P<year>\b20\d\d\b)"
    r"|(?P<run>(?:\d[\d/.-]{0,30}\d|\d)(?!\d|\s?%))(?:st|nd|rd|th)?",
    re.IGNORECASE,
)
_VAGUE = re.compile(r"\b(?:sprint|iteration|quarter|q(?=[1-4]\b))\s?#?\d{1,4}\b", re.IGNORECASE)
_UNTIL = re.compile(r"\s*(?:until|through|thru)\s*", re.IGNORECASE)
_GAP = 2
"""Characters between a day and its year: `3/14 2027`, `3/14, 2027`."""
_TURN = 6
"""Months that a range's end may lie before its start, with the year written once, to be taken for the next year."""
_WEEK = re.compile(r"\bweek (of|beginning|starting)\s{1,3}$", re.IGNORECASE)
_BETWEEN = re.compile(r"\bbetween\s{1,3}$", re.IGNORECASE)
_ATOMS = frozenset({"iso", "us", "dash", "month", "european", "days"})


class DateProblem(StrEnum):
    """Why a date cannot be taken as written."""

    NO_YEAR = "no year"  # the day and the month stand without a year
    MALFORMED = "malformed"  # it looks like a date and is none
    REVERSED = "reversed"  # the range ends before it begins
    PLACEHOLDER = "placeholder"  # someone meant to write a date here


@dataclass(frozen=True, slots=True)
class Dates:
    """A day or a range read from one short text, the text that says so, and what is wrong with it."""

    start: date | None = None
    end: date | None = None
    text: str = ""
    problem: DateProblem | None = None
    is_week: bool = False
    """Whether only the week is said: "week of 8/7"."""

    @property
    def said(self) -> bool:
        """Whether the text speaks of a date at all."""
        return bool(self.text)


NOTHING = Dates()


class _Day(NamedTuple):
    month: int
    day: int
    year: int | None = None

    def date(self) -> date | None:
        return date(self.year, self.month, self.day) if self.year and self.is_possible else None

    @property
    def is_possible(self) -> bool:
        try:
            date(self.year or 2000, self.month, self.day)  # 2000 has a 29 February
        except ValueError:
            return False
        return self.year is None or 2000 <= self.year <= 2100


@lru_cache(maxsize=4096)
def read_dates(text: str) -> Dates:
    """Read the first day or range in a text that is meant to hold one, such as `7/28-8/01 2025` or `July 7 - 11`."""
    tokens = _tokens(text)
    at = next((index for index, token in enumerate(tokens) if token.lastgroup in _ATOMS), None)
    if at is None:
        return _no_day(text, tokens)
    first, tail = tokens[at], tokens[at + 1 : at + 6]
    if at == 1 and tokens[0]["sep"] and _UNTIL.fullmatch(tokens[0][0]) and (until := _day(first).date()):
        return Dates(None, until, first[0].strip())
    if first["days"]:
        return _days_of_month(first[0])
    begin, before = _day(first), text[: first.start()]
    if tail and tail[0]["and"] and not _BETWEEN.search(before):
        tail = []  # two days, and no range
    end, used, broken_range = _end(begin, first, tail)
    if not used and begin.year is None and tail and _is_year_of(tail[0], first):
        begin, used = begin._replace(year=int(tail[0][0])), tail[:1]  # 3/14 2027
    written = text[first.start() : (used or [first])[-1].end()].strip()
    if broken_range or not begin.is_possible or (end is not None and not end.is_possible):
        return Dates(text=written, problem=DateProblem.MALFORMED)
    return _resolve(begin, end, written, is_week=bool(_WEEK.search(before)))


def _no_day(text: str, tokens: list[re.Match[str]]) -> Dates:
    """What stands where a day was meant: a number that is none, a quarter, a placeholder."""
    broken = next((token for token in tokens if token["run"] and sum(map(token[0].count, "/-.")) >= 2), None)
    if malformed := broken or _VAGUE.search(text[:500]):
        return Dates(text=malformed["run"] if broken else malformed[0], problem=DateProblem.MALFORMED)
    missing = placeholder_in(text)
    return Dates(text=missing, problem=DateProblem.PLACEHOLDER) if missing else NOTHING


def _is_year_of(token: re.Match[str], day: re.Match[str]) -> bool:
    return bool(token["year"]) and token.start() - day.end() <= _GAP


@lru_cache(maxsize=4096)
def leading_date(text: str) -> tuple[Dates, str]:
    """A date that a line begins with, and what follows it; nothing and the whole text when it begins otherwise."""
    tokens = _tokens(text[:80])
    plain = pattern("before a leading day").match(text)
    at = plain.end() if plain else 0
    if not tokens or tokens[0].lastgroup not in _ATOMS or tokens[0].start() > at:
        return NOTHING, text
    found = read_dates(text[:80])
    after = text.find(found.text) + len(found.text)
    rest = text[after:].lstrip(" -\u2013\u2014:.)|,")
    return found, pattern("clock").sub("", rest).lstrip(" -\u2013\u2014:.)|")


def is_day(text: str) -> bool:
    """Whether a line holds a day or a range, perhaps with a time of day, and nothing else."""
    dates, rest = leading_date(text[:80])
    return dates.said and len(text) <= 80 and bool(pattern("clock only").fullmatch(rest))


@lru_cache(maxsize=4096)
def date_said(text: str) -> Dates:
    """A date inside a sentence, believed only after `on`, `from`, `week of` and the like."""
    for token in _tokens(text):
        start = token.start()
        if token.lastgroup in _ATOMS and says("before a day", text[max(0, start - 20) : start]):
            is_week = text[max(0, start - 8) : start].casefold() == "week of "
            return read_dates(text[start - 8 if is_week else start :])
    return NOTHING


def between(first: Dates, last: Dates) -> Dates:
    """The range from one day to another that stands elsewhere, such as in the next column."""
    problem = DateProblem.REVERSED if first.start and last.start and last.start < first.start else first.problem
    return replace(first, end=last.start, problem=problem)


def _tokens(text: str) -> list[re.Match[str]]:
    return list(_TOKEN.finditer(text[:500]))


def _end(begin: _Day, first: re.Match[str], tail: list[re.Match[str]]) -> tuple[_Day | None, list[re.Match[str]], bool]:
    """The range's end, the tokens that make it, and whether it is broken; no end where the range is open."""
    if len(tail) < 2 or tail[0].lastgroup not in {"sep", "and"}:
        return None, [], False
    to, second, used = tail[0], tail[1], tail[:2]
    if to.start() != first.end() or second.start() != to.end():
        return None, [], False
    if second.lastgroup in _ATOMS:
        end = _day(second)
    elif second[0].isdigit() and second["run"] and first.lastgroup in {"month", "european"}:
        end = _Day(begin.month, int(second[0]))
    else:
        is_broken = bool(second["run"] and first["us"] and to[0] == "-")
        return None, used if is_broken else [], is_broken
    if len(tail) > 2 and end.year is None and _is_year_of(tail[2], second):
        end, used = end._replace(year=int(tail[2][0])), tail[:3]
    return end, used, False


def _days_of_month(text: str) -> Dates:
    """`6-8 May 2026`: two days of one month, which stands behind them."""
    first, rest = re.split(r"[-\u2013\u2014]", text, maxsplit=1)
    end = _named_day(rest)
    begin = end._replace(day=int(first))
    if not (begin.is_possible and end.is_possible):
        return Dates(text=text, problem=DateProblem.MALFORMED)
    return _resolve(begin, end, text, is_week=False)


def _resolve(begin: _Day, end: _Day | None, text: str, *, is_week: bool) -> Dates:
    if end is not None:
        # One year written once counts for both ends, unless a new year lies between them: 12/29 - 1/2 2026.
        turn = 1 if begin.month - end.month >= _TURN else 0
        begin, end = (
            begin._replace(year=begin.year or (end.year - turn if end.year else None)),
            end._replace(year=end.year or (begin.year + turn if begin.year else None)),
        )
    start, stop = begin.date(), end.date() if end else None
    if start is None:
        return Dates(text=text, problem=DateProblem.NO_YEAR, is_week=is_week)
    if stop is not None and stop < start:
        return Dates(start, stop, text, DateProblem.REVERSED)
    return Dates(start, stop, text, is_week=is_week)


def _day(token: re.Match[str]) -> _Day:
    numbers = [int(part) for part in re.findall(r"\d+", token[0])]
    if token["iso"]:
        return _Day(numbers[1], numbers[2], numbers[0])
    if token["us"] or token["dash"]:
        return _Day(*numbers[:2], *(year + 2000 if year < 100 else year for year in numbers[2:]))
    return _named_day(token[0])


def _named_day(text: str) -> _Day:
    """`May 8 2026`, `8th of May`: the month by its name."""
    name = re.search(_MONTH, text, re.IGNORECASE)
    return _Day(_MONTHS[name[0].lower()] if name else 0, *(int(part) for part in re.findall(r"\d+", text)))
