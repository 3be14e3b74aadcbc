"""The cumulative test: how much likelier the counts are on one side of a bar than at it."""

from __future__ import annotations

from math import exp

from rampart.evidence.grid import LARGEST_EXPONENT, Coefficients


def evidence(errors: float, requests: float, alternatives: Coefficients) -> float:
    """The mixture of likelihood ratios: a betting account that grows only if the bar is wrong.

    As long as the chance of an error stays on its side of the bar, the account's expectation never rises, so it ever
    reaches 1/alpha with a chance of at most alpha, however often one looks. Source: Ville's inequality (1939); mixtures
    of this kind in Robbins (1970) and in Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric,
    nonasymptotic confidence sequences" (2021).
    """
    total = 0.0
    for weight, each_error, each_request in alternatives:
        exponent = errors * each_error - requests * each_request
        total += weight * exp(min(LARGEST_EXPONENT, exponent))
    return total
