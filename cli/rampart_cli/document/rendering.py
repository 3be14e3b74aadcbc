"""Findings as a good compiler shows them: the line, the place, why it matters, how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from rampart_cli.document.diagnostics import Severity

if TYPE_CHECKING:
    from rich.console import Console

    from rampart_cli.document.diagnostics import Diagnostic
    from rampart_cli.document.reading import Reading

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold cyan"}
MOST_SHOWN = 200
"""Findings that are shown to a person; a page of a plan has a few dozen."""
_WIDTH = 100
"""Characters of the page's line that are shown."""


def show_findings(reading: Reading, *, source: str, console: Console) -> None:
    """Print every finding, and how many there are of each weight."""
    for diagnostic in reading.diagnostics[:MOST_SHOWN]:
        console.print(finding(diagnostic, reading, source=source), soft_wrap=True)
    if (more := len(reading.diagnostics) - MOST_SHOWN) > 0:
        console.print(f"and {more:,} findings further down the page; --json writes them all", soft_wrap=True)
    counts = [
        f"{number} {severity}{'' if number == 1 else 's'}"
        for severity in Severity
        if (number := sum(1 for d in reading.diagnostics if d.severity is severity))
    ]
    plans = len(reading.plans)
    stages = sum(len(plan.stages) for plan in reading.plans)
    summary = f"{shown(source)}: {plans} plan{'' if plans == 1 else 's'}, {stages} stages; "
    console.print(Text(summary + (", ".join(counts) or "nothing to remark")), soft_wrap=True)


def finding(diagnostic: Diagnostic, reading: Reading, *, source: str) -> Text:
    """One finding with its line of the page."""
    style = _STYLES[diagnostic.severity]
    number, margin = str(diagnostic.line), " " * len(str(diagnostic.line))
    text = Text.assemble(
        (f"{diagnostic.severity}[{diagnostic.code}]", style), ": ", (shown(diagnostic.message), "bold"), "\n",
        (f"{margin}--> ", "blue"), f"{shown(source)}:{diagnostic.line}:{diagnostic.column}\n",
    )  # fmt: skip  # a line here is a line on the screen
    raw = reading.page.raw
    if 0 < diagnostic.line <= len(raw):
        line, before, mark = _excerpt(raw[diagnostic.line - 1], diagnostic)
        text.append_text(
            Text.assemble(
                (f"{margin} |\n", "blue"), (f"{number} | ", "blue"), line, "\n",
                (f"{margin} | ", "blue"), " " * before, ("^" * mark, style), "\n",
            )
        )  # fmt: skip  # a line here is a line on the screen
    text.append_text(Text.assemble((f"{margin} = ", "blue"), f"why: {diagnostic.why}\n"))
    text.append_text(Text.assemble((f"{margin} = ", "blue"), f"help: {diagnostic.help}\n"))
    return text


def _excerpt(raw: str, diagnostic: Diagnostic) -> tuple[str, int, int]:
    """The part of a line that is shown, the cells before the mark, and the cells that are marked."""
    start = max(0, diagnostic.column - 1 - _WIDTH // 2) if len(raw) > _WIDTH else 0
    line = shown(raw[start : start + _WIDTH])
    before = diagnostic.column - 1 - start
    width = Text(line[:before]).cell_len
    return line, width, max(1, Text(line[before : before + diagnostic.mark]).cell_len)


def shown(text: str) -> str:
    """Text of the page as it may go to a terminal: one cell for each character that would act on it."""
    return "".join(letter if letter.isprintable() else (" " if letter.isspace() else "\ufffd") for letter in text)
