"""The Poisson distribution: its tails."""

from __future__ import annotations

import math

_ENOUGH = 1e-12
"""Terms that add less than this part to a sum are left away."""
_NORMAL_FROM = 2000.0
"""Means from which a Poisson distribution is as good as normal."""


def at_least(number: int, mean: float) -> float:
    """The chance that a Poisson variable reaches a number."""
    if number <= 0:
        return 1.0
    if mean >= number:
        return 1.0 - at_most(number - 1, mean)
    if mean <= 0:
        return 0.0
    term = total = math.exp(number * math.log(mean) - mean - math.lgamma(number + 1))
    while term > total * _ENOUGH:
        number += 1
        term *= mean / number
        total += term
    return min(1.0, total)


def at_most(number: int, mean: float) -> float:
    """The chance that a Poisson variable does not exceed a number."""
    if mean <= 0:
        return 1.0
    if mean > _NORMAL_FROM:
        return 0.5 * math.erfc((mean - number - 0.5) / math.sqrt(2 * mean))
    return min(1.0, math.fsum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(number + 1)))
