"""The cumulative test: how much likelier the counts are on one side of a bar than at it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, log1p

from rampart.evidence.grid import HIGHER, LARGEST_EXPONENT, LOWER, Coefficients


def evidence(errors: float, requests: float, alternatives: Coefficients, before: Sequence[float] = ()) -> float:
    """The mixture of likelihood ratios: a betting account that grows only if the bar is wrong.

    As long as the chance of an error stays on its side of the bar, the account's expectation never rises, so it ever
    reaches 1/alpha with a chance of at most alpha, however often one looks. The bar may change from bucket to bucket:
    `before` holds, for each alternative, the exponent that the buckets under earlier bars have left. Source: Ville's
    inequality (1939); mixtures of this kind in Robbins (1970) and in Howard, Ramdas, McAuliffe and Sekhon,
    "Time-uniform, nonparametric, nonasymptotic confidence sequences" (2021).
    """
    if before:
        own = exponents(errors, requests, alternatives)
        return mixed(
            (weight, one + other) for (weight, _, _), one, other in zip(alternatives, own, before, strict=True)
        )
    total = 0.0
    for weight, each_error, each_request in alternatives:
        exponent = errors * each_error - requests * each_request
        total += weight * exp(min(LARGEST_EXPONENT, exponent))
    return total


def exponents(errors: float, requests: float, alternatives: Coefficients) -> list[float]:
    """For each alternative, the logarithm of its likelihood ratio to the bar."""
    return [errors * each_error - requests * each_request for _, each_error, each_request in alternatives]


def exponents_at(bar: float, errors: float, requests: float, *, higher: bool) -> list[float]:
    """The same for a bar that only one bucket has."""
    side = HIGHER if higher else LOWER
    return [errors * log_ratio - requests * log1p(excess * bar) for _, log_ratio, excess in side]


def mixed(weighted: Iterable[tuple[float, float]]) -> float:
    """The mixture of some weights and exponents."""
    return sum(weight * exp(min(LARGEST_EXPONENT, exponent)) for weight, exponent in weighted)
