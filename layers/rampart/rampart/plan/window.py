"""Which buckets of a stage are judged: whole ones, begun after it settled, and old enough to be complete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rampart.evidence.window import Window
from rampart.plan.model import Plan, Stage

_MOST_BUCKETS = 1500
"""Datadog coarsens a series beyond this many points."""
_BUSINESS_DAY = timedelta(days=1)
_UNLUCKY = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
"""A second too late for a bucket of any width, since all are counted from 1970."""


def judged_window(plan: Plan, *, started: datetime, hold_ends: datetime, now: datetime) -> Window:
    """The judged window: from the stage's start plus `settle` up to now minus `lag`, in whole buckets."""
    planned = (hold_ends - started - plan.settle).total_seconds()
    finest = max(1.0, plan.bucket.total_seconds())
    bucket = int(finest * max(1, -(-planned // (finest * _MOST_BUCKETS))))
    while ((now - started).total_seconds() / bucket) > _MOST_BUCKETS:
        bucket *= 2  # waiting people can keep a stage far beyond its hold
    start = -int(-(started + plan.settle).timestamp() // bucket) * bucket
    end = int((now - plan.lag).timestamp()) // bucket * bucket
    return Window(start=start, end=max(start, end), bucket=bucket, planned_buckets=max(1, round(planned / bucket)))


def planned_window(plan: Plan, stage: Stage) -> Window:
    """The window at the end of a stage's hold, where the stage begins at the unluckiest second: no fewer are judged.

    A business day counts as 24 hours; what the calendar adds is not counted.
    """
    hold = stage.hold.clock if stage.hold.clock is not None else (stage.hold.business_days or 0) * _BUSINESS_DAY
    started = _UNLUCKY - plan.settle
    return judged_window(plan, started=started, hold_ends=started + hold, now=started + hold)
