"""The constants of the rule for rates, in one place, each with its reason."""

from __future__ import annotations

import math

ALTERNATIVES = ((1.03, 0.01), (1.1, 0.02), (1.25, 0.03), (1.6, 0.32), (4.2, 0.56), (10.0, 0.06))
"""The rates that the bar is tested against: odds ratio to the bar, and weight.

Both tests are mixtures over these rates. Weights that add up to one keep the guarantee whatever the rates are; the
rates decide how fast a decision comes. Odds ratios, unlike multiples, stay below 100% at any bar. These six need at
most 1.35 times the requests of Wald's bound at 1.5 to 5 times the bar. The three close ones cost little and are there
so that a rate of 1.1 times the bar is found at all, and so that intervals narrow to within 1.5% of the rate.
"""

LEAST_ERRORS = 3
"""Nothing fails on fewer errors: two unlucky requests aren't reason to take a feature from everyone."""

BUCKET_CAP = 10.0
"""The most errors at the bar that one bucket may weigh.

In heavy traffic the chance of an error is not constant within 1%, so a million requests in five minutes are not a
million independent witnesses. Ten keeps slow wandering by a tenth from failing a stage that stays below its bar.
"""

DEFAULT_CLUMP = 3.0
"""In groups of up to how many errors come, where neither the plan nor history says."""

LARGEST_EXPONENT = 700.0
"""Evidence beyond e^700 is cut off there, just inside a float; thresholds lie far below."""

LARGEST_BET = 1e100
"""What a bet of the change detector counts at most: beyond its alarm it only has to stay a number."""

Coefficients = tuple[tuple[float, float, float], ...]
"""For each alternative: weight, evidence for each error, and evidence against for each request (natural logarithms)."""


HIGHER = tuple((weight, math.log(ratio), ratio - 1) for ratio, weight in ALTERNATIVES)
LOWER = tuple((weight, math.log(1 / ratio), 1 / ratio - 1) for ratio, weight in ALTERNATIVES)
"""Of each alternative, weight, logarithm, and by how much its odds exceed the bar's: logarithms cost most of a walk."""


def coefficients(bar: float, *, higher: bool) -> Coefficients:
    """The grid around a bar: of higher rates, or of lower ones (the mirror image, with odds ratios 1/r).

    With odds ratio r, the likelihood ratio of the rate r·b/(1-b+r·b) to the bar b is r^errors / (1+(r-1)b)^requests.
    """
    # Only the mirrored side at a bar of 100% could come near log1p(-1), and r is at most ten: 1/r - 1 >= -0.9.
    side = HIGHER if higher else LOWER
    return tuple([(weight, log_ratio, math.log1p(excess * bar)) for weight, log_ratio, excess in side])
