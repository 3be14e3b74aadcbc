"""What the words before a colon ask for, and what a person wrote after it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

_LABEL_LENGTH = 300


class Asks(StrEnum):
    """What a label asks for."""

    ACTUAL = "actual"
    """When it really happened."""
    PERCENT = "percent"
    """The stage's percentage."""
    RESULTS = "results"
    """What was measured."""
    USERS = "users"
    """How many people are expected."""
    CRITERIA = "criteria"
    """What is looked at before an advance."""
    DATES = "dates"
    """When the stage or the phase runs, or how long."""
    DASHBOARD = "dashboard"
    """Where the metrics are seen."""
    MONITOR = "monitor"
    """Which alert guards the rollout."""
    WATCHERS = "watchers"
    """Who looks at the dashboards."""
    ROLLBACK = "rollback"
    """How to go back."""
    TIMEZONE = "timezone"
    """The time zone of the dates."""
    OWNER = "owner"
    """Who answers for the rollout."""
    WINDOW = "window"
    """How much data is looked at, or how long."""
    FLAG = "flag"
    """The name of the flag."""
    TITLE = "title"
    """The plan's title."""
    OTHER = "other"
    """Anything else that the template asks."""


_GO = "(pass|advance|proceed|continue|move on|go on|go|expand)"
_STOP = "(abort|stop|halt|pause|revert)"
_ASKS = [
    (Asks.ACTUAL, r"\bactual\b"),
    (Asks.RESULTS, r"^(\w+ ){0,3}results?$|metrics at this stage|^number of unique|number of bugs"),
    (Asks.PERCENT, r"^percent(age)?s?( of)? ?(users|traffic|people|visitors|requests|actors)?( \(.*)?$"),
    (
        Asks.PERCENT,
        r"^(rollout|exposure|traffic|ramp|launch|target)( %| percent(age)?)?$|^percent(age)? of \w+ (and|\()",
    ),
    (Asks.PERCENT, r"^flag( %| percent(age)?)$"),
    (Asks.USERS, r"number of users|expected users|users expected|^users$|how many users|target users"),
    (Asks.WATCHERS, r"who is monitoring"),
    (Asks.DASHBOARD, r"dashboard"),
    (
        Asks.CRITERIA,
        r"criteria|criterion|what metrics|^success metrics|^kpis?$|guardrails?|^metrics$|^(pass|advance) (if|when)",
    ),
    (Asks.CRITERIA, rf"^({_GO}|{_STOP})( the \w+)?( only)? (if|when|once)$"),
    (
        Asks.CRITERIA,
        r"^before (moving on|advancing|proceeding|continuing|going on|each (advance|stage)|the next stage)$",
    ),
    (Asks.CRITERIA, rf"^(before we {_GO}|when (do|will|can|should) (we|you) ({_GO}|{_STOP}))$"),
    (
        Asks.DATES,
        r"date range|test duration|^dates?$|^when$|desired date|planned date|(start|launch|end) date",
    ),
    (Asks.DATES, r"^((desired|planned|expected|target) )?(start|end)s?$"),
    (Asks.DATES, r"^(planned|scheduled)( (start|launch|for|on))?$"),
    (Asks.DATES, r"length of time|^duration|time ?frame|^hold|^bake"),
    (Asks.MONITOR, r"^(datadog )?(monitors?|alerts?)( ids?| links?)?$"),
    (Asks.ROLLBACK, r"\broll[- ]?back|\bback[- ]?out"),
    (Asks.TIMEZONE, r"time ?zone|^tz$"),
    (Asks.OWNER, r"^(\w+ ){0,2}(owners?|owned by|dri|responsible|lead|team|points? of contact|pocs?)$|^who owns\b"),
    (Asks.WINDOW, r"\bwindow\b|(minimum|least) (number of )?(sample|request)|sample size|evaluation (time|period)"),
    (Asks.FLAG, r"^(\w+ ){0,2}(flags?|toggles?|flippers?)( names?)?$|^feature (flag|toggle|flipper)"),
    (Asks.TITLE, r"^title$"),
]
_COMPILED = [(asks, re.compile(pattern)) for asks, pattern in _ASKS]
_PERCENTAGE = re.compile(r"~?\d{1,3}(?:\.\d{1,3})?\s?%")
_DAY = re.compile(r"\d[/-]\d|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?\s\d", re.IGNORECASE)
_QUESTION = re.compile(r"^(how|what|who|when|which|was|were|any|if yes|types of|links? to|do|does|is|are)\b")


_DASHES = (" \u2013 ", " \u2014 ", " - ")
_DASHED = frozenset({Asks.OWNER, Asks.TIMEZONE, Asks.FLAG})
_PLAIN_LABEL = re.compile(
    r"\b(?:owners?|owned by|dri|contact|poc|time ?zone|tz|flags?|toggles?|flipper)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Field:
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
    return Field(label, value, _by_its_answer(what_is_asked(label), value)) if label else None


def _by_its_answer(asks: Asks, value: str) -> Asks:
    """`Flag` and `Launch` ask for what the answer is: a name or a percentage, a percentage or a day."""
    if asks is Asks.FLAG and _PERCENTAGE.match(value):
        return Asks.PERCENT
    if asks is Asks.PERCENT and "%" not in value and _DAY.search(value):
        return Asks.DATES
    return asks


def _dashed(text: str) -> Field | None:
    """`Owner - Ann Lee`: a dash after words that ask for something, and for nothing else."""
    label, dash, _ = text[:_LABEL_LENGTH].partition(next((d for d in _DASHES if d in text), "\n"))
    asks = what_is_asked(label.strip()) if dash and _PLAIN_LABEL.search(label) else Asks.OTHER
    return Field(label.strip(), text[len(label) + len(dash) :].strip(), asks) if asks in _DASHED else None


@lru_cache(maxsize=4096)
def what_is_asked(label: str) -> Asks:
    """The kind of a label's words."""
    words = " ".join(label[:_LABEL_LENGTH].casefold().split())
    asked = next((asks for asks, pattern in _COMPILED if pattern.search(words)), None)
    return asked or Asks.OTHER


def is_question(text: str) -> bool:
    """Whether the words are one of the template's questions."""
    return bool(_QUESTION.match(text.casefold()))


def _cut(text: str) -> int | None:
    depth = 0
    asked: int | None = None
    for index, letter in enumerate(text[:_LABEL_LENGTH]):
        if letter in "([":
            depth += 1
        elif letter in ")]":
            depth = max(0, depth - 1)
        elif letter == ":" and not depth and not _is_clock_or_address(text, index):
            return index
        elif letter == "?" and not depth and asked is None:
            asked = index
    return asked


def _is_clock_or_address(text: str, index: int) -> bool:
    before, after = text[index - 1 : index], text[index + 1 : index + 3]
    return (before.isdigit() and after[:1].isdigit()) or after == "//"


_PLACEHOLDER = re.compile(
    r"\[[^\]]{0,20}(fill|pick|insert|enter|your|link|name|date|number|tbd)[^\]]{0,60}\]|\bfill[_ ]in\b|\btb[dac]\b"
    r"|\bto[- ]be[- ](?:decided|determined|defined|announced|confirmed|named)\b"
    r"|\b(mm|xx|m|x)/(dd|xx|d|x)(/(yyyy|yy|xxxx|xx|\d{2,4}))?\b|\blorem ipsum\b|\bxx+\b|<[a-z _-]{2,30}>"
    r"|(?-i:\bTODO\b)|(?<![\w)])\?{2,9}|(?<![\w.])(?:[xn?]|_{2,9})\s?%|(?<!\w)_{2,20}(?!\w)"
    r"|@?\byour[_-](?:team|flag|toggle|feature|name|product|metric|dashboard|monitor|time)\w{0,40}",
    re.IGNORECASE,
)
_BLANKS = frozenset({"x", "xx", "-", "\u2013", "\u2014", "?", "...", "…", "n/a", "[]", "none yet", "pending", "yes/no"})
_UNANSWERED = _BLANKS - {"n/a"}
_BRACKETED = re.compile(r"\[[^\[\]]{0,400}\]")
_HINT = re.compile(
    r"\([^()]{0,300}\b(recommend|minimum|at most|at least|example|e\.g|i\.e|for instance)[^()]{0,300}\)", re.IGNORECASE
)


@lru_cache(maxsize=4096)
def placeholder_in(text: str) -> str | None:
    """The first thing in `text` that stands for an answer no one gave yet, as written."""
    if text.strip().casefold() in _UNANSWERED or (text.strip() and not text.strip(" ?")):
        return text.strip() or None
    found = _PLACEHOLDER.search(text)
    return found[0] if found else None


@lru_cache(maxsize=4096)
def answer(text: str) -> str:
    """What a person wrote, without the template's hints and placeholders; empty when nothing is left."""
    shown = _HINT.sub(" ", _BRACKETED.sub(" ", text))
    if placeholder_in(shown) and _PLACEHOLDER.sub(" ", shown).strip(" .,:;*_/%-") == "":
        return ""
    shown = " ".join(shown.split())
    return "" if shown.casefold() in _BLANKS or not shown.strip("%.,;:*_? ") else shown
