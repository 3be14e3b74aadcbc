"""How many people a short text speaks of; a day, a clock, a version or a ticket's number is no one."""

from __future__ import annotations

import re

from rampart_cli.document.amounts import PERCENT
from rampart_cli.document.lexicon import part, pattern, says

_NUMBER = part("number of people")
_NO_USERS = part("not counted")
_SCALES = {"k": 1_000, "thousand": 1_000, "million": 1_000_000, "mio": 1_000_000, "m": 1_000_000}
_PEOPLE = part("people")
_USERS = re.compile(_NUMBER + _NO_USERS, re.IGNORECASE)
_LIST = re.compile(r"\d+(?:,\d+)+")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+")
ENDS = re.compile(r"\d\s?k?\s{0,3}(?:-|\u2013|\u2014|\bto\b)\s{0,3}~?\d", re.IGNORECASE)
"""The two ends of one estimate, `1,000 - 10,000`, and no list."""
_BESIDE = re.compile(
    r"(?:%|percent)[^(%]{0,40}\(([^()]{1,80})\)|(?:%|percent)\s{0,3}(?:=|~|,|or about|or)\s{0,3}([^%]{1,60})$"
)
_COUNTED = re.compile(rf"{_NUMBER}\s(?:[a-z]+\s)?{_PEOPLE}", re.IGNORECASE)
_PART = re.compile(r";|,(?!\d{3}(?!\d))|\band\b|\s(?:-|\u2013|to)\s", re.IGNORECASE)


def _whole(found: re.Match[str]) -> int:
    return round(float(found[1].replace(",", "")) * _SCALES.get((found[2] or "").casefold(), 1))


def users_in(text: str) -> tuple[int, ...] | None:
    """The numbers of users in a text that is meant to hold them; None when there is none, or only a rate."""
    if stated := pattern("stated users").search(text[:300]):
        return (_whole(stated),)
    shown = pattern("out of all").sub(" ", PERCENT.sub(" ", pattern("no people").sub(" ", text[:300])))
    shown = _LIST.sub(lambda found: found[0] if _GROUPED.fullmatch(found[0]) else found[0].replace(",", ", "), shown)
    if says("a rate of people", shown):
        return None
    return tuple(map(_whole, _USERS.finditer(shown))) or None


def users_beside(text: str) -> tuple[int, ...] | None:
    """The users that stand next to a stage's percentage: `1% (500)`, `500 users (1%)`, `10% of ~500 = ~50`.

    A number counts only when nothing else stands with it, or when it is followed by the people that it counts.
    """
    if said := pattern("stated users").search(text[:300]) or pattern("before").search(text[:300]):
        return (_whole(said),)
    nearby = _BESIDE.search(text[:300])
    found = _only_people(nearby[1] or nearby[2]) if nearby else None
    behind = pattern("behind").search(text[:300]) if found is None else None
    return (_whole(behind),) if behind and not says("a rate of people", text[:300]) else found


def people_in(text: str) -> tuple[int, ...] | None:
    """The numbers that are followed by the people whom they count: `500 users`; None without one."""
    return tuple(map(_whole, _COUNTED.finditer(pattern("no people").sub(" ", text[:300])))) or None


def _only_people(text: str) -> tuple[int, ...] | None:
    shown = pattern("out of all").sub(" ", text)
    if says("a rate of people", shown):
        return None
    numbers: list[int] = []
    for piece in _PART.split(shown):
        if (bare := pattern("bare").fullmatch(piece)) is None:
            break
        numbers.append(_whole(bare))
    return tuple(numbers) or people_in(shown)
