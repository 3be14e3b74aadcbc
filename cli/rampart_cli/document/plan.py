"""A plan as the page states it: what was read, where, and where its results stand."""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from rampart_cli.document.amounts import Length, StageKind
from rampart_cli.document.bars import Criterion
from rampart_cli.document.dates import NOTHING, Dates
from rampart_cli.document.inline import Link
from rampart_cli.document.labels import Asks, answer, placeholder_in
from rampart_cli.document.lexicon import says
from rampart_cli.document.sections import Section, SectionKind
from rampart_cli.document.statements import Statement

_MEASURED = frozenset({Asks.RESULTS, Asks.ACTUAL, Asks.USERS, Asks.OTHER})


@dataclass(slots=True, eq=False)
class PageStage:
    """One stage of a plan on a page; lines are one-based."""

    percent: float | None
    kind: StageKind
    line: int
    name: str | None = None
    letter: str | None = None
    """`Stage B`, `Phase II`: how the page counts it."""
    users: tuple[int, ...] | None = None
    users_line: int | None = None
    dates: Dates = NOTHING
    dates_line: int | None = None
    hold: Length | None = None
    hold_line: int | None = None
    percent_line: int | None = None
    """The line of the percentage, where it is not the stage's own."""
    stated: tuple[tuple[float, int], ...] = ()
    """The percentages that contradict each other, each with its line; empty when there is no contradiction."""
    section: Section | None = None
    """The section of the stage or the phase that it belongs to."""
    source: Statement | None = None
    """The line that a step was read from; None when the heading says it."""
    repeated: list[Statement] = field(default_factory=list)
    """The other lines that state this stage: a timeline's next to a heading."""

    @property
    def stated_by(self) -> list[Statement]:
        """The lines that state the stage, where it isn't its heading that does."""
        return [*([self.source] if self.source is not None else []), *self.repeated]

    @property
    def start(self) -> date | None:
        """The first day, where it is written in full."""
        return self.dates.start

    @property
    def end(self) -> date | None:
        """The last day, where it is written in full."""
        return self.dates.end

    @property
    def label(self) -> str:
        """The stage in a message."""
        percent = f"{self.percent:g}%" if self.percent is not None else ""
        if self.letter:
            return f"{self.letter} ({percent})" if percent else self.letter
        return percent or self.name or f"the stage at line {self.line}"

    def as_json(self, *, doubtful: bool) -> dict[str, Any]:
        """The published form; of a doubtful plan the share is told as `said`, and not as `percent`."""
        doubted = {"said": self.percent} if doubtful and self.percent is not None else {}
        users = list(self.users) if self.users else None
        start, end = (day.isoformat() if day else None for day in (self.start, self.end))
        told = {"kind": self.kind.value, "users": users, "start": start, "end": end, "line": self.line}
        return {"percent": self.percent if not doubted else None, **told, **doubted}


def hold_of(stage: PageStage, after: PageStage | None) -> tuple[str | None, str]:
    """How long a stage is held as a plan writes it, None where no one says, and what says so; `after` comes next."""
    if stage.hold is not None:
        told = f"line {stage.hold_line}: {stage.hold.text}"
        return stage.hold.hold, told if stage.hold.hold else f"{told}; write it in days or weeks"
    is_sure = after is not None and stage.end is None and not (stage.dates.is_week or after.dates.is_week)
    end = after.start if is_sure and after else stage.end
    if stage.start is None or end is None or end <= stage.start:
        return None, "the page does not say how long, such as 4d or 1 business day"
    starts = ", when the next stage starts" if is_sure else ""
    return f"{(end - stage.start).days}d", f"line {stage.dates_line}: {stage.start} to {end}{starts}"


class Said(NamedTuple):
    """A short fact and the line that says it."""

    value: str
    line: int


class UnusedLine(NamedTuple):
    """A planned line with something in it that no value was taken from; `line` is one-based."""

    line: int
    text: str
    holds: tuple[str, ...]
    """What stands there: `share`, `bar`, `day`, `flag`."""

    def as_json(self) -> dict[str, Any]:
        return {"line": self.line, "text": self.text, "holds": list(self.holds)}


class FlagName(NamedTuple):
    """A flag as the page names it."""

    name: str
    line: int


@dataclass(slots=True)
class PlanDocument:
    """Everything that one plan of a page states."""

    title: Said
    statements: list[Statement]
    roots: list[Section]
    stages: list[PageStage] = field(default_factory=list)
    set_aside: list[PageStage] = field(default_factory=list)
    """What speaks of a stage and does not fit the list of stages."""
    candidates: list[PageStage] = field(default_factory=list)
    """Everything that might be a stage, before the list was chosen."""
    flags: list[FlagName] = field(default_factory=list)
    criteria: list[Criterion] = field(default_factory=list)
    """Every statement of a criterion, repeated ones too."""
    links: list[tuple[Link, int]] = field(default_factory=list)
    owner: Said | None = None
    timezone: Said | None = None
    rollback: Said | None = None
    window: Said | None = None
    dashboard: Said | None = None
    monitor: Said | None = None
    doubts: list[str] = field(default_factory=list)
    """Why the shares of this plan may have been misread, each as a sentence; a doubtful share is written as a gap."""
    unused: list[UnusedLine] = field(default_factory=list)
    """Planned lines from which no value was taken."""
    of_interest: int = 0
    """Planned lines that hold a share, a bar, a day or a flag, used or not."""
    business_days: Said | None = None
    """Where the page counts in business days."""

    @property
    def sections(self) -> list[Section]:
        """Every section of the plan, in the order of its roots."""
        return [section for root in self.roots for section in root.walk()]

    @property
    def distinct_criteria(self) -> list[Criterion]:
        """Each criterion once, at the line that states it first."""
        first: dict[object, Criterion] = {}
        for criterion in self.criteria:
            first.setdefault(criterion.key, criterion)
        return list(first.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title.value,
            "flags": [flag.name for flag in self.flags],
            "stages": [stage.as_json(doubtful=bool(self.doubts)) for stage in self.stages],
            "criteria": [
                {"name": c.name, "op": c.op, "value": c.value, "unit": c.unit, "kind": c.kind.value, "line": c.line}
                for c in self.distinct_criteria
            ],
            "owner": self.owner.value if self.owner else None,
            "timezone": self.timezone.value if self.timezone else None,
            "links": list(dict.fromkeys(link.url for link, _ in self.links)),
        }


@dataclass(frozen=True, slots=True)
class Results:
    """The sections of results of one plan, by what stands around them."""

    by_stage: dict[int, list[Section]]
    by_parent: dict[int, list[Section]]

    @classmethod
    def of(cls, roots: Iterable[Section]) -> Results:
        """Find the sections of results under `roots`."""
        found = cls(defaultdict(list), defaultdict(list))
        for section in (section for root in roots for section in root.walk()):
            if section.kind is SectionKind.RESULTS:
                stage = next((s for s in section.around[1:] if s.kind is SectionKind.STAGE), None)
                found.by_stage[id(stage)].append(section)
                found.by_parent[id(section.parent)].append(section)
        return found

    def section_of(self, stage: PageStage) -> Section | None:
        """A stage's results: within its own section, or next to the list that states it; None when there are none."""
        own = stage.section or (stage.source.section if stage.source else None)
        if own is None:
            return None
        if own.kind is SectionKind.STAGE:
            found = self.by_stage.get(id(own), [])
        else:
            found = self.by_parent.get(id(own)) or self.by_parent.get(id(own.parent), [])
        later = bisect(found, own.line, key=lambda section: section.line)
        return found[min(later, len(found) - 1)] if found else None


def is_measured(statement: Statement, criteria: set[str]) -> bool:
    """Whether a line of a results section states something; a repeated criterion or a question does not."""
    field = statement.field
    value = field.value if field is not None else statement.text
    is_asked = statement.text in criteria or statement.asks not in {None, *_MEASURED}
    is_open = is_asked or (field is None and says("a question", value))
    return not is_open and bool(answer(value)) and placeholder_in(value) is None
