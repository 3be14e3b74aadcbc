"""What a plan is told about its buckets is what a look will judge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.plan.model import Plan
from rampart.plan.window import judged_window, planned_window


def plan_of(hold: str, **settings: str) -> Plan:
    criteria = {"refunds": {"kind": "count", "query": "q", "at_most": 0}}
    document = {"rollout": "letters", "owner": "o", "flags": ["f"], "timezone": "UTC", "criteria": criteria}
    return Plan.model_validate(document | settings | {"stages": [{"percent": 1, "hold": hold}]})


@given(
    started=st.integers(0, 10 * 365 * 86_400).map(lambda s: datetime.fromtimestamp(s, UTC)),
    hold=st.integers(60, 40 * 86_400),
    bucket=st.sampled_from(["1s", "10s", "1m", "7m", "1h", "1d"]),
    settle=st.sampled_from(["0s", "2m", "1h"]),
    lag=st.sampled_from(["0s", "2m", "1h"]),
)
def test_a_stage_judges_as_many_buckets_as_planned_or_one_more(
    started: datetime, hold: int, bucket: str, settle: str, lag: str
) -> None:
    plan = plan_of(f"{hold}s", bucket=bucket, settle=settle, lag=lag)
    ends = started + timedelta(seconds=hold)
    look, planned = judged_window(plan, started=started, hold_ends=ends, now=ends), planned_window(plan, plan.stages[0])
    assert look.planned_buckets == planned.planned_buckets
    judged, told = look.end - look.start, planned.end - planned.start
    if look.coarse:  # people are told about one width; a look leaves at most one coarse bucket out at its beginning
        assert abs(judged - told) <= look.coarse + 2 * planned.bucket
    else:
        assert look.bucket == planned.bucket
        assert look.buckets - planned.buckets in {0, 1}


@pytest.mark.parametrize(
    ("hold", "bucket", "buckets"),
    [("4d", "5m", 1150), ("4d", "1h", 94), ("1h", "1h", 0), ("2h", "1h", 0), ("3h", "1h", 1), ("1m", "5m", 0)],
)
def test_only_whole_buckets_are_planned_with(hold: str, bucket: str, buckets: int) -> None:
    plan = plan_of(hold, bucket=bucket)
    assert planned_window(plan, plan.stages[0]).buckets == buckets


def test_a_business_day_is_planned_with_as_24_hours() -> None:
    days, clock = (plan_of(hold) for hold in ("2 business days", "48h"))
    assert planned_window(days, days.stages[0]) == planned_window(clock, clock.stages[0])
