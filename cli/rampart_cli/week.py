"""Reading the week before a start from files, for who wants to know before it what a start would measure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rampart.evidence.series import Measured, Series
from rampart.plan.criterion import CompareSpec, RateSpec
from rampart.plan.model import Plan
from rampart.plan.queries import query_key
from rampart_cli.failures import InputError
from rampart_cli.recorded import read_csv

if TYPE_CHECKING:
    from rampart_cli.recorded import Recorded

_HOUR = 3600
_FIX = (
    'Write --history "NAME=FILE.csv": NAME is a rate criterion of the plan, '
    "and each line of FILE.csv is time,errors,total, as in 2026-03-02T10:00:00Z,3,4800. "
    "Of a comparison, they are its control's."
)


def read_history(plan: Plan, given: Sequence[str]) -> dict[str, Measured]:
    """Hourly counts of rate criteria as a start asks for them; raises InputError for what is no `NAME=FILE.csv`."""
    history: dict[str, Measured] = {}
    for each in given:
        name, _, file = each.rpartition("=")
        spec = plan.criteria.get(name)
        if not isinstance(spec, RateSpec | CompareSpec):
            raise InputError(f"{name or each!r} isn't a rate criterion of the plan, nor a comparison", fix=_FIX)
        errors, total = _by_hour(read_csv(Path(file)))
        prefix = "control_" if isinstance(spec, CompareSpec) else ""
        history |= {query_key(name, f"{prefix}errors"): errors, query_key(name, f"{prefix}total"): total}
    return history


def _by_hour(recorded: Recorded) -> tuple[Series, Series]:
    sums: tuple[dict[int, float | None], dict[int, float | None]] = ({}, {})
    for when, bucket in zip(recorded.times, recorded.buckets, strict=True):
        hour = math.floor(when.timestamp()) // _HOUR * _HOUR
        for part, value in zip(sums, bucket, strict=True):
            before = part.setdefault(hour, None)
            part[hour] = before if value is None else value + (before or 0)
    errors, total = (Series(tuple(sorted(part.items()))) for part in sums)
    return errors, total
