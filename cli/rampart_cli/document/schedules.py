"""Several steps of one paragraph, and when each is taken: "5% on Monday Jan 11, 25% on Wednesday, then everyone"."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable
from itertools import accumulate

from rampart_cli.document.amounts import FULL, PERCENT, rises, without_asides
from rampart_cli.document.blocks import LineKind
from rampart_cli.document.dates import Dates, leading_date, read_dates
from rampart_cli.document.lexicon import part, pattern, says, words
from rampart_cli.document.plan import PageStage
from rampart_cli.document.statements import Statement
from rampart_cli.document.steps import goes_to, step_from, steps_in, without_bars

ROLLS = pattern("a rollout")
_MOMENT = pattern("a moment")
"""A day, a weekday, or what tells when without one: `the week after`, `by the end of March`."""
_LEADS = re.compile(
    rf"\W{{0,3}}(?:on\s|by\s)?(?:{_MOMENT.pattern})(?:\s?[:,\u2013\u2014-]\s|\s(?=~?\d|every))", re.IGNORECASE
)
_REACHES = re.compile(
    rf"{PERCENT.pattern}(?:(?<=100%)[\s(,=]{{1,3}}everyone\b)?|{part('everyone')}(?:[\s(,=]{{1,3}}100\s?%)?",
    re.IGNORECASE,
)
_OF_OTHER = re.compile(rf"\sof\s(?!(?:[\w/-]+\s){{0,3}}?{part('reached')}(?!\s{part('is told')}))", re.IGNORECASE)
_TO = re.compile(r"(?:\b(?:to|at|for|with|by|then|and)|[,;:.→(])\s{0,2}~?$", re.IGNORECASE)
_HARD = re.compile(r"[;.](?=\s)|\b(?:then|and)\b", re.IGNORECASE)
_SOFT = re.compile(rf",(?=\s(?!20\d\d|{part('month')}\s\d))", re.IGNORECASE)
_MOST_LINES = 10
"""Lines of a paragraph that are read together."""
_SENTENCE = re.compile(r"(?:[^;.]|[.](?!\s|$))+")
_PARTS_OF_ALL = {"half": "50%", "a quarter": "25%"}
_PART_OF_ALL = re.compile(rf"\b(?:half|a quarter)(?=\s(?:{_MOMENT.pattern}))", re.IGNORECASE)


def after_moment(text: str) -> tuple[Dates, str]:
    """A date that a line begins with, and what follows it, as it follows any other moment: `Next Tuesday - 25%`."""
    dates, rest = leading_date(text)
    return dates, rest if dates.said else _LEADS.sub("", text, count=1) if _LEADS.match(text) else text


def scheduled_steps(statements: Iterable[Statement]) -> dict[int, list[PageStage]]:
    """The steps of each line (by id) of a paragraph that is a schedule; a sentence may run over several lines."""
    paragraphs: list[list[Statement]] = []
    for statement in (s for s in statements if s.line.kind in {LineKind.ITEM, LineKind.TEXT}):
        before = paragraphs[-1][-1] if paragraphs else None
        is_next = before is not None and statement.number == before.number + 1 and len(paragraphs[-1]) < _MOST_LINES
        is_open = statement.field is None and statement.line.kind is LineKind.TEXT
        if is_next and is_open and before and statement.section is before.section:
            paragraphs[-1].append(statement)
        else:
            paragraphs.append([statement])
    found: dict[int, list[PageStage]] = {}
    for lines in paragraphs:
        if steps := _steps_of(lines):
            found |= {id(line): [step for step in steps if step.source is line] for line in lines}
    return found


def _steps_of(lines: list[Statement]) -> list[PageStage]:
    shown = (without_bars(without_asides(line.text)) for line in lines)
    texts = [_PART_OF_ALL.sub(lambda found: _PARTS_OF_ALL[found[0].casefold()], text) for text in shown]
    text = _SENTENCE.sub(lambda said: said[0] if _is_of_users(said[0]) else " " * len(said[0]), " ".join(texts))
    found = list(_REACHES.finditer(text))
    shares = [float(each[1] or FULL) for each in found]
    if len(found) < 2 or not rises([0, *shares]) or shares[-1] > FULL:
        return []
    edges = [0, *(edge for each in found for edge in each.span()), len(text)]
    between = [text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    sides = [_sides(gap, is_ahead=bool(_moment_in(between[0]))) for gap in between[1:-1]]
    ahead = [_moment_in(between[0]), *(right for _, right in sides)]
    behind = [*(left for left, _ in sides), _moment_in(_HARD.split(between[-1])[0])]
    moments = list(zip(ahead, behind, strict=True))
    timed = list(map(any, moments))
    is_full = shares[-1] == FULL and sum(timed) > (not goes_to(text))
    is_told = all(time or _TO.search(gap) for time, gap in zip(timed, between, strict=False))
    days = [read_dates(one or other) if not (one and other) else Dates() for one, other in moments]
    is_dated = all(day.said for day in days)
    is_rollout = steps_in(text) or (is_full and _rolls_out(lines[0], between[0], is_dated=is_dated))
    if not (is_told and is_rollout and (is_full or all(timed))):
        return []
    starts = list(accumulate(len(each) + 1 for each in texts))
    sources = [lines[bisect(starts, each.start())] for each in found]
    told = [each[0] + gap for each, gap in zip(found, between[1:], strict=True)]
    return [step_from(*each, is_apart=True) for each in zip(sources, shares, told, days, strict=True)]


def _is_of_users(sentence: str) -> bool:
    """Whether no share of a sentence is one of another thing, such as `5% of tickets`, or was or might be."""
    leads = ((share, sentence[max(0, share.start() - 9) : share.start()]) for share in PERCENT.finditer(sentence))
    others = (share for share, lead in leads if not _TO.search(lead))
    return not (says("only talk", sentence) or any(_OF_OTHER.match(sentence, share.end()) for share in others))


def _sides(gap: str, *, is_ahead: bool) -> tuple[str, str]:
    """The moments between two shares: that of the share before, and that of the share behind."""
    breaks = list(_HARD.finditer(gap)) or list(_SOFT.finditer(gap))
    if not breaks:
        return ("", _moment_in(gap)) if is_ahead else (_moment_in(gap), "")
    return _moment_in(gap[: breaks[0].start()]), _moment_in(gap[breaks[-1].end() :])


def _moment_in(text: str) -> str:
    """The day, weekday, or other moment that a text names, from its first word to its last; else nothing."""
    found = list(_MOMENT.finditer(text))
    return text[found[0].start() : found[-1].end()] if found else ""


def _rolls_out(statement: Statement, lead: str, *, is_dated: bool) -> bool:
    """Whether shares without a verb are those of a rollout, by days or the heading above, and by what leads to them."""
    above = [item.text for item in statement.line.ancestors] + [statement.section.title]
    return (is_dated or any(map(ROLLS.search, above))) and not words("no share").search(_MOMENT.sub(" ", lead))
