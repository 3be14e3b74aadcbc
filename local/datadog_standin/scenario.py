"""The scripted world that the metrics show: traffic that follows a flag, and what is published about it.

Every second of it is drawn from a hash of seed, name and second, so that the same second has the same counts
whatever the bucket, the query or the time of asking.
"""

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict

from local.exchange import Json

Shares = Sequence[tuple[float, float]]
"""Share of traffic on the new path over time: (epoch seconds, 0 to 1), oldest first; nothing yet is 0."""
ShareSource = Callable[[str], Shares]


class _Scripted(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _as_schedule(value: Json) -> Json:
    return [(0.0, value)] if isinstance(value, int | float) else value


Schedule = Annotated[list[tuple[float, float]], BeforeValidator(_as_schedule)]
"""A number over time: (epoch seconds, value), oldest first; one plain number holds always."""


def value_at(schedule: Shares, second: float, before: float = 0.0) -> float:
    """Look up what holds at a second, or `before` when nothing has started yet."""
    index = bisect_right(schedule, second, key=lambda entry: entry[0])
    return schedule[index - 1][1] if index else before


class Counted(StrEnum):
    """Which requests a series counts."""

    REQUESTS = "requests"
    """All of them."""
    SUCCESSES = "successes"
    """Successful requests."""
    ERRORS = "errors"
    """Failed requests."""


class PathScope(StrEnum):
    """Whose requests a series counts."""

    EVERYONE = "everyone"
    """Both paths mixed."""
    COHORT = "cohort"
    """Only requests that took the new path: none at all at 0%."""
    OLD = "old"
    """Only requests that took the old path: none at all at 100%."""


class TaggedCounter(_Scripted):
    """A counter as an application sends it: a metric with its tags."""

    metric: str
    tags: dict[str, str] = {}
    counts: Counted = Counted.REQUESTS
    scope: PathScope = PathScope.EVERYONE


class Drawn(NamedTuple):
    """What happened in one second."""

    requests: int
    errors: int
    cohort_requests: int
    cohort_errors: int

    def count(self, series: TaggedCounter) -> int:
        """Count what a series counts."""
        requests, errors = self.requests, self.errors
        if series.scope is PathScope.COHORT:
            requests, errors = self.cohort_requests, self.cohort_errors
        elif series.scope is PathScope.OLD:
            requests, errors = requests - self.cohort_requests, errors - self.cohort_errors
        return {Counted.REQUESTS: requests, Counted.ERRORS: errors, Counted.SUCCESSES: requests - errors}[series.counts]


class Traffic(_Scripted):
    """Requests of one kind: how many, how many of them fail on either path, and the series that show it."""

    name: str
    flag: str
    per_second: Schedule
    """Requests a second at 100% of traffic, on both paths together."""
    old_error_rate: Schedule = [(0.0, 0.0)]
    new_error_rate: Schedule = [(0.0, 0.0)]
    flip_burst_seconds: float = 0.0
    """For so long after every change of the flag, `flip_burst_error_rate` holds on both paths where it is higher."""
    flip_burst_error_rate: float = 0.0
    series: list[TaggedCounter]

    def at(self, second: int, luck: str, shares: Shares, propagation: float) -> Drawn:
        """Draw what happens in a second; the same `luck` draws the same requests."""
        since = value_at([(at, at) for at, _ in shares], second - propagation, before=-math.inf)
        burst = self.flip_burst_error_rate if second - propagation - since < self.flip_burst_seconds else 0.0
        return _draw(
            luck,
            value_at(self.per_second, second),
            value_at(shares, second - propagation),
            max(burst, value_at(self.old_error_rate, second)),
            max(burst, value_at(self.new_error_rate, second)),
        )


class Gauge(_Scripted):
    """A value such as a latency: one on the old path, one on the new, mixed by the share for everyone."""

    metric: str
    tags: dict[str, str] = {}
    flag: str
    old: Schedule
    new: Schedule
    scope: PathScope = PathScope.EVERYONE
    unit: Any = None

    def at(self, second: int, shares: Shares, propagation: float) -> float | None:
        """The value in a second; None when no user is there to measure."""
        share = value_at(shares, second - propagation)
        if self.scope is PathScope.COHORT:
            return value_at(self.new, second) if share else None
        if self.scope is PathScope.OLD:
            return value_at(self.old, second) if share < 1 else None
        return (1 - share) * value_at(self.old, second) + share * value_at(self.new, second)


class Points(_Scripted):
    """A series given point by point, as (epoch second, value): for exact numbers, and for nonsense."""

    metric: str
    tags: dict[str, str] = {}
    points: list[tuple[int, float | None]]
    unit: Any = None


class Scenario(_Scripted):
    """The whole script."""

    seed: int = 1
    lag: float = 0.0
    """Seconds of the newest data that are still incomplete."""
    partial: bool = False
    """Whether seconds within the lag show a growing part of their counts (True) or nothing (False)."""
    begins: int = 0
    """Epoch second of the first data: drawing days of history request by request takes a while."""
    repeats: int | None = None
    """Seconds after which the same requests come again, with the rates of their own time: hours are drawn once."""
    propagation: float = 0.0
    """Seconds after which a change of the flag reaches the hosts."""
    traffic: list[Traffic] = []
    gauges: list[Gauge] = []
    points: list[Points] = []

    def luck(self, traffic: str, second: int) -> str:
        """What a second's requests are drawn from."""
        return f"{self.seed}/{traffic}/{second % self.repeats if self.repeats else second}"

    def change(self, name: str, at: float, **values: float) -> None:
        """Give a schedule of the traffic or gauge with this name new values from `at` on.

        Raises KeyError if there is no such traffic or gauge, ValueError if it has no such schedule.
        """
        named: dict[str, _Scripted] = {each.metric: each for each in self.gauges}
        item = (named | {each.name: each for each in self.traffic})[name]
        for key, value in values.items():
            if key not in {"per_second", "old_error_rate", "new_error_rate", "old", "new"} & set(vars(item)):
                raise ValueError(f"{name} has no schedule {key}")
            setattr(item, key, [entry for entry in getattr(item, key) if entry[0] < at] + [(at, float(value))])


class Selection(NamedTuple):
    """The values that match a selection: (second, value) in any order, and how to show them."""

    values: list[tuple[int, float]]
    is_counter: bool
    unit: Any


Matches = Callable[[str, Mapping[str, str]], bool]


def select(scenario: Scenario, matches: Matches, start: int, end: int, now: float, shares_of: ShareSource) -> Selection:
    """Collect what is visible at `now` of the seconds in [start, end), of every series that matches."""
    values: list[tuple[int, float]] = []
    is_counter, unit = False, None
    start = max(start, scenario.begins)
    for traffic in scenario.traffic:
        series = [entry for entry in traffic.series if matches(entry.metric, entry.tags)]
        if series:
            is_counter = True
            values += _counted(scenario, traffic, series, start, end, now, shares_of(traffic.flag))
    for gauge in scenario.gauges:
        if matches(gauge.metric, gauge.tags):
            shares, unit = shares_of(gauge.flag), gauge.unit
            seconds = range(start, min(end, math.floor(now - scenario.lag)))
            measured = ((second, gauge.at(second, shares, scenario.propagation)) for second in seconds)
            values += [(second, value) for second, value in measured if value is not None]
    for points in scenario.points:
        if matches(points.metric, points.tags):
            unit = points.unit
            values += [(at, value) for at, value in points.points if start <= at < end and value is not None]
    return Selection(values, is_counter, unit)


def _counted(
    scenario: Scenario, traffic: Traffic, series: list[TaggedCounter], start: int, end: int, now: float, shares: Shares
) -> Iterator[tuple[int, float]]:
    """Count second by second; a second in which nothing happened has no point, as with counters that are sent."""
    for second in range(start, min(end, math.floor(now))):
        age = now - (second + 1)  # a second is over when the next one starts
        if age < scenario.lag and not scenario.partial:
            return
        drawn = traffic.at(second, scenario.luck(traffic.name, second), shares, scenario.propagation)
        count = sum(drawn.count(entry) for entry in series)
        if age < scenario.lag:
            count = math.floor(count * age / scenario.lag)
        if count:
            yield second, float(count)


@lru_cache(maxsize=100_000)
def _draw(key: str, mean: float, share: float, old_rate: float, new_rate: float) -> Drawn:
    """Draw one second: a Poisson number of requests, each with its own place in the cohort and its own luck.

    A request keeps both whatever the share or the rates are, so that a larger share holds the smaller one's requests.
    """
    source = random.Random(key)
    requests = _poisson(source, mean)
    errors = cohort_requests = cohort_errors = 0
    for _ in range(requests):
        in_cohort, failed = source.random() < share, source.random()
        fails = failed < (new_rate if in_cohort else old_rate)
        errors += fails
        cohort_requests += in_cohort
        cohort_errors += in_cohort and fails
    return Drawn(requests, errors, cohort_requests, cohort_errors)


def _poisson(source: random.Random, mean: float) -> int:
    """Draw a Poisson number (Knuth's product of uniforms; by the normal curve from 50 on)."""
    if mean >= 50:
        return max(0, round(source.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), source.random(), 0
    while product > limit:
        product *= source.random()
        count += 1
    return count
