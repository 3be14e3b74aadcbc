"""The stretch of time that one look judges."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """Epoch seconds [start, end) in buckets of `bucket` seconds; `end` lies far enough back for data to be complete."""

    start: int
    end: int
    bucket: int
    planned_buckets: int
    """How many buckets the stage is planned to last: the measure of the change detector's patience."""

    @property
    def buckets(self) -> int:
        """How many buckets are judged."""
        return (self.end - self.start) // self.bucket

    def holds(self, start: int) -> bool:
        """Whether a bucket beginning at `start` is judged: whole, and neither too old nor too new to be complete."""
        return self.start <= start and start + self.bucket <= self.end
