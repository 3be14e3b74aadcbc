"""Clumps that are measured from a week with an outage: they must neither blind the rule nor break its guarantee."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.measures import FOUR_DAYS, HOUR, TRIES, WEEK, Found, rolled_back_share, seeded, weekly_clumps
from benchmarks.rules import Floats, Rampart
from benchmarks.series import clumped
from rampart.evidence.clump import Clump

BUSY = 480
"""Requests in a five-minute bucket at the front end of a web shop."""


class Outage(NamedTuple):
    """How many five-minute buckets an outage lasts, and which share of their requests it spoils."""

    buckets: int
    share: float

    def __str__(self) -> str:
        long = f"{self.buckets // HOUR} h" if self.buckets >= HOUR else f"{self.buckets * 5} min"
        return f"{self.share:.0%} of {long}"


OUTAGES = (Outage(0, 0.0), Outage(1, 0.6), Outage(HOUR, 0.4), Outage(2 * HOUR, 1.0), Outage(6 * HOUR, 0.4))


def with_outage(bar: float, clump: int, spread: float, tries: int, outage: Outage, size: int) -> Found:
    """At half a bar: the clump after a week with an outage, and how often four good days are rolled back with it."""
    chance = seeded("outage", bar, clump, spread, tries, outage)
    rate = bar / 2
    found: list[Clump] = []
    while len(found) < size:
        some = min(500, size - len(found))
        errors, requests = clumped(rate, tries, clump, looks=WEEK * HOUR, size=some, spread=spread, chance=chance)
        _break(errors, requests, outage, chance)
        found += weekly_clumps(errors, requests)
    clumps = np.array([each.clump for each in found])
    stage = clumped(rate, tries, clump, looks=FOUR_DAYS, size=size, spread=spread, chance=chance)
    return {
        "median": float(np.median(clumps)),
        "95%": float(np.quantile(clumps, 0.95)),
        "left out": float(np.mean([len(each.left_out) for each in found])),
        "rolled back": rolled_back_share(Rampart(size, bar, clump=clumps, planned=FOUR_DAYS), *stage),
    }


def few_errors(expected: float, clump: int, size: int) -> Found:
    """Weeks with this many errors, in clumps: how often hours are left out without an outage, and the clump's mean."""
    chance = seeded("few", expected, clump)
    rate = expected / (TRIES * WEEK * HOUR)
    errors, requests = clumped(rate, TRIES, clump, looks=WEEK * HOUR, size=size, spread=0, chance=chance)
    measured = weekly_clumps(errors, requests)
    told = [each.clump for each in measured if not each.source.startswith("default")]
    return {
        "left out": float(np.mean([bool(each.left_out) for each in measured])),
        "mean": float(np.mean(told)) if told else float(clump),
    }


def _break(errors: Floats, requests: Floats, outage: Outage, chance: np.random.Generator) -> None:
    """Let an outage happen somewhere in each series."""
    looks, size = errors.shape
    begins = chance.integers(0, looks - outage.buckets, size)
    for later in range(outage.buckets):
        at = (begins + later, np.arange(size))
        errors[at] = np.maximum(errors[at], np.round(outage.share * requests[at]))
