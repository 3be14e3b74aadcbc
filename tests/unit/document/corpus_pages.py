"""The pages of `corpus/`, each with what a careful person reads on it, and how a reading is held against that.

A label is written before the reader sees the page: `stages: 10@2027-03-01/2d, 100` are two stages, the first with its
day and how long it is held; `bars: <= 2% Error rate` is a bar; `may-stages` and
`named` (criteria without a bar) say what may be read and need not be.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rampart_cli.document import Reading

_FOLDER = Path(__file__).parent / "corpus"
_STAGE = re.compile(r"(?P<percent>[\d.]+)(?:@(?P<day>[\d-]+))?(?:/(?P<hold>.+))?")
_BAR = re.compile(r"(?P<op><=|>=|<|>|==) (?P<value>[\d.]+)%? (?P<name>.+)")
KINDS = ("stages", "days", "holds", "bars", "flags")

Facts = dict[str, Counter[tuple[object, ...]]]


@dataclass(frozen=True)
class LabeledPage:
    """One page with its label."""

    name: str
    text: str
    stated: Facts
    allowed: Facts = field(default_factory=dict)


@dataclass(frozen=True)
class Score:
    """What of one kind was read rightly, wrongly, and not at all."""

    right: Counter[tuple[object, ...]]
    wrong: Counter[tuple[object, ...]]
    missed: Counter[tuple[object, ...]]


def labeled_pages(*files: str) -> list[LabeledPage]:
    """Every page of the named files; of all without a name."""
    paths = [_FOLDER / file for file in files] or sorted(_FOLDER.glob("*.txt"))
    return [_labeled(part) for path in paths for part in path.read_text().split("=== ")[1:]]


def _labeled(part: str) -> LabeledPage:
    head, _, text = part.partition("\n---\n")
    name, *labels = head.splitlines()
    said = dict(label.split(": ", 1) for label in labels if not label.startswith("why: "))
    stated: Facts = {
        **_stages(said.get("stages", "none")),
        "bars": Counter(map(_bar, said["bars"].split("; ")) if "bars" in said else []),
        "flags": Counter((flag,) for flag in said.get("flags", "").split(", ") if flag),
    }
    names: Counter[tuple[object, ...]] = Counter(
        (None, None, each) for each in said.get("named", "").split(", ") if each
    )
    return LabeledPage(name, text, stated, {**_stages(said.get("may-stages", "none")), "bars": names})


def _stages(label: str) -> Facts:
    found = [_STAGE.fullmatch(stage) for stage in label.split(", ") if label != "none"]
    read = [each for each in found if each is not None]
    assert len(read) == len(found), label
    return {
        "stages": Counter((float(stage["percent"]),) for stage in read),
        "days": Counter((float(stage["percent"]), stage["day"]) for stage in read if stage["day"]),
        "holds": Counter((float(stage["percent"]), stage["hold"]) for stage in read if stage["hold"]),
    }


def _bar(label: str) -> tuple[object, ...]:
    found = _BAR.fullmatch(label.strip())
    assert found is not None, label
    return found["op"], float(found["value"]), found["name"].casefold()


def facts_of(reading: Reading) -> Facts:
    """What a reading states: a percentage, day or bar that is left open states nothing."""
    sure = [plan for plan in reading.plans if not plan.doubts]
    stages = [stage for plan in sure for stage in plan.stages if stage.percent is not None]
    bars = [c for plan in reading.plans for c in plan.distinct_criteria]
    return {
        "stages": Counter((stage.percent,) for stage in stages),
        "days": Counter((stage.percent, stage.start.isoformat()) for stage in stages if stage.start),
        "holds": Counter((stage.percent, stage.hold.hold) for stage in stages if stage.hold),
        # A name alone says that it is looked at before an advance: as wrong, where the page doesn't, as a bar.
        "bars": Counter((c.op, c.value, c.name.casefold()) for c in bars if c.op or c.value is None),
        "flags": Counter((flag.name,) for plan in reading.plans for flag in plan.flags),
    }


def score(page: LabeledPage, reading: Reading) -> dict[str, Score]:
    """A reading held against the label of its page."""
    read = facts_of(reading)
    return {
        kind: Score(
            right=read[kind] & page.stated[kind],
            wrong=read[kind] - page.stated[kind] - page.allowed.get(kind, Counter()),
            missed=page.stated[kind] - read[kind],
        )
        for kind in KINDS
    }
