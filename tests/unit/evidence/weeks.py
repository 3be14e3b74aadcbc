"""Made-up histories of hourly counts."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from rampart.evidence.series import Series

HOUR = 3600
WEEK = 7 * 24
Counts = tuple[float, float]
"""Errors and requests of an hour."""


def clumped_hours(rate: float, requests: int, *, clump: int = 3, hours: int = WEEK, seed: int = 1) -> list[Counts]:
    """Hours of so many requests, of which causes spoil `clump` each, so that the rate comes out."""
    chance = random.Random(seed)
    counts: list[Counts] = []
    for _ in range(hours):
        mean, causes = requests * rate / clump, 0
        while (mean := mean - chance.expovariate(1)) > 0:
            causes += 1
        counts.append((float(min(requests, clump * causes)), float(requests)))
    return counts


def with_hours(counts: Sequence[Counts], spoiled: Mapping[int, Counts]) -> list[Counts]:
    """The same hours, some replaced."""
    return [spoiled.get(index, each) for index, each in enumerate(counts)]


def as_series(counts: Sequence[Counts], start: int = 0) -> tuple[Series, Series]:
    """Errors and requests as the metric source answers them."""
    errors, total = (
        Series(tuple((start + index * HOUR, each[part]) for index, each in enumerate(counts))) for part in (0, 1)
    )
    return errors, total
