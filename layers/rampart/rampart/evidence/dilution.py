"""What a rate over everyone's requests can tell of the few that the flag is on for.

At share s a rate over everyone reads (1-s)·baseline + s·new. All rates and shares are fractions.
"""

from __future__ import annotations

_ROUNDING = 1e-9


def diluted(new: float, *, baseline: float, share: float) -> float:
    """The rate over everyone that the new path's rate becomes."""
    return (1 - share) * baseline + share * new


def undiluted(limit: float, *, baseline: float, share: float) -> float | None:
    """The new path's rate behind a rate over everyone, at most 1: `diluted` the other way round.

    None where it would be below 0: then the baseline is not what everyone else has.
    """
    new = (limit - (1 - share) * baseline) / share
    return None if new < -_ROUNDING else min(1.0, max(0.0, new))


def undiluted_interval(
    limits: tuple[float, float], *, baseline: tuple[float, float], share: float
) -> tuple[float, float] | None:
    """Between which rates the new path's lies, where the rate over everyone and the baseline lie between theirs.

    None where even the highest would be below 0: then the baseline isn't what everyone else has.
    """
    worst = undiluted(limits[1], baseline=baseline[0], share=share)
    if worst is None:
        return None
    return undiluted(limits[0], baseline=baseline[1], share=share) or 0.0, worst


def least_share(bar: float, *, baseline: float, fails_high: bool) -> float:
    """The share from which on a wholly broken path carries the rate over everyone beyond the bar.

    Wholly broken is a rate of 1 where high rates fail and of 0 otherwise. A baseline that is beyond the bar already
    gives 0.
    """
    broken = 1.0 if fails_high else 0.0
    if (baseline >= bar) if fails_high else (baseline <= bar):
        return 0.0
    return (bar - baseline) / (broken - baseline)
