"""How a bar is written, what the words around it ask for, and the criterion that it makes with its name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from rampart_cli.document.labels import Asks, placeholder_in, what_is_asked
from rampart_cli.document.lexicon import NUMBER_WORDS, listed, operators, part, pattern, plain_name, says, words

OPS = operators()
NUMBER = part("number")
_DECIMAL_COMMA = re.compile(r"\d{1,3},(?:\d{1,2}|\d{4,6})|0,\d{1,6}")
"""`0,5`: a comma before anything but three digits, or behind a zero, is the decimal sign of other countries."""
_UNIT = part("unit")
BAR = re.compile(
    "(?:" + "|".join(f"(?P<op{index}>{words})" for index, words in enumerate(OPS.values())) + ")"
    rf"\s{{0,3}}(?:of\s)?~?(?P<sign>%?)\s?(?P<number>{NUMBER}|(?:{'|'.join(NUMBER_WORDS)})\b){_UNIT}",
    re.IGNORECASE,
)
OR_MORE = re.compile(rf"(?<![\w.,])({NUMBER})\s?(%?)\+(?=\s{{0,3}}(?:$|[,;.)]))")
"""`99.5%+`."""
OR_LESS = pattern("or less")
BETWEEN = re.compile(rf"\bbetween\s{{1,3}}({NUMBER})\s?%?\s{{1,3}}and\s{{1,3}}({NUMBER}){_UNIT}", re.IGNORECASE)
ONLY_NUMBER = re.compile(rf"~?(?P<sign>%?)\s?(?P<number>{NUMBER}){_UNIT}(?:\s{{1,3}}[^<>]{{0,80}})?\.?", re.IGNORECASE)
_ONLY_PERCENT = re.compile(rf"~?(?:{NUMBER})\s?(?:%|percent)", re.IGNORECASE)
TRAILING = pattern("trailing")
LEADING = pattern("leading")
OPPOSITE = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}
_LONGEST_TITLE = 120
_MUCH = frozenset({">", ">="})
_LITTLE = frozenset({"<", "<="})
_WINDOW = re.compile(r"over\s{1,3}\d{1,4}\s?-?(?:minutes?|mins?|hours?|days?|weeks?)", re.IGNORECASE)
_ANY_RATE = re.compile(r"\b(?:the|our|overall|rate|ratio|percentage)\b\s?")
"""Words of a name without which the same is measured."""
_SHORT_TIMES = frozenset({"second", "seconds", "sec", "secs", "s", "min", "m", "minute"})
_OF_WHAT = re.compile(
    r"\s(?:for|on)\s(?!\d|an?\b|the last\b|(?:one|two|three|five|ten|several|at)\b)[#/`\w][^:;,.%<>()\d]{1,60}$"
)
"""What stands behind a bar and says what it is measured on: `< 6% for #intake`."""
_LACKS = re.compile(r"\b(?:without|no)\s(?:any\s)?(?P<what>[a-z][\w ]{1,40})$", re.IGNORECASE)
"""`without pauses > 6 minutes` allows gaps up to that."""
_ASKS_YES_NO = re.compile(r"\s?\((?:y/n|yes/no|yes or no)\)$", re.IGNORECASE)
_HELD = re.compile(r"(?:we\s)?(?:(?:hold|wait|bake|soak)\b|~?\d[\d.]{0,5}\s?%)", re.IGNORECASE)
_SAMPLES = frozenset({"request", "requests", "sample", "samples", "observations"})
TIMES = frozenset({"hour", "hours", "hr", "hrs", "day", "days", "week", "weeks", "minutes", "mins"})
_YES_NO = re.compile(r"^(?:is|are|was|were|do|does|did|can|could|has|have|will|would)\b", re.IGNORECASE)
_NO_COUNT = frozenset(listed("no count"))
_CHOICE_ONLY = re.compile(r"\s*(?:y/n|(?:yes|no)\b.{0,20})", re.IGNORECASE)
_EDGE = " :,;-\u2013\u2014→=.*_"
_PAST = re.compile(r"\b(?:was|were|had|saw|been|measured|actual(?:ly)?|reached)\b", re.IGNORECASE)
_REMARK = re.compile(r"\s\([^()]{1,200}\)\.?$")
_CHOICE = re.compile(r"\?:?\s{1,3}yes\s?(?:/|\||or)\s?no$", re.IGNORECASE)
_CODE_LABEL = re.compile(r"^[a-z0-9]{1,30}(?:[-_.][a-z0-9]{1,30}){1,9}:\s(?=\S)")
"""`scan-errors-high: `, the name of an alarm before what it looks at."""
_WE = re.compile(r"^we\s[^,:<>]{2,40}?\s(?:when|if|once)\s", re.IGNORECASE)
"""What stands before a bar and names nothing: "We are happy when"."""
_HEAD = re.compile(r"^(?:(?:and|or|but|with|that|keep|the|of|when|whenever|if|once)\s){1,3}", re.IGNORECASE)


def is_bar(text: str) -> bool:
    """Whether a text states an operator and a number."""
    return bool(BAR.search(OR_LESS.sub(or_less, text)))


def is_bar_only(text: str) -> bool:
    """Whether a text is a bar without the name of what it is for: `< 1%`, `99.9%`, `2% or less`."""
    shown = pattern("must be").sub("", OR_LESS.sub(or_less, text).strip(), count=1)
    return bool(BAR.fullmatch(shown) or _ONLY_PERCENT.fullmatch(shown))


def or_less(found: re.Match[str]) -> str:
    """`1% or less` and `1% max` as `<= 1%`."""
    return f"{'<=' if found['less'] or found['most'] else '>='} {found['amount'] or found['limit']}"


def number_of(number: str) -> float:
    """A number as written: `1,000`, `0,5`, `five`."""
    written = str(NUMBER_WORDS.get(number.casefold(), number)).rstrip(",")
    return float(written.replace(",", "." if _DECIMAL_COMMA.fullmatch(written) else ""))


class Sense(StrEnum):
    """What a heading, a column's head or a label makes of the bars that it stands above."""

    GO = "go"  # they must hold
    STOP = "stop"  # the rollout ends, or someone is called, when one of them holds
    UNSURE = "unsure"  # it speaks of both
    NONE = "none"  # it speaks of neither


@lru_cache(maxsize=4096)
def sense_of(title: str) -> Sense:
    """The sense of a short text; that of a sentence is read from its own verbs."""
    if len(title) > _LONGEST_TITLE:
        return Sense.NONE
    stops, goes = bool(words("stops").search(title)), bool(words("goes on").search(title))
    if stops and goes:
        return Sense.UNSURE
    return Sense.STOP if stops else Sense.GO if goes else Sense.NONE


def is_turned(name: str, op: str | None) -> bool:
    """Whether a bar asks for more errors or for less success: an alarm that is written where goals stand."""
    is_bad, is_good = bool(words("bad to have").search(name)), bool(words("good to have").search(name))
    return is_bad != is_good and ((is_bad and op in _MUCH) or (is_good and op in _LITTLE))


@lru_cache(maxsize=4096)
def asks_outright(title: str) -> bool:
    """Whether a heading asks for criteria, so that a name alone below it is one: `Success criteria`, `Datadog`."""
    return bool(words("asks for criteria").fullmatch(title.strip(" :*?")))


class CriterionKind(StrEnum):
    """How a criterion is stated."""

    NUMERIC = "numeric"  # a number that is compared
    RELATIVE = "relative"  # a comparison with something that is not a number: "as before"
    NAMED = "named"  # a name only
    YES_NO = "yes-no"  # a question that a person answers


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition as the page states it; `line` is one-based, `measure` is the unit's word as written."""

    name: str
    kind: CriterionKind
    line: int
    op: str | None = None
    value: float | None = None
    unit: str | None = None
    measure: str = ""
    text: str = ""
    written: str = ""
    """The number as written."""

    @property
    def key(self) -> tuple[str, str | None, float | None, str | None]:
        """What two statements of the same criterion share."""
        return plain_name(self.name), self.op, self.value, self.unit

    @property
    def bar(self) -> str:
        """The bar in a message: `<= 2 s`, `< 5%`."""
        unit = "%" if self.unit == "percent" else f" {self.measure}" if self.measure else ""
        return f"{self.op or ''} {self.value or 0:g}{unit}".strip()

    @property
    def has_unit(self) -> bool:
        """Whether the number is neither a percentage nor a count, but so many seconds or megabytes."""
        return self.kind is CriterionKind.NUMERIC and self.unit is None and bool(self.measure)

    def repeats(self, other: Criterion) -> bool:
        """Whether the number is that of another bar on the same side: `< 2%` and, to roll back, `> 2%`."""
        is_bar = None not in {self.op, other.op, self.value}
        return is_bar and self.value == other.value and (self.op in _MUCH) == (other.op in _MUCH)


def by_measure(criteria: Iterable[Criterion]) -> list[list[Criterion]]:
    """The criteria of one measure together, such as `5xx rate` and `5xx`, both in percent; each bar once."""
    keys: dict[str, tuple[str, str | None]] = {}
    found: dict[tuple[str, str | None], list[Criterion]] = defaultdict(list)
    for criterion in criteria:
        name = plain_name(criterion.name)
        same = found[keys.setdefault(name, (_ANY_RATE.sub("", name).strip() or name, criterion.unit))]
        same += [] if any(map(criterion.repeats, same[:9])) else [criterion]
    return list(found.values())


def read_part(text: str, line: int) -> list[Criterion]:
    # "< 1% (last month 0.7%)": what a bracket behind a bar tells isn't part of it.
    if (told := _REMARK.search(text)) and (says("relative", told[0]) or _PAST.search(told[0])):
        bar = text[: told.start()]
        text = bar if is_bar(bar) and not says("relative", bar) else text
    if says("relative", text):
        before, colon, _ = text.partition(":")
        return [Criterion(_name(before if colon and len(before) > 2 else text), CriterionKind.RELATIVE, line)]
    if both := BETWEEN.search(text):
        name = _name(text[: both.start()]) or _name(text[both.end() :])
        return [_numeric(name, op, number, both["unit"], line) for op, number in ((">=", both[1]), ("<=", both[2]))]
    if bars := [bar for bar in BAR.finditer(text) if not _WINDOW.match(bar[0])]:
        return _read_bars(text, bars, line)
    return [_read_bare(text, line)]


def _read_bars(text: str, bars: list[re.Match[str]], line: int) -> list[Criterion]:
    found: list[Criterion] = []
    last = 0
    for bar in bars:
        said, unit = text[last : bar.start()], (bar["unit"] or "").casefold()
        name = before = _name(said)
        if last and found and not name:
            name = found[-1].name
        if unit in TIMES and _HELD.match(said.lstrip()):
            continue  # how long a stage is held is nothing that is measured
        if unit == "in" and text[bar.end() :].lstrip()[:1].isdigit():
            continue  # `under 1 in 200`
        if found and unit in TIMES | _SHORT_TIMES and pattern("how long it lasts").fullmatch(said):
            last = bar.end()
            continue  # how long the bar before it holds is its window
        if bar["op1"] and found and unit in _SAMPLES:
            continue  # nor is from how many requests on the bar before it counts
        # The thing counted may stand behind the number: "fewer than 2 calls".
        noun = bar["unit"] if unit.isalpha() and unit not in {*_NO_COUNT, "percent"} else ""
        name = name or _name(f"{noun} {text[bar.end() :] if bar is bars[-1] else ''}")
        op = next(op for index, op in enumerate(OPS) if bar[f"op{index}"])
        if (lacks := _LACKS.search(name)) and op in {">", ">="}:
            name, op = _name(lacks["what"]), OPPOSITE[op]
        if before and bar is bars[-1] and (of := _OF_WHAT.match(text, bar.end())):
            name = f"{name}{of[0]}"
        found.append(_numeric(name, op, bar["number"], bar["sign"] or bar["unit"], line, bar["thousands"]))
        last = bar.end()
    more = pattern("one more").fullmatch(text[last:])
    if more and what_is_asked(more["more"].partition(":")[0]) not in {Asks.ACTUAL, Asks.RESULTS}:
        found.append(_read_bare(more["more"], line))
    return found


def _read_bare(text: str, line: int) -> Criterion:
    """A criterion without an operator."""
    name, colon, value = text.partition(":")
    if colon and placeholder_in(value) and not _CHOICE_ONLY.fullmatch(value):
        return Criterion(_name(name), CriterionKind.NAMED, line)
    if colon and (only := ONLY_NUMBER.fullmatch(value.strip())):
        # Zero needs no operator: there is nothing below it.
        op = "==" if number_of(only["number"]) == 0 else None
        return _numeric(_name(name), op, only["number"], only["sign"] or only["unit"], line, only["thousands"])
    if zero := pattern("zero of something").match((value if colon else text).strip()):
        return _numeric(_name(name) if colon else _name(zero["name"]), "==", "0", None, line)
    if share := TRAILING.fullmatch(text) or LEADING.fullmatch(text):
        return _numeric(_name(share["name"]), None, share["number"], "%", line)
    if text.rstrip().endswith("?") or _YES_NO.match(text) or _ASKS_YES_NO.search(text) or _CHOICE_ONLY.fullmatch(value):
        return Criterion(_name(_ASKS_YES_NO.sub("", name if colon else text)), CriterionKind.YES_NO, line)
    return Criterion(_name(text), CriterionKind.NAMED, line)


def _numeric(name: str, op: str | None, number: str, unit: str | None, line: int, thousands: str = "") -> Criterion:
    word = (unit or "").casefold()
    kind = "percent" if word in {"%", "percent"} else None if word.split("/")[0] in _NO_COUNT else "count"
    value = number_of(number) * (1000 if thousands else 1)
    return Criterion(name, CriterionKind.NUMERIC, line, op, value, kind, word, written=number)


def _name(text: str) -> str:
    name = _CODE_LABEL.sub("", _WE.sub("", " ".join(text.split()).strip(_EDGE)))
    name = _HEAD.sub("", pattern("behind a name").sub("", name.partition("?")[0] if _CHOICE.search(name) else name))
    if name.count("(") > name.count(")"):
        name = name[: name.rindex("(")]  # "Error rate (target: < 1%)"
    elif name.count("(") < name.count(")"):
        name = name[name.index(")") + 1 :]
    return name.strip(_EDGE)[:200]
