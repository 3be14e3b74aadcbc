"""Metrics and monitors that answer what a test says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rampart.evidence.monitor import MonitorReading
from rampart.evidence.series import Measured, Series
from tests.doubles.calls import OnCall, around, nothing

Script = Measured | Callable[[int, int, int], Measured]
"""An answer, or what makes one of start, end and bucket (seconds)."""


@dataclass(slots=True)
class ScriptedMetricSource:
    """Answers by a query's key, then by its text; what no script knows is an empty series, as Datadog has it."""

    script: dict[str, Script] = field(default_factory=dict)
    monitors: dict[int, str | MonitorReading] = field(default_factory=dict)
    """What monitors say, by id; a text is the state of one that is well otherwise, and what is missing is quiet."""
    failure: Exception | None = None
    """Raised by `read_monitors`."""
    asked: list[tuple[dict[str, str], int, int, int]] = field(default_factory=list)
    """Queries, start, end and bucket of each request."""
    on_call: OnCall = nothing

    def read(self, queries: Mapping[str, str], *, start: int, end: int, bucket: int) -> Mapping[str, Measured]:
        with around(self.on_call, "metrics.read"):
            self.asked.append((dict(queries), start, end, bucket))
            scripts = {key: self.script.get(key, self.script.get(text, Series(()))) for key, text in queries.items()}
            return {key: each(start, end, bucket) if callable(each) else each for key, each in scripts.items()}

    def read_monitors(self, ids: Sequence[int]) -> Mapping[int, MonitorReading]:
        """What each of these monitors says of itself."""
        with around(self.on_call, "metrics.monitors", self.failure):
            return {monitor: monitor_that_says(monitor, self.monitors.get(monitor, "OK")) for monitor in ids}


def monitor_that_says(monitor: int, said: str | MonitorReading) -> MonitorReading:
    """A monitor that notifies this stack's webhook and is in a state; `unknown` is one that does not exist."""
    if isinstance(said, MonitorReading):
        return said
    return MonitorReading(monitor=monitor, exists=said != "unknown", state=said, reaches=("webhook-rampart",))
