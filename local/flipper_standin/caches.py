"""Processes of a Flipper host that each answer from a copy of the features, refreshed every few seconds."""

import copy
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.flipper_standin.gates import FlagGates

_STAYS = 0.5
"""The share of requests that go to the same process as the one before, as on one connection."""


@dataclass
class Caches:
    """The source of reads: any of `processes` can take a request, each with its own copy.

    A copy is as old as the time since its process last renewed it, at most `seconds`; the processes renew theirs at
    different times. A write goes into the features themselves and into the copy of the process that took it.
    """

    processes: int
    seconds: float
    seed: int = 0
    _past: list[tuple[float, dict[str, FlagGates]]] = field(default_factory=list)
    """The features' past states by their start, oldest first; only those that a copy can still hold."""

    def __post_init__(self) -> None:
        """Give each process its own time to refresh its copy."""
        self._chance = random.Random(self.seed)
        self._phase = [self._chance.random() * self.seconds for _ in range(self.processes)]
        self._wrote = [float("-inf")] * self.processes
        self._process = 0

    def keep(self, gates: Mapping[str, FlagGates], now: float) -> None:
        """Record a write: the features from `now` (epoch seconds) on."""
        self._wrote[self._next()] = now
        self._past.append((now, copy.deepcopy(dict(gates))))
        while len(self._past) > 1 and self._past[1][0] < now - self.seconds:
            del self._past[0]

    def seen(self, gates: Mapping[str, FlagGates], now: float) -> Mapping[str, FlagGates]:
        """Answer a read: the features as its process has them."""
        process = self._next()
        renewed = max(self._wrote[process], now - (now - self._phase[process]) % self.seconds)
        return next((past for since, past in reversed(self._past) if since <= renewed), gates)

    def _next(self) -> int:
        """The process that takes a request."""
        if self._chance.random() > _STAYS:
            self._process = self._chance.randrange(self.processes)
        return self._process
