"""The table's items: what goes in comes out, and fits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rampart.adapters import items
from rampart.evidence.verdict import Verdict
from rampart.plan.model import Plan
from rampart.rollout.drift import Drift, DriftSide
from rampart.rollout.state import Intent, Latest, Status
from rampart.rollout.waiver import Override
from tests.records import record

NOW = datetime(2026, 11, 23, 20, 33, 12, 123_000, tzinfo=UTC)


def test_a_year_of_regular_buckets_is_small() -> None:
    """Ten criteria with as many buckets as Datadog gives are kept whole."""
    points = [[1_764_000_000 + 300 * index, float(index * index % 17)] for index in range(1500)]
    evidence = {f"{number}/total": {"points": points} for number in range(20)}
    content, dropped = items.compress_evidence(evidence)
    assert not dropped
    assert len(content) < items.MOST_EVIDENCE


numbers = st.none() | st.floats(allow_nan=False) | st.integers(-(10**9), 10**9).map(float)
points = st.dictionaries(st.integers(0, 2**33), numbers, max_size=30).map(
    lambda d: [list(p) for p in sorted(d.items())]
)
absence = st.fixed_dictionaries({"unavailable": st.just("unreachable"), "detail": st.text(max_size=20)})
evidences = st.dictionaries(st.text(max_size=10), st.fixed_dictionaries({"points": points}) | absence, max_size=5)


@given(evidences)
def test_evidence_is_unpacked_as_it_was_packed(evidence: dict[str, Any]) -> None:
    content, dropped = items.compress_evidence(evidence)
    assert not dropped
    assert items.expand_evidence(content) == evidence


@given(evidences, st.integers(200, 2000))
def test_packed_evidence_keeps_its_bound_or_has_nothing_left_to_drop(evidence: dict[str, Any], most: int) -> None:
    content, dropped = items.compress_evidence(evidence, most)
    unpacked = items.expand_evidence(content)
    assert len(content) <= most or set(dropped) == set(evidence)
    assert unpacked.keys() == evidence.keys()
    assert all(unpacked[key] == evidence[key] for key in evidence.keys() - set(dropped))
    assert all("points" not in unpacked[key] for key in dropped)


times = st.datetimes(datetime(2020, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- zone is given
milliseconds = times.map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))


percents = st.integers(0, 100_000).map(lambda thousandths: thousandths / 1000)
changes = st.fixed_dictionaries(
    {},
    optional={
        "stage": st.none() | st.integers(0, 2),
        "percent": percents,
        "stage_started": milliseconds,
        "drift": st.none()
        | st.builds(
            Drift,
            side=st.sampled_from(DriftSide),
            flag=st.text(),
            reads=st.none() | percents,
            record=percents,
            since=st.none() | milliseconds,
        ),
        "intent": st.none()
        | st.builds(Intent, gate=st.text(), stage=st.integers(0, 9), percent=percents, at=milliseconds),
        "overrides": st.lists(
            st.builds(
                Override, criteria=st.tuples(st.text()), by=st.text(), note=st.text(), through_stage=st.integers(0, 9)
            )
        ).map(tuple),
        "latest": st.none()
        | st.builds(
            Latest,
            id=st.text(),
            at=milliseconds,
            verdict=st.sampled_from(Verdict),
            verdicts=st.dictionaries(st.text(), st.sampled_from(Verdict), max_size=3),
            messages=st.dictionaries(st.text(), st.text(), max_size=3),
        ),
        "watched": st.booleans(),
        "status": st.sampled_from(Status),
    },
)

PLAN = Plan.model_validate(
    {
        "rollout": "round-trip",
        "owner": "team",
        "flags": ["flag"],
        "timezone": "America/New_York",
        "traffic": "400/hour",
        "criteria": {
            "rate": {
                "kind": "rate",
                "errors": "e",
                "total": "t",
                "below": "0.3%",
                "baseline": "0.1%",
                "history": {
                    "errors": 12.5,
                    "requests": 80_000.0,
                    "hours": 167,
                    "left_out": [{"start": 1_772_000_000, "errors": 708.0, "requests": 2400.0}],
                },
            },
            "slow": {"kind": "value", "query": "q", "above": 1.5, "for": "90s"},
        },
        "stages": [{"percent": 0.5, "hold": "2 business days"}, {"percent": 100, "hold": "36h", "approval": "none"}],
    }
)


@given(changes)
def test_any_record_is_read_as_it_was_written(fields: dict[str, Any]) -> None:
    begun = {"rollout": "round-trip", "status": "live", "plan": PLAN, "plan_hash": PLAN.digest, "execution": "e"}
    moments = {"started": NOW, "attempt_started": NOW, "updated": NOW}
    state = record(**begun | moments | fields)
    item = items.to_item(items.state_attributes(state))
    assert items.state_from(items.to_attributes(item)) == state
