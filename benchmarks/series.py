"""Simulated stages: steady, late to change, clumped, wandering, and with totals that come after their errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.rules import Flags, Floats, Rule

Source = Callable[[int, "np.random.Generator", int], tuple[Floats, Floats]]
"""Errors and requests of bucket `look` for the series that still run."""


def steady(rate: float, requests: float) -> Source:
    """Independent errors at a steady rate."""
    return changing(rate, rate, requests, at=0)


def changing(before: float, after: float, requests: float, *, at: int) -> Source:
    """Independent errors at one rate, then from bucket `at` on at another."""

    def draw(look: int, chance: np.random.Generator, size: int) -> tuple[Floats, Floats]:
        errors = chance.binomial(int(requests), after if look >= at else before, size)
        return errors.astype(float), np.full(size, requests)

    return draw


def recorded(errors: Floats, requests: Floats) -> Source:
    """Series that exist already, by bucket and series; they must all run to their end."""

    def draw(look: int, chance: np.random.Generator, size: int) -> tuple[Floats, Floats]:
        del chance, size
        return errors[look], requests[look]

    return draw


def clumped(
    rate: float, tries: int, clump: int, *, looks: int, size: int, spread: float, chance: np.random.Generator
) -> tuple[Floats, Floats]:
    """Errors and requests by bucket and series where a try that fails is repeated until `clump` requests have failed.

    At once, or each repetition after an exponential time of `spread` buckets on average. `rate` is that of requests.
    """
    unlucky = rate / (clump - (clump - 1) * rate)  # of first tries, so that errors over requests come out at the rate
    first = chance.binomial(tries, unlucky, (looks, size))
    if spread == 0:
        return (clump * first).astype(float), (tries + (clump - 1) * first).astype(float)
    errors = first.astype(float)
    at = np.nonzero(first)
    look, series = (np.repeat(each, first[at]) for each in at)
    for _ in range(clump - 1):
        later = look + np.floor(chance.exponential(spread, look.shape)).astype(int)
        seen = later < looks
        np.add.at(errors, (later[seen], series[seen]), 1)
    return errors, (errors - first + tries).astype(float)


def wandering(
    rate: float, requests: float, deviation: float, *, looks: int, size: int, chance: np.random.Generator
) -> Floats:
    """Errors by bucket and series at a rate that slowly wanders (an autoregression with a memory of two hours)."""
    memory = np.exp(-1 / 24)
    noise = chance.normal(0, deviation, size)
    errors = np.empty((looks, size))
    for look in range(looks):
        noise = memory * noise + np.sqrt(1 - memory**2) * chance.normal(0, deviation, size)
        errors[look] = chance.binomial(int(requests), np.clip(rate * (1 + noise), 0, 1))
    return errors


def run(rule: Rule, source: Source, *, looks: int, size: int, chance: np.random.Generator, drop: bool = True) -> Floats:
    """The look, from 1, at which each series is rolled back; infinity if it isn't.

    With `drop`, series that are decided are not drawn any more.
    """
    at = np.full(size, np.inf)
    running = np.arange(size)
    for look in range(looks):
        errors, requests = source(look, chance, len(running))
        fails = rule.step(errors, requests)
        if not drop:
            at[fails & np.isinf(at)] = look + 1
        elif fails.any():
            at[running[fails]] = look + 1
            rule.keep(~fails)
            running = running[~fails]
            if not len(running):
                break
    return at


def pairs(errors: Floats, requests: Floats) -> Iterator[list[tuple[float, float]]]:
    """The same series as the product's rule takes them."""
    for bad, whole in zip(errors.T, requests.T, strict=True):
        yield list(zip(bad.tolist(), whole.tolist(), strict=True))


def survivors(at: Floats, looks: int) -> Flags:
    """Which series were still running after so many looks."""
    return at > looks
