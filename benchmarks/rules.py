"""Rules that roll back, over many series at once: Rampart's own, and what people use today.

Each takes one bucket of every series at a time. Rampart's is written here a second time, for speed; `decisions`
holds it against the product's on the same series.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rampart.evidence.grid import ALTERNATIVES, BUCKET_CAP, LEAST_ERRORS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_RATIOS = np.array([ratio for ratio, _ in ALTERNATIVES])
_LARGEST_EXPONENT = 300.0  # far beyond any threshold; keeps products inside a float
_WEIGHTS = np.array([weight for _, weight in ALTERNATIVES])


class Rule(Protocol):
    """A rule over many series at once."""

    def step(self, errors: Floats, requests: Floats) -> Flags:
        """Add one bucket of each series; returns which are rolled back now."""

    def keep(self, still: Flags) -> None:
        """Continue with some of the series only."""


class Rampart:
    """The cumulative mixture and the change detector, for a bar that high rates fail; `clump` may differ by series."""

    def __init__(
        self, size: int, bar: float, *, clump: Floats | float = 1.0, planned: int, capped: bool = True
    ) -> None:
        self.bar, self.planned = bar, planned
        self.clump = np.broadcast_to(np.asarray(clump, float), size)
        self.cap = bar / BUCKET_CAP if capped else 0.0
        self.each_error = np.log(_RATIOS)
        self.each_request = np.log1p((_RATIOS - 1) * bar)
        self.errors, self.light_errors, self.light_requests = (np.zeros(size) for _ in range(3))
        self.bets = np.zeros((size, len(_RATIOS)))

    def step(self, errors: Floats, requests: Floats) -> Flags:
        weight = np.maximum(self.clump, requests * self.cap)
        light_errors, light_requests = errors / weight, requests / weight
        self.errors = self.errors + errors
        self.light_errors = self.light_errors + light_errors
        self.light_requests = self.light_requests + light_requests
        self.bets = np.minimum(1e100, (1 + self.bets) * self._ratios(light_errors, light_requests))
        mixture = self._ratios(self.light_errors, self.light_requests) @ _WEIGHTS
        alarm = self.bets @ _WEIGHTS >= 100 * self.planned
        fails: Flags = ((mixture * 0.05 >= 1) | alarm) & (self.errors >= LEAST_ERRORS)
        return fails

    def _ratios(self, errors: Floats, requests: Floats) -> Floats:
        exponents = np.multiply.outer(errors, self.each_error) - np.multiply.outer(requests, self.each_request)
        ratios: Floats = np.exp(np.minimum(exponents, _LARGEST_EXPONENT))
        return ratios

    def keep(self, still: Flags) -> None:
        self.clump, self.bets = self.clump[still], self.bets[still]
        self.errors, self.light_errors = self.errors[still], self.light_errors[still]
        self.light_requests = self.light_requests[still]


class Cumulative:
    """A threshold on the rate so far, once there are enough requests: Cloud Run Release Manager's health check.

    It is unhealthy when the rate exceeds the most allowed, and inconclusive before the least number of requests.
    """

    def __init__(self, size: int, bar: float, *, least: float = 100) -> None:
        self.bar, self.least = bar, least
        self.errors, self.requests = np.zeros(size), np.zeros(size)

    def step(self, errors: Floats, requests: Floats) -> Flags:
        self.errors, self.requests = self.errors + errors, self.requests + requests
        fails: Flags = (self.requests >= self.least) & (self.errors > self.bar * self.requests)
        return fails

    def keep(self, still: Flags) -> None:
        self.errors, self.requests = self.errors[still], self.requests[still]


class FailedWindows:
    """This many windows beyond the bar, not necessarily in a row.

    Argo Rollouts fails an analysis when more measurements failed than its `failureLimit`; Flagger rolls back when the
    failed checks, which add up over the whole analysis, reach its `threshold`.
    """

    def __init__(self, size: int, bar: float, *, windows: int) -> None:
        self.bar, self.windows = bar, windows
        self.failed = np.zeros(size)

    def step(self, errors: Floats, requests: Floats) -> Flags:
        self.failed = self.failed + (errors > self.bar * requests)
        fails: Flags = self.failed >= self.windows
        return fails

    def keep(self, still: Flags) -> None:
        self.failed = self.failed[still]


class PeekedZTest(Cumulative):
    """The one-sided test at 5% that is valid for one look at a sample of fixed size, applied at every look."""

    def step(self, errors: Floats, requests: Floats) -> Flags:
        super().step(errors, requests)
        spread = np.sqrt(self.bar * (1 - self.bar) * np.maximum(self.requests, 1))
        fails: Flags = (self.requests >= self.least) & (self.errors - self.bar * self.requests > 1.645 * spread)
        return fails
