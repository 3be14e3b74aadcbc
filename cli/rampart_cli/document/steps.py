"""Which percentages of one line are steps of the rollout, and which are only talked of."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from rampart_cli.document.amounts import NO_SHARE, PERCENT, percents_in, range_in, without_asides

_N = rf"~?\d{{1,3}}(?:\.\d{{1,3}})?\s?(?:%|percent\b){NO_SHARE}"
REACHED = (
    r"(?:users?|people|persons?|veterans?|visitors?|traffic|customers?|members?|patients?|claimants?|applicants?"
    r"|beneficiaries|employees|staff|actors?|accounts?|logins?|sessions?|requests?|calls|submissions|applications"
    r"|devices?|clients?|browsers?|tenants?|organi[sz]ations?|facilities|sites|hosts|servers|population|audience"
    r"|production|time)\b"
)
"""Whom or what a flag reaches: 10% of these is a stage, 90% of stories is none."""
_TELL = (
    r"(?:are|is|use|uses|come|comes|call|calls|need|needs|prefer|complain|fail|log|abandon|drop|open|click|finish|complete"
    r"|submit|answer(?:ed)?|repl(?:y|ied)|respond(?:ed)?|liked|give|find|found|gave|say|said|may|might|could|would|do|did|don.t)\b"
    r"(?!\s(?:moved|given|enabled|routed|switched|sent|on the new|in the (?:rollout|cohort|new)))"
)
_LEADS = re.compile(
    r"^(?:(?:stage|step|phase|wave|ramp|ring|round|tier|day|week|group)\s{0,3}#?\w{1,5}\b[^%:]{0,40}:?[^%:]{0,30}?"
    r"|canary\b[^%]{0,20}?"
    r"|(?:first|second|third|fourth|next|then|after that|last|lastly|finally|initially)[:,]?\s(?:with |at |to )?)"
    rf"\(?{_N}",
    re.IGNORECASE,
)
_IS = re.compile(
    rf"^{_N}\)?\s{{0,3}}(?:$|[-\u2013\u2014:(,;/|=→]"
    rf"|of\s(?:[\w/-]+\s){{0,3}}?{REACHED}(?!\s{_TELL})"
    r"|(?:on|by|for|to|at|after|in|rollout|users|traffic|veterans|everyone|starting|canary|then|and)\b"
    r"|(?:\d{1,2}|an?|one|two|three|four|five)\s(?:business |working |full )?(?:hour|day|week|month)s?\s"
    r"(?:later|after)\b)",
    re.IGNORECASE,
)
_COUNTS = re.compile(rf"^~?\d[\d,.]{{0,9}}\s?k?\s(?:\w+\s)?{REACHED}\s{{0,2}}[(=,]\s?{_N}", re.IGNORECASE)
"""`500 users (1%)`."""
_GOES = re.compile(
    r"\b(?:rolling out|(?:increase|ramp|expand|launch|move|release|enable|open|set|raise|bump|dial|scale|proceed"
    r"|advance|deploy|widen|grow)s?|switch(?:es)?|go(?:es)?|roll(?:ed|s)?[ -]?out|turn(?: it| the flag)? on)\b"
    rf"[^%.;]{{0,80}}?\b(?:to|at|for)\s{{1,3}}{_N}",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"[\w ]{{2,30}}\s?[:(\u2013\u2014-]\s?{_N}\)?\s?(?:$|[,:(\u2013\u2014-])")
_FROM = re.compile(rf"^((?:increase|move|raise|bump|go|advance)\b[^%]{{0,40}}?)\bfrom {_N} (?=to {_N}$)", re.IGNORECASE)
_CONDITION = re.compile(
    rf"^(?:if|when|once|after|provided|as long as)\b[^%:]{{0,80}}?[:,]\s{{0,3}}(?:then\s)?(?={_N})", re.IGNORECASE
)
_TALK = re.compile(
    r"recommend|\bhop(?:e|ing)\b|\bgoals?\b|\baim(?:s|ing)?\b"
    r"|at most|no more than|(?<!ramp )(?<!ramps )(?<!step )(?<!scale )(?<!go )(?<!move )(?<!bump )up to\b"
    r"|\bexample|e\.g\.|for instance|%\s{0,2}(?:of )?(?:errors?|fail)"
    r"|\berrors?(?: rates?)?\s{0,2}(?:of|at|is|:)?\s{0,2}~?[\d.]{1,6}\s?%"
    r"|\b(?:we|they|it|team)\s(?:\w+ly\s)?(?:rolled|launched|increased|moved|raised|expanded|opened|enabled|deployed)\b"
    r"|\b(?:might|could|would|may)\s(?:\w+\s)?(?:go|increase|ramp|expand|move|raise|launch|release|roll|turn|enable|open)\b"
    r"|\b(?:got|gave|showed|saw|had|were|was|went|reached)\b"
    r"|\blast (?:year|month|week|quarter|spring|summer|autumn|fall|winter|time)\b(?! of\b)"
    r"|roll(?:ed|ing)?[ -]?back|decrease|reduce|lower\b|back to",
    re.IGNORECASE,
)
_ARROW = re.compile(r"-{1,2}>|=>|\u27f6|\u21d2|>{2}")
_SERIES = re.compile(
    rf"{_N}(?:\s{{0,2}}(?:→|,|;|\band\b|\bthen\b|\bto\b)+\s{{0,2}}(?:(?:and|then|to)\s)?{_N}){{1,20}}", re.IGNORECASE
)
_LEAD_IN = re.compile(
    r"^(?:(?:the |our )?(?:stages|steps|phases|ramp|ramp-up|schedule|rollout(?: stages)?|percentages|increments|plan)"
    r"(?: are| is| goes)?\s?:?|(?:we|it|the (?:flag|rollout|feature|toggle)) (?:will |shall )?(?:then )?"
    r"(?:go(?:es)?|ramps?(?: up)?|rolls?(?: it)? out|moves?|steps?|proceeds?)(?: from| to| through| up| in)*)\s*$",
    re.IGNORECASE,
)
_BAR = re.compile(
    r"(?:[<>≤≥]=?|\b(?:below|under|above|less than|more than|fewer than)\b)\s{0,3}%?\s?[\d.]{1,6}\s?%?", re.IGNORECASE
)
_CLAUSE = re.compile(r"[;.](?=\s|$)")
_JOINTS = re.compile(r"\b(?:then|and|to|of users|users)\b|[-\u2013\u2014→>=,/|\s]", re.IGNORECASE)


def without_bars(text: str) -> str:
    """The text with its arrows as `→`, and without bars such as `< 5%`."""
    return _BAR.sub(" ", _ARROW.sub("→", text))


def is_series(text: str) -> bool:
    """Whether a line names all steps in a row: `1% → 10% → 100%`, `Stages: 5%, 25% and 100%`."""
    series = _SERIES.search(without_bars(text)) if "%" in text else None
    return series is not None and bool(_LEAD_IN.match(text[: series.start()]))


def moves_on(text: str) -> bool:
    """Whether a paragraph moves the flag several times, each time further: "we turn it on for 5% … then go to 50%"."""
    moves = [step for clause in clauses(text) if _GOES.search(clause) for step in steps_in(clause)]
    return len(moves) > 1 and all(before < after for before, after in pairwise(moves))


def names_step(text: str) -> bool:
    """Whether a line gives a name and a percentage: `Small: 10%, 4/8/2027`; what it means its neighbors tell."""
    shown = without_bars(text)
    return bool(_NAMED.match(shown)) and not _TALK.search(shown)


def goes_to(text: str) -> bool:
    """Whether a sentence moves the flag: "we increase to 10% of users"."""
    return bool(_GOES.search(text))


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
    if (series := _SERIES.search(clause)) and (
        _LEAD_IN.match(clause[: series.start()]) or (series.start() == 0 and "→" in series[0])
    ):
        return percents_in(series[0])
    for pattern in (_LEADS, _IS, _COUNTS, _GOES):
        if found := pattern.search(clause):
            return percents_in(found[0])[-1:]
    return []
