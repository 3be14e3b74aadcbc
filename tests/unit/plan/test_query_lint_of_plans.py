"""A plan hears about every query that means something else, and the queries that Rampart ships hear nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from rampart.plan.model import Plan
from rampart.plan.queries import query_findings
from rampart.plan.query_lint import GROUPED, NOT_A_COUNT, SAME
from tests.unit.plan.linting import (
    BAD,
    ERRORS,
    ROOT,
    TOTAL,
    UNITS,
    rate,
)

Make = Callable[..., dict[str, Any]]


def test_a_plan_is_told_of_every_query_with_its_path_even_without_traffic(document: Make) -> None:
    common = {"kind": "rate", "below": "1%", "scope": "cohort"}
    criteria = {
        "units": {**common, "errors": BAD, "total": TOTAL},
        "good": {**common, "errors": ERRORS, "total": TOTAL},
        "floor": {**common, "errors": TOTAL, "total": TOTAL, "below": None, "above": "99%"},
        "lost": {"kind": "count", "query": "sum:lost{*}", "at_most": 3},
        "slow": {"kind": "value", "query": "p95:latency{*} by {host}", "below": 2},
        "complaints": {"kind": "reported", "at_most": 0},
    }
    plan = Plan.model_validate(document(criteria=criteria, bucket="1m"))
    found = query_findings(plan)
    assert [(each.kind, each.where) for each in found] == [
        (UNITS, "criteria.units.errors"),
        (SAME, "criteria.floor.errors"),
        (NOT_A_COUNT, "criteria.lost.query"),
        (GROUPED, "criteria.slow.query"),
    ]
    assert f"`{ERRORS}`" in found[0].fix
    assert "in buckets of 1m" in found[0].message
    assert "status:2*" in found[1].fix


OWN = ["events/claim-letters.yaml", "events/rollout-start.json", "events/bindings.yaml"]


@pytest.mark.parametrize("name", OWN)
def test_no_query_that_we_ship_hears_anything(name: str) -> None:
    text = (ROOT / name).read_text()
    loaded: dict[str, Any] = json.loads(text) if name.endswith("json") else yaml.safe_load(text)
    rates = [spec for spec in loaded["criteria"].values() if spec["kind"] == "rate"]
    assert rates
    for spec in rates:
        assert rate(spec["errors"], spec["total"]) == []
    if "rollout" in loaded:
        assert query_findings(Plan.model_validate(loaded)) == []
