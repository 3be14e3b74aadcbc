"""A published mixture to compare with: the beta-binomial one of Howard et al. (2021), as in their package `confseq`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from rampart.evidence.grid import coefficients
from rampart.evidence.mixture import evidence

PUBLISHED_BOUND = 28.41238
"""`BetaBinomialMixture(100, 0.05, 0.2, 0.8, one-sided).bound(100, log 20)` in confseq's own tests.

In words: at a bar of 20%, 625 requests (625 · 0.2 · 0.8 = 100) are too bad from 125 + 28.4 errors on, at alpha = 5%,
for the mixture that is tuned to be tightest at just this number of requests.
"""


class BetaBinomial:
    """Bernoulli likelihood ratios of rates above the bar, mixed over a Beta prior around the bar."""

    def __init__(self, bar: float, tuned_to: float, alpha: float = 0.05) -> None:
        self.bar = bar
        variance = tuned_to * bar * (1 - bar)
        # The tightest prior for a number of requests, one-sided: their rho, less what one request is worth.
        aim = 2 * alpha
        rho = variance / (2 * math.log(1 / aim) + math.log(1 + 2 * math.log(1 / aim)))
        strength = rho - bar * (1 - bar)
        self._a, self._b = strength / (1 - bar), strength / bar
        edges = bar + (1 - bar) * np.linspace(0, 1, 20_001) ** 3
        self._rates, self._steps = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
        self._whole = self._log_mass(0, 0)

    def _log_mass(self, errors: float, requests: float) -> float:
        logs = (self._a + errors - 1) * np.log(self._rates)
        logs += (self._b + requests - errors - 1) * np.log1p(-self._rates)
        top = logs.max()
        return float(top + np.log((np.exp(logs - top) * self._steps).sum()))

    def evidence(self, errors: float, requests: float) -> float:
        """The mixture of likelihood ratios to the bar."""
        at_bar = errors * math.log(self.bar) + (requests - errors) * math.log1p(-self.bar)
        return math.exp(min(700.0, self._log_mass(errors, requests) - self._whole - at_bar))


def published_bound() -> float:
    """The published bound, computed again: checks that the comparison uses the right method."""
    mixture = BetaBinomial(0.2, 625)
    return _first(lambda errors: mixture.evidence(errors, 625), 125, 625) - 125


def first_errors(bar: float, requests: int, tuned_to: float) -> tuple[float, float]:
    """The least errors at which this many requests fail: by the published mixture, tuned to a size, and by ours."""
    mixture, side = BetaBinomial(bar, tuned_to), coefficients(bar, higher=True)
    expected = bar * requests
    theirs = _first(lambda errors: mixture.evidence(errors, requests), expected, requests)
    ours = _first(lambda errors: evidence(errors, requests, side), expected, requests)
    return theirs, ours


def _first(of_errors: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if of_errors(middle) >= 20 else (middle, high)
    return high
