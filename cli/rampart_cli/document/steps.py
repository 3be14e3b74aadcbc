"""Which percentages of one line are steps of the rollout, and which are only talked of."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from rampart_cli.document.amounts import PERCENT, percents_in, range_in, without_asides
from rampart_cli.document.lexicon import alternatives, part, pattern

_N = part("share")
REACHED = part("reached")
"""Whom or what a flag reaches: 10% of these is a stage, 90% of stories is none."""
_TELL = part("is told")
_LEADS = pattern("leads")
_IS = re.compile(
    rf"^{_N}\)?\s{{0,3}}(?:$|[-\u2013\u2014:(,;/|=→]"
    rf"|of\s(?:[\w/-]+\s){{0,3}}?{REACHED}(?!\s{_TELL})"
    r"|of\s(?:our\s|the\s)?[a-z]+\swill\s(?:see|get|have|receive|be)\b"
    r"|(?:on|by|for|to|at|after|in|rollout|users|traffic|veterans|everyone|starting|canary|then|and)\b"
    r"|(?:\d{1,2}|an?|one|two|three|four|five)\s(?:business |working |full )?(?:hour|day|week|month)s?\s"
    r"(?:later|after)\b)",
    re.IGNORECASE,
)
_COUNTS = re.compile(rf"^~?\d[\d,.]{{0,9}}\s?k?\s(?:\w+\s)?{REACHED}\s{{0,2}}[(=,]\s?{_N}", re.IGNORECASE)
"""`500 users (1%)`."""
_GOES = re.compile(
    r"\b(?:rolling out|(?:begin|start|increase|ramp|expand|launch|move|release|enable|open|set|raise|bump|dial|scale"
    r"|proceed|advance|deploy|widen|grow)s?|switch(?:es)?|go(?:es)?|roll(?:ed|s)?[ -]?out|turn(?: it| the flag)? on)\b"
    rf"[^%.;]{{0,80}}?\b(?:to|at|for|with)\s{{1,3}}{_N}",
    re.IGNORECASE,
)
_ROUTES = pattern("routes")
"""`Send 15% of orders through the new form`."""
_IN_BRACKETS = pattern("in brackets")
"""`the crew steps it up (5%, 20%, 100%)`."""
_SOME = part("of some")
_NAMED = re.compile(rf"[\w ]{{2,30}}\s?[:(\u2013\u2014-]\s?{_N}{_SOME}?\)?\s?(?:$|[,:(\u2013\u2014-])")
_OF_SOME = re.compile(rf"{_N}{_SOME}\.?")
"""`10% of writes`: in a list that rises to everyone, whatever there is all of."""
_FROM = re.compile(rf"^((?:increase|move|raise|bump|go|advance)\b[^%]{{0,40}}?)\bfrom {_N} (?=to {_N}$)", re.IGNORECASE)
_CONDITION = pattern("condition")
_TALK = pattern("only talk")
_ARROW = re.compile(r"-{1,2}>|=>|\u27f6|\u21d2|>{2}")
_SERIES = pattern("series")
_LEAD_IN = re.compile(
    rf"^(?:[^%:]{{0,60}}\b{alternatives('stage')}s\s?:"
    r"|(?:the |our )?(?:stages|steps|phases|ramp|ramp-up|schedule|rollout(?: stages)?|percentages|increments|plan)"
    r"(?: are| is| goes)?\s?:?|(?:we|it|the (?:flag|rollout|feature|toggle)) (?:will |shall )?(?:then )?"
    r"(?:go(?:es)?|ramps?(?: up)?|rolls?(?: it)? out|moves?|steps?|proceeds?)(?: from| to| through| up| in)*)\s*$",
    re.IGNORECASE,
)
_BAR = pattern("a bar")
FULL = 100
_CLAUSE = re.compile(r"[;.](?=\s|$)|,\s(?=(?:and\s)?then\s[a-z]+\s)", re.IGNORECASE)
_JOINTS = re.compile(r"\b(?:then|and|to|of users|users)\b|[-\u2013\u2014→>=,/|\s]", re.IGNORECASE)


def without_bars(text: str) -> str:
    """The text with its arrows as `→`, and without bars such as `< 5%`."""
    return _BAR.sub(" ", _ARROW.sub("→", text))


def is_series(text: str) -> bool:
    """Whether a line names all steps in a row: `1% → 10% → 100%`, `Stages: 5%, 25% and 100%`."""
    shown = without_bars(text)
    series = _SERIES.search(shown) if "%" in text else None
    return series is not None and (bool(_LEAD_IN.match(shown[: series.start()])) or _climbs(series[0], shown))


def _climbs(series: str, sentence: str) -> bool:
    """Whether arrows, or a sentence that moves the flag, lead from step to step up to everyone."""
    shares = percents_in(series)
    is_told = "→" in series or " then " in series or bool(_GOES.search(sentence))
    return is_told and shares[-1:] == [FULL] and all(one < two for one, two in pairwise(shares))


def moves_on(text: str) -> bool:
    """Whether a paragraph moves the flag several times, each time further: "we turn it on for 5% … then go to 50%"."""
    moves = _moves(text)
    return len(moves) > 1 and all(before < after for before, after in pairwise(moves))


def moves_to_all(text: str) -> bool:
    """Whether it does so up to everyone: then it is a rollout, wherever it stands."""
    steps = steps_in(text)
    rises = steps[-1:] == (FULL,) and all(before < after for before, after in pairwise(steps))
    return rises and len(steps) > 1 and (moves_on(text) or is_series(text))


def _moves(text: str) -> list[float]:
    return [step for clause in clauses(text) if _GOES.search(clause) for step in steps_in(clause)]


def names_step(text: str) -> bool:
    """Whether a line gives a name and a percentage: `Small: 10%, 4/8/2027`; what it means its neighbors tell."""
    shown = without_bars(text)
    return bool(_NAMED.match(shown) or _OF_SOME.fullmatch(shown)) and not _TALK.search(shown)


def goes_to(text: str) -> bool:
    """Whether a sentence moves the flag: "we increase to 10% of users"."""
    return bool(_GOES.search(text) or _ROUTES.search(text))


@lru_cache(maxsize=4096)
def steps_in(text: str) -> tuple[float, ...]:
    """The percentages that a line says the flag goes to; none for a bar, a recommendation or a result."""
    return tuple(percent for clause in clauses(without_asides(text)) for percent in _steps_of(clause))


def clauses(text: str) -> list[str]:
    """A line's sentences and the parts between semicolons."""
    return [clause.strip() for clause in _CLAUSE.split(text)]


def _steps_of(clause: str) -> list[float]:
    if "%" not in clause:
        return []
    # "increase from 5% to 50%" is one step, where "5% to 50%" is what a whole phase goes through.
    clause = _CONDITION.sub("", _FROM.sub(r"\1", without_bars(clause).strip()))
    percents = percents_in(clause)
    if _TALK.search(clause) or (len(percents) == 2 and range_in(clause)):
        return []
    if not _JOINTS.sub("", PERCENT.sub("", clause)):
        return percents  # 1% → 25% → 100%
    if bracketed := _IN_BRACKETS.search(clause):
        return percents_in(bracketed["series"])
    if (series := _SERIES.search(clause)) and (
        _LEAD_IN.match(clause[: series.start()])
        or (series.start() == 0 and ("→" in series[0] or " then " in series[0]))
        or _climbs(series[0], clause)
    ):
        return percents_in(series[0])
    for step in (_LEADS, _IS, _COUNTS, _ROUTES, _GOES):
        if found := step.search(clause):
            return percents_in(found[0])[-1:]
    return []
