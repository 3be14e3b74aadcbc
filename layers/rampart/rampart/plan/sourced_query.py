"""What a query that names its source can be asked; a metric query of Datadog is the one that names none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a query doesn't count: in words, and the seconds that one of its units spans where it is a rate."""

    words: str
    seconds: float | None = None
    is_ratio: bool = False


class SourcedQuery(ABC):
    """A query that names its source; as text it is `source: …` on one line."""

    __slots__ = ()

    @property
    @abstractmethod
    def counted_in(self) -> str:
        """The source in words; what is counted in two sources can't be divided."""

    @property
    @abstractmethod
    def asked(self) -> frozenset[str] | None:
        """What is asked of each event, all of it; None where it can't be told."""

    @property
    @abstractmethod
    def counts_by(self) -> str:
        """What is counted of the events that are asked for; two queries that differ in it count different things."""

    @abstractmethod
    def asking(self, conditions: Iterable[str]) -> str:
        """The query as text, with more asked of each event."""

    @abstractmethod
    def of_outcome(self, *, succeeded: bool) -> str:
        """The query as text, with a condition that tells errors (or successes) from everything."""

    @property
    def flaws(self) -> tuple[Flaw, ...]:
        """Why it isn't a count; nothing where it is one."""
        return ()

    @property
    def counting(self) -> str:
        """The query as text, as a count; the same where it is one."""
        return str(self)

    @property
    def can_be_shifted(self) -> bool:
        """Whether `week_before(…)` can be asked of it."""
        return False

    @property
    def percentile(self) -> str:
        """Which percentile it gives, such as p99; empty where it gives none."""
        return ""

    def counts_the_same(self, other: SourcedQuery) -> bool:
        """Whether it plainly counts what another counts."""
        if self.asked is None or other.asked is None:
            return str(self) == str(other)
        return (self.counted_in, self.counts_by, self.asked) == (other.counted_in, other.counts_by, other.asked)

    def missing_of(self, total: SourcedQuery) -> list[str]:
        """What total asks of each event and this doesn't; nothing where it can't be told."""
        own, wanted = self.asked, total.asked
        return [] if own is None or wanted is None else sorted(wanted - own)
