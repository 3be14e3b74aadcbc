"""Dates as people write them; a year that is not written is never made up."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache

from rampart_cli.document.labels import placeholder_in


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
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep sept september", "oct october", "nov november", "dec december"), start=1)
    for name in names.split()
}  # fmt: skip  # a table, many to a line
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


@dataclass(frozen=True, slots=True)
class _Day:
    month: int
    day: int
    year: int | None = None

    def date(self) -> date | None:
        try:
            return date(self.year or 0, self.month, self.day) if self.year else None
        except ValueError:
            return None

    @property
    def is_possible(self) -> bool:
        try:
            date(self.year or 2000, self.month, self.day)  # 2000 has a 29 February
        except ValueError:
            return False
        return self.year is None or 2000 <= self.year <= 2100


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


@lru_cache(maxsize=4096)
def read_dates(text: str) -> Dates:
    """Read the first day or range in a text that is meant to hold one, such as `7/28-8/01 2025` or `July 7 - 11`."""
    tokens = _tokens(text)
    first = next((index for index, token in enumerate(tokens) if token.kind in _ATOMS), None)
    if first == 1 and tokens[0].kind == "sep" and _UNTIL.fullmatch(tokens[0].text):
        until = _day(tokens[1]).date()
        if until is not None:
            return Dates(None, until, text[tokens[1].start : tokens[1].end].strip())
    if first is None:
        broken = next((t for t in tokens if t.kind == "run" and sum(map(t.text.count, "/-.")) >= 2), None)
        if broken is not None:
            return Dates(text=broken.text, problem=DateProblem.MALFORMED)
        if vague := _VAGUE.search(text[:500]):
            return Dates(text=vague[0], problem=DateProblem.MALFORMED)
        missing = placeholder_in(text)
        return Dates(text=missing, problem=DateProblem.PLACEHOLDER) if missing else NOTHING
    if tokens[first].kind == "days":
        return _days_of_month(tokens[first].text)
    begin = _day(tokens[first])
    tail = tokens[first + 1 : first + 6]
    if tail and tail[0].kind == "and" and not _BETWEEN.search(text[: tokens[first].start]):
        tail = []  # two days, and no range
    end, used, broken_range = _end(begin, tokens[first], tail)
    if (
        not used
        and begin.year is None
        and tail
        and tail[0].kind == "year"
        and tail[0].start - tokens[first].end <= _GAP
    ):
        begin, used = replace(begin, year=int(tail[0].text)), tail[:1]  # 3/14 2027
    last = used[-1] if used else tokens[first]
    written = text[tokens[first].start : last.end].strip()
    if broken_range or not begin.is_possible or (end is not None and not end.is_possible):
        return Dates(text=written, problem=DateProblem.MALFORMED)
    return _resolve(begin, end, written, is_week=bool(_WEEK.search(text[: tokens[first].start])))


@lru_cache(maxsize=4096)
def leading_date(text: str) -> tuple[Dates, str]:
    """A date that a line begins with, and what follows it; nothing and the whole text when it begins otherwise."""
    tokens = _tokens(text[:80])
    plain = re.match(
        r"\W{0,3}(?:(?:starts?|starting|begins?|beginning|launch(?:es)?|from)\s(?:on\s)?)?"
        r"(?:week of\s|on\s|(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|satur|sat|sun)(?:day)?\b,?\s{0,3})?\W{0,2}",
        text,
        re.IGNORECASE,
    )
    at = plain.end() if plain else 0
    if not tokens or tokens[0].kind not in _ATOMS or tokens[0].start > at:
        return NOTHING, text
    found = read_dates(text[:80])
    after = text.find(found.text) + len(found.text)
    rest = text[after:].lstrip(" -\u2013\u2014:.)|,")
    return found, _CLOCK.sub("", rest).lstrip(" -\u2013\u2014:.)|")


_CLOCK = re.compile(
    r"(?:at\s)?\d{1,2}(?::\d{2}(?:\s?[ap]\.?m\b\.?)?|\s?[ap]\.?m\b\.?)(?:\s?\(?(?:[ecmp][sd]?t|utc|gmt|eastern|central|mountain|pacific)\b\)?)?",
    re.IGNORECASE,
)
_CLOCK_ONLY = re.compile(
    r"(?:\b(?:at|from|to|until|and|noon|midnight|[ecmp][sd]?t|utc|gmt|eastern|central|mountain|pacific|time)\b"
    r"|(?<!\d)\d{1,2}(?!\d)(?::\d{2}(?!\d))?(?:\s?[ap]\.?m\b)?|[\s,().\u2013-])*",
    re.IGNORECASE,
)


def is_day(text: str) -> bool:
    """Whether a line holds a day or a range, perhaps with a time of day, and nothing else."""
    dates, rest = leading_date(text[:80])
    return dates.said and len(text) <= 80 and bool(_CLOCK_ONLY.fullmatch(rest))


_BEFORE_DATE = re.compile(
    r"(?:\b(?:(?:on|by|from|starting|start|begins?|beginning|week of|@)|(?:dates?|when):)\s{0,3}|\()$", re.IGNORECASE
)


@lru_cache(maxsize=4096)
def date_said(text: str) -> Dates:
    """A date inside a sentence, believed only after `on`, `from`, `week of` and the like."""
    for token in _tokens(text):
        if token.kind in _ATOMS and _BEFORE_DATE.search(text[max(0, token.start - 20) : token.start]):
            prefix = 8 if text[max(0, token.start - 8) : token.start].casefold() == "week of " else 0
            return read_dates(text[token.start - prefix :])
    return NOTHING


def between(first: Dates, last: Dates) -> Dates:
    """The range from one day to another that stands elsewhere, such as in the next column."""
    problem = DateProblem.REVERSED if first.start and last.start and last.start < first.start else first.problem
    return replace(first, end=last.start, problem=problem)


def _tokens(text: str) -> list[_Token]:
    return [_Token(str(found.lastgroup), found[0], found.start(), found.end()) for found in _TOKEN.finditer(text[:500])]


def _end(begin: _Day, first: _Token, tail: list[_Token]) -> tuple[_Day | None, list[_Token], bool]:
    """The range's end, the tokens that make it, and whether it is broken."""
    if not tail or tail[0].kind not in {"sep", "and"} or tail[0].start != first.end:
        return None, [], False
    if len(tail) < 2 or tail[1].start != tail[0].end:
        return None, [], False  # an open range
    second, used = tail[1], tail[:2]
    if second.kind in _ATOMS:
        end = _day(second)
    elif second.kind == "run" and second.text.isdigit() and first.kind in {"month", "european"}:
        end = _Day(begin.month, int(second.text))
    elif second.kind == "run" and first.kind == "us" and tail[0].text == "-":
        return None, used, True
    else:
        return None, [], False
    following = tail[2] if len(tail) > 2 else None
    if following is not None and following.kind == "year" and following.start - second.end <= 2 and end.year is None:
        end, used = replace(end, year=int(following.text)), tail[:3]
    return end, used, False


def _days_of_month(text: str) -> Dates:
    """`6-8 May 2026`: two days of one month, which stands behind them."""
    first, rest = re.split(r"[-\u2013\u2014]", text, maxsplit=1)
    end = _day(_Token("european", rest, 0, len(rest)))
    begin = replace(end, day=int(first))
    if not (begin.is_possible and end.is_possible):
        return Dates(text=text, problem=DateProblem.MALFORMED)
    return _resolve(begin, end, text, is_week=False)


def _resolve(begin: _Day, end: _Day | None, text: str, *, is_week: bool) -> Dates:
    if end is not None:
        # One year written once counts for both ends, unless a new year lies between them: 12/29 - 1/2 2026.
        turn = 1 if begin.month - end.month >= _TURN else 0
        begin, end = (
            replace(begin, year=begin.year or (end.year - turn if end.year else None)),
            replace(end, year=end.year or (begin.year + turn if begin.year else None)),
        )
    start, stop = begin.date(), end.date() if end else None
    if start is None:
        return Dates(text=text, problem=DateProblem.NO_YEAR, is_week=is_week)
    if stop is not None and stop < start:
        return Dates(start, stop, text, DateProblem.REVERSED)
    return Dates(start, stop, text, is_week=is_week)


def _day(token: _Token) -> _Day:
    numbers = [int(part) for part in re.findall(r"\d+", token.text)]
    if token.kind == "iso":
        return _Day(numbers[1], numbers[2], numbers[0])
    if token.kind in {"us", "dash"}:
        year = numbers[2] if len(numbers) > 2 else None
        return _Day(numbers[0], numbers[1], year + 2000 if year is not None and year < 100 else year)
    name = re.search(rf"({_MONTH})", token.text, re.IGNORECASE)
    month = _MONTHS[name[1].lower()] if name else 0
    return _Day(month, numbers[0], numbers[1] if len(numbers) > 1 else None)
