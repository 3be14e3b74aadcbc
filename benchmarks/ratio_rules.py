"""Rules that compare a new path with a control, over many series at once: Rampart's own, and what people use today.

Each takes one bucket of every series at a time: errors and requests of the new path, then of the control.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.rules import Rampart
from rampart.evidence.grid import ALTERNATIVES, BUCKET_CAP, LEAST_ERRORS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_RATIOS = np.array([ratio for ratio, _ in ALTERNATIVES])
_LOGS = np.log(_RATIOS)
_WEIGHTS = np.array([weight for _, weight in ALTERNATIVES])
_LEAST = 1e-12
"""A variance of counts without an error, where there is nothing to test."""
_LARGEST_EXPONENT = 300.0  # far beyond any threshold; keeps products inside a float


class RatioRuleOverMany(Protocol):
    """A rule over many series at once."""

    def step(self, own: Floats, requests: Floats, theirs: Floats, control: Floats) -> Flags:
        """Add one bucket of each series; returns which are rolled back now."""


class RampartCompare:
    """The mixture and the change detector on each bucket's share of errors."""

    def __init__(self, size: int, ratio: float, *, clump: float = 1.0, planned: int) -> None:
        self.ratio, self.clump, self.planned = ratio, clump, planned
        self.own = np.zeros(size)
        self.exponents, self.bets = (np.zeros((size, len(_RATIOS))) for _ in range(2))

    def step(self, own: Floats, requests: Floats, theirs: Floats, control: Floats) -> Flags:
        both_ask = (requests > 0) & (control > 0)
        own, theirs = own * both_ask, theirs * both_ask
        both = own + theirs
        share = self.ratio * requests / np.maximum(self.ratio * requests + control, 1e-300)
        weight = np.maximum(self.clump, both * np.minimum(share, 1 - share) / BUCKET_CAP)
        moved = np.multiply.outer(own / weight, _LOGS)
        moved -= (both / weight)[:, None] * np.log1p(np.multiply.outer(share, _RATIOS - 1))
        self.own += own
        self.exponents += moved
        bets = np.minimum(1e100, (1 + self.bets) * np.exp(np.minimum(moved, _LARGEST_EXPONENT)))
        self.bets = np.where((both > 0)[:, None], bets, self.bets)
        mixture = np.exp(np.minimum(self.exponents, _LARGEST_EXPONENT)) @ _WEIGHTS
        alarm = self.bets @ _WEIGHTS >= 100 * self.planned
        fails: Flags = ((mixture * 0.05 >= 1) | alarm) & (self.own >= LEAST_ERRORS)
        return fails


class _Totals:
    """Counts so far, with the difference of both rates and its variance if there were none."""

    def __init__(self, size: int) -> None:
        self.own, self.requests, self.theirs, self.control = (np.zeros(size) for _ in range(4))

    def add(self, own: Floats, requests: Floats, theirs: Floats, control: Floats) -> tuple[Floats, Floats, Floats]:
        self.own, self.requests = self.own + own, self.requests + requests
        self.theirs, self.control = self.theirs + theirs, self.control + control
        n, m = np.maximum(self.requests, 1), np.maximum(self.control, 1)
        pooled = (self.own + self.theirs) / (n + m)
        return self.own / n - self.theirs / m, np.maximum(pooled * (1 - pooled) * (1 / n + 1 / m), _LEAST), pooled


class PeekedTwoProportions(_Totals):
    """The one-sided z-test of two proportions at 5%, valid for one look at a sample of fixed size, at every look.

    Not before either side has a hundred requests.
    """

    def step(self, own: Floats, requests: Floats, theirs: Floats, control: Floats) -> Flags:
        difference, variance, _ = self.add(own, requests, theirs, control)
        enough = np.minimum(self.requests, self.control) >= 100
        fails: Flags = enough & (difference > 1.645 * np.sqrt(variance))
        return fails


class MixtureSequential(_Totals):
    """The mixture sequential probability ratio test that experimentation platforms describe, two-sided at 5%.

    Source: Johari, Koomen, Pekelis and Walsh, "Always Valid Inference" (2022), with a normal prior on the difference
    of both rates, whose standard deviation is here half of the pooled rate. It assumes that the rates stay.
    """

    def step(self, own: Floats, requests: Floats, theirs: Floats, control: Floats) -> Flags:
        difference, variance, pooled = self.add(own, requests, theirs, control)
        prior = np.maximum((pooled / 2) ** 2, _LEAST)
        exponent = prior * difference**2 / (2 * variance * (variance + prior))
        log_ratio = 0.5 * np.log(variance / (variance + prior)) + exponent
        enough = np.minimum(self.requests, self.control) >= 100
        fails: Flags = enough & (difference > 0) & (log_ratio >= math.log(20))
        return fails


class MannWhitney:
    """The judge of Kayenta with its defaults, on the error rates of the newest 48 buckets, every 12 buckets.

    High, and so failed, where the lower end of the 98% interval of the shift lies above a quarter of the shift's
    estimate (Hodges-Lehmann), and the mean is higher. Source: MannWhitneyClassifier and NetflixACAJudge in
    spinnaker/kayenta (tolerance 0.25, confidence 0.98, effect size 1).
    """

    def __init__(self, size: int, *, window: int = 48, every: int = 12) -> None:
        del size
        self.window, self.every, self.looks = window, every, 0
        self.rates: list[tuple[Floats, Floats]] = []

    def step(self, own: Floats, requests: Floats, theirs: Floats, control: Floats) -> Flags:
        self.rates.append((own / np.maximum(requests, 1), theirs / np.maximum(control, 1)))
        self.rates = self.rates[-self.window :]
        self.looks += 1
        if self.looks % self.every or len(self.rates) < self.window:
            return np.zeros(len(own), bool)
        mine, other = (np.array(side) for side in zip(*self.rates, strict=True))
        size = self.window
        shifts = np.sort((mine[:, None] - other[None]).reshape(size * size, -1), axis=0)
        away = round(2.326 * math.sqrt(size * size * (2 * size + 1) / 12))
        middle = size * size // 2
        lower, estimate = shifts[max(0, middle - away)], shifts[middle]
        fails: Flags = (lower > 0.25 * np.abs(estimate)) & (mine.mean(axis=0) >= other.mean(axis=0))
        return fails


class AbsoluteBar:
    """Rampart's rule for a rate with a bar of its own, on the new path alone."""

    def __init__(self, size: int, bar: float, *, planned: int, clump: float = 1.0) -> None:
        self.rule = Rampart(size, bar, planned=planned, clump=clump)

    def step(self, own: Floats, requests: Floats, theirs: Floats, control: Floats) -> Flags:
        del theirs, control
        return self.rule.step(own, requests)
