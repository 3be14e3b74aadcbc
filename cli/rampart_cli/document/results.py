"""Where a stage's results stand, and whether anything was written there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rampart_cli.document.labels import Asks, answer, is_question, placeholder_in
from rampart_cli.document.sections import Section, SectionKind

if TYPE_CHECKING:
    from rampart_cli.document.plan import Stage
    from rampart_cli.document.statements import Statement

_MEASURED = frozenset({Asks.RESULTS, Asks.ACTUAL, Asks.USERS, Asks.OTHER})


def results_section(stage: Stage) -> Section | None:
    """The section that holds a stage's results: within the stage's own section, or beside its list of steps."""
    own = stage.section or (stage.source.section if stage.source else None)
    around = [] if own is None else [own, *([own.parent] if own.parent and own.kind is not SectionKind.STAGE else [])]
    for section in around:
        found = [
            s for s in section.walk() if s.kind is SectionKind.RESULTS and _nearest_stage(s) in {own, section, None}
        ]
        if found:
            return found[0]
    return None


def _nearest_stage(section: Section) -> Section | None:
    return next((s for s in section.ancestors if s.kind is SectionKind.STAGE), None)


def is_measured(statement: Statement, criteria: set[str]) -> bool:
    """Whether a line of a results section states something; a repeated criterion or a question does not."""
    field = statement.field
    if statement.text in criteria or statement.asks not in {None, *_MEASURED}:
        return False
    value = field.value if field is not None else statement.text
    if field is None and is_question(value):
        return False
    return bool(answer(value)) and placeholder_in(value) is None
