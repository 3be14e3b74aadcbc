"""How many people a short text speaks of; a day, a clock, a version or a ticket's number is no one."""

from __future__ import annotations

import re

from rampart_cli.document.amounts import PERCENT

_NUMBER = (
    r"(?<![\d.,/:#])~?\s?(\d{1,3}(?:,\d{3})+(?!,?\d)|\d{1,9}(?!\d)(?:\.\d{1,3})?)"
    r"\s?((?:k|thousand|million|mio)\b|M\b)?"
)
_NO_USERS = r"(?!\s?(?:%|percent|[/:.]\d|[ap]\.?m\b|(?:business |working )?(?:days?|hours?|weeks?|months?|minutes?)\b))"
_SCALES = {"k": 1_000, "thousand": 1_000, "million": 1_000_000, "mio": 1_000_000, "m": 1_000_000}
_PEOPLE = (
    r"(?:users?|people|persons?|veterans?|visitors?|applica(?:tions?|nts?)|members?|customers?|patients?|employees"
    r"|actors|accounts|logins|submissions|sessions|testers|claimants?|beneficiaries)\b"
)
_USERS = re.compile(_NUMBER + _NO_USERS, re.IGNORECASE)
_LIST = re.compile(r"\d+(?:,\d+)+")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+")
_RANGE = re.compile(r"\d\s?k?\s{0,3}(?:-|\u2013|\u2014|\bto\b)\s{0,3}~?\d", re.IGNORECASE)
_RATE = re.compile(
    r"\b(?:per|a|each|every)\s{1,2}(?:day|hour|week|month|minute)\b|/\s?(?:day|hour|week|month|d|h)\b", re.IGNORECASE
)
_POPULATION = re.compile(
    r"\b(?:out )?of\s{1,2}(?:about |around |roughly |our |the |all )?~?\s?\d[\d,.]{0,12}\s?k?\b", re.IGNORECASE
)
_STATED = re.compile(
    r"(?:=|\bexpect(?:ing|ed)?\b|\btarget(?:s|ing)?\b|\breach(?:es|ing)?\b)\s{0,2}"
    r"(?:about |around |roughly |approximately |to see )?" + _NUMBER + _NO_USERS,
    re.IGNORECASE,
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_NO_PEOPLE = re.compile(
    rf"\b{_MONTH}\s{{1,3}}\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s{{1,3}}\d{{4}})?|\b\d{{1,2}}\s{{1,3}}{_MONTH}(?:\s{{1,3}}\d{{4}})?"
    r"|\b\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}\b|\b\d{1,2}/\d{1,2}\b"
    r"|\b\d{1,2}(?::\d{2})?\s?[ap]\.?m\b\.?|\b\d{1,2}:\d{2}\b|#\d+|\bv\d+(?:\.\d+)*"
    r"|\b(?:sprint|iteration|version|release|ticket|issue|line|step|stage|phase|week|day|quarter)s?\s{0,2}#?\d+",
    re.IGNORECASE,
)
"""Numbers that stand for a day, a time, a ticket, a version or a place in a list."""
_BESIDE = re.compile(
    r"(?:%|percent)[^(%]{0,40}\(([^()]{1,80})\)|(?:%|percent)\s{0,3}(?:=|~|,|or about|or)\s{0,3}([^%]{1,60})$"
)
_BEFORE = re.compile(
    rf"{_NUMBER}\s(?:\w+\s)?{_PEOPLE}\s{{0,2}}[(,=~]{{1,2}}\s?(?=~?\d[\d.]{{0,5}}\s?(?:%|percent))", re.IGNORECASE
)
_COUNTED = re.compile(rf"{_NUMBER}\s(?:[a-z]+\s)?{_PEOPLE}", re.IGNORECASE)
_BARE = re.compile(
    rf"[\s~]*(?:about |around |roughly |approximately |approx\.? |(?:an )?estimated )?"
    rf"{_NUMBER}(?:\s(?:[a-z]+\s)?{_PEOPLE})?[\s+.]*",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    rf"(?:%|percent)(?:\sof\s(?:[a-z]{{2,20}}\s){{0,2}}?{_PEOPLE})?\s?[-\u2013\u2014/,;:]\s?"
    rf"(?:about |around |roughly |approximately )?{_NUMBER}\s(?:[a-z]+\s)?{_PEOPLE}",
    re.IGNORECASE,
)
"""`50% - 75,000 users`, `10% of users, roughly 15 thousand people`."""
_PART = re.compile(r";|,(?!\d{3}(?!\d))|\band\b|\s(?:-|\u2013|to)\s", re.IGNORECASE)


def _whole(number: str, scale: str | None) -> int:
    return round(float(number.replace(",", "")) * _SCALES.get((scale or "").casefold(), 1))


def users_in(text: str) -> tuple[int, ...] | None:
    """The numbers of users in a text that is meant to hold them; None when there is none, or only a rate."""
    if stated := _STATED.search(text[:300]):
        return (_whole(stated[1], stated[2]),)
    shown = _POPULATION.sub(" ", PERCENT.sub(" ", _NO_PEOPLE.sub(" ", text[:300])))
    shown = _LIST.sub(lambda found: found[0] if _GROUPED.fullmatch(found[0]) else found[0].replace(",", ", "), shown)
    if _RATE.search(shown):
        return None
    found = tuple(_whole(match[1], match[2]) for match in _USERS.finditer(shown))
    return found or None


def is_range(text: str) -> bool:
    """Whether the numbers are the two ends of one estimate, `1,000 - 10,000`, and no list."""
    return bool(_RANGE.search(text))


def users_beside(text: str) -> tuple[int, ...] | None:
    """The users that stand next to a stage's percentage: `1% (500)`, `500 users (1%)`, `10% of ~500 = ~50`.

    A number counts only when nothing else stands with it, or when it is followed by the people that it counts.
    """
    if stated := _STATED.search(text[:300]):
        return (_whole(stated[1], stated[2]),)
    if before := _BEFORE.search(text[:300]):
        return (_whole(before[1], before[2]),)
    nearby = _BESIDE.search(text[:300])
    found = _only_people(nearby[1] or nearby[2]) if nearby else None
    if found is None and (behind := _BEHIND.search(text[:300])) and not _RATE.search(text[:300]):
        return (_whole(behind[1], behind[2]),)
    return found


def people_in(text: str) -> tuple[int, ...] | None:
    """The numbers that are followed by the people whom they count: `500 users`; None without one."""
    return tuple(_whole(found[1], found[2]) for found in _COUNTED.finditer(_NO_PEOPLE.sub(" ", text[:300]))) or None


def _only_people(text: str) -> tuple[int, ...] | None:
    shown = _POPULATION.sub(" ", text)
    if _RATE.search(shown):
        return None
    numbers: list[int] = []
    for part in _PART.split(shown):
        bare = _BARE.fullmatch(part)
        if bare is None:
            break
        numbers.append(_whole(bare[1], bare[2]))
    if not numbers:
        numbers = [_whole(found[1], found[2]) for found in _COUNTED.finditer(_NO_PEOPLE.sub(" ", shown))]
    return tuple(numbers) or None
