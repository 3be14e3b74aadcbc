"""Findings as a good compiler shows them: the place, the line, why it matters, how to fix it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from rampart.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold cyan"}
_WIDTH = 100
"""Characters of a line that are shown."""


@dataclass(frozen=True, slots=True)
class Source:
    """The text that findings are about: its file's name, and its lines."""

    name: str
    lines: Sequence[str]


def rendered_all(findings: Iterable[Finding], source: Source | None = None) -> list[Text]:
    """Findings in the order of their places, an empty line after each."""
    in_order = sorted(findings, key=lambda each: (each.line, each.column))
    return [rendered(each, source).append("\n") for each in in_order]


def rendered(finding: Finding, source: Source | None = None) -> Text:
    """One finding, with its line of the source where there is one."""
    style = STYLES[finding.kind.severity]
    text = Text.assemble((f"{finding.kind.severity}[{finding.code}]", style), ": ", (shown(finding.message), "bold"))
    margin = " " * len(str(finding.line or ""))
    if source is not None and 0 < finding.line <= len(source.lines):
        text.append_text(_frame(finding, source, margin, style))
    elif finding.where:
        text.append_text(Text.assemble((f"\n{margin}--> ", "blue"), shown(finding.where)))
    for name, said in (("why", finding.kind.why), ("fix", finding.fix)):
        if said:
            text.append_text(Text.assemble((f"\n{margin} = ", "blue"), f"{name}: {shown(said)}"))
    return text


def _frame(finding: Finding, source: Source, margin: str, style: str) -> Text:
    line, before, mark = _excerpt(source.lines[finding.line - 1], finding)
    where = f" ({shown(finding.where)})" if finding.where else ""
    place = f"{shown(source.name)}:{finding.line}:{finding.column}{where}"
    rows = (
        ((f"{margin}--> ", "blue"), place),
        ((f"{margin} |", "blue"),),
        ((f"{finding.line} | ", "blue"), line),
        ((f"{margin} | ", "blue"), " " * before, ("^" * mark, style)),
    )
    return Text("\n").append_text(Text("\n").join(Text.assemble(*row) for row in rows))


def _excerpt(raw: str, finding: Finding) -> tuple[str, int, int]:
    """The part of a line that is shown, the cells before the mark, and the cells that are marked."""
    start = max(0, finding.column - 1 - _WIDTH // 2) if len(raw) > _WIDTH else 0
    line = shown(raw[start : start + _WIDTH])
    before = finding.column - 1 - start
    width = Text(line[:before]).cell_len
    return line, width, max(1, Text(line[before : before + finding.mark]).cell_len)


def shown(text: str) -> str:
    """Other people's text as it may go to a terminal: one cell for each character that would act on it."""
    return "".join(letter if letter.isprintable() else (" " if letter.isspace() else "\ufffd") for letter in text)
