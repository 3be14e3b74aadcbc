"""Flipper's features and gates in memory: what is open, for whom, and since when."""

import random
import re
import zlib
from dataclasses import dataclass, field
from typing import Any, TypedDict


class Write(TypedDict):
    """One change of a flag: when (epoch seconds), what, and the share of traffic that took the new path afterwards."""

    at: float
    flag: str
    operation: str
    percentage: str | None
    share: float


@dataclass
class FlagGates:
    """The gates of one feature; numbers are kept as the text that the API shows."""

    boolean: str | None = None
    expression: dict[str, Any] | None = None
    actors: list[str] = field(default_factory=list)
    percentage_of_actors: str | None = None
    percentage_of_time: str | None = None
    groups: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """Give `on`, `conditional`, or `off`, as Flipper computes it."""
        if self.boolean or float(self.percentage_of_time or 0) == 100:
            return "on"
        narrower = (self.expression, self.actors, self.groups)
        percentages = (self.percentage_of_actors, self.percentage_of_time)
        return "conditional" if any(narrower) or any(float(value or 0) for value in percentages) else "off"

    @property
    def share(self) -> float:
        """Share of actors' checks that the gates let in, 0 to 1; without expressions, groups, and single actors."""
        if self.boolean:
            return 1.0
        actors, of_time = (float(value or 0) / 100 for value in (self.percentage_of_actors, self.percentage_of_time))
        return actors + of_time - actors * of_time

    def lets_in(self, feature: str, actor: str) -> bool:
        """Whether the feature is on for an actor; sticky and nested for the percentage of actors."""
        if self.state == "on" or actor in self.actors:
            return True
        bucket = zlib.crc32((feature + actor).encode()) % 100_000
        if bucket < float(self.percentage_of_actors or 0) * 1000:
            return True
        return random.random() * 100 < float(self.percentage_of_time or 0)

    def shown(self, *, names: bool = True) -> list[dict[str, Any]]:
        """List the gates as the API does, in its order."""
        listed = (
            ("boolean", self.boolean, "boolean"),
            ("expression", self.expression, "expression"),
            ("actors", self.actors, "actor"),
            ("percentage_of_actors", self.percentage_of_actors, "percentage_of_actors"),
            ("percentage_of_time", self.percentage_of_time, "percentage_of_time"),
            ("groups", self.groups, "group"),
        )
        return [{"key": key, "value": value} | ({"name": name} if names else {}) for key, value, name in listed]


@dataclass
class Features:
    """Everything that a request can change: the features by key, and every write so far."""

    gates: dict[str, FlagGates] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)


def ruby_number(text: str) -> float | int:
    """Read a number as Ruby's `to_i` and `to_f` do: leading digits count, anything else is 0."""
    match = re.match(r"\s*[+-]?\d*\.?\d+([eE][+-]?\d+)?" if "." in text else r"\s*[+-]?\d+", text)
    if match is None:
        return 0.0 if "." in text else 0
    return float(match[0]) if "." in text else int(match[0])
