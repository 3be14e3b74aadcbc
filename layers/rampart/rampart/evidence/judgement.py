"""What a look says of one criterion, with everything that explains it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import tzinfo
from enum import StrEnum
from typing import Any

from rampart.evidence.verdict import Verdict
from rampart.words import in_zone


class Kind(StrEnum):
    """The kinds of criteria."""

    RATE = "rate"
    """Errors out of requests."""
    COMPARE = "compare"
    """The rate of the flag's own path against a control's."""
    COUNT = "count"
    """A sum over the stage."""
    VALUE = "value"
    """A gauge or a percentile."""
    REPORTED = "reported"
    """A number that a person attests."""
    MONITOR = "monitor"
    """What a monitor that guards the rollout says of itself."""


class FiredBy(StrEnum):
    """Which of the two tests of a rate decided."""

    MIXTURE = "mixture"
    """All requests of the stage together."""
    CHANGE_DETECTOR = "change detector"
    """The requests since the rate most likely changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict that explains itself; plain fields only, so that it is stored and read as it is."""

    name: str
    kind: Kind
    verdict: Verdict
    message: str
    """One sentence for people, with both numbers."""
    bar: float
    """A fraction for a rate, a ratio where two are compared, otherwise in the metric's own unit."""
    test: FiredBy | None = None
    left_out: int = 0
    """Buckets that contradict themselves and were not judged."""
    errors: float | None = None
    """What was judged: of the whole stage, or up to its failing, or since the change."""
    requests: float | None = None
    control_errors: float | None = None
    """Where two paths are compared, the control's counts over the same buckets."""
    control_requests: float | None = None
    value: float | None = None
    """The observed rate as a fraction, the ratio of two, the sum, the newest value, or the reported number."""
    interval: tuple[float, float] | None = None
    """Of a rate, or of a ratio; anytime-valid.

    None where the change detector fired: it judges a stretch that it chose itself.
    """
    requests_needed: float | None = None
    """About how many more requests decide, if the rate stays; None where decided or too close to the bar to say."""
    since: int | None = None
    """Where the change detector fired: the likeliest start of the change, epoch seconds."""
    decided_at: int | None = None
    """End of the bucket at which a fail was reached, epoch seconds: from then on the numbers stand still."""
    clump: float | None = None
    clump_source: str | None = None
    new_path_limit: float | None = None
    """For a rate over everyone: the worst rate of the flag's own requests that the interval leaves possible."""
    new_path_interval: tuple[float, float] | None = None
    """The same, and the best: from the share, and from a baseline that is only as sure as its week. Never judged."""
    share_seen: float | None = None
    """Where both paths are counted at the same time: the new path's share of them, a fraction."""

    def in_zone(self, zone: tzinfo) -> Judgement:
        """The judgement with the moments of its message in a zone."""
        told = in_zone(self.message, zone)
        return self if told == self.message else replace(self, message=told)  # most name no moment, at each look

    def to_dict(self) -> dict[str, Any]:
        """The judgement as plain JSON values."""
        plain = asdict(self)
        for name in ("interval", "new_path_interval"):
            plain[name] = None if plain[name] is None else list(plain[name])
        return plain
