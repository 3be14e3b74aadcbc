"""What was found on a page, and what each pass made of it, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from rampart.finding import Severity
from rampart_cli.document.plan import PageStage
from rampart_cli.document.reading import Reading
from rampart_cli.findings import Source, rendered, shown

MOST_SHOWN = 200
"""Findings that are shown to a person; a page of a plan has a few dozen."""
_WIDTH = 100


def show_findings(reading: Reading, *, source: str, console: Console) -> None:
    """Print every finding, and how many there are of each weight."""
    lines = Source(source, reading.page.raw)
    for diagnostic in reading.diagnostics[:MOST_SHOWN]:
        console.print(rendered(diagnostic, lines), "", sep="\n", soft_wrap=True)
    if (more := len(reading.diagnostics) - MOST_SHOWN) > 0:
        console.print(f"and {more:,} findings further down the page; --json writes them all", soft_wrap=True)
    of_weight = Counter(diagnostic.kind.severity for diagnostic in reading.diagnostics)
    counts = [f"{of_weight[s]} {s}{'' if of_weight[s] == 1 else 's'}" for s in Severity if of_weight[s]]
    plans = len(reading.plans)
    stages = sum(len(plan.stages) for plan in reading.plans)
    summary = f"{shown(source)}: {plans} plan{'' if plans == 1 else 's'}, {stages} stages; "
    if lines_of_interest := sum(plan.of_interest for plan in reading.plans):
        used = lines_of_interest - sum(len(plan.unused) for plan in reading.plans)
        summary += f"read {used} of {lines_of_interest} lines with a share, bar, day, or flag; "
    console.print(Text(summary + (", ".join(counts) or "no findings")), soft_wrap=True)


def traced(reading: Reading) -> Iterator[str]:
    """One line for each thing that a pass gave to the next, under the name of the pass."""
    yield "lines"
    for line in reading.lines:
        yield f"  {line.line:>4}  {line.kind.value:<8} {shown(line.text)[:_WIDTH]}"
    for plan in reading.plans:
        yield "statements"
        for said in plan.statements:
            role = "told" if said.is_decoy else "criterion" if said.is_criterion else "planned"
            asks = said.asks.value if said.asks else "-"
            yield f"  {said.number:>4}  {role:<9} {asks:<9} under {said.section.kind.value}"
        for name, stages in (("candidates", plan.candidates), ("skeleton", plan.stages), ("set aside", plan.set_aside)):
            yield from _stages(name, stages)
        yield "plan"
        yield from (f"  {flag.line:>4}  flag {shown(flag.name)}" for flag in plan.flags)
        for each in plan.distinct_criteria:
            value = "" if each.value is None else f"{each.op or '?'} {each.value:g}"
            yield f"  {each.line:>4}  criterion {shown(each.name)} {value}".rstrip()
        yield from (f"        doubt: {doubt}" for doubt in plan.doubts)
        yield from (f"  {line.line:>4}  unused ({', '.join(line.holds)})" for line in plan.unused)


def _stages(name: str, stages: list[PageStage]) -> Iterator[str]:
    yield name
    for stage in stages:
        share = "?" if stage.percent is None else f"{stage.percent:g}%"
        source = "heading" if stage.source is None else stage.source.line.kind.value
        day = f" {stage.start}" if stage.start else ""
        held = f" held {shown(stage.hold.text)}" if stage.hold else ""
        yield f"  {stage.line:>4}  {share:<6} {source:<8} {stage.kind.value}{day}{held}"
