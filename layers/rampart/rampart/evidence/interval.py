"""The interval that belongs to the mixture: the bars that it rejects in neither direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, log1p

from rampart.evidence.grid import HIGHER, LARGEST_EXPONENT, LOWER

_HALVINGS = 60
"""Each halves the distance: sixty leave less than a float can show."""


def interval(
    errors: float, requests: float, *, around: float, alpha_low: float, alpha_high: float
) -> tuple[float, float]:
    """The rates that the counts do not reject, at any look: (lower, upper), fractions.

    The true rate is ever below the lower end with a chance of at most `alpha_low`, ever above the upper end with at
    most `alpha_high`. The lower end lies above `around` exactly if the mixture of higher rates rejects `around`, and
    the upper end below it exactly if the mixture of lower rates does: verdict and interval cannot disagree.
    """

    too_low = _rejecting(errors, requests, HIGHER, alpha_low)
    too_high = _rejecting(errors, requests, LOWER, alpha_high)
    return _edge(too_low, 0.0, around, 1.0), _edge(too_high, 1.0, around, 0.0)


def _rejecting(
    errors: float, requests: float, side: Sequence[tuple[float, float, float]], alpha: float
) -> Callable[[float], bool]:
    """Whether the mixture rejects a bar, asked a hundred times for each interval: `evidence` at that bar, unrolled."""
    gained = [(weight, errors * log_ratio, excess) for weight, log_ratio, excess in side]

    def rejects(bar: float) -> bool:
        total = 0.0
        for weight, gain, excess in gained:
            exponent = gain - requests * log1p(excess * bar)
            total += weight * exp(LARGEST_EXPONENT if exponent > LARGEST_EXPONENT else exponent)  # noqa: FURB136 - min() takes three times as long
        return total * alpha >= 1

    return rejects


def _edge(rejected: Callable[[float], bool], extreme: float, around: float, far: float) -> float:
    """Where rejection ends, going from `extreme` over `around` to `far`; `extreme` itself if nothing is rejected."""
    if not rejected(extreme):
        return extreme
    inside, outside = (around, far) if rejected(around) else (extreme, around)
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if rejected(middle):
            inside = middle
        else:
            outside = middle
    return (inside + outside) / 2
