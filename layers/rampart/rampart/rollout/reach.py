"""Whether the outside can be reached, with the functions' own network and credentials; nothing is written anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rampart.errors import FlagStoreError, MonitorsUnreadableError, UnknownFlagError
from rampart.evidence.series import Unavailable
from rampart.rollout.ports import Clock, FlagStore, MetricSource

_NO_FLAG = "rampart_doctor"
"""A flag that need not exist: that the store knows of none is an answer too."""
_NO_MONITOR = 1
_NO_METRIC = "avg:rampart.doctor{*}"
_BUCKET = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Reached:
    """What kept each outside system from answering, in words; None where it answered."""

    flags: str | None
    metrics: str | None
    monitors: str | None

    def to_wire(self) -> dict[str, Any]:
        """The answer as `rampart doctor` reads it."""
        return {"outcome": "reached", "flags": self.flags, "metrics": self.metrics, "monitors": self.monitors}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The use case with its ports."""

    flags: FlagStore
    metrics: MetricSource
    clock: Clock

    def __call__(self) -> Reached:
        """Ask each outside system for something that need not exist; raises nothing for what they answer."""
        return Reached(self._flags(), self._metrics(), self._monitors())

    def _flags(self) -> str | None:
        try:
            self.flags.read(_NO_FLAG)
        except UnknownFlagError:
            return None
        except FlagStoreError as error:
            return str(error)
        return None

    def _metrics(self) -> str | None:
        width = int(_BUCKET.total_seconds())
        end = int(self.clock.now().timestamp()) // width * width
        answer = self.metrics.read({"doctor": _NO_METRIC}, start=end - width, end=end, bucket=width)["doctor"]
        return f"{answer.reason.value}: {answer.detail}" if isinstance(answer, Unavailable) else None

    def _monitors(self) -> str | None:
        try:
            self.metrics.read_monitors([_NO_MONITOR])
        except MonitorsUnreadableError as error:
            return str(error)
        return None
