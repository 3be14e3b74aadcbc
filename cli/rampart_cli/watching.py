"""What `watch` shows: a screen that fits 80 columns and 24 rows, and plain lines where there is no terminal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from rampart.evidence.judgement import Kind
from rampart.evidence.verdict import Verdict
from rampart.rollout.commands import commands_for
from rampart.rollout.situation import Situation, situation_of
from rampart.words import clock_time, in_words, length, percentage, second
from rampart_cli.console import URGENCY_STYLES, VERDICT_STYLES, clean, table, verdict_text, words
from rampart_cli.report.cells import number
from rampart_cli.view import status_view

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from rampart.rollout.event import Event
    from rampart.rollout.freeze import Freeze
    from rampart.rollout.gate import Gate
    from rampart.rollout.state import RolloutState
    from rampart_cli.stack import Stack

_CELLS = 20
"""Cells of the chart of a rate."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One rollout as one look found it."""

    state: RolloutState
    gate: Gate | None
    events: tuple[Event, ...]
    """Oldest first."""
    judgements: Mapping[str, Mapping[str, Any]]
    """The newest judgement of each criterion, with its numbers."""
    now: datetime
    frozen: Freeze | None = None

    @classmethod
    def of(cls, stack: Stack, rollout: str) -> Seen:
        """Look once; raises RefusedError for a rollout that isn't there."""
        state = stack.state(rollout)
        newest = list(islice(stack.records.evaluations(rollout, newest_first=True), 1))
        fits = newest and state.latest is not None and newest[0].id == state.latest.id
        return cls(
            state,
            stack.records.gate(rollout),
            tuple(stack.records.events(rollout).values()),
            {str(each["name"]): each for each in newest[0].judgements} if fits else {},
            stack.now(),
            stack.records.freeze(),
        )

    @property
    def situation(self) -> Situation:
        """Where it stands."""
        return situation_of(self.state, self.gate, self.now, self.frozen)


@dataclass(frozen=True, slots=True)
class Screen:
    """The whole screen, the newest first; the commands at its end are seen however small the terminal is.

    What does not pass comes before what does, and events have what room is left.
    """

    seen: Seen

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        def height(*parts: RenderableType) -> int:
            return len(console.render_lines(Group(*parts), options, pad=False)) if parts else 0

        commands = commands_for(self.seen.state, self.seen.gate, self.seen.situation)
        head, foot = _head(self.seen), [Text(), *(words(each, "green") for each in commands)] if commands else []
        room = console.size.height - height(*head, *foot)
        rows = _rows(self.seen)
        shown = next((n for n in range(len(rows), 1, -1) if height(*_criteria(self.seen, rows, n)) <= room - 3), 1)
        criteria = [*_criteria(self.seen, rows, shown)]
        events = _events(self.seen, max(1, room - height(*criteria) - 1))
        yield Group(*head, *criteria, *events, *foot)


def _head(seen: Seen) -> list[RenderableType]:
    state, found, zone = seen.state, seen.situation, seen.state.plan.zone
    head = f"{state.plan.title or state.rollout}  attempt {state.attempt}  {clock_time(seen.now, zone)}"
    return [
        words(head, "dim"),
        Text.assemble(bar_of_stages(state), "  ", (state.reach, "bold")),
        words(found.headline, URGENCY_STYLES[found.urgency]),
        *(words(each) for each in (found.why, found.next) if each),
        Text(),
    ]


def bar_of_stages(state: RolloutState) -> Text:
    """The stages as a bar: those that are done, the one that it is at, and those to come."""
    done = -1 if state.stage is None or state.reach == percentage(0) else state.stage
    total = len(state.plan.stages)
    bar = "".join("■" if index <= done else "□" for index in range(total))
    return Text(f"[{bar}] stage {done + 1} of {total}")


def chart(judgement: Mapping[str, Any]) -> Text:
    """A rate between 0 and twice its bar: the interval as a line, the value as a dot, the bar as a stroke."""
    value, limits, bar = judgement.get("value"), judgement.get("interval"), judgement.get("bar")
    if value is None or bar is None or not limits:
        return Text()
    most = max(2 * bar, value, 1e-9)

    def cell(number: float) -> int:
        return min(_CELLS - 1, int(number / most * (_CELLS - 1)))

    low, high = cell(limits[0]), cell(limits[1])
    cells = ["─" if low <= index <= high else " " for index in range(_CELLS)]
    cells[cell(value)] = "●"
    cells[cell(bar)] = "┃"
    return Text("".join(cells), style=VERDICT_STYLES.get(str(judgement.get("verdict")), ""))


def _rows(seen: Seen) -> list[tuple[str | Text, ...]]:
    """A row for each criterion, those that pass last."""
    state = seen.state
    return [
        (words(name, "bold"), verdict_text(verdict), chart(seen.judgements.get(name, {})), _numbers(seen, name))
        for name, verdict in sorted(state.verdicts_shown.items(), key=lambda each: each[1] == Verdict.PASS)
    ]


def _criteria(seen: Seen, rows: Sequence[tuple[str | Text, ...]], shown: int) -> Iterator[RenderableType]:
    """As many criteria as have room."""
    if seen.state.latest is None:
        yield words("nothing was judged yet", "dim")
        return
    yield table(("criterion", "verdict", "0 to twice the bar", "now / bar"), rows[:shown])
    more = f"{len(rows) - shown} more: rampart status {seen.state.rollout}; " if shown < len(rows) else ""
    yield words(f"{more}judged {length(seen.now - seen.state.latest.at)} ago", "dim")


def _events(seen: Seen, room: int) -> list[RenderableType]:
    """The newest events, a line each."""
    zone = seen.state.plan.zone
    events = [(clock_time(e.at, zone), e.message) for e in reversed(seen.events[-room:])]
    return [Text(), _one_line_each(events)] if events else []


def _numbers(seen: Seen, name: str) -> str:
    """The value and what it is held to, and how many requests are missing; the whole sentence stands in `explain`."""
    judgement = seen.judgements.get(name, {})
    value, needed = judgement.get("value"), judgement.get("requests_needed")
    has_number = value is not None and judgement.get("kind") != Kind.MONITOR
    told = [f"{number(judgement, value)} / {number(judgement, judgement['bar'])}"] if has_number else []
    told += [f"{needed:,.0f} requests to go"] if needed else []
    told += ["only tried out"] if name in seen.state.tried_out else []
    return "\n".join(told)


def _one_line_each(rows: list[tuple[str, str]]) -> RenderableType:
    made = Text(no_wrap=True, overflow="ellipsis")
    for index, (at, message) in enumerate(rows):
        made.append("\n" if index else "").append(f"{at}  ", style="dim").append(clean(message).replace("\n", " "))
    return made


def lines_since(before: Seen | None, seen: Seen) -> Iterator[str]:
    """What is new, a line each, for a file or a log: events, and the headline where it changed."""
    known = 0 if before is None else len(before.events)
    zone = seen.state.plan.zone
    for event in seen.events[known:]:
        yield f"{second(event.at, zone)}  {in_words(event.kind)}  {clean(event.message)}"
    if before is None or _still(before) != _still(seen):
        yield f"{second(seen.now, zone)}  {clean(seen.situation.headline)}"


def changes_since(before: Seen | None, seen: Seen) -> Iterator[str]:
    """The whole status as a line of JSON, where anything in it but a countdown changed."""
    if before is None or _standing(before) != _standing(seen):
        view = status_view(seen.state, seen.gate, seen.events, seen.now, seen.frozen)
        yield json.dumps(view, ensure_ascii=False, default=str)


def _standing(seen: Seen) -> tuple[object, ...]:
    """Everything of a look but its time."""
    return seen.state, seen.gate, seen.events, seen.frozen


def _still(seen: Seen) -> tuple[str, datetime | None]:
    """What makes a headline another one; a countdown alone does not."""
    return seen.situation.phase, seen.situation.until
