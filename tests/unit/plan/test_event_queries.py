"""Queries that count logs or spans, for paths that no metric tells apart: how they are written, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rampart.finding import FindingKind
from rampart.plan import query_lint
from rampart.plan.event_query import EventQuery, EventSource
from rampart.plan.model import Plan
from rampart.plan.queries import queries_of, query_findings
from rampart_cli.forecast.plan_warnings import SPANS_ARE_A_SAMPLE, warnings

NEW, OLD = "service:letters @provider:lighthouse", "service:letters @provider:vbms"


def plan(**criterion: Any) -> Plan:
    stages = [{"percent": 1, "hold": "4d"}]
    known = {"rollout": "letters", "owner": "us", "flags": ["a"], "timezone": "UTC", "stages": stages}
    return Plan.model_validate(known | {"criteria": {"errors": criterion}})


def rate(errors: object, total: object) -> Plan:
    return plan(kind="rate", errors=errors, total=total, below="1%", scope="cohort")


def said(written: Plan) -> list[tuple[str, FindingKind]]:
    return [(each.where.rpartition(".")[2], each.kind) for each in query_findings(written)]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ({"logs": {"search": NEW, "index": "main"}}, f"logs(main): {NEW}"),
        ({"logs": {"search": NEW}}, f"logs: {NEW}"),
        ({"spans": {"search": NEW}}, f"spans: {NEW}"),
        ({"spans": NEW}, f"spans: {NEW}"),
        (f"logs(main): {NEW}", f"logs(main): {NEW}"),
        ("sum:logs{*}.as_count()", "sum:logs{*}.as_count()"),
    ],
)
def test_a_query_of_events_is_kept_on_one_line(written: object, kept: str) -> None:
    """Everything behind the plan asks and stores text; a pinned plan reads back as the same plan."""
    read = plan(kind="count", query=written, at_most=0)
    assert queries_of(read) == {"errors/value": kept}
    assert Plan.model_validate_json(read.model_dump_json()).digest == read.digest


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"rum": {"search": NEW}},
        {"logs": {"search": NEW}, "spans": {"search": NEW}},
        {"logs": {}},
        {"logs": {"search": ""}},
        {"logs": {"search": 5}},
        {"logs": {"search": NEW, "idx": "main"}},
        {"logs": {"search": NEW, "index": "a) b"}},
        {"spans": {"search": NEW, "index": "main"}},
        {5: NEW},
    ],
)
def test_what_is_no_query_of_events_is_refused_with_the_forms(written: object) -> None:
    with pytest.raises(ValidationError, match=r"\{logs: \{search: …"):
        plan(kind="count", query=written, at_most=0)


@given(st.text())
def test_any_text_is_read_as_events_only_if_it_writes_itself_again(text: str) -> None:
    query = EventQuery.read(text)
    assert query is None or EventQuery.read(str(query)) == query


def test_a_good_pair_has_no_finding() -> None:
    for source in EventSource:
        assert said(rate({source: {"search": f"{NEW} status:error"}}, {source: {"search": NEW}})) == []
    assert said(rate({"logs": f"status:error {NEW}"}, {"logs": f"{NEW} AND service:letters"})) == []
    assert said(rate({"logs": f"{NEW} (status:error OR status:critical)"}, {"logs": NEW})) == []


@pytest.mark.parametrize(
    ("errors", "total", "kind", "fix"),
    [
        ({"logs": NEW}, {"logs": NEW}, query_lint.SAME, f"logs: {NEW} status:error"),
        ({"logs": "@provider:lighthouse service:letters"}, {"logs": NEW}, query_lint.SAME, "status:error"),
        (
            {"logs": "service:letters status:error"},
            {"logs": NEW},
            query_lint.DIFFERENT_FILTERS,
            "logs: @provider:lighthouse service:letters status:error",
        ),
        ({"logs": f"{NEW} status:error"}, {"spans": NEW}, query_lint.DIFFERENT_SOURCES, "in one source"),
        (
            {"logs": {"search": f"{NEW} status:error", "index": "main"}},
            {"logs": NEW},
            query_lint.DIFFERENT_SOURCES,
            "in one source",
        ),
        ({"logs": f"{NEW} status:error"}, "sum:x{*}.as_count()", query_lint.DIFFERENT_SOURCES, "in one source"),
    ],
)
def test_a_pair_that_is_no_rate_is_found(errors: object, total: object, kind: FindingKind, fix: str) -> None:
    (finding,) = query_findings(rate(errors, total))
    assert finding.kind is kind
    assert fix in finding.fix


def compared(control_errors: object, control_total: object) -> Plan:
    own = {"errors": {"logs": f"{NEW} status:error"}, "total": {"logs": NEW}}
    return plan(kind="compare", **own, control_errors=control_errors, control_total=control_total, at_most="1.5x")


def test_paths_are_compared_in_logs() -> None:
    assert said(compared({"logs": f"{OLD} status:error"}, {"logs": OLD})) == []
    assert said(compared({"logs": f"{NEW} status:warn"}, {"logs": NEW})) == [("control_total", query_lint.SAME_PATH)]


def test_events_have_no_week_before() -> None:
    """Datadog shifts metric queries only: a control that is read as of now would be the new path itself."""
    shifted = compared(f"week_before(logs: {OLD} status:error)", f"week_before(logs: {OLD})")
    assert said(shifted) == [(part, query_lint.WEEK_OF_EVENTS) for part in ("control_errors", "control_total")]


def test_editors_know_the_forms() -> None:
    schema = json.dumps(Plan.model_json_schema()["$defs"]["RateSpec"]["properties"]["errors"])
    assert "logs" in schema
    assert "spans" in schema


@pytest.mark.parametrize(("source", "told"), [("spans", ["errors", "total"]), ("logs", [])])
def test_a_plan_that_counts_spans_hears_that_they_are_a_sample(source: str, told: list[str]) -> None:
    found = warnings(rate({source: f"{NEW} status:error"}, {source: NEW}))
    assert [each.where.rpartition(".")[2] for each in found if each.kind is SPANS_ARE_A_SAMPLE] == told
