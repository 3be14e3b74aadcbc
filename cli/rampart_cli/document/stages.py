"""The stages of one plan, put together from headings, labels, tables, lists and timelines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from rampart_cli.document import amounts
from rampart_cli.document.amounts import StageKind
from rampart_cli.document.crowds import people_in, users_beside
from rampart_cli.document.dates import date_said
from rampart_cli.document.labels import Asks, answer
from rampart_cli.document.lexicon import pattern, says
from rampart_cli.document.plan import PageStage
from rampart_cli.document.sections import Section, SectionKind, after_stage_name, stage_name
from rampart_cli.document.skeleton import Skeleton, added_up, skeleton_of
from rampart_cli.document.statements import Statement
from rampart_cli.document.step_lines import read_steps, rising_lists
from rampart_cli.document.steps import step_from, steps_in

_CONTAINERS = frozenset({"phase", "step", "day", "week"})
_BARE = re.compile(r"\d{1,3}(?:\.\d{1,3})?")
_JOINT = re.compile(r"\s{0,3}(?:→|-{1,2}>|=>|>|,(?=\s)|\b(?:and|then)\b)\s{0,3}")
_BARE_SERIES = re.compile(rf"{_BARE.pattern}(?:{_JOINT.pattern}{_BARE.pattern}){{1,20}}")
_PERCENTAGE = re.compile(r"%|percent", re.IGNORECASE)
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
        self.percents = amounts.percents_in(self.says)

    @property
    def spoken(self) -> list[float]:
        """The percentages of the heading and of its labels."""
        return [*self.percents, *(percent for label in self.labels for percent in _value(label))]

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
    stated = {percent for frame in frames for percent in frame.spoken}
    telling = {frame.word for frame in frames if frame.spoken or frame.steps}
    # A phase that says no share anywhere, or stands next to stages, is a mere heading over what it holds.
    is_over_stages = {frame.word for frame in frames} - _CONTAINERS
    mere = _CONTAINERS if is_over_stages else _CONTAINERS - telling
    by_heading = [stage for frame in frames for stage in _stages_of(frame, stated, mere)]
    loose = [statement for statement in planned if statement.stage_section is None]
    labels = [label for label in loose if label.asks is Asks.PERCENT and _value(label)]
    by_line = [stage for label in labels for stage in _series(label) or [_from_label(label)]]
    by_line += read_steps(loose)
    # Under a stage's heading, "then move to 50%" is talk; with a day or a box to tick it is a step.
    known = {id(stage) for stage in by_heading}
    others = [step for frame in frames for step in frame.steps if id(step) not in known]
    by_line += [s for s in others if s.dates.said or (s.source is not None and s.source.line.checked is not None)]
    added_up([*by_heading, *by_line], planned)
    return skeleton_of(by_heading, by_line)


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
    """The percentages that a label's answer states."""
    written = answer(label.value)
    # "Percentage of users" asks for nothing else; "Traffic: 80% mobile" and "Target: 95% satisfaction" aren't stages.
    if label.field is None or not _PERCENTAGE.search(label.field.label):
        return list(steps_in(written))
    if _BARE.fullmatch(written) and float(written) <= amounts.FULL:
        return [float(written)]  # the label says what the number is
    return _bare_series(label) or amounts.percents_in(written)


def _bare_series(label: Statement) -> list[float]:
    """All steps in a row without their signs, behind a label that has one: `Rollout %: 5 → 25 → 100`."""
    written = answer(label.value)
    is_series = label.stage_section is None and label.field and _PERCENTAGE.search(label.field.label)
    found = [float(part) for part in _JOINT.split(written)] if is_series and _BARE_SERIES.fullmatch(written) else []
    return found if amounts.rises([0, *found]) and found[-1:] <= [amounts.FULL] else []


def _stages_of(frame: _Frame, stated: set[float], mere: frozenset[str]) -> list[PageStage]:
    """The stages of one section; `stated` are the shares of all, `mere` the words that only head other stages."""
    if amounts.range_in(frame.says) or len(frame.percents) > 1:
        return _of_range(frame)
    labels = [label for label in frame.labels if _value(label)]
    within = [child for child in frame.section.walk() if child.kind is SectionKind.STAGE][1:]
    below = [percent for child in within for percent in amounts.percents_in(after_stage_name(child.title))]
    if frame.percents and below and min(below) > frame.percents[0] and not frame.labels:
        return [_of_one(frame, [], stated)]  # the stages within go on from its share: their level is a slip
    if len({id(label.section) for label in labels}) > 1 or any(not child.is_decoy for child in within):
        return [_from_label(label) for label in labels]
    is_one_step = len(frame.steps) == 1 and frame.word not in _CONTAINERS and not frame.steps[0].dates.said
    if frame.percents or labels or is_one_step:
        return [_of_one(frame, labels, stated)]
    return [_in_frame(frame, step) for step in frame.steps] or _without_percent(frame, mere)


def _of_range(frame: _Frame) -> list[PageStage]:
    """A phase of several stages: its dated steps, or the increments that its prose names, or nothing known."""
    if frame.steps:
        return [_in_frame(frame, step) for step in frame.steps]
    limits = amounts.range_in(frame.says)
    texts = [frame.says, *(statement.text for statement in frame.own)]
    increment = next((i for text in texts if (i := amounts.increment_in(text))), None)
    percents = frame.percents if limits is None else amounts.steps_of(limits, increment or 0)
    stages = [PageStage(percent, StageKind.ACTORS, frame.section.line) for percent in percents]
    return [_in_frame(frame, s) for s in stages or [PageStage(None, StageKind.UNKNOWN, frame.section.line)]]


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
    texts = [frame.section.title, *(label.value for label in labels)]
    stage = PageStage(
        said[0][0], amounts.share_kind(*texts), frame.section.line, frame.name, frame.letter, section=frame.section
    )
    stage.percent_line = said[0][1]
    if len({percent for percent, _ in said}) > 1:
        # Which of them is meant only the team knows.
        stage.percent, stage.kind, stage.stated = None, StageKind.UNKNOWN, tuple(said)
    if len(frame.steps) == 1:
        stage.dates, stage.dates_line = frame.steps[0].dates, frame.steps[0].dates_line
    if (held := pattern("headed hold").search(frame.says)) and (length := amounts.length_in(frame.says[held.end() :])):
        stage.hold, stage.hold_line = length, frame.section.line
    for label in labels:
        stage.users, stage.users_line = users_beside(answer(label.value)), label.number
    stage.users = stage.users or users_beside(frame.says)
    return stage


def _series(label: Statement) -> list[PageStage]:
    """`Rollout: 1% → 10% → 100%`: a label whose answer is all stages in a row; nothing for another answer."""
    percents, kind = _value(label), amounts.share_kind(label.text)
    if len(percents) < 2 or percents != (_bare_series(label) or list(steps_in(label.value))):
        return []
    return [PageStage(percent, kind, label.number, section=label.section, source=label) for percent in percents]


def _from_label(label: Statement) -> PageStage:
    """A stage that only a label says, in a section that isn't a stage itself."""
    value, percents, item = answer(label.value), _value(label), label.line.parent
    one = percents[0] if len(percents) == 1 or amounts.range_in(value) is None else None
    stage = step_from(label, one, label.text, date_said(value))
    stage.section, stage.percent_line, stage.name, stage.letter = label.section, label.number, None, None
    stage.users, stage.users_line, stage.hold = users_beside(value), label.number, None
    if item and (named := stage_name(item.text)):
        stage.line, stage.name, stage.letter = item.line, _REST.sub("", named.rest) or None, named.counted
    return stage


def _without_percent(frame: _Frame, mere: frozenset[str]) -> list[PageStage]:
    """Everyone, an audience, or a stage that does not say how many; a phase may be a mere heading over stages."""
    rest = _REST.sub("", frame.says)
    stage = PageStage(None, StageKind.UNKNOWN, frame.section.line, frame.name, frame.letter, section=frame.section)
    if amounts.reaches_all(rest):
        stage.percent, stage.kind = 100.0, StageKind.ACTORS
        return [stage]
    is_named = says("an audience", rest) and not says("work", rest)
    is_work = bool(pattern("work").match(rest)) or (frame.word == "step" and not frame.own)
    if (frame.word in mere and not is_named) or (frame.word in _CONTAINERS and is_work):
        return []
    spoken = [frame.section.title, *(label.value for label in frame.labels)]
    stage.kind = StageKind.AUDIENCE if any(says("an audience", text) for text in spoken) else StageKind.UNKNOWN
    stage.users = people_in(frame.says)
    return [stage]
