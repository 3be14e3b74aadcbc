"""Draw what each stage of a plan can decide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rampart.evidence.power import Outlook
from rampart_cli.plots.canvas import canvas, save

_THICK = 0.25


def draw_power(path: Path, title: str, outlooks: Sequence[Outlook]) -> None:
    """Write bars of chances, three for each stage and criterion, as .svg or .png."""
    figure, axes = canvas(height=1.5 + 0.6 * len(outlooks))
    rows = range(len(outlooks))
    axes.barh([row - _THICK for row in rows], [100 * o.pass_chance for o in outlooks], _THICK, label="healthy: passes")
    for index, color in enumerate(("C1", "C3")):
        axes.barh(
            [row + index * _THICK for row in rows],
            [100 * o.faults[index].rollback_chance for o in outlooks],
            _THICK,
            color=color,
            label=f"at {outlooks[0].faults[index].multiple:g} times the bar: rolled back" if outlooks else "",
        )
    axes.set_yticks(list(rows), [f"{o.stage}\n{o.criterion}" for o in outlooks])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("chance within the hold, %")
    axes.set_title(title)
    figure.legend(loc="outside lower center", ncols=3)
    save(figure, path)
