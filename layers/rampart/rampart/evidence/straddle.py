"""Events that are counted in a later bucket than their requests: given back where they belong.

A request is counted as it comes, an error or a success as it ends. So a bucket may hold more of them than it has
requests, and the bucket before fewer. Where nearly every request ends in one, as successes do, the bucket before is
itself full of such latecomers: then its own go further back in turn, as in a queue.
"""

from __future__ import annotations

from collections.abc import Callable

Counts = tuple[float, float]
"""Events and requests of one bucket."""

_HANDED_ON = 1 / 20
"""What a full bucket hands on is at most this part of its requests, or a single event: more isn't straddling."""


def give_back(counts: dict[int, Counts], before: Callable[[int], int], *, whole: bool = True) -> None:
    """Take what a bucket has beyond its requests for events of earlier ones, in place; `counts` ascend by start.

    `before` gives the start of the bucket before. With `whole`, all of it goes there if it fits, however much it is.
    A few events may go further, where the buckets on the way are full. What finds no room stays where it is.
    """
    straddle = _Straddle(counts, before)
    for start, (events, requests) in list(counts.items()):
        if events > requests:
            straddle.hand_back(start, events - requests, whole=whole)


class _Straddle:
    """The buckets, and what was handed from each to the one before by now."""

    def __init__(self, counts: dict[int, Counts], before: Callable[[int], int]) -> None:
        self._counts = counts
        self._before = before
        self._handed: dict[int, float] = {}

    def hand_back(self, start: int, over: float, *, whole: bool) -> None:
        """Hand back what a bucket has too much; all of it or nothing."""
        at, rest = start, over
        handed: dict[int, float] = {}
        moved: dict[int, float] = {start: -over}
        while rest > 0:
            earlier = self._before(at)
            if earlier not in self._counts:
                return
            events, requests = self._counts[earlier]
            room = max(0.0, requests - events)
            fits = whole and at == start and rest <= room
            if not fits and not (self._may_hand_on(at, rest) and room <= _few(requests)):
                return
            handed[at] = rest
            moved[earlier] = min(rest, room)
            at, rest = earlier, rest - moved[earlier]
        for bucket, more in handed.items():
            self._handed[bucket] = self._handed.get(bucket, 0.0) + more
        for bucket, more in moved.items():
            events, requests = self._counts[bucket]
            self._counts[bucket] = (events + more, requests)

    def _may_hand_on(self, at: int, events: float) -> bool:
        """Whether a bucket may hand so many more on: its own, and few of them."""
        own, requests = self._counts[at]
        return requests > 0 and self._handed.get(at, 0.0) + events <= min(own, _few(requests))


def _few(requests: float) -> float:
    return max(1.0, _HANDED_ON * requests)
