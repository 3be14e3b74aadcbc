"""Where a stage's results stand, and whether anything was written there."""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from rampart_cli.document.labels import Asks, answer, is_question, placeholder_in
from rampart_cli.document.plan import PageStage
from rampart_cli.document.section_kinds import SectionKind
from rampart_cli.document.sections import Section
from rampart_cli.document.statements import Statement

_MEASURED = frozenset({Asks.RESULTS, Asks.ACTUAL, Asks.USERS, Asks.OTHER})


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
                stage = next((s for s in section.ancestors if s.kind is SectionKind.STAGE), None)
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
    if statement.text in criteria or statement.asks not in {None, *_MEASURED}:
        return False
    value = field.value if field is not None else statement.text
    if field is None and is_question(value):
        return False
    return bool(answer(value)) and placeholder_in(value) is None
