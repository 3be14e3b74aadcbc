"""Which buckets of a stage are judged: whole ones, begun after it settled, and old enough to be complete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rampart.evidence.window import Window
from rampart.plan.model import Plan
from rampart.plan.stage import Stage

_MOST_BUCKETS = 1500
"""Datadog coarsens a series beyond this many points."""
_FINE = timedelta(days=1)
"""What is newer is judged in buckets of the plan's own width, however long the stage lasts."""
_MOST_COARSE = 512
"""Fine buckets in a coarse one, for a series of fine ones must reach over it: beyond 8.9 days of 1 s, or 533 of 1 m."""
_BUSINESS_DAY = timedelta(days=1)
_UNLUCKY = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
"""A second too late for a bucket of any width, since all are counted from 1970."""


def judged_window(plan: Plan, *, started: datetime, hold_ends: datetime, now: datetime) -> Window:
    """The judged window: from the stage's start plus `settle` up to now minus `lag`, in whole buckets.

    A stage of more buckets than a source gives in one series is judged in two parts: the newest day in buckets of the
    plan's width (or as much of it as one series holds), what is older in coarse ones, which double as it lasts. What
    lies before the first whole coarse bucket is no longer judged then.
    """
    bucket = _finest(plan)
    planned_buckets = _planned_buckets(plan, hold_ends - started)
    settled, newest = (started + plan.settle).timestamp(), (now - plan.lag).timestamp()
    while newest - settled > _MOST_COARSE * _MOST_BUCKETS * bucket:
        bucket *= 2
    end = int(newest) // bucket * bucket
    if newest - settled <= _MOST_BUCKETS * bucket:
        start = _up(settled, bucket)
        return Window(start=start, end=max(start, end), bucket=bucket, planned_buckets=planned_buckets)
    coarse = bucket * 2
    while newest - settled > _MOST_BUCKETS * coarse:
        coarse *= 2
    fine_from = int(end - _FINE.total_seconds()) // coarse * coarse
    if end - fine_from > _MOST_BUCKETS * bucket:
        fine_from = _up(end - _MOST_BUCKETS * bucket, coarse)
    start = _up(settled, coarse)
    return Window(start, end, bucket, planned_buckets, coarse=coarse, fine_from=max(start, fine_from))


def planned_window(plan: Plan, stage: Stage) -> Window:
    """The window at the end of a stage's hold, where the stage begins at the unluckiest second: no fewer are judged.

    It has one width, so that planning need not walk more buckets than one series holds. A business day counts as
    24 hours; what the calendar adds is not counted.
    """
    hold = stage.hold.clock if stage.hold.clock is not None else (stage.hold.business_days or 0) * _BUSINESS_DAY
    judged = (hold - plan.settle - plan.lag).total_seconds()
    bucket = int(_finest(plan) * max(1, -(-judged // (_finest(plan) * _MOST_BUCKETS))))
    start = _up(_UNLUCKY.timestamp(), bucket)
    end = int((_UNLUCKY - plan.settle + hold - plan.lag).timestamp()) // bucket * bucket
    return Window(start, max(start, end), bucket, _planned_buckets(plan, hold))


def _finest(plan: Plan) -> int:
    return int(max(1.0, plan.bucket.total_seconds()))


def _planned_buckets(plan: Plan, hold: timedelta) -> int:
    return max(1, round((hold - plan.settle).total_seconds() / _finest(plan)))


def _up(seconds: float, width: int) -> int:
    """The first bucket that begins no earlier."""
    return -int(-seconds // width) * width
