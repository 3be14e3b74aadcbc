"""Is the flag on for the share that it should be? What both paths' totals say of it.

Requests aren't people, and heavy users differ, so that a share of requests is a hint: it is told where it is off by
more than a factor of two. Users fall to a path one by one, so their share is tested: a beta mixture over all shares
against the planned one, valid at every look. Source: Lindon and Malek, "Anytime-valid inference for multinomial count
data" (2022), for two outcomes.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from rampart.evidence.criteria import Counts
from rampart.evidence.verdict import Verdict
from rampart.words import count, percentage

if TYPE_CHECKING:
    from rampart.evidence.judgement import Judgement
    from rampart.evidence.sides import Sides

_LEAST = 1000.0
"""Requests of both paths; fewer say little of a share."""
_FACTOR = 2.0
_ALPHA = 0.01
"""The most chance that a right share is ever told to be wrong."""
_CONCENTRATION = 100.0
"""How near to the planned share the mixture looks: as if a hundred users were known."""


def with_share(judged: Judgement, sides: Sides, share: float, counts: Counts) -> Judgement:
    """A judgement that says which share was seen next to the flag's, a fraction; where it's another, nothing passes."""
    own, control = (math.fsum(bucket.requests for bucket in side.buckets) for side in (sides.own, sides.control))
    if own + control <= 0:
        return judged
    seen, wrong = own / (own + control), mismatch(own, control, share, counts)
    planned = f", with the flag at {percentage(share * 100)}" if share > 0 else ""  # people by name have no share
    took = f"{_percent(seen)} of {counts.value} took the new path{planned}"
    return replace(
        judged,
        share_seen=seen,
        verdict=judged.verdict if wrong is None or judged.verdict is not Verdict.PASS else Verdict.INCONCLUSIVE,
        message=f"{judged.message}; {wrong or took}" if wrong or (own > 0 and control > 0) else judged.message,
    )


def mismatch(own: float, control: float, share: float, counts: Counts) -> str | None:
    """That the flag is on for another share than the planned one, in words; None where it may be that one."""
    if own + control <= 0 or not 0 < share < 1:
        return None
    seen = own / (own + control)
    if counts is Counts.USERS:
        wrong = _evidence(own, control, share) >= -math.log(_ALPHA)
    else:
        off = max(seen / share, share / seen) if seen > 0 else math.inf
        wrong = own + control >= _LEAST and off > _FACTOR
    if not wrong:
        return None
    took = f"{count(own)} of {count(own + control)} {counts.value} took the new path, {_percent(seen)}"
    return f"{took}, though the flag is at {percentage(share * 100)}: is it checked where it should be?"


def _percent(share: float) -> str:
    return percentage(float(f"{share * 100:.3g}"))


def _evidence(own: float, control: float, share: float) -> float:
    """The logarithm of how much likelier the counts are under the mixture of shares than under the planned one."""
    one, other = _CONCENTRATION * share, _CONCENTRATION * (1 - share)
    mixed = _log_beta(one + own, other + control) - _log_beta(one, other)
    return mixed - own * math.log(share) - control * math.log1p(-share)


def _log_beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)
