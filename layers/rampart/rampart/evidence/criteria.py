"""The four kinds of criteria, and `judge`, which gives each its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from rampart.evidence.grid import DEFAULT_CLUMP
from rampart.evidence.judgement import Judgement
from rampart.evidence.limits import judge_count, judge_reported, judge_value
from rampart.evidence.rate import judge_rate
from rampart.evidence.series import Measured, Series
from rampart.evidence.window import Window
from rampart.words import plain

__all__ = [
    "CountCriterion",
    "Criterion",
    "Judgement",
    "RateCriterion",
    "ReportedCriterion",
    "Scope",
    "Side",
    "ValueCriterion",
    "judge",
]


class Side(StrEnum):
    """On which side of its bar a rate or value must stay."""

    BELOW = "below"
    """Less is better."""
    ABOVE = "above"
    """More is better."""


class Scope(StrEnum):
    """Whose requests a rate counts."""

    EVERYONE = "everyone"
    """All requests, with and without the flag."""
    COHORT = "cohort"
    """Only requests that the flag was on for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCriterion:
    """Errors out of requests, judged statistically; rates and alphas are fractions.

    Raises ValueError where no rule could be made of the numbers.
    """

    name: str
    bar: float
    side: Side
    clump: float = DEFAULT_CLUMP
    """Requests that one cause can spoil."""
    clump_source: str = "default"
    scope: str = Scope.COHORT
    baseline: float | None = None
    """The rate without the flag."""
    usual: float | None = None
    """The rate without the flag as it was measured, where it was; it counts more than what the plan says."""
    alpha_fail: float = 0.05
    """The most chance that the cumulative test ever fails a stage whose rate stays on the right side."""
    alpha_pass: float = 0.05
    """The most chance that a stage on the wrong side ever looks proven."""
    detector: float = 100.0
    """False alarms of the change detector come at most once in this many planned stages."""
    on_fail: str = "roll_back"

    def __post_init__(self) -> None:
        if not 0 < self.bar < 1:
            raise ValueError(f"{self.name}: the bar {plain(self.bar)} does not lie between 0 and 1, exclusive")
        if not (0 < self.alpha_fail < 0.5 and 0 < self.alpha_pass < 0.5):
            raise ValueError(f"{self.name}: alphas lie between 0 and 0.5, exclusive")
        if not (self.clump >= 1 and self.detector >= 1):
            raise ValueError(f"{self.name}: clump and detector are at least 1")

    @property
    def fails_high(self) -> bool:
        """Whether it is high rates that fail."""
        return self.side is Side.BELOW

    @property
    def usually_wrong(self) -> float:
        """The share of requests that usually speaks against a stage, without the flag; 0 where nobody knows of any."""
        usual = self.usual if self.usual is not None else self.baseline
        if usual is None:
            return 0.0
        return usual if self.fails_high else 1 - usual


@dataclass(frozen=True, slots=True, kw_only=True)
class CountCriterion:
    """A sum over the stage that may not exceed a limit."""

    name: str
    at_most: float
    on_fail: str = "roll_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueCriterion:
    """A gauge or percentile that fails once it has been on the wrong side of its bar for `hold_for`."""

    name: str
    bar: float
    side: Side
    hold_for: timedelta
    on_fail: str = "roll_back"

    @property
    def fails_high(self) -> bool:
        """Whether it is high values that fail."""
        return self.side is Side.BELOW

    def is_wrong(self, value: float) -> bool:
        """Whether a value is on the wrong side; the bar itself is."""
        return value >= self.bar if self.fails_high else value <= self.bar


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedCriterion:
    """A number that a person attests when approving."""

    name: str
    at_most: float
    on_fail: str = "roll_back"


Criterion = RateCriterion | CountCriterion | ValueCriterion | ReportedCriterion

_NOTHING_ANSWERED = Series(())


def judge(
    criterion: Criterion,
    *,
    measured: Mapping[str, Measured],
    window: Window,
    reported: float | None = None,
    share: float = 1.0,
) -> Judgement:
    """Judge one criterion by what was measured in a window.

    `measured` holds `errors` and `total` for a rate, `value` for a count or a value, nothing for what people report.
    `share` is the flag's share of requests, a fraction. Everything is computed anew from the window's buckets, so that
    late data, missed looks and restarts leave no trace, and stored evidence gives the stored judgement again.
    """
    match criterion:
        case RateCriterion():
            errors, total = measured.get("errors", _NOTHING_ANSWERED), measured.get("total", _NOTHING_ANSWERED)
            return judge_rate(criterion, errors, total, window, share)
        case CountCriterion():
            return judge_count(criterion, measured.get("value", _NOTHING_ANSWERED), window)
        case ValueCriterion():
            return judge_value(criterion, measured.get("value", _NOTHING_ANSWERED), window)
        case ReportedCriterion():
            return judge_reported(criterion, reported)
