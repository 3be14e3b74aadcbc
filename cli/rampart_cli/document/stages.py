"""The stages of one plan, put together from headings, labels, tables, lists and timelines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from rampart_cli.document.amounts import (
    StageKind,
    increment_in,
    is_of_time,
    length_in,
    names_audience,
    percents_in,
    range_in,
    reaches_all,
    steps_of,
)
from rampart_cli.document.crowds import people_in, users_beside
from rampart_cli.document.dates import date_said
from rampart_cli.document.labels import Asks, answer
from rampart_cli.document.lexicon import pattern
from rampart_cli.document.plan import PageStage
from rampart_cli.document.sections import Section, SectionKind, after_stage_name, stage_name
from rampart_cli.document.skeleton import Skeleton, added_up, skeleton_of
from rampart_cli.document.statements import Statement
from rampart_cli.document.step_lines import read_steps, rising_lists
from rampart_cli.document.steps import steps_in

_CONTAINERS = frozenset({"phase", "step", "day", "week"})
_WORK = pattern("work")
"""What a phase of a project does that moves no flag."""
_BARE = re.compile(r"\d{1,3}(?:\.\d{1,3})?")
_JOINT = re.compile(r"\s{0,3}(?:→|-{1,2}>|=>|>|,(?=\s)|\b(?:and|then)\b)\s{0,3}")
_BARE_SERIES = re.compile(rf"{_BARE.pattern}(?:{_JOINT.pattern}{_BARE.pattern}){{1,20}}")
_PERCENTAGE = re.compile(r"%|percent", re.IGNORECASE)
_HEADED_HOLD = re.compile(
    r"%[^%]{0,30}?(?:\bfor\b|,|\()\s?(?=\d{1,3}\s?(?:business |working )?(?:hour|day|week)s?\b)", re.IGNORECASE
)
"""`5% for 1 day`."""
_REST = re.compile(r"^[\s:\u2013\u2014.-]+|[\s:\u2013\u2014.-]+$")


@dataclass(slots=True)
class _Frame:
    """A stage or phase section with the lines that are its own, not of a stage within it."""

    section: Section
    own: list[Statement]
    labels: list[Statement] = field(default_factory=list)
    steps: list[PageStage] = field(default_factory=list)
    word: str = ""
    """How the heading counts: `stage`, `phase`."""
    letter: str | None = None
    says: str = ""
    """The heading without that."""
    percents: list[float] = field(default_factory=list)
    """The percentages of the heading."""

    def __post_init__(self) -> None:
        """Read the heading once."""
        if found := stage_name(self.section.title):
            self.word, self.letter = found.word, found.counted
        self.says = after_stage_name(self.section.title)
        self.percents = percents_in(self.says)

    @property
    def name(self) -> str | None:
        rest = _REST.sub("", self.says.split("(")[0])
        return rest if rest and "%" not in rest and "percent" not in rest else None


def read_stages(roots: Sequence[Section], statements: Sequence[Statement]) -> Skeleton:
    """The one list of stages of a page, in its order, and what else speaks of stages."""
    listed = rising_lists(s for s in statements if s.is_criterion and not (s.is_decoy or s.line.quoted))
    for statement in statements:
        statement.is_criterion = statement.is_criterion and id(statement) not in listed
    planned = [statement for statement in statements if statement.is_plan]
    frames = _frames(roots, planned)
    told = _Told.by(frames)
    by_heading = [stage for frame in frames for stage in _stages_of(frame, told)]
    loose = [statement for statement in planned if statement.stage_section is None]
    labels = [label for label in loose if label.asks is Asks.PERCENT and _value(label)]
    by_line = [stage for label in labels for stage in _series(label) or [_from_label(label)]]
    by_line += read_steps(loose)
    # Under a stage's heading, "then move to 50%" is talk; with a day or a box to tick it is a step.
    known = {id(stage) for stage in by_heading}
    by_line += [step for frame in frames for step in frame.steps if id(step) not in known and _is_scheduled(step)]
    added_up([*by_heading, *by_line], planned)
    return skeleton_of(by_heading, by_line)


def _is_scheduled(step: PageStage) -> bool:
    return step.dates.said or (step.source is not None and step.source.line.checked is not None)


def _frames(roots: Sequence[Section], planned: Sequence[Statement]) -> list[_Frame]:
    sections = sorted((s for root in roots for s in root.walk()), key=lambda section: section.line)
    frames = [_Frame(s, []) for s in sections if s.kind is SectionKind.STAGE and not s.is_decoy]
    by_section = {id(frame.section): frame for frame in frames}
    for statement in planned:
        frame = by_section.get(id(statement.stage_section))
        if frame is not None:
            frame.own.append(statement)
    for frame in frames:
        frame.labels = [statement for statement in frame.own if statement.asks is Asks.PERCENT]
        frame.steps = read_steps(frame.own)
    return frames


def _value(label: Statement) -> list[float]:
    if label.field is None:
        return []
    written = answer(label.field.value)
    if _BARE.fullmatch(written) and _PERCENTAGE.search(label.field.label) and float(written) <= 100:
        return [float(written)]  # the label says what the number is
    if series := _bare_series(label):
        return series
    # "Percentage of users" asks for nothing else; "Traffic: 80% mobile" and "Target: 95% satisfaction" aren't stages.
    return percents_in(written) if _PERCENTAGE.search(label.field.label) else list(steps_in(written))


def _bare_series(label: Statement) -> list[float]:
    """All steps in a row without their signs, behind a label that has one: `Rollout %: 5 → 25 → 100`."""
    field = label.field
    if field is None or label.stage_section is not None or not _PERCENTAGE.search(field.label):
        return []
    return list(_rising(answer(field.value)))


@lru_cache(maxsize=4096)
def _rising(written: str) -> tuple[float, ...]:
    found = [float(part) for part in _JOINT.split(written)] if _BARE_SERIES.fullmatch(written) else []
    return tuple(found) if all(0 < before < after <= 100 for before, after in pairwise(found)) else ()


def _spoken(frame: _Frame) -> list[float]:
    return [*frame.percents, *(percent for label in frame.labels for percent in _value(label))]


@dataclass(frozen=True, slots=True)
class _Told:
    """What all headings of stages and phases say together."""

    percents: set[float]
    words: set[str]
    """`stage`, `phase`: how the headings count."""
    telling: set[str]
    """Those words under which a percentage is said somewhere."""

    @classmethod
    def by(cls, frames: Sequence[_Frame]) -> _Told:
        spoken = [(frame, _spoken(frame)) for frame in frames]
        return cls(
            {percent for _, percents in spoken for percent in percents},
            {frame.word for frame in frames},
            {frame.word for frame, percents in spoken if percents or frame.steps},
        )


def _stages_of(frame: _Frame, told: _Told) -> list[PageStage]:
    if range_in(frame.says) or len(frame.percents) > 1:
        return _of_range(frame)
    labels = [label for label in frame.labels if _value(label)]
    if len(frame.percents) == 1 and _is_before(frame):
        return [_of_one(frame, [], told.percents)]
    if len({id(label.section) for label in labels}) > 1 or _is_container(frame):
        return [_from_label(label) for label in labels]
    if frame.percents or labels:
        return [_of_one(frame, labels, told.percents)]
    if len(frame.steps) == 1 and frame.word not in _CONTAINERS and not frame.steps[0].dates.said:
        return [_of_one(frame, labels, told.percents)]
    if frame.steps:
        return [_in_frame(frame, step) for step in frame.steps]
    return _without_percent(frame, told)


def _of_range(frame: _Frame) -> list[PageStage]:
    """A phase of several stages: its dated steps, or the increments that its prose names, or nothing known."""
    if frame.steps:
        return [_in_frame(frame, step) for step in frame.steps]
    limits = range_in(frame.says)
    texts = [frame.says, *(statement.text for statement in frame.own)]
    increment = next((i for text in texts if (i := increment_in(text))), None)
    percents = frame.percents if limits is None else steps_of(limits, increment or 0)
    if not percents:
        return [_in_frame(frame, PageStage(None, StageKind.UNKNOWN, frame.section.line))]
    return [_in_frame(frame, PageStage(percent, StageKind.ACTORS, frame.section.line)) for percent in percents]


def _in_frame(frame: _Frame, stage: PageStage) -> PageStage:
    stage.section, stage.letter = frame.section, frame.letter
    return stage


def _of_one(frame: _Frame, labels: list[Statement], stated: set[float]) -> PageStage:
    """One stage whose heading, label or only step says the percentage; all that is said is compared."""
    said = [(percent, frame.section.line) for percent in frame.percents]
    said += [(percent, label.number) for label in labels for percent in _value(label)[:1]]
    # A step towards another stage ("then move to 50%") isn't a contradiction.
    others = stated - {percent for percent, _ in said} if said else set()
    if not labels and len(frame.steps) == 1:
        said += [(s.percent, s.line) for s in frame.steps if s.percent is not None and s.percent not in others]
    texts = [frame.section.title, *(label.field.value for label in labels if label.field)]
    kind = StageKind.TIME if any(map(is_of_time, texts)) else StageKind.ACTORS
    stage = PageStage(said[0][0], kind, frame.section.line, frame.name, frame.letter, section=frame.section)
    stage.percent_line = said[0][1]
    if len({percent for percent, _ in said}) > 1:
        # Which of them is meant only the team knows.
        stage.percent, stage.kind, stage.stated = None, StageKind.UNKNOWN, tuple(said)
    if len(frame.steps) == 1:
        stage.dates, stage.dates_line = frame.steps[0].dates, frame.steps[0].dates_line
    if (held := _HEADED_HOLD.search(frame.says)) and (length := length_in(frame.says[held.end() :])):
        stage.hold, stage.hold_line = length, frame.section.line
    for label in labels:
        stage.users, stage.users_line = users_beside(answer(label.field.value) if label.field else ""), label.number
    stage.users = stage.users or users_beside(frame.says)
    return stage


def _series(label: Statement) -> list[PageStage]:
    """`Rollout: 1% → 10% → 100%`: a label whose answer is all stages in a row; nothing for another answer."""
    percents = _value(label)
    if len(percents) < 2 or label.field is None:
        return []
    if percents != (_bare_series(label) or list(steps_in(label.field.value))):
        return []
    kind = StageKind.TIME if is_of_time(label.text) else StageKind.ACTORS
    return [PageStage(percent, kind, label.number, section=label.section, source=label) for percent in percents]


def _from_label(label: Statement) -> PageStage:
    """A stage that only a label says, in a section that isn't a stage itself."""
    value = answer(label.field.value) if label.field else ""
    kind = StageKind.TIME if is_of_time(label.text) else StageKind.ACTORS
    percents = _value(label)
    one = percents[0] if len(percents) == 1 or range_in(value) is None else None
    item = label.line.parent
    named = stage_name(item.text) if item else None
    return PageStage(
        one,
        kind if one is not None else StageKind.UNKNOWN,
        item.line if item and named else label.number,
        name=_REST.sub("", named.rest) or None if named else None,
        letter=named.counted if named else None,
        percent_line=label.number,
        users=users_beside(value),
        users_line=label.number,
        dates=date_said(value),
        dates_line=label.number if date_said(value).said else None,
        section=label.section,
        source=label,
    )


def _is_before(frame: _Frame) -> bool:
    """Whether stages that stand below a stage's heading go on from its share, so that their level is a slip."""
    below = [
        p
        for child in frame.section.walk()
        if child is not frame.section and child.kind is SectionKind.STAGE
        for p in percents_in(after_stage_name(child.title))
    ]
    return bool(below) and min(below) > frame.percents[0] and not frame.labels


def _is_container(frame: _Frame) -> bool:
    return any(
        child.kind is SectionKind.STAGE and not child.is_decoy and child is not frame.section
        for child in frame.section.walk()
    )


def _without_percent(frame: _Frame, told: _Told) -> list[PageStage]:
    """Everyone, an audience, or a stage that does not say how many; a phase may be a mere heading over stages."""
    if reaches_all(_REST.sub("", frame.says)):
        return [PageStage(100.0, StageKind.ACTORS, frame.section.line, frame.name, frame.letter, section=frame.section)]
    is_named = names_audience(frame.says) and not _WORK.search(frame.says)
    if frame.word in _CONTAINERS and not is_named and (frame.word not in told.telling or told.words - _CONTAINERS):
        return []
    if frame.word in _CONTAINERS and (
        _WORK.match(_REST.sub("", frame.says)) or (frame.word == "step" and not frame.own)
    ):
        return []
    spoken = [frame.section.title, *(label.field.value for label in frame.labels if label.field)]
    kind = StageKind.AUDIENCE if any(map(names_audience, spoken)) else StageKind.UNKNOWN
    users = people_in(frame.says)
    return [PageStage(None, kind, frame.section.line, frame.name, frame.letter, users=users, section=frame.section)]
