"""A rollout's results as Markdown for the team's own page: what was measured against each bar, and who decided what."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rampart.rollout.event import EventKind
from rampart.words import day, in_words, plain, second
from rampart_cli.people import who
from rampart_cli.report import cells
from rampart_cli.report.history import Ending

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from rampart_cli.report.history import RolloutHistory, Visit

_SPECIAL = {ord(character): f"\\{character}" for character in "\\`*_[]#|~"} | {
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
}
_ESCAPED = re.compile(r"\\([\\`*_\[\]#|~])|&(?:amp|lt|gt);")

ELSEWHERE = "Results of stages that have no place of their own on this page:"


def results_of(history: RolloutHistory, stages: Collection[int]) -> list[str]:
    """The lines of the results of these stages; nothing in them depends on when they are written."""
    return [line for visit in history.visits if visit.stage in stages for line in _visit(history, visit)]


def is_ours(line: str) -> bool:
    """Whether a line between the marks has the form of those that are written there."""
    return not line.strip() or line.startswith(("- ", "  - ")) or line.rstrip() == ELSEWHERE


@dataclass(frozen=True, slots=True)
class ActualDays:
    """The days of the first and the last stay at a stage, ISO; `last` is None while the flag is there."""

    first: str
    last: str | None


def actual_days(history: RolloutHistory, stages: Collection[int]) -> ActualDays | None:
    """From the first to the last stay at these stages; None when there was none."""
    visits = [visit for visit in history.visits if visit.stage in stages]
    if not visits:
        return None
    zone, ended = history.plan.zone, visits[-1].ended
    return ActualDays(day(visits[0].began, zone), day(ended, zone) if ended else None)


def _visit(history: RolloutHistory, visit: Visit) -> Iterator[str]:
    zone = history.plan.zone
    until = f"to {second(visit.ended, zone)}" if visit.ended else "and goes on"
    attempt = f" (attempt {visit.attempt})" if history.state.attempt > 1 else ""
    yield f"- {escape(visit.label)}{attempt}: from {second(visit.began, zone)} {until}"
    for judgement in visit.judgements:
        yield f"  - {in_words(judgement['verdict'])}: {escape(str(judgement['message']))}"
    for name, value in visit.reported.items():
        limit = history.state.reported_criteria.get(name, 0.0)
        passed = "pass" if value <= limit else "fail"
        yield f"  - {passed}: {escape(name)} {plain(value)}, as reported (at most {plain(limit)})"
    if visit.looks:
        last = second(visit.looks[-1].at, zone)
        yield f"  - judged {'once, on' if len(visit.looks) == 1 else f'{len(visit.looks)} times, last on'} {last}"
    for event in visit.decisions:
        yield f"  - {escape(who(event))} {cells.act(event)} on {second(event.at, zone)}{_because(cells.why(event))}"
    yield from _ending(history, visit)


def _ending(history: RolloutHistory, visit: Visit) -> Iterable[str]:
    if visit.rollback is not None:
        moment = second(visit.rollback.at, history.plan.zone)
        # "rampart" is the function itself: no one is named where no one decided.
        who = "" if visit.rollback.by == "rampart" else f" by {escape(visit.rollback.by)}"
        done = "rolled back to 0%" if visit.rollback.kind is EventKind.ROLLED_BACK else "being rolled back"
        yield f"  - {done}{who} on {moment}{_because(cells.why(visit.rollback))}"
    elif visit.ending is Ending.COMPLETED:
        yield "  - the rollout is complete"
    elif visit.ending is Ending.ABANDONED:
        yield "  - the rollout was abandoned"


def _because(reason: str) -> str:
    return f": {escape(reason)}" if reason else ""


def unescape(text: str) -> str:
    """What `escape` was given, for a terminal: there no one takes its marks away."""
    return _ESCAPED.sub(lambda found: found[1] or html.unescape(found[0]), text)


def escape(text: str) -> str:
    """Text as Markdown shows it: one line, and nothing in it that Markdown or HTML would take for its own."""
    return " ".join(text.split()).translate(_SPECIAL)
