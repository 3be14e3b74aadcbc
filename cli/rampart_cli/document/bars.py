"""How a bar is written, and whether the words around it ask for what must hold or say when to stop."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from rampart_cli.document.lexicon import words

_NEVER = (
    r"(?:never|not|cannot|(?:won|don|doesn|didn|shouldn|mustn|can)['\u2019]t)"
    r"(?: (?:to|be|go(?:es)?|rises?|climbs?|gets?|falls?|drops?|sinks?))?"
)
OPS = {
    "<=": (
        r"<\s?=|=\s?<|≤|\b(?:(?:less|fewer|lower) than or equal(?: to)?|(?:no|not) (?:higher|above|over)(?: than)?"
        r"|at most|no more than|not more than|up to|maximum(?: of)?|max"
        rf"|{_NEVER} (?:exceed(?:ing)?|above|over|more than|greater than|higher than|larger than))\b"
    ),
    ">=": r">\s?=|=\s?>|≥|\b(?:(?:greater|more|higher) than or equal(?: to)?|(?:no|not) (?:lower|below)(?: than)?"
    r"|at least|no less than|no fewer than|minimum(?: of)?|min"
    rf"|{_NEVER} (?:below|under|less than|fewer than|lower than|smaller than))\b",
    "<": r"<|\b(?:less than|fewer than|lower than|smaller than|under|below)\b",
    ">": r">|\b(?:greater than|more than|higher than|larger than|longer than|slower than|above|over|exceeds?)\b",
    "==": r"={1,2}|\b(?:equals?|exactly)\b",
}
NUMBER = r"\d[\d,]{0,11}(?:\.\d{1,6})?|\.\d{1,6}"
_SPELT = {
    word: str(number)
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
}
_DECIMAL_COMMA = re.compile(r"\d{1,3},(?:\d{1,2}|\d{4,6})|0,\d{1,6}")
"""`0,5`: a comma before anything but three digits, or behind a zero, is the decimal sign of other countries."""
_UNIT = r"(?P<thousands>[kK]\b)?\s?(?P<unit>%|percent\b|[a-z]{1,12}\b(?:/[a-z]{1,6})?)?"
BAR = re.compile(
    "(?:" + "|".join(f"(?P<op{index}>{words})" for index, words in enumerate(OPS.values())) + ")"
    rf"\s{{0,3}}(?:of\s)?~?(?P<sign>%?)\s?(?P<number>{NUMBER}|(?:{'|'.join(_SPELT)})\b){_UNIT}",
    re.IGNORECASE,
)
OR_MORE = re.compile(rf"(?<![\w.,])({NUMBER})\s?(%?)\+(?=\s{{0,3}}(?:$|[,;.)]))")
"""`99.5%+`."""
OR_LESS = re.compile(
    rf"(?P<amount>(?<![\d.,])(?:{NUMBER})\s?(?:%|percent\b)?(?:\s(?!(?:day|week|month|year)s?\b)[a-z]{{1,12}})?)\s(?:or|and)\s"
    r"(?:(?P<less>less|lower|fewer|below|under)|(?P<more>more|higher|greater|above|over))\b"
    rf"|(?P<limit>(?<![\d.,])(?:{NUMBER})\s?(?:%|[a-z]{{1,12}}\b)?)"
    r"\s(?:(?P<most>max(?:imum)?|at most)|(?P<least>minimum|at least))(?=\s?(?:$|[.,;)]))",
    re.IGNORECASE,
)
BETWEEN = re.compile(rf"\bbetween\s{{1,3}}({NUMBER})\s?%?\s{{1,3}}and\s{{1,3}}({NUMBER}){_UNIT}", re.IGNORECASE)
ONLY_NUMBER = re.compile(rf"~?(?P<sign>%?)\s?(?P<number>{NUMBER}){_UNIT}(?:\s{{1,3}}[^<>]{{0,80}})?\.?", re.IGNORECASE)
_ONLY_PERCENT = re.compile(rf"~?(?:{NUMBER})\s?(?:%|percent)", re.IGNORECASE)
TRAILING = re.compile(
    rf"(?P<name>[^:%\d]{{3,120}})\s(?P<number>{NUMBER})\s?(?:%|percent)(?:\sor better)?\.?", re.IGNORECASE
)
LEADING = re.compile(
    rf"~?(?P<number>{NUMBER})\s?(?:%|percent)\s(?:of\s)?(?P<name>[a-z][^%\d<>:]{{3,120}})", re.IGNORECASE
)
OPPOSITE = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}
_MUST = re.compile(
    r"^(?:(?:it|this|that|which)\s)?(?:must|should|shall|has to|have to|needs? to|is to|is|are|stays?|keep)\b"
    r"(?:\s(?:be|stay|remain|it))?\s",
    re.IGNORECASE,
)


def is_bar(text: str) -> bool:
    """Whether a text states an operator and a number."""
    return bool(BAR.search(OR_LESS.sub(or_less, text)))


def is_bar_only(text: str) -> bool:
    """Whether a text is a bar without the name of what it is for: `< 1%`, `99.9%`, `2% or less`."""
    shown = _MUST.sub("", OR_LESS.sub(or_less, text).strip(), count=1)
    return bool(BAR.fullmatch(shown) or _ONLY_PERCENT.fullmatch(shown))


def or_less(found: re.Match[str]) -> str:
    """`1% or less` and `1% max` as `<= 1%`."""
    return f"{'<=' if found['less'] or found['most'] else '>='} {found['amount'] or found['limit']}"


def number_of(number: str) -> float:
    """A number as written: `1,000`, `0,5`, `five`."""
    written = _SPELT.get(number.casefold(), number).rstrip(",")
    return float(written.replace(",", "." if _DECIMAL_COMMA.fullmatch(written) else ""))


_LONGEST_TITLE = 120
_MUCH = frozenset({">", ">="})
_LITTLE = frozenset({"<", "<="})


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
