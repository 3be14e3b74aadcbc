"""What a team looks at before an advance: names, bars and units out of one line."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from rampart_cli.document.labels import Asks, answer, placeholder_in, what_is_asked
from rampart_cli.document.names import plain_name


class CriterionKind(StrEnum):
    """How a criterion is stated."""

    NUMERIC = "numeric"
    """A number that is compared."""
    RELATIVE = "relative"
    """A comparison with something that is not a number: "as before"."""
    NAMED = "named"
    """A name only."""
    YES_NO = "yes-no"
    """A question that a person answers."""


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


_NEVER = (
    r"(?:never|not|cannot|(?:won|don|doesn|didn|shouldn|mustn|can)['\u2019]t)"
    r"(?: (?:to|be|go(?:es)?|rises?|climbs?|gets?|falls?|drops?|sinks?))?"
)
_OPS = {
    "<=": (
        r"<\s?=|=\s?<|≤|\b(?:(?:less|fewer|lower) than or equal(?: to)?|(?:no|not) (?:higher|above|over)(?: than)?"
        r"|at most|no more than|not more than|up to|maximum(?: of)?|max"
        rf"|{_NEVER} (?:exceed(?:ing)?|above|over|more than|greater than|higher than|larger than))\b"
    ),
    ">=": r">\s?=|=\s?>|≥|\b(?:(?:greater|more|higher) than or equal(?: to)?|(?:no|not) (?:lower|below)(?: than)?"
    r"|at least|no less than|no fewer than|minimum(?: of)?|min"
    rf"|{_NEVER} (?:below|under|less than|fewer than|lower than|smaller than))\b",
    "<": r"<|\b(?:less than|fewer than|lower than|smaller than|under|below)\b",
    ">": r">|\b(?:greater than|more than|higher than|larger than|above|over|exceeds?)\b",
    "==": r"={1,2}|\b(?:equals?|exactly)\b",
}
_NUMBER = r"\d[\d,]{0,11}(?:\.\d{1,6})?|\.\d{1,6}"
_SPELT = {
    word: str(number)
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
}
_DECIMAL_COMMA = re.compile(r"\d{1,3},(?:\d{1,2}|\d{4,6})|0,\d{1,6}")
"""`0,5`: a comma before anything but three digits, or behind a zero, is the decimal sign of other countries."""
_UNIT = r"(?P<thousands>[kK]\b)?\s?(?P<unit>%|percent\b|[a-z]{1,12}\b(?:/[a-z]{1,6})?)?"
_BAR = re.compile(
    "(?:" + "|".join(f"(?P<op{index}>{words})" for index, words in enumerate(_OPS.values())) + ")"
    rf"\s{{0,3}}(?:of\s)?~?(?P<sign>%?)\s?(?P<number>{_NUMBER}|(?:{'|'.join(_SPELT)})\b){_UNIT}",
    re.IGNORECASE,
)
_OR_MORE = re.compile(rf"(?<![\w.,])({_NUMBER})\s?(%?)\+(?=\s{{0,3}}(?:$|[,;.)]))")
"""`99.5%+`."""
_OR_LESS = re.compile(
    rf"(?P<amount>(?<![\d.,])(?:{_NUMBER})\s?(?:%|percent\b)?(?:\s(?!(?:day|week|month|year)s?\b)[a-z]{{1,12}})?)\s(?:or|and)\s"
    r"(?:(?P<less>less|lower|fewer|below|under)|(?P<more>more|higher|greater|above|over))\b"
    rf"|(?P<limit>(?<![\d.,])(?:{_NUMBER})\s?(?:%|[a-z]{{1,12}}\b)?)"
    r"\s(?:(?P<most>max(?:imum)?|at most)|(?P<least>minimum|at least))(?=\s?(?:$|[.,;)]))",
    re.IGNORECASE,
)
_WINDOW = re.compile(r"over\s{1,3}\d{1,4}\s?-?(?:minutes?|mins?|hours?|days?|weeks?)", re.IGNORECASE)
_ONE_MORE = re.compile(
    rf"\s{{0,3}}(?:,|and\b)\s{{0,3}}(?P<more>[^:<>%]{{3,100}}:\s?(?:{_NUMBER})\s?%?\s?)", re.IGNORECASE
)
_BETWEEN = re.compile(rf"\bbetween\s{{1,3}}({_NUMBER})\s?%?\s{{1,3}}and\s{{1,3}}({_NUMBER}){_UNIT}", re.IGNORECASE)
_ONLY_NUMBER = re.compile(
    rf"~?(?P<sign>%?)\s?(?P<number>{_NUMBER}){_UNIT}(?:\s{{1,3}}[^<>]{{0,80}})?\.?", re.IGNORECASE
)
_ONLY_PERCENT = re.compile(rf"~?(?:{_NUMBER})\s?(?:%|percent)", re.IGNORECASE)
_TRAILING = re.compile(
    rf"(?P<name>[^:%\d]{{3,120}})\s(?P<number>{_NUMBER})\s?(?:%|percent)(?:\sor better)?\.?", re.IGNORECASE
)
_LEADING = re.compile(
    rf"~?(?P<number>{_NUMBER})\s?(?:%|percent)\s(?:of\s)?(?P<name>[a-z][^%\d<>:]{{3,120}})", re.IGNORECASE
)
_ZERO = re.compile(
    r"(?:no|zero|0)\s{1,3}(?P<name>(?:[\w'/-]+\s){0,6}(?:complaints?|calls|errors|incidents|tickets|reports|crashes|outages|defects|bugs|alerts|pages)\b.{0,60})",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"\b(?:consistent with|compar(?:ed|able|ison)|baseline|control (?:group|cohort|side)|previous|prior"
    r"|same as|similar to|normal"
    r"|current(?:ly)? (?:rate|level|average)|last (?:day|week|month|quarter|year|release)(?:'s)?"
    r"|\d\s?(?:%|percent)\s(?:relative )?(?:increase|decrease|drop|rise|reduction|growth|change|regression)"
    r"|(?:increases?|decreases?|drops?|rises?|grows?|falls?)\s(?:by|of)\b"
    r"|existing|historical|unchanged|in line with|as before"
    r"|than (?:before|usual|today|now|the (?:old|current|existing))"
    r"|(?:no|not|without) (?:an? )?(?:significant |noticeable )?"
    r"(?:increase|change|decrease|regression|drop|worse|degradation)(?!\s(?:below|under|above|over)\s))\b",
    re.IGNORECASE,
)
_STOP = (
    r"(?:roll(?:s|ed|ing)?[ -]?back|stop|abort|pause|halt|revert|disable|back(?:ing)?[ -]?out|kill switch"
    r"|turn(?:s|ed)?(?: it| the \w{2,20})? off|switch(?: it| the \w{2,20})? off)"
)
_STOPS_IF = re.compile(
    rf"\b{_STOP}\b[^.;]{{0,60}}?\b(?:if|when|whenever|once|as soon as|should)\b|\b{_STOP}\s(?:the rollout\s)?on\b"
    rf"|\b(?:if|when|whenever|once|as soon as|should)\b[^.;]{{3,120}}?\b{_STOP}",
    re.IGNORECASE,
)
_STOPS_ON = re.compile(
    rf"\b{_STOP}\b[^.;]{{0,40}}\b(?:criteria|criterion|conditions?|triggers?|thresholds?|bars?|limits?|if|when|on)\b",
    re.IGNORECASE,
)
_UNSURE = re.compile(r"\b(?:unless|not|never|and)\b|n['\u2019]t\b", re.IGNORECASE)
_ELSE = re.compile(rf"\b(?:otherwise|or else|if not)\b.{{0,40}}\b{_STOP}", re.IGNORECASE)
_STOP_WORD = re.compile(rf"\b{_STOP}\b", re.IGNORECASE)
_GO_TOO = re.compile(r"\b(?:success|advance|proceed|continue|go)\b", re.IGNORECASE)
_OPPOSITE = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}
_TO_STOP = re.compile(
    rf"^.*?\b{_STOP}\b[^.;]{{0,60}}?\b(?:if|when|whenever|once|as soon as|should|on)\s|^(?:if|when|once)\s",
    re.IGNORECASE,
)
_TALK = re.compile(
    r"\b(?:(?:could|can|may|might) be|things like|such as|for example|for instance|recommend\w*)\b|\bexamples?:"
    r"|\be\.g\.",
    re.IGNORECASE,
)
_ASKS_YES_NO = re.compile(r"\s?\((?:y/n|yes/no|yes or no)\)$", re.IGNORECASE)
_GOES_IF = re.compile(
    r"^(?:(?:then|we|and)\s){0,2}(?:(?:only|will|can|may|shall)\s){0,2}"
    r"(?:advance|proceed|continue|move on|go on|promote|expand|increase|go)\b"
    r"[^.;:]{0,60}?\b(?:only\s)?(?:if|when|once|as long as|while):?\s",
    re.IGNORECASE,
)
_BACK_IF = re.compile(
    rf"^(?:(?:then|we|and|the team)\s){{0,2}}(?:(?:will|must|shall)\s)?{_STOP}\b[^.;:]{{0,60}}?"
    r"\b(?:if|when|whenever|once)\b"
    rf"|^(?:if|when|whenever|once|as soon as)\b[^.;]{{3,120}}?\b{_STOP}\b",
    re.IGNORECASE,
)
"""A sentence that begins with going on, or back, and says on what condition; a tale of the past begins otherwise."""
_IF_GOES = re.compile(
    r"^(?:if|when|once|as long as)\s(?P<bar>[^;:]{3,120}?),\s(?:(?:then|we)\s){0,2}(?:(?:will|can|may)\s)?"
    r"(?:advance|proceed|continue|move on|go on|promote|expand|increase|go to)\b",
    re.IGNORECASE,
)
_HELD = re.compile(r"(?:we\s)?(?:(?:hold|wait|bake|soak)\b|~?\d[\d.]{0,5}\s?%)", re.IGNORECASE)
_SAMPLES = frozenset({"request", "requests", "sample", "samples", "observations"})
_TIMES = frozenset({"hour", "hours", "hr", "hrs", "day", "days", "week", "weeks", "minutes", "mins"})
_YES_NO = re.compile(r"^(?:is|are|was|were|do|does|did|can|could|has|have|will|would)\b", re.IGNORECASE)
_NO_COUNT = frozenset(
    {"s", "sec", "secs", "second", "seconds", "ms", "msec", "millisecond", "milliseconds", "m", "min", "mins", "minute"}
    | {"minutes", "h", "hr", "hour", "hours", "day", "days", "week", "weeks", "mb", "kb", "gb", "point", "points", "x"}
    | {"star", "stars"}
)
_CHOICE_ONLY = re.compile(r"\s*(?:y/n|(?:yes|no)\b.{0,20})", re.IGNORECASE)
_MUST = re.compile(
    r"^(?:(?:it|this|that|which)\s)?(?:must|should|shall|has to|have to|needs? to|is to|is|are|stays?|keep)\b"
    r"(?:\s(?:be|stay|remain|it))?\s",
    re.IGNORECASE,
)
_EDGE = " :,;-\u2013\u2014→=.*_"
_TAIL = re.compile(
    r"(?:\s(?:is|are|be|stays?|remains?|keeps?|must|shall|should|will|may|can|has to|have to|needs? to"
    r"|do|does|did|at a rate of|of|and|or))+$",
    re.IGNORECASE,
)
_REMARK = re.compile(r"\s\([^()]{1,200}\)\.?$")
_SENTENCE = re.compile(r"(?<=[\w%)])(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bincl)(?<!\bno)\.\s{1,3}(?=[A-Z])")
_CHOICE = re.compile(r"\?:?\s{1,3}yes\s?(?:/|\||or)\s?no$", re.IGNORECASE)
_WE = re.compile(r"^we\s[^,:<>]{2,40}?\s(?:when|if|once)\s", re.IGNORECASE)
"""What stands before a bar and names nothing: "We are happy when"."""
_HEAD = re.compile(r"^(?:(?:and|or|but|with|that|keep|the|of|when|if|once)\s){1,3}", re.IGNORECASE)


def is_hint(text: str) -> bool:
    """Whether a line speaks of what a criterion might be, as a template does, and states none."""
    return bool(_TALK.search(text))


def begins_as_hint(text: str) -> bool:
    """Whether a line begins with such words."""
    return bool(_TALK.match(text))


def is_bar(text: str) -> bool:
    """Whether a text states an operator and a number."""
    return bool(_BAR.search(_OR_LESS.sub(_or_less, text)))


def is_bar_only(text: str) -> bool:
    """Whether a text is a bar without the name of what it is for: `< 1%`, `99.9%`, `2% or less`."""
    shown = _MUST.sub("", _OR_LESS.sub(_or_less, text).strip(), count=1)
    return bool(_BAR.fullmatch(shown) or _ONLY_PERCENT.fullmatch(shown))


def lists_stops(text: str) -> bool:
    """Whether a heading or a label asks when to go back, not when to go on: `Abort criteria`, `Roll back if`."""
    return bool(_STOPS_ON.search(text))


def read_criteria(text: str, line: int, *, under: str = "") -> list[Criterion]:
    """Every criterion of one line; empty when the line holds only a placeholder or a hint.

    Two on one line are two: `error rate < 1%, bounce rate < 20%`. `under` is what asks for them: where it, or the line,
    says when to go back, the bar is the opposite of what is written, and none where that can be taken in two ways.
    """
    shown = answer(text)
    if not any(letter.isalnum() for letter in shown) or text.lstrip().startswith(placeholder_in(text) or "\n"):
        return []
    found = [
        criterion
        for part in _parts(_OR_MORE.sub(r">= \1\2", _OR_LESS.sub(_or_less, shown)))
        for criterion in (_read_stop(part, line, under) or _read_part(part, line))
    ]
    return [replace(criterion, text=shown) for criterion in found if criterion.name]


def conditions_in(text: str, line: int) -> list[Criterion]:
    """The bars of sentences that say when to go on or back, wherever they stand: `Advance only when errors < 1%`."""
    if not is_bar(text) or is_hint(text):
        return []
    found: list[Criterion] = []
    for sentence in _SENTENCE.split(text):
        if goes := _IF_GOES.match(sentence):
            found += [c for c in read_criteria(goes["bar"], line) if c.measure not in _TIMES]
        elif (goes := _GOES_IF.match(sentence)) or _BACK_IF.match(sentence):
            found += read_criteria(sentence[goes.end() :] if goes else sentence, line)
    return [criterion for criterion in found if criterion.kind is CriterionKind.NUMERIC and criterion.op]


def _or_less(found: re.Match[str]) -> str:
    """`1% or less` and `1% max` as `<= 1%`."""
    return f"{'<=' if found['less'] or found['most'] else '>='} {found['amount'] or found['limit']}"


def _read_stop(text: str, line: int, under: str) -> list[Criterion]:
    """The criteria of a condition on which the rollout goes back: what must hold is its opposite."""
    asked = [part for part in under.split("; ") if lists_stops(part)]
    if not (_STOP_WORD.search(text) or asked) or _ELSE.search(text):
        return []
    is_clear = bool(_STOPS_IF.search(text)) or any(not _GO_TOO.search(part) for part in asked)
    unsure = not is_clear or bool(_UNSURE.search(text))
    return [
        replace(c, op=None if unsure or c.op is None else _OPPOSITE.get(c.op)) if c.kind is CriterionKind.NUMERIC else c
        for c in _read_part(_TO_STOP.sub("", text, count=1), line)
    ]


def _parts(text: str) -> list[str]:
    # A semicolon separates; commas and "and" do so only before another bar, which the search for bars sees to.
    # Of several sentences those are meant that state a bar: the others tell of it.
    sentences = [part for part in _SENTENCE.split(text) if part.strip()]
    stated = [part for part in sentences if _BAR.search(part)] if len(sentences) > 1 else []
    return [part.strip() for sentence in stated or [text] for part in sentence.split(";") if part.strip()]


def _read_part(text: str, line: int) -> list[Criterion]:
    # "< 1% (last month 0.7%)": what a bracket behind a bar tells isn't part of it.
    told = _REMARK.search(text)
    if (
        told
        and _RELATIVE.search(told[0])
        and not _RELATIVE.search(text[: told.start()])
        and is_bar(text[: told.start()])
    ):
        text = text[: told.start()]
    if _RELATIVE.search(text):
        return [Criterion(_name(_before_colon(text)), CriterionKind.RELATIVE, line)]
    if both := _BETWEEN.search(text):
        name = _name(text[: both.start()]) or _name(text[both.end() :])
        return [_numeric(name, op, number, both["unit"], line) for op, number in ((">=", both[1]), ("<=", both[2]))]
    if bars := [bar for bar in _BAR.finditer(text) if not _WINDOW.match(bar[0])]:
        return _read_bars(text, bars, line)
    return [_read_bare(text, line)]


def _read_bars(text: str, bars: list[re.Match[str]], line: int) -> list[Criterion]:
    found: list[Criterion] = []
    last = 0
    for bar in bars:
        name = _name(text[last : bar.start()])
        if last and found and not name:
            name = found[-1].name
        if (bar["unit"] or "").casefold() in _TIMES and _HELD.match(text[last : bar.start()].lstrip()):
            continue  # how long a stage is held is nothing that is measured
        if bar["op1"] and found and (bar["unit"] or "").casefold() in _SAMPLES:
            continue  # nor is from how many requests on the bar before it counts
        name = name or _name(f"{_noun(bar['unit'])} {text[bar.end() :] if bar is bars[-1] else ''}")
        op = next(op for index, op in enumerate(_OPS) if bar[f"op{index}"])
        found.append(_numeric(name, op, bar["number"], bar["sign"] or bar["unit"], line, _scale(bar)))
        last = bar.end()
    more = _ONE_MORE.fullmatch(text[last:])
    if more and what_is_asked(more["more"].partition(":")[0]) not in {Asks.ACTUAL, Asks.RESULTS}:
        found.append(_read_bare(more["more"], line))
    return found


def _noun(unit: str | None) -> str:
    """The thing counted, where it stands behind the number: "fewer than 2 calls"."""
    return unit if unit and unit.isalpha() and unit.casefold() not in {*_NO_COUNT, "percent"} else ""


def _read_bare(text: str, line: int) -> Criterion:
    """A criterion without an operator."""
    name, colon, value = text.partition(":")
    if colon and placeholder_in(value) and not _CHOICE_ONLY.fullmatch(value):
        return Criterion(_name(name), CriterionKind.NAMED, line)
    only = _ONLY_NUMBER.fullmatch(value.strip()) if colon else None
    if only:
        # Zero needs no operator: there is nothing below it.
        op = "==" if _value(only["number"]) == 0 else None
        return _numeric(_name(name), op, only["number"], only["sign"] or only["unit"], line, _scale(only))
    if zero := _ZERO.match((value if colon else text).strip()):
        return _numeric(_name(name) if colon else _name(zero["name"]), "==", "0", None, line)
    if trailing := _TRAILING.fullmatch(text):
        return _numeric(_name(trailing["name"]), None, trailing["number"], "%", line)
    if leading := _LEADING.fullmatch(text):
        return _numeric(_name(leading["name"]), None, leading["number"], "%", line)
    if text.rstrip().endswith("?") or _YES_NO.match(text) or _ASKS_YES_NO.search(text) or _CHOICE_ONLY.fullmatch(value):
        return Criterion(_name(_ASKS_YES_NO.sub("", name if colon else text)), CriterionKind.YES_NO, line)
    return Criterion(_name(text), CriterionKind.NAMED, line)


def _scale(found: re.Match[str]) -> int:
    return 1000 if found["thousands"] else 1


def _numeric(name: str, op: str | None, number: str, unit: str | None, line: int, scale: int = 1) -> Criterion:
    word = (unit or "").casefold()
    if word in {"%", "percent"}:
        kind: str | None = "percent"
    else:
        kind = None if word.split("/")[0] in _NO_COUNT and word else "count"
    value = _value(number) * scale
    return Criterion(name, CriterionKind.NUMERIC, line, op, value, kind, word, written=number)


def _value(number: str) -> float:
    """A number as written: `1,000`, `0,5`, `five`."""
    written = _SPELT.get(number.casefold(), number).rstrip(",")
    return float(written.replace(",", "." if _DECIMAL_COMMA.fullmatch(written) else ""))


def _before_colon(text: str) -> str:
    name, colon, _ = text.partition(":")
    return name if colon and len(name) > 2 else text


def _name(text: str) -> str:
    name = _WE.sub("", " ".join(text.split()).strip(_EDGE))
    name = _HEAD.sub("", _TAIL.sub("", name.partition("?")[0] if _CHOICE.search(name) else name))
    if name.count("(") > name.count(")"):
        name = name[: name.rindex("(")]  # "Error rate (target: < 1%)"
    elif name.count("(") < name.count(")"):
        name = name[name.index(")") + 1 :]
    return name.strip(_EDGE)[:200]
