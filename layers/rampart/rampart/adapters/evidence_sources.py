"""All sources of evidence as one: each query goes to the source that it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from rampart.plan.cloudwatch_query import CloudWatchQuery

if TYPE_CHECKING:
    from rampart.adapters.cloudwatch import CloudWatchMetricSource
    from rampart.evidence.monitor import MonitorReading
    from rampart.evidence.series import Measured
    from rampart.rollout.ports import MetricSource


class RoutedMetricSource:
    """Implements `MetricSource`: CloudWatch's queries go there, all others and the monitors to Datadog.

    Neither is asked where nothing is asked of it; `cloudwatch` makes that source when it is first needed.
    """

    def __init__(self, datadog: MetricSource, cloudwatch: Callable[[], CloudWatchMetricSource]) -> None:
        self._datadog = datadog
        self._make_cloudwatch = cloudwatch

    @cached_property
    def _cloudwatch(self) -> CloudWatchMetricSource:
        return self._make_cloudwatch()

    def read(self, queries: Mapping[str, str], *, start: int, end: int, bucket: int) -> Mapping[str, Measured]:
        """Ask each source for its queries in one go, in buckets of `bucket` seconds over [start, end); never raises."""
        named = {key: CloudWatchQuery.read(query) for key, query in queries.items()}
        there = {key: query for key, query in named.items() if query is not None}
        others = {key: queries[key] for key, query in named.items() if query is None}
        found: dict[str, Measured] = {}
        if others:
            found |= self._datadog.read(others, start=start, end=end, bucket=bucket)
        if there:
            found |= self._cloudwatch.read(there, start=start, end=end, bucket=bucket)
        return {key: found[key] for key in queries}

    def read_monitors(self, ids: Sequence[int]) -> Mapping[int, MonitorReading]:
        """What each of these monitors of Datadog says of itself; raises MonitorsUnreadableError."""
        return self._datadog.read_monitors(ids)
