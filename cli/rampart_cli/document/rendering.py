"""What was found on a page, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from rampart.finding import Severity
from rampart_cli.findings import Source, rendered, shown

if TYPE_CHECKING:
    from rich.console import Console

    from rampart_cli.document.reading import Reading

MOST_SHOWN = 200
"""Findings that are shown to a person; a page of a plan has a few dozen."""


def show_findings(reading: Reading, *, source: str, console: Console) -> None:
    """Print every finding, and how many there are of each weight."""
    lines = Source(source, reading.page.raw)
    for diagnostic in reading.diagnostics[:MOST_SHOWN]:
        console.print(rendered(diagnostic, lines), "", sep="\n", soft_wrap=True)
    if (more := len(reading.diagnostics) - MOST_SHOWN) > 0:
        console.print(f"and {more:,} findings further down the page; --json writes them all", soft_wrap=True)
    counts = [
        f"{number} {severity}{'' if number == 1 else 's'}"
        for severity in Severity
        if (number := sum(1 for d in reading.diagnostics if d.kind.severity is severity))
    ]
    plans = len(reading.plans)
    stages = sum(len(plan.stages) for plan in reading.plans)
    summary = f"{shown(source)}: {plans} plan{'' if plans == 1 else 's'}, {stages} stages; "
    console.print(Text(summary + (", ".join(counts) or "no findings")), soft_wrap=True)
