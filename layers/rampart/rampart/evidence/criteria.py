"""The five kinds of criteria."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from rampart.evidence.grid import DEFAULT_CLUMP
from rampart.words import plain


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


class Counts(StrEnum):
    """What a total counts."""

    REQUESTS = "requests"
    """Requests: some people make many, so that their share is no more than near the flag's percentage."""
    USERS = "users"
    """Users, or exposures: each falls to a path by itself, so that their share must be the flag's percentage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCriterion:
    """Errors out of requests, judged statistically; rates and alphas are fractions.

    Raises ValueError where no rule could be made of the numbers.
    """

    name: str
    bar: float
    side: Side
    clump: float = DEFAULT_CLUMP
    """Errors come in groups of up to this many, since one cause can fail several requests."""
    clump_source: str = "default"
    scope: Scope = Scope.COHORT
    baseline: float | None = None
    """The rate without the flag."""
    usual: float | None = None
    """The rate without the flag as it was measured, where it was; it counts more than what the plan says."""
    week: tuple[float, float] | None = None
    """Errors and requests of the week before the start, where they were kept."""
    flag_only: bool = False
    """Whether it fails only where the flag's path is worse than a control, which is asked as well."""
    counts: Counts = Counts.REQUESTS
    alpha_fail: float = 0.05
    """The most chance that the cumulative test ever fails a stage whose rate stays on the right side."""
    alpha_pass: float = 0.05
    """The most chance that a stage on the wrong side ever looks proven."""
    detector: float = 100.0
    """False alarms of the change detector come at most once in this many planned stages."""

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
        """The share of requests that usually speaks against a stage, without the flag; 0 where no one knows of any."""
        usual = self.usual if self.usual is not None else self.baseline
        if usual is None:
            return 0.0
        return usual if self.fails_high else 1 - usual


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareCriterion:
    """The flag's own path against a control: its rate may be at most `ratio` times the control's.

    Rates and alphas are fractions. Raises ValueError where no rule could be made of the numbers.
    """

    name: str
    ratio: float
    floor: float | None = None
    """The own path's rate below which no ratio matters."""
    clump: float = DEFAULT_CLUMP
    """Errors come in groups of up to this many, since one cause can fail several requests."""
    clump_source: str = "default"
    baseline: float | None = None
    """The control's rate, as the plan has it."""
    usual: float | None = None
    """The control's rate in the week before the start, where it was measured."""
    is_concurrent: bool = True
    """Whether the control has its requests at the same time, and shares them with the own path."""
    counts: Counts = Counts.REQUESTS
    alpha_fail: float = 0.05
    alpha_pass: float = 0.05
    detector: float = 100.0

    def __post_init__(self) -> None:
        if not 0 < self.ratio <= MOST_TIMES:
            raise ValueError(
                f"{self.name}: {plain(self.ratio)} times the control doesn't lie between 0 and {MOST_TIMES}"
            )
        if self.floor is not None and not 0 < self.floor < 1:
            raise ValueError(f"{self.name}: the rate {plain(self.floor)} does not lie between 0 and 1, exclusive")
        if not (0 < self.alpha_fail < 0.5 and 0 < self.alpha_pass < 0.5):
            raise ValueError(f"{self.name}: alphas lie between 0 and 0.5, exclusive")
        if not (self.clump >= 1 and self.detector >= 1):
            raise ValueError(f"{self.name}: clump and detector are at least 1")

    @property
    def own_errors(self) -> ErrorPace:
        """What is known of the own path's errors beforehand: nothing."""
        return ErrorPace(self.clump, 0.0)

    @property
    def control_errors(self) -> ErrorPace:
        """What is known of the control's errors beforehand."""
        usual = self.usual if self.usual is not None else self.baseline
        return ErrorPace(self.clump, usual or 0.0)


MOST_TIMES = 100
"""The largest ratio that a bar may have: what may be a hundred times as bad is not compared."""


@dataclass(frozen=True, slots=True)
class ErrorPace:
    """How errors are expected to come: how many one cause makes, and the usual rate, 0 where no one knows it."""

    clump: float
    usually_wrong: float
    fails_high: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CountCriterion:
    """A sum over the stage that may not exceed a limit."""

    name: str
    at_most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueCriterion:
    """A gauge or percentile that fails once it has been on the wrong side of its bar for `hold_for`."""

    name: str
    bar: float
    side: Side
    hold_for: timedelta

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


Criterion = RateCriterion | CompareCriterion | CountCriterion | ValueCriterion | ReportedCriterion
