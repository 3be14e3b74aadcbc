"""Draw what each stage of a plan can decide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rampart.words import chance, count, plain
from rampart_cli.forecast.rate_power import Outlook
from rampart_cli.plots.canvas import canvas, caption, save

_THICK = 0.26
_COLORS = ("C0", "C1", "C3")
_MOST_ROWS = 100
"""More would take minutes, and no one would look at them."""


def draw_power(path: Path, title: str, outlooks: Sequence[Outlook]) -> None:
    """Write bars of chances, three for each stage and criterion, as .svg or .png; there must be some."""
    if len(outlooks) > _MOST_ROWS:
        title = f"{caption(title)} (the first {_MOST_ROWS} of {count(len(outlooks))})"
        outlooks = outlooks[:_MOST_ROWS]
    figure, axes = canvas(height=1.5 + 0.6 * len(outlooks))
    rows = range(len(outlooks))
    chances = [("healthy: passes", [o.pass_chance for o in outlooks])]
    for index, fault in enumerate(outlooks[0].faults):
        told = f"at {plain(fault.multiple)} times the bar: rolled back"
        chances.append((told, [o.faults[index].rollback_chance for o in outlooks]))
    for index, (told, values) in enumerate(chances):
        places = [row + (index - 1) * _THICK for row in rows]
        drawn = axes.barh(places, [100 * value for value in values], _THICK, color=_COLORS[index], label=told)
        axes.bar_label(drawn, [chance(value) for value in values], padding=3, fontsize=7)
    axes.set_yticks(list(rows), [f"{caption(o.stage, most=40)}\n{caption(o.criterion, most=40)}" for o in outlooks])
    axes.set_ylim(len(outlooks) - 0.45, -0.55)
    axes.set_xlim(0, 108)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("chance within the hold, %")
    axes.set_title(caption(title, most=140))
    figure.legend(loc="outside lower center", ncols=3)
    save(figure, path)
