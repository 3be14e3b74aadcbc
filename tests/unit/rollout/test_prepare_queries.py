"""A start is refused for queries that Datadog would answer and that mean something else."""

from __future__ import annotations

from typing import Any

import pytest

from rampart.finding import FindingKind
from rampart.plan import query_lint
from rampart.plan.model import Plan
from rampart.plan.queries import query_findings
from tests.unit.rollout.world import ERRORS, PLAN, World, assert_ready, errors_of

BAD, ALL = "sum:x{env:prod,status:5*}", "sum:x{env:prod}"
COUNTED = {"errors": f"{BAD}.as_count()", "total": f"{ALL}.as_count()"}
RATE = {"kind": "rate", "below": "8%", "scope": "cohort", "clump": 1, **COUNTED}
BY_HOST = {"kind": "value", "query": "p95:latency{*} by {host}", "below": 2}
REFUSED: dict[FindingKind, tuple[dict[str, Any], dict[str, str]]] = {
    query_lint.DIFFERENT_UNITS: (RATE | {"errors": BAD}, {"QueryUnitsDiffer": f"criteria.{ERRORS}.errors"}),
    query_lint.NOT_A_COUNT: (
        RATE | {"errors": BAD, "total": ALL},
        {"QueryIsNotACount": f"criteria.{ERRORS}.total"},  # and errors, which stands before it
    ),
    query_lint.RATIO: (
        RATE | {"errors": f"{BAD}.as_count() / {ALL}.as_count()"},
        {"QueryIsARatio": f"criteria.{ERRORS}.errors"},
    ),
    query_lint.GROUPED: (
        RATE | {"total": f"{ALL} by {{host}}.as_count()"},
        {"QueryIsGrouped": f"criteria.{ERRORS}.total"},
    ),
    query_lint.SAME: (RATE | {"errors": COUNTED["total"]}, {"QueriesAreTheSame": f"criteria.{ERRORS}.errors"}),
    query_lint.DIFFERENT_FILTERS: (
        RATE | {"errors": "sum:x{status:5*}.as_count()"},
        {"QueryFiltersDiffer": f"criteria.{ERRORS}.errors"},
    ),
}


@pytest.mark.parametrize("fault", list(REFUSED))
def test_each_fault_of_a_query_refuses_a_start_by_name(world: World, fault: FindingKind) -> None:
    criterion, refused = REFUSED[fault]
    assert errors_of(world.start(criteria={ERRORS: criterion})) == refused
    assert not world.store.states
    assert not world.flags.history


def test_the_refusal_holds_the_query_what_it_does_and_the_query_to_write(world: World) -> None:
    [problem] = world.start(criteria={ERRORS: RATE | {"errors": BAD}})["problems"]
    assert problem["message"] == (
        f"`{BAD}`: without `.as_count()`, `sum:` of a counter gives events per second, while total is a count: "
        "if 100% of requests failed, the rate would read 0.333% in buckets of 5m"
    )
    assert problem["fix"] == f"Write `{BAD}.as_count()`"


def test_with_what_the_refusal_says_to_write_the_start_is_ready(world: World) -> None:
    for criterion, _ in REFUSED.values():
        problems = world.start(criteria={ERRORS: criterion})["problems"]
        written = {each["where"].rpartition(".")[2]: each["fix"].split("`")[1] for each in problems}
        assert list(query_findings(Plan.model_validate(PLAN | {"criteria": {ERRORS: criterion | written}}))) == []
    assert_ready(world.start(criteria={ERRORS: RATE}))


def test_groups_refuse_the_start_of_a_value_too(world: World) -> None:
    world.metrics.script["latency/value"] = world.metrics.script[f"{ERRORS}/total"]
    outcome = world.start(criteria={ERRORS: RATE, "latency": BY_HOST})
    assert errors_of(outcome) == {"QueryIsGrouped": "criteria.latency.query"}


def test_a_rollout_that_began_before_is_read_and_resumed_with_its_queries(world: World) -> None:
    """The pinned plan can't be changed: to refuse a resume would only leave abandoning it."""
    world.climb(1)
    old = world.state.plan
    spoilt = old.model_copy(
        update={"criteria": {ERRORS: old.criteria[ERRORS].model_copy(update={"errors": BAD, "total": ALL})}}
    )
    world.store.states["letters"] = world.state.model_copy(update={"plan": spoilt})
    assert Plan.model_validate_json(spoilt.model_dump_json(by_alias=True)) == spoilt
    world.open_gate()
    world.roll_back()
    assert_ready(world.resume(0))
