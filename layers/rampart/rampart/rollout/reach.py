"""Whether the outside can be reached, with the functions' own network and credentials; nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from rampart.errors import FlagStoreError, MonitorsUnreadableError, UnknownFlagError
from rampart.evidence.series import Unavailable
from rampart.rollout.ports import Clock, FlagStore, MetricSource

_NO_FLAG = "rampart_doctor"
"""A flag that need not exist: that the store knows of none is an answer too."""
_NO_MONITOR = 1
_NO_METRIC = "avg:rampart.doctor{*}"
_NO_CLOUDWATCH_METRIC = 'cloudwatch: {"namespace": "Rampart", "metric": "Doctor"}'
_BUCKET = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Reached:
    """What kept each outside system from answering, in words; None where it answered."""

    flags: str | None
    metrics: str | None
    monitors: str | None
    others: Mapping[str, str | None] = field(default_factory=dict)
    """Sources of evidence that not every stack has, by name."""

    def to_wire(self) -> dict[str, Any]:
        """The answer as `rampart doctor` reads it."""
        known = {"flags": self.flags, "metrics": self.metrics, "monitors": self.monitors}
        return {"outcome": "reached", **known, **self.others}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The use case with its ports."""

    flags: FlagStore
    metrics: MetricSource
    clock: Clock
    has_role: bool = False
    """Whether CloudWatch is read with a role, which may not let itself be taken."""

    def __call__(self) -> Reached:
        """Ask each outside system for something that need not exist; raises nothing for what they answer."""
        others = {"cloudwatch": self._evidence(_NO_CLOUDWATCH_METRIC)} if self.has_role else {}
        return Reached(self._flags(), self._evidence(_NO_METRIC), self._monitors(), others)

    def _flags(self) -> str | None:
        try:
            self.flags.read(_NO_FLAG)
        except UnknownFlagError:
            return None
        except FlagStoreError as error:
            return str(error)
        return None

    def _evidence(self, query: str) -> str | None:
        width = int(_BUCKET.total_seconds())
        end = int(self.clock.now().timestamp()) // width * width
        answer = self.metrics.read({"doctor": query}, start=end - width, end=end, bucket=width)["doctor"]
        return f"{answer.reason.value}: {answer.detail}" if isinstance(answer, Unavailable) else None

    def _monitors(self) -> str | None:
        try:
            self.metrics.read_monitors([_NO_MONITOR])
        except MonitorsUnreadableError as error:
            return str(error)
        return None
