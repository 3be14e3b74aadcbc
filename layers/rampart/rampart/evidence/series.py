"""What a metric source answers: points, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rampart.absence import AbsenceReason
from rampart.numbers import shown


@dataclass(frozen=True, slots=True)
class Series:
    """Points in ascending order, each a bucket's start in epoch seconds and its value; no points means no data.

    None is a bucket of which nothing is known: it is never read as a zero. NaN is kept as it came, for the judge to
    refuse.
    """

    points: tuple[tuple[int, float | None], ...]


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A question that was not answered; never the same as an empty answer."""

    reason: AbsenceReason
    detail: str


Measured = Series | Unavailable


def to_stored(measured: Measured) -> dict[str, Any]:
    """An answer as plain JSON, from which `from_stored` makes the same answer again."""
    if isinstance(measured, Series):
        return {"points": [list(point) for point in measured.points]}
    return {"unavailable": measured.reason.value, "detail": measured.detail}


def from_stored(stored: Mapping[str, Any]) -> Measured:
    """The answer that `to_stored` kept; judging it again is how an evaluation is replayed.

    Raises ValueError for what `to_stored` never wrote.
    """
    try:
        if "unavailable" in stored:
            return Unavailable(AbsenceReason(stored["unavailable"]), str(stored["detail"]))
        return Series(tuple((int(start), None if value is None else float(value)) for start, value in stored["points"]))
    except (KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"stored evidence can't be understood: {shown(stored)}") from error
