"""What a measurement reports: tables, and figures that must stay at or below a limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.measures import Found


@dataclass(frozen=True)
class Bar:
    """A figure that must stay at or below its limit."""

    what: str
    value: float
    limit: float

    @property
    def holds(self) -> bool:
        return self.value <= self.limit


Measure = Callable[..., dict[tuple[object, ...], Found]]
"""Measures a cell for every combination of its axes, on all cores."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A Markdown table."""
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
