"""The stretch of time that one look judges."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EvenSpan:
    """A part of a window, epoch seconds [start, end), in buckets of one width."""

    start: int
    end: int
    bucket: int


@dataclass(frozen=True, slots=True)
class Window:
    """Epoch seconds [start, end) in buckets of `bucket` seconds; `end` lies far enough back for data to be complete.

    In a stage that lasts long, what lies before `fine_from` is judged in buckets of `coarse` seconds, and only the
    newest in fine ones: how soon a collapse is seen must not depend on how long people waited before it.
    """

    start: int
    end: int
    bucket: int
    planned_buckets: int
    """How many fine buckets the stage is planned to last: the measure of the change detector's patience.

    It does not depend on how the window is cut. The detector's R is a sum over the buckets' beginnings; coarse buckets
    leave beginnings out, so R is at most what it would be in fine ones, and its bound on false alarms holds.
    """
    coarse: int = 0
    """A multiple of `bucket`; 0 where the whole window is fine."""
    fine_from: int = 0

    @property
    def spans(self) -> tuple[EvenSpan, ...]:
        """The parts, oldest first."""
        if not self.coarse:
            return (EvenSpan(self.start, self.end, self.bucket),)
        return (EvenSpan(self.start, self.fine_from, self.coarse), EvenSpan(self.fine_from, self.end, self.bucket))

    @property
    def buckets(self) -> int:
        """How many buckets are judged."""
        return sum((span.end - span.start) // span.bucket for span in self.spans)

    def width_at(self, start: int) -> int:
        """How many seconds the bucket that begins at `start` lasts."""
        return self.coarse if self.coarse and start < self.fine_from else self.bucket

    def holds(self, start: int) -> bool:
        """Whether a bucket beginning at `start` is judged: whole, and neither too old nor too new to be complete."""
        return self.start <= start and start + self.width_at(start) <= self.end

    def to_stored(self) -> tuple[int, ...]:
        """The plain numbers from which `Window(*stored)` makes the same window; four of them where all is fine."""
        fine = (self.start, self.end, self.bucket, self.planned_buckets)
        return (*fine, self.coarse, self.fine_from) if self.coarse else fine
