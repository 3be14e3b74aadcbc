"""The report's pictures: the staircase of percentage over time, and each criterion's rate against its bar."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rampart.words import AXIS_TIMES, percentage, plain, times
from rampart_cli.plots.canvas import canvas
from rampart_cli.report import cells
from rampart_cli.report.svg import COLORS, inline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rampart_cli.report.history import CriterionEvaluation, RolloutHistory

_MOST_POINTS = 150
"""Points of one visit that are drawn: more would not be seen, and the page would grow."""
_LABEL_ROWS = 3
"""Rows of stage labels above a chart: on a phone, eleven stages do not fit into one."""
_LETTER = 0.085
"""Inches that one character of a stage label takes, generously."""
_MARK = 9.0
"""Percent that the mark of an act is high, and a little more."""
_HIGHEST = 108.0
"""Percent at which a mark is still whole."""
_MOST_MARKS = 13
"""Marks that have room one above the other."""
_MARK_INCHES = 0.24
"""The same, across."""
_GOOD, _BAD, _OPEN = ("o", "pass"), ("X", "fail"), ("s", "warn")
_VERDICTS = {"pass": _GOOD, "fail": _BAD, "error": _BAD, "no_data": _OPEN, "inconclusive": _OPEN, "waived": _OPEN}
"""A verdict is told by its mark's shape, too: not everyone sees the colors."""
_BAND: dict[str, Any] = {"color": COLORS["accent"], "alpha": 0.22, "linewidth": 0}
_NOTE: dict[str, Any] = {"textcoords": "offset points", "fontsize": 9}
_BAR_NOTE = {**_NOTE, "color": COLORS["bar"]}
_STAGE_NOTE = {**_NOTE, "color": COLORS["muted"], "ha": "center", "va": "bottom"}


@dataclass(frozen=True, slots=True)
class Size:
    """A picture's size in inches, and how many marks its time axis may have: text keeps its size, so there are two."""

    name: str
    width: float
    ticks: int


SIZES = (Size("wide", 9.6, 8), Size("narrow", 4.0, 4))
"""For a desk and for a phone."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, as an `<svg>` element for each size."""

    wide: str
    narrow: str


def draw_staircase(history: RolloutHistory, label: str) -> Picture:
    """The percentage over time; decisions carry the numbers of the table of decisions, rollbacks are red."""

    def draw(size: Size) -> str:
        figure, axes = _canvas(history, size, height=3.6)
        times = [_days(at) for at, _ in history.staircase]
        percents = [percent for _, percent in history.staircase]
        axes.fill_between(times, percents, step="post", **_BAND)
        axes.step(times, percents, where="post", color=COLORS["accent"], linewidth=2.4)
        for (_, before), (at, after) in pairwise(history.staircase):
            if after < before:
                axes.vlines(_days(at), after, before, color=COLORS["fail"], linewidth=2.4)
        _mark_acts(axes, history, size)
        axes.set_ylim(-4, 112)
        axes.set_yticks(sorted({0.0, 100.0, *(s.exposure for s in history.plan.stages if s.exposure >= 10)}))
        axes.yaxis.set_major_formatter(lambda value, _: percentage(value))
        return inline(figure, name=f"staircase-{size.name}", label=label)

    return Picture(*map(draw, SIZES))


def _mark_acts(axes: Axes, history: RolloutHistory, size: Size) -> None:
    left, right = axes.get_xlim()
    taken: list[tuple[float, float]] = []
    for number, event in enumerate(history.acts, start=1):
        height = max([0.0, *(percent for at, percent in history.staircase if at <= event.at)][-1:])
        day = _days(event.at)
        at = (day - left) / (right - left) * size.width
        height = free_height(height, [y for x, y in taken if abs(at - x) < _MARK_INCHES])
        taken.append((at, height))
        color = COLORS["fail"] if event in history.rollbacks else COLORS["ink"]
        axes.plot([day], [height], "o", markersize=13, color=COLORS["surface"], markeredgecolor=color, clip_on=False)
        axes.annotate(str(number), (day, height), ha="center", va="center_baseline", fontsize=8, color=color)


def free_height(height: float, taken: Sequence[float]) -> float:
    """Where a mark stands that others may be in the way of: above or below them, and always within the picture."""
    up = 1 if height < 50 else -1
    steps = (height + way * _MARK * step for way in (up, -up) for step in range(_MOST_MARKS))
    free = (y for y in steps if 0 <= y <= _HIGHEST and all(abs(y - other) >= _MARK for other in taken))
    return next(free, height)


def draw_criterion(history: RolloutHistory, name: str, number: int, label: str) -> Picture | None:
    """A criterion's value at each look, its interval and its bar; None where nothing was measured."""
    looks = [look for look in history.looks_at(name) if look.judgement.get("value") is not None]
    if not looks:
        return None
    scale, written = _UNITS.get(looks[0].judgement["kind"], (1.0, plain))
    bar = looks[0].judgement["bar"] * scale

    def draw(size: Size) -> str:
        figure, axes = _canvas(history, size, height=2.9)
        visits = [_thinned(mine) for visit in history.visits if (mine := [k for k in looks if k.visit is visit])]
        for mine in visits:
            _draw_visit(axes, mine, scale)
        _label_visits(axes, visits, size)
        axes.axhline(bar, color=COLORS["bar"], linewidth=1.6, linestyle=(0, (5, 3)))
        told = f"bar {written(bar)}"
        axes.annotate(told, (0.0, bar), xycoords=("axes fraction", "data"), xytext=(4, 4), **_BAR_NOTE)
        axes.set_ylim(*_range(bar, [look.judgement["value"] * scale for look in looks]))
        axes.yaxis.set_major_formatter(lambda value, _: written(value))
        return inline(figure, name=f"criterion-{number}-{size.name}", label=label)

    return Picture(*map(draw, SIZES))


_UNITS: dict[str, tuple[float, Callable[[float], str]]] = {"rate": (100.0, percentage), "compare": (1.0, times)}
"""By the kind of a criterion, what its numbers are drawn as."""


def draw_rates(history: RolloutHistory, name: str, number: int, label: str) -> Picture | None:
    """Both rates of a comparison at each look, the new path's and its control's; None where nothing was compared."""
    looks = [look for look in history.looks_at(name) if look.judgement.get("control_requests")]
    if not looks:
        return None

    def draw(size: Size) -> str:
        figure, axes = _canvas(history, size, height=2.4)
        visits = [_thinned(mine) for visit in history.visits if (mine := [k for k in looks if k.visit is visit])]
        for mine in visits:
            both = [cells.rates(look.judgement) for look in mine]
            for side, color in enumerate((COLORS["accent"], COLORS["muted"])):
                axes.plot([_days(look.at) for look in mine], [100 * rates[side] for rates in both], color=color, lw=2)
        newest = cells.rates(looks[-1].judgement)
        for side, (what, color) in enumerate((("new path", COLORS["accent"]), ("control", COLORS["muted"]))):
            at = (_days(looks[-1].at), 100 * newest[side])
            axes.annotate(what, at, xytext=(-4, 6), textcoords="offset points", ha="right", fontsize=9, color=color)
        axes.set_ylim(*_range(0.0, [100 * rate for look in looks for rate in cells.rates(look.judgement)]))
        axes.yaxis.set_major_formatter(lambda value, _: percentage(value))
        return inline(figure, name=f"rates-{number}-{size.name}", label=label)

    return Picture(*map(draw, SIZES))


def _draw_visit(axes: Axes, looks: Sequence[CriterionEvaluation], scale: float) -> None:
    sure = [look for look in looks if look.judgement.get("interval")]
    lower, upper = ([look.judgement["interval"][end] * scale for look in sure] for end in (0, 1))
    axes.fill_between([_days(look.at) for look in sure], lower, upper, **_BAND)
    days, values = [_days(look.at) for look in looks], [look.judgement["value"] * scale for look in looks]
    axes.plot(days, values, color=COLORS["accent"], linewidth=2, solid_capstyle="round")
    mark, color = _VERDICTS[looks[-1].judgement["verdict"]]
    axes.plot(days[-1:], values[-1:], mark, markersize=8, color=COLORS[color], clip_on=False)


def _label_visits(axes: Axes, visits: Sequence[Sequence[CriterionEvaluation]], size: Size) -> None:
    """Each stage's percentage above its line, on a second row where the first has no room, or else not at all."""
    left, right = axes.get_xlim()
    free = [left] * _LABEL_ROWS
    for looks in visits:
        middle = (_days(looks[0].at) + _days(looks[-1].at)) / 2
        text = percentage(looks[-1].visit.percent)
        half = (len(text) + 1) * _LETTER / size.width * (right - left) / 2
        row = next((row for row, past in enumerate(free) if middle - half >= past), None)
        if row is None:
            continue
        free[row] = middle + half
        place = (middle, 1.0)
        axes.annotate(text, place, xycoords=("data", "axes fraction"), xytext=(0, 2 + 12 * row), **_STAGE_NOTE)


def _canvas(history: RolloutHistory, size: Size, *, height: float) -> tuple[Figure, Axes]:
    figure, axes = canvas(width=size.width, height=height)
    from matplotlib import dates  # costs half a second that only a picture is worth

    marks: Any = dates  # its classes are not typed
    zone = history.plan.zone
    locator = marks.AutoDateLocator(tz=zone, minticks=2, maxticks=size.ticks)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(marks.ConciseDateFormatter(locator, tz=zone, formats=AXIS_TIMES, show_offset=False))
    times = [_days(at) for at, _ in history.staircase]
    margin = (times[-1] - times[0]) * 0.02
    axes.set_xlim(times[0] - margin, times[-1] + margin)
    axes.grid(axis="y", color=COLORS["grid"], linewidth=1)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLORS["grid"])
    axes.tick_params(colors=COLORS["muted"], length=0, labelsize=9)
    axes.tick_params(axis="x", pad=7)  # below the lowest percentage, also where a day begins right there
    return figure, axes


def _days(at: datetime) -> float:
    """A moment as matplotlib counts them: days since 1970 in UTC."""
    return at.timestamp() / 86_400


def _thinned(looks: Sequence[CriterionEvaluation]) -> list[CriterionEvaluation]:
    """Every n-th look, and always the last: it carries the verdict."""
    every = max(1, -(-len(looks) // _MOST_POINTS))
    return [look for index, look in enumerate(looks) if index % every == 0 or index == len(looks) - 1]


def _range(bar: float, values: Sequence[float]) -> tuple[float, float]:
    """Limits that show the bar and every value; a wide interval at the start may go beyond."""
    low, high = min([bar, *values]), max([bar, *values])
    room = max(high - low, abs(bar), 1e-9) * 0.35
    return (0.0 if low >= 0 else low - room), high + room
