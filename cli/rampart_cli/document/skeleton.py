"""The one list of stages: which source of candidates is the list, and what the others add to it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from rampart_cli.document.amounts import FULL, StageKind, increment_in, rises
from rampart_cli.document.plan import PageStage
from rampart_cli.document.stage_details import add_details
from rampart_cli.document.statements import Statement

_ADDED = re.compile(r"\b(?:additional|another|further|remaining|more)\s~?\d{1,3}(?:\.\d+)?\s?%", re.IGNORECASE)
"""`an additional 30%`: a share that comes on top of what was reached."""


class Skeleton(NamedTuple):
    """The stages of a plan in the order of the page, and the candidates that were not taken for one."""

    stages: list[PageStage]
    set_aside: list[PageStage]
    candidates: list[PageStage]


def skeleton_of(by_heading: list[PageStage], by_line: list[PageStage]) -> Skeleton:
    """Choose the list of stages among headings, tables, lists and sentences.

    The source that rises furthest is the list; another is part of it only where the two together still rise. What
    repeats a stage adds its day, its users or how long it is held.
    """
    candidates = [*by_heading, *by_line]
    stages = _joined(by_heading, by_line)
    chosen = _chosen(stages, candidates)
    taken = set(map(id, chosen))
    return Skeleton(chosen, [stage for stage in stages if id(stage) not in taken], candidates)


def added_up(candidates: Sequence[PageStage], planned: Sequence[Statement]) -> None:
    """Turn shares that are said as increments into the shares that are reached: 20%, 20%, 20% are 20%, 40%, 60%."""
    texts = [statement.section.title for statement in planned] + [statement.text for statement in planned]
    said = {increment for text in dict.fromkeys(texts) if (increment := increment_in(text))}
    for group in _by_source(candidates).values():
        shares = [stage.percent or 0 for stage in group]
        is_equal = len(group) > 1 and len(set(shares)) == 1 and shares[0] in said
        is_said = any(stage.source is not None and _ADDED.search(stage.source.text) for stage in group)
        if (is_equal or is_said) and sum(shares) <= FULL:
            for index, stage in enumerate(group):
                stage.percent = sum(shares[: index + 1])


def _chosen(stages: list[PageStage], candidates: list[PageStage]) -> list[PageStage]:
    shares = {stage.percent for stage in stages}
    groups = list(_by_source(stages).values())
    if len(groups) < 2 or _rises(stages):
        return stages
    if any(_rises(told) and shares <= {stage.percent for stage in told} for told in _by_source(candidates).values()):
        return sorted(stages, key=lambda stage: stage.percent or 0)
    groups.sort(key=_weight, reverse=True)
    chosen = groups[0]
    for group in groups[1:]:
        together = sorted([*chosen, *group], key=lambda stage: stage.line)
        if _rises(together):
            chosen = together
    return chosen


def _weight(group: list[PageStage]) -> tuple[object, ...]:
    """How well a source serves as the list: whether it rises, how far, in how many steps, and with what details."""
    shares = [stage.percent for stage in group if stage.percent is not None]
    told = sum(1 for stage in group if stage.dates.said or stage.users or stage.hold)
    return _rises(group), len(shares) > 1, max(shares, default=0), len(shares), told, -group[0].line


def _rises(stages: Sequence[PageStage]) -> bool:
    return rises([stage.percent for stage in stages if stage.percent is not None])


def _by_source(stages: Sequence[PageStage]) -> dict[Hashable, list[PageStage]]:
    """The stages by what states them: the headings, or one list, table or paragraph of a section."""
    found: dict[Hashable, list[PageStage]] = defaultdict(list)
    for stage in stages:
        found[_place(stage)].append(stage)
    return found


def _joined(by_heading: list[PageStage], by_line: list[PageStage]) -> list[PageStage]:
    """One stage for each percentage that is said several times: in a heading, a table and a timeline."""
    found = list(by_heading)
    known: dict[float, dict[tuple[int, str], PageStage]] = {}
    for stage in by_heading:
        _remember(stage, known)
    for stage in by_line:
        if (named := _of_letter(stage, by_heading)) is not None:
            if named.percent is None:
                named.percent, named.kind, named.percent_line = stage.percent, stage.kind, stage.line
                _remember(named, known)
            else:
                said = ((named.percent, named.line), (stage.percent or 0, stage.line))
                named.percent, named.kind, named.stated = None, StageKind.UNKNOWN, tuple(s for s in said if s[0])
            add_details(named, stage)
            continue
        if stage.kind is StageKind.AUDIENCE and (chosen := [s for s in by_heading if s.kind is StageKind.AUDIENCE]):
            meant = [s for s in chosen if stage.letter and s.letter == stage.letter] or chosen
            if len(meant) == 1:
                add_details(meant[0], stage)
            continue
        # The same list saying it twice isn't a repetition but a mistake, which is for the reader to see.
        places = known.get(stage.percent, {}) if stage.percent is not None else {}
        same = next((other for place, other in places.items() if place != _place(stage)), None)
        if same is None:
            found.append(stage)
            _remember(stage, known)
        else:
            add_details(same, stage)
    return sorted(found, key=lambda stage: stage.line)


def _of_letter(step: PageStage, by_heading: list[PageStage]) -> PageStage | None:
    """The only heading's stage that a step names by its letter, and whose percentage it does not repeat."""
    letter = (step.letter or "").casefold()
    same = [s for s in by_heading if letter and (s.letter or "").casefold() == letter and s.source is None]
    is_one = len(same) == 1 and step.percent is not None and same[0].percent != step.percent
    return same[0] if is_one and not same[0].stated and same[0].kind is not StageKind.AUDIENCE else None


def _remember(stage: PageStage, known: dict[float, dict[tuple[int, str], PageStage]]) -> None:
    for percent in [stage.percent, *(percent for percent, _ in stage.stated)]:
        if percent is not None:
            known.setdefault(percent, {}).setdefault(_place(stage), stage)


def _place(stage: PageStage) -> tuple[int, str]:
    """The list, the table or the prose of a section that states the stage; nowhere for a heading."""
    return (id(stage.source.section), stage.source.line.kind) if stage.source is not None else (0, "")
