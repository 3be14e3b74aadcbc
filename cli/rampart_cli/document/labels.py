"""What the words before a colon ask for, and what a person wrote after it."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from rampart_cli.document.lexicon import ordered, pattern, says

_CLOCK_OR_ADDRESS = re.compile(r"\d:\d|.?://")
_LABEL_LENGTH = 300
_PERCENTAGE = re.compile(r"~?\d{1,3}(?:\.\d{1,3})?\s?%")
_DAY = re.compile(r"\d[/-]\d|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?\s\d", re.IGNORECASE)
_DASHES = (" \u2013 ", " \u2014 ", " - ")
_BLANKS = frozenset({"x", "xx", "-", "\u2013", "\u2014", "?", "...", "…", "n/a", "[]", "none yet", "pending", "yes/no"})
_UNANSWERED = _BLANKS - {"n/a"}
_BRACKETED = re.compile(r"\[[^\[\]]{0,400}\]")


class Asks(StrEnum):
    """What a label asks for."""

    ACTUAL = "actual"  # when it really happened
    PERCENT = "percent"  # the stage's percentage
    RESULTS = "results"  # what was measured
    USERS = "users"  # how many people are expected
    CRITERIA = "criteria"  # what is looked at before an advance
    DATES = "dates"  # when the stage or the phase runs, or how long
    DASHBOARD = "dashboard"  # where the metrics are seen
    MONITOR = "monitor"  # which alert guards the rollout
    WATCHERS = "watchers"  # who looks at the dashboards
    ROLLBACK = "rollback"  # how to go back
    TIMEZONE = "timezone"  # the time zone of the dates
    OWNER = "owner"  # who answers for the rollout
    WINDOW = "window"  # how much data is looked at, or how long
    FLAG = "flag"  # the name of the flag
    TITLE = "title"  # the plan's title
    AUDIENCE = "audience"  # whom the stage reaches: a share, or chosen people
    STEPS = "steps"  # the list of the stages
    OTHER = "other"  # anything else that the template asks


_COMPILED = [(Asks(asks), pattern) for asks, pattern in ordered("asks")]
_DASHED = frozenset({Asks.OWNER, Asks.TIMEZONE, Asks.FLAG})


class Field(NamedTuple):
    """A line of the form `label: value`."""

    label: str
    value: str
    asks: Asks


@lru_cache(maxsize=4096)
def read_field(text: str) -> Field | None:
    """Split a line at the colon that ends its label, or after its question mark; None when it has neither."""
    cut = _cut(text)
    if cut is None:
        return _dashed(text)
    label, value = text[:cut].strip(" ?:*_"), text[cut + 1 :].lstrip(" :").strip()
    asks = what_is_asked(label)
    # `Flag` and `Launch` ask for what the answer is: a name or a percentage, a percentage or a day.
    if asks in {Asks.FLAG, Asks.AUDIENCE} and _PERCENTAGE.match(value):
        asks = Asks.PERCENT
    elif asks is Asks.PERCENT and "%" not in value and _DAY.search(value):
        asks = Asks.DATES
    return Field(label, value, asks) if label else None


def _dashed(text: str) -> Field | None:
    """`Owner - Ann Lee`: a dash after words that ask for something, and for nothing else."""
    label, dash, _ = text[:_LABEL_LENGTH].partition(next((d for d in _DASHES if d in text), "\n"))
    asks = what_is_asked(label.strip()) if dash and says("plain label", label) else Asks.OTHER
    return Field(label.strip(), text[len(label) + len(dash) :].strip(), asks) if asks in _DASHED else None


@lru_cache(maxsize=4096)
def what_is_asked(label: str) -> Asks:
    """The kind of a label's words."""
    words = " ".join(label[:_LABEL_LENGTH].casefold().split())
    return next((asks for asks, pattern in _COMPILED if pattern.search(words)), Asks.OTHER)


def ends_open(text: str) -> bool:
    """Whether a sentence ends where a condition is to follow: `We revert if`."""
    return text.rstrip(" :").casefold().endswith((" if", " when", " whenever", " once", " while"))


def _cut(text: str) -> int | None:
    depth = 0
    asked: int | None = None
    for index, letter in enumerate(text[:_LABEL_LENGTH]):
        if letter in "([":
            depth += 1
        elif letter in ")]":
            depth = max(0, depth - 1)
        elif letter == ":" and not depth and not _CLOCK_OR_ADDRESS.match(text, max(0, index - 1)):
            return index
        elif letter == "?" and not depth and asked is None:
            asked = index
    return asked


@lru_cache(maxsize=4096)
def placeholder_in(text: str) -> str | None:
    """The first thing in `text` that stands for an answer no one gave yet, as written."""
    if text.strip().casefold() in _UNANSWERED or (text.strip() and not text.strip(" ?")):
        return text.strip() or None
    found = pattern("a placeholder").search(text)
    return found[0] if found else None


@lru_cache(maxsize=4096)
def answer(text: str) -> str:
    """What a person wrote, without the template's hints and placeholders; empty when nothing is left."""
    shown = pattern("a template hint").sub(" ", _BRACKETED.sub(" ", text))
    if placeholder_in(shown) and pattern("a placeholder").sub(" ", shown).strip(" .,:;*_/%-") == "":
        return ""
    shown = " ".join(shown.split())
    return "" if shown.casefold() in _BLANKS or not shown.strip("%.,;:*_? ") else shown
