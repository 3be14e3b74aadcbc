"""Exact figures of the cumulative test, checked after every request: by recursion over the number of errors."""

from __future__ import annotations

import math

import numpy as np

from rampart.evidence.grid import coefficients
from rampart.evidence.mixture import evidence

_NEGLIGIBLE = 1e-13


def divergence(rate: float, bar: float) -> float:
    """The Kullback-Leibler divergence of two Bernoulli rates, in nats for each request."""
    rest = (1 - rate) * math.log((1 - rate) / (1 - bar)) if rate < 1 else 0.0
    return rate * math.log(rate / bar) + rest


def floor(rate: float, bar: float, alpha: float = 0.05) -> float:
    """Wald's lower bound on the mean requests of any test with this alpha (Wald 1945)."""
    return math.log(1 / alpha) / divergence(rate, bar)


def rolled_back(rate: float, bar: float, *, most: int, alpha: float = 0.05) -> tuple[float, float]:
    """The chance of a rollback within `most` requests, and the mean number of requests, those cut off counted as most.

    Exact but for less than 1e-13 of chance a step. With the change detector as well, the first can only be larger and
    the second only smaller.
    """
    side = coefficients(bar, higher=True)
    lowest, alive = 0, np.ones(1)  # chances of lowest, lowest + 1, ... errors among stages not yet rolled back
    boundary, mean = 3, 0.0
    for requests in range(1, most + 1):
        mean += float(alive.sum())
        moved = np.zeros(len(alive) + 1)
        moved[:-1] += alive * (1 - rate)
        moved[1:] += alive * rate
        while boundary <= requests and evidence(boundary, requests, side) * alpha < 1:
            boundary += 1
        alive = moved[: max(0, boundary - lowest)]
        if len(alive) > 1 and alive[0] < _NEGLIGIBLE:
            lowest, alive = lowest + 1, alive[1:]
        if not alive.any() or alive.sum() < _NEGLIGIBLE:
            break
    return 1 - float(alive.sum()), mean
