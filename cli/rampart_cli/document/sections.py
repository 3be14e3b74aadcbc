"""The page as a tree of sections, each of a kind that its words, or what stands in it, tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from rampart_cli.document.amounts import percents_in, rises
from rampart_cli.document.bars import Sense, asks_outright, is_bar, sense_of
from rampart_cli.document.blocks import Line, LineKind
from rampart_cli.document.dates import leading_date
from rampart_cli.document.labels import Asks, ends_open, what_is_asked
from rampart_cli.document.lexicon import ordered, part
from rampart_cli.document.lines import STRONG_LEVEL

_ORNAMENT = r"[^\w~(\[\"'`<>%]{0,8}"
_STAGE_TITLE = re.compile(rf"{_ORNAMENT}(?P<counted>{part('stage name')})(?:\s(?:of|/)\s\d{{1,2}}\b)?", re.IGNORECASE)
_LEADING = re.compile(rf"{_ORNAMENT}(?:\d{{1,2}}(?:[.)]\s|\s?\u20e3\s?))?")
_SHARE = re.compile(r"~?\d{1,3}(?:\.\d+)?\s?%")
_MOST_FOLDS = 20
"""Folds within each other that are told apart."""
_MOST_PLANS = 20
_PLAN_TITLE = re.compile(r"\bplan\b", re.IGNORECASE)
_LAUNCH_TITLE = re.compile(r"\b(?:launch|roll-?out|release)$", re.IGNORECASE)


class SectionKind(StrEnum):
    """How the lines of a section are to be read."""

    AFTER = "after"  # what is looked at after the launch: no stage, no bar
    RESULTS = "results"  # what was measured: no number in it is a plan
    TESTING = "testing"  # moderated testing with chosen people: no stage of the rollout
    ROLLBACK = "rollback"  # how to go back
    GUIDE = "guide"  # the template talking to the author, questions, contents: no plan
    STAGE = "stage"  # a stage, or a phase that holds stages
    TIMELINE = "timeline"  # dated steps
    CRITERIA = "criteria"  # what is looked at before an advance
    OTHER = "other"  # anything else


_NO_TITLE = frozenset({SectionKind.STAGE, SectionKind.TIMELINE, SectionKind.RESULTS, SectionKind.AFTER})
DECOYS = frozenset(
    {SectionKind.AFTER, SectionKind.RESULTS, SectionKind.TESTING, SectionKind.ROLLBACK, SectionKind.GUIDE}
)
"""Sections whose numbers never become a stage or a bar."""
_COMPILED = [(SectionKind(kind), pattern) for kind, pattern in ordered("sections")]


class StageName(NamedTuple):
    """How a page counts a stage: `Stage B`, the word `stage`, and what follows the name."""

    counted: str
    word: str
    rest: str


@lru_cache(maxsize=4096)
def stage_name(text: str) -> StageName | None:
    """The name that a text begins with: `Phase II`, `Step 3 of 4`; None when it begins otherwise."""
    found = _STAGE_TITLE.match(text)
    if found is None:
        return None
    return StageName(" ".join(found["counted"].split()), found[2].casefold(), text[found.end() :])


def after_stage_name(text: str) -> str:
    """What a heading says besides counting: ` - 10%` of `Stage 1 - 10%`, which isn't a range from 1 to 10."""
    name = stage_name(text)
    return name.rest if name else text


@lru_cache(maxsize=4096)
def kind_of(title: str) -> SectionKind:
    """The kind that a heading's words give to its section."""
    words = _LEADING.sub("", " ".join(title[:200].casefold().split()), count=1).strip(" :.!-\u2013\u2014*_")
    kind = next((kind for kind, pattern in _COMPILED if pattern.search(words)), SectionKind.OTHER)
    # `3/1/2027 - 3/3/2027: 10% of users`
    return SectionKind.STAGE if kind is SectionKind.OTHER and _SHARE.match(leading_date(title)[1]) else kind


@dataclass(slots=True, eq=False)
class Section:
    """A heading with what stands under it; `past` is the line after its last."""

    heading: Line | None
    level: int
    kind: SectionKind = SectionKind.OTHER
    parent: Section | None = None
    lines: list[Line] = field(default_factory=list)
    children: list[Section] = field(default_factory=list)
    past: int = 0
    title: str = ""
    """The heading's words."""

    def __post_init__(self) -> None:
        """Take the title from the heading."""
        self.title = self.heading.text.strip(" :") if self.heading else ""

    @property
    def line(self) -> int:
        """The heading's line, one-based; 1 before the first heading."""
        return self.heading.line if self.heading else 1

    @property
    def around(self) -> list[Section]:
        """This section and those that it stands in, the nearest first."""
        found = [self]
        while (parent := found[-1].parent) is not None:
            found.append(parent)
        return found

    @property
    def is_title(self) -> bool:
        """Whether the heading is that of the page: it tells what is launched, and nothing of what stands below."""
        return self.level == 1 or (
            self.parent is not None and self.parent.level == 0 and len(self.parent.children) == 1
        )

    @property
    def is_decoy(self) -> bool:
        """Whether this section or one around it holds no plan."""
        return any(section.kind in DECOYS for section in self.around)

    def walk(self) -> Iterator[Section]:
        """This section and all below it, in the order of the page."""
        waiting = [self]
        while waiting:
            section = waiting.pop()
            yield section
            waiting.extend(reversed(section.children))


def build_tree(lines: Sequence[Line], past: int) -> Section:
    """Hang the lines under their headings; the root stands for the whole page, which ends before line `past`."""
    root = here = Section(None, 0, past=past)
    folds: list[Section | None] = []
    opened: set[int] = set()
    for line in lines:
        if line.kind is LineKind.FOLD_END:
            fold = folds.pop() if folds else None
            opened.discard(id(fold))
            here = _unfold(fold, here, line.line)
            continue
        is_fold = line.kind is LineKind.FOLD
        if is_fold:
            is_told = line.is_closed and (
                kind_of(line.text) is not SectionKind.OTHER or what_is_asked(line.text.strip(" :")) is Asks.FLAG
            )
            line.kind = LineKind.HEADING if is_told and len(folds) < _MOST_FOLDS else LineKind.TEXT
        if line.kind is not LineKind.HEADING:
            folds += [None] if line.is_closed else []
            here.lines.append(line)
            continue
        # A fold stands below all that is open where it begins, and whatever is headed within it stands below the fold.
        while not is_fold and here.level >= line.level and here.parent is not None and id(here) not in opened:
            here.past, here = line.line, here.parent
        # So far below another heading, a level says nothing of what it belongs to.
        skips = here.level + 1 < line.level < STRONG_LEVEL
        if here.kind is SectionKind.ROLLBACK and here.parent is not None and skips:
            here.past, here = line.line, here.parent
        section = Section(line, line.level, kind_of(line.text), here, past=past)
        here.children.append(section)
        here = section
        if is_fold:
            folds.append(section)
            opened.add(id(section))
    _tell_kinds(root)
    return root


def _tell_kinds(root: Section) -> None:
    """Let what stands in a section say what it is, where its title alone does not."""
    for section in root.walk():
        # Sections side by side whose titles name ever larger shares are stages: `Public beta, 10% (February 1)`.
        may_be = (child for child in section.children if child.kind in {SectionKind.OTHER, SectionKind.STAGE})
        shares = [(child, said[0]) for child in may_be if len(said := percents_in(child.title)) == 1]
        for child, _ in shares if len(shares) > 1 and rises([share for _, share in shares]) else ():
            child.kind = SectionKind.STAGE
        title = section.title
        is_open = section.kind is SectionKind.OTHER and not section.is_title
        asks = ends_open(title) and what_is_asked(title.strip(" :")) is Asks.CRITERIA
        asks = asks or sense_of(title) is Sense.STOP or asks_outright(title)
        if is_open and asks and any(is_bar(line.text) for line in section.lines):
            section.kind = SectionKind.CRITERIA


def _unfold(fold: Section | None, here: Section, line: int) -> Section:
    """The section that goes on after a fold is closed."""
    if fold is None or fold.parent is None:
        return here
    while here is not fold and here.parent is not None:
        here.past, here = line, here.parent
    fold.past = max(line, fold.heading.past if fold.heading else line)
    return fold.parent


def plan_roots(root: Section, percents: Callable[[Section], list[float]]) -> list[list[Section]]:
    """Split the page into its plans: for each, its own root first, then the other sections that belong to it.

    Headings side by side are titles of plans when there are stages under each (`percents` tells) and the page starts
    from the bottom again, or the headings say that they are plans. What stands before the first is shared by all.
    """
    if not percents(root):
        _free_from_rollback(root, percents)
    titles = _titles(root, percents)
    if not titles:
        _free_title(root)
        return [[root]]
    for title in titles:
        title.kind = SectionKind.OTHER
    siblings = titles[0].parent.children if titles[0].parent else []
    shared = [section for section in siblings if section.line < titles[0].line]
    # What stands right under the page's own title, such as the time zone, holds for all of its plans.
    shared += [replace(above, children=[]) for above in titles[0].around[1:] if above.lines]
    ends = [title.line for title in titles[1:]] + [root.past + 1]
    return [
        [title, *(s for s in siblings if title.line < s.line < end), *shared]
        for title, end in zip(titles, ends, strict=True)
    ]


def _free_from_rollback(root: Section, percents: Callable[[Section], list[float]]) -> None:
    """Where every stage of a page stands a level below `Rollback`, the level is a slip: they aren't way back."""
    for section in [found for found in root.walk() if found.kind is SectionKind.ROLLBACK]:
        first = next((n for n, child in enumerate(section.children) if stage_name(child.title)), None)
        if first is None or (above := section.parent) is None:
            continue
        slipped = section.children[first:]
        for child in slipped:
            child.parent = above
        found = [percent for child in slipped for percent in percents(child)]
        if found and rises(found):
            section.past, section.children = slipped[0].line, section.children[:first]
            after = above.children.index(section) + 1
            above.children[after:after] = slipped
        else:
            for child in slipped:
                child.parent = section


def _free_title(root: Section) -> None:
    # "Search results: rollout plan" is a title; its words must not make decoys of all that stands under it.
    tops = [section for section in root.walk() if section.level == 1]
    for top in tops:
        holds_stages = any(below.kind is SectionKind.STAGE for below in top.walk() if below is not top)
        is_title = holds_stages and top.kind not in DECOYS and stage_name(top.title) is None
        if is_title or (len(tops) == 1 and top.kind is not SectionKind.STAGE and top.children):
            top.kind = SectionKind.OTHER


def _titles(root: Section, percents: Callable[[Section], list[float]]) -> list[Section]:
    for parent in root.walk():
        may = [child for child in parent.children if child.kind not in _NO_TITLE]
        candidates = [c for c in may if c.level == 1 or _PLAN_TITLE.search(c.title) or _holds_rollout(c, percents)]
        if not 2 <= len(candidates) <= _MOST_PLANS:
            continue
        told = [(child, found) for child in candidates if (found := percents(child))]
        starts = (_PLAN_TITLE.search(c.title) or found[0] <= before[-1] for (_, before), (c, found) in pairwise(told))
        if len(told) > 1 and all(starts):
            return [child for child, _ in told]
    return []


def _holds_rollout(section: Section, percents: Callable[[Section], list[float]]) -> bool:
    """Whether a section is a whole rollout of its own: `Web launch` with all its stages under it."""
    stages = sum(1 for child in section.children if child.kind is SectionKind.STAGE)
    found = percents(section) if stages > 1 and _LAUNCH_TITLE.search(section.title) else []
    return len(found) > 1 and found[-1] == 100
