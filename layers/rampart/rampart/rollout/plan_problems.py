"""The reasons why a rollout may not start that its plan alone tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from rampart.plan.model import Plan
from rampart.plan.problems import problems_of
from rampart.plan.queries import query_findings
from rampart.plan.query_lint import QueryFault
from rampart.rollout.start_problem import StartProblem


def plan_problems(error: ValidationError) -> Iterator[StartProblem]:
    """Every problem of an invalid plan, as reasons why it may not start."""
    for problem in problems_of(error):
        yield StartProblem("InvalidPlan", problem.path, problem.what, problem.mend)


def lint_problems(plan: Plan) -> Iterator[StartProblem]:
    """Every query that Datadog would answer and that doesn't mean what its criterion takes it for."""
    for found in query_findings(plan):
        yield StartProblem(_FAULTS[found.fault], found.path, found.message, found.fix)


_FAULTS: Mapping[QueryFault, str] = {
    QueryFault.NOT_A_COUNT: "QueryIsNotACount",
    QueryFault.RATIO: "QueryIsARatio",
    QueryFault.GROUPED: "QueryIsGrouped",
    QueryFault.SAME: "QueriesAreTheSame",
    QueryFault.DIFFERENT_UNITS: "QueryUnitsDiffer",
    QueryFault.DIFFERENT_FILTERS: "QueryFiltersDiffer",
}
