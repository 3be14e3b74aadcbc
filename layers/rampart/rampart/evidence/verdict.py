"""The closed list of verdicts and how many become one."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """What one look says of a criterion, or of all of them together; the worst comes first."""

    FAIL = "fail"
    """The evidence says that the criterion is not met."""
    ERROR = "error"
    """The evidence could not be had, or contradicts itself."""
    NO_DATA = "no_data"
    """The question was answered, and there was nothing to judge."""
    INCONCLUSIVE = "inconclusive"
    """There is evidence, and not yet enough of it."""
    PASS = "pass"  # noqa: S105 - a verdict, no password
    """The evidence says that the criterion is met."""


_FROM_WORST = tuple(Verdict)


def is_worse(one: Verdict, other: Verdict) -> bool:
    """Whether one verdict says less good than another."""
    return _FROM_WORST.index(one) < _FROM_WORST.index(other)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of some verdicts; of none it is `no_data`, since nothing passes without evidence."""
    return min(verdicts, key=_FROM_WORST.index, default=Verdict.NO_DATA)
