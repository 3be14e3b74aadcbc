from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from rampart.evidence.criteria import CountCriterion, RateCriterion, ReportedCriterion, Scope, Side, ValueCriterion
from rampart.evidence.grid import DEFAULT_CLUMP
from rampart.evidence.series import Series
from rampart.plan.criterion import RateSpec
from rampart.plan.model import Plan
from rampart.plan.queries import criteria_of, criterion_of, measured_for, queries_of

Make = Callable[..., dict[str, Any]]

CRITERIA = {
    "errors": {"kind": "rate", "errors": "e", "total": "t", "above": "99%", "scope": "cohort", "clump": 2},
    "refunds": {"kind": "count", "query": "c", "at_most": 3},
    "p95/web": {"kind": "value", "query": "v", "below": 1.5, "for": "20m"},
    "complaints": {"kind": "reported", "at_most": 0},
}


def test_every_measured_criterion_asks_its_queries_and_a_reported_one_none(document: Make) -> None:
    assert queries_of(Plan.model_validate(document(criteria=CRITERIA))) == {
        "errors/errors": "e",
        "errors/total": "t",
        "refunds/value": "c",
        "p95/web/value": "v",
    }


def test_each_criterion_gets_its_own_answers_whatever_it_is_called() -> None:
    answers = {key: Series(((0, float(n)),)) for n, key in enumerate(["a/errors", "a/total", "a/b/value", "ab/value"])}
    assert measured_for("a", answers).items() >= {"errors": answers["a/errors"], "total": answers["a/total"]}.items()
    assert measured_for("a/b", answers) == {"value": answers["a/b/value"]}
    assert measured_for("ab", answers) == {"value": answers["ab/value"]}


def test_criteria_compile_to_what_the_rule_takes(document: Make) -> None:
    plan = Plan.model_validate(document(criteria=CRITERIA))
    compiled = [criterion_of(name, spec) for name, spec in plan.criteria.items()]
    assert compiled == [
        RateCriterion(name="errors", bar=0.99, side=Side.ABOVE, clump=2.0, clump_source="declared", scope=Scope.COHORT),
        CountCriterion(name="refunds", at_most=3),
        ValueCriterion(name="p95/web", bar=1.5, side=Side.BELOW, hold_for=timedelta(minutes=20)),
        ReportedCriterion(name="complaints", at_most=0),
    ]


def test_the_clump_says_where_it_comes_from(document: Make) -> None:
    rate = Plan.model_validate(document()).criteria["index error rate"]
    assert isinstance(rate, RateSpec)
    measured = rate.model_copy(update={"clump": 2.5, "clump_source": "measured from 168 hours"})
    sources = []
    for spec in (rate, rate.model_copy(update={"clump": 4.0}), measured):
        compiled = criterion_of("x", spec)
        assert isinstance(compiled, RateCriterion)
        sources.append((compiled.clump, compiled.clump_source))
    assert sources == [(DEFAULT_CLUMP, "default"), (4.0, "declared"), (2.5, "measured from 168 hours")]


def test_a_bound_for_the_rollout_is_shared_by_stages_criteria_and_both_tests(document: Make) -> None:
    rates = dict.fromkeys(("errors", "downloads"), CRITERIA["errors"])
    stages = [{"percent": percent, "hold": "1d"} for percent in (1, 25, 50, 75, 100)]
    plan = Plan.model_validate(document(criteria={**CRITERIA, **rates}, stages=stages, alpha_rollout="5%"))
    criteria = [each for each in criteria_of(plan).values() if isinstance(each, RateCriterion)]
    assert [(each.alpha_fail, round(each.detector)) for each in criteria] == [(0.8 * 0.005, 1000)] * 2
    assert abs(sum(each.alpha_fail + 1 / each.detector for each in criteria) * len(stages) - 0.05) < 1e-12


def test_without_such_a_bound_each_criterion_keeps_its_own_levels(document: Make) -> None:
    own = {"errors": {**CRITERIA["errors"], "alpha_fail": "1%", "detector": 20}}
    criterion = criteria_of(Plan.model_validate(document(criteria=own)))["errors"]
    assert isinstance(criterion, RateCriterion)
    assert (criterion.alpha_fail, criterion.alpha_pass, criterion.detector) == (0.01, 0.05, 20)
