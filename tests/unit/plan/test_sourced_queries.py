"""Queries of CloudWatch and of APM metrics: how they are written, what is refused, and what they don't mean."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rampart.finding import FindingKind
from rampart.plan import query_lint
from rampart.plan.apm_query import ApmQuery
from rampart.plan.cloudwatch_query import CloudWatchQuery
from rampart.plan.model import Plan
from rampart.plan.queries import queries_of, query_findings
from rampart.plan.written_query import sourced
from rampart_cli.forecast.plan_warnings import BUCKET_NOT_KEPT, PERCENTILE_IS_A_POINT, warnings
from rampart_cli.plan_page import plan_page

REQUESTS = {"namespace": "Letters", "metric": "Requests", "dimensions": {"Path": "new"}}
ERRORS = REQUESTS | {"metric": "Errors"}
HITS = {"stat": "hits", "service": "letters", "query_filter": "env:prod,provider:new"}


def plan(**criterion: Any) -> Plan:
    known = {"rollout": "letters", "owner": "us", "flags": ["a"], "timezone": "UTC"}
    return Plan.model_validate(
        known | {"stages": [{"percent": 1, "hold": "4d"}], "criteria": {"errors": criterion}},
    )


def kept(query: object) -> str:
    return queries_of(plan(kind="count", query=query, at_most=0))["errors/value"]


def rate(errors: object, total: object, **changes: Any) -> Plan:
    return plan(**{"kind": "rate", "errors": errors, "total": total, "below": "1%", "scope": "cohort"} | changes)


def said(written: Plan) -> list[tuple[str, FindingKind]]:
    return [(each.where.rpartition(".")[2], each.kind) for each in query_findings(written)]


def math(expression: str, *names: str, **changes: Any) -> dict[str, Any]:
    metrics = {name: {"namespace": "Letters", "metric": name} | changes for name in names}
    return {"cloudwatch": {"expression": expression, "metrics": metrics}}


# How they are written.


@pytest.mark.parametrize(
    ("written", "on_one_line"),
    [
        (
            {"cloudwatch": REQUESTS},
            'cloudwatch: {"namespace": "Letters", "metric": "Requests", "dimensions": {"Path": "new"}}',
        ),
        (
            math("FILL(e4, 0) + FILL(e5, 0)", "e4", "e5"),
            (
                'cloudwatch: {"expression": "FILL(e4, 0) + FILL(e5, 0)", "metrics": {"e4": {"namespace": "Letters", '
                '"metric": "e4"}, "e5": {"namespace": "Letters", "metric": "e5"}}}'
            ),
        ),
        (
            {"week_before": {"cloudwatch": {"namespace": "Letters", "metric": "Requests"}}},
            'week_before(cloudwatch: {"namespace": "Letters", "metric": "Requests"})',
        ),
        ({"week_before": "sum:x{*}.as_count()"}, "week_before(sum:x{*}.as_count())"),
        (
            {"apm_metrics": HITS},
            'apm_metrics: {"stat": "hits", "service": "letters", "query_filter": "env:prod,provider:new"}',
        ),
    ],
)
def test_a_query_with_parts_is_kept_on_one_line(written: object, on_one_line: str) -> None:
    """Everything behind the plan asks and stores text; a pinned plan reads back as the same plan."""
    read = plan(kind="count", query=written, at_most=0)
    assert queries_of(read) == {"errors/value": on_one_line}
    assert Plan.model_validate_json(read.model_dump_json()).digest == read.digest


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"cloudwatch": {"namespace": "Letters"}}, "a namespace and a metric, or an expression"),
        ({"cloudwatch": {"metric": "Requests"}}, "a namespace and a metric, or an expression"),
        ({"cloudwatch": "Requests"}, "cloudwatch: Input should be an object"),
        ({"cloudwatch": REQUESTS | {"statistic": "Sum"}}, r"cloudwatch\.statistic"),
        ({"cloudwatch": REQUESTS | {"dimensions": {"Path": 5}}}, r"cloudwatch\.dimensions\.Path"),
        ({"cloudwatch": REQUESTS | {"expression": "a"}}, "a namespace and a metric, or an expression"),
        ({"cloudwatch": REQUESTS | {"metrics": {"a": REQUESTS}}}, "metrics belong to an expression"),
        (math("a + b", "a"), "uses b, which `metrics` doesn't have"),
        (math("a", "a", "b"), "doesn't use b"),
        (math("5"), "uses no metric"),
        (math("SUM(METRICS())", "a"), "name each below"),
        (math("SUM(SEARCH('{Letters} Errors', 'Sum', 60))", "a"), "name each below"),
        (math("SELECT SUM(a) FROM Letters", "a"), "name each below"),
        (math("A", "A"), r"cloudwatch\.metrics\.A"),
        ('cloudwatch: {"namespace": "Letters"', "Invalid JSON"),
        ({"apm_metrics": {"stat": "hits"}}, r"apm_metrics\.service"),
        ({"apm_metrics": HITS | {"stat": "latency"}}, r"apm_metrics\.stat"),
        ({"apm_metrics": HITS | {"group_by": ["env"]}}, r"apm_metrics\.group_by"),
        ({"cloudwatch": {5: object()}}, "parts are text"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_place(written: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        kept(written)


_TEXT = st.text(min_size=1, max_size=20).map(str.strip).filter(bool)


@given(_TEXT, _TEXT, st.dictionaries(_TEXT, _TEXT, max_size=3), st.booleans())
def test_a_query_reads_back_as_itself(
    namespace: str, metric: str, dimensions: dict[str, str], is_shifted: bool
) -> None:
    """Whatever stands in a name: quotation marks, brackets, line breaks."""
    asked: Any = {"cloudwatch": {"namespace": namespace, "metric": metric, "dimensions": dimensions}}
    text = kept({"week_before": asked} if is_shifted else asked)
    query = CloudWatchQuery.read(text)
    assert query is not None
    assert query.request.single.dimensions == dimensions
    assert (str(query), query.seconds_before) == (text, 604_800 * is_shifted)


def test_a_metric_query_names_no_source() -> None:
    for text in ("sum:cloudwatch{*}.as_count()", "avg:apm_metrics{a:b}", "week_before(sum:x{*})"):
        assert sourced(text) is None
    assert ApmQuery.read("logs: service:letters") is None


# What they don't mean.


def test_good_pairs_have_no_finding() -> None:
    assert said(rate({"cloudwatch": ERRORS}, {"cloudwatch": REQUESTS})) == []
    assert said(rate(math("FILL(e4, 0) + FILL(e5, 0)", "e4", "e5"), {"cloudwatch": REQUESTS})) == []
    assert said(rate({"apm_metrics": HITS | {"stat": "errors"}}, {"apm_metrics": HITS})) == []
    latency = REQUESTS | {"metric": "Latency"}
    slow, every = latency | {"stat": "TC(0.8:)"}, latency | {"stat": "SampleCount"}
    assert said(rate({"cloudwatch": slow}, {"cloudwatch": every})) == []


@pytest.mark.parametrize(
    ("errors", "total", "kind", "fix"),
    [
        ({"cloudwatch": REQUESTS}, {"cloudwatch": REQUESTS}, query_lint.SAME, '"Status": "5xx"'),
        ({"cloudwatch": REQUESTS | {"stat": "Sum"}}, {"cloudwatch": REQUESTS}, query_lint.SAME, "Status"),
        (
            {"cloudwatch": {"namespace": "Letters", "metric": "Errors"}},
            {"cloudwatch": REQUESTS},
            query_lint.DIFFERENT_FILTERS,
            '"metric": "Errors", "dimensions": {"Path": "new"}',
        ),
        ({"cloudwatch": ERRORS}, "sum:x{*}.as_count()", query_lint.DIFFERENT_SOURCES, "in one source"),
        ({"cloudwatch": ERRORS}, {"apm_metrics": HITS}, query_lint.DIFFERENT_SOURCES, "in one source"),
        ({"cloudwatch": ERRORS | {"stat": "Average"}}, {"cloudwatch": REQUESTS}, query_lint.NOT_A_COUNT, '"Sum"'),
        ({"cloudwatch": ERRORS | {"stat": "tc90"}}, {"cloudwatch": REQUESTS}, query_lint.NOT_A_COUNT, "SampleCount"),
        (
            {"cloudwatch": ERRORS | {"stat": "PR(0.8:)"}},
            {"cloudwatch": REQUESTS},
            query_lint.RATIO,
            '"stat": "TC(0.8:)"',
        ),
        (math("a / b", "a", "b"), {"cloudwatch": REQUESTS}, query_lint.RATIO, "FILL(a, 0) + FILL(b, 0)"),
        (math("100 * a / FILL(b, 1)", "a", "b"), {"cloudwatch": REQUESTS}, query_lint.RATIO, "FILL"),
        (math("a + b", "a", "b"), {"cloudwatch": REQUESTS}, query_lint.NOT_A_COUNT, "FILL(a, 0) + FILL(b, 0)"),
        (math("FILL(a, REPEAT)", "a"), {"cloudwatch": REQUESTS}, query_lint.NOT_A_COUNT, "FILL(a, 0)"),
        (math("RATE(a)", "a"), {"cloudwatch": REQUESTS}, query_lint.NOT_A_COUNT, "FILL(a, 0)"),
        (math("a", "a", stat="p99"), {"cloudwatch": REQUESTS}, query_lint.NOT_A_COUNT, "SampleCount"),
        ({"apm_metrics": HITS}, {"apm_metrics": HITS}, query_lint.SAME, '"stat": "errors"'),
        (
            {"apm_metrics": {"stat": "errors", "service": "letters", "query_filter": "env:prod"}},
            {"apm_metrics": HITS},
            query_lint.DIFFERENT_FILTERS,
            "env:prod,provider:new",
        ),
        ({"apm_metrics": HITS | {"stat": "error_rate"}}, {"apm_metrics": HITS}, query_lint.RATIO, '"errors"'),
        (
            {"apm_metrics": HITS | {"stat": "errors_per_second"}},
            {"apm_metrics": HITS},
            query_lint.NOT_A_COUNT,
            '"errors"',
        ),
    ],
)
def test_a_pair_that_is_no_rate_is_found_with_what_to_write(
    errors: object, total: object, kind: FindingKind, fix: str
) -> None:
    (finding,) = query_findings(rate(errors, total))
    assert finding.kind is kind
    assert fix in finding.fix


def test_what_is_written_instead_is_fine() -> None:
    """A fix that is found fault with again sends people in circles."""
    for errors in (math("a + b", "a", "b"), math("RATE(a)", "a"), {"cloudwatch": ERRORS | {"stat": "PR(0.8:)"}}):
        (finding,) = query_findings(rate(errors, {"cloudwatch": REQUESTS}))
        pasted = yaml.safe_load(f"errors: {finding.fix.partition('`')[2].rstrip('`')}")
        assert said(rate(pasted["errors"], {"cloudwatch": REQUESTS})) == []


def test_a_sum_over_a_stage_counts_too() -> None:
    assert said(plan(kind="count", query={"cloudwatch": ERRORS | {"stat": "p99"}}, at_most=0)) == [
        ("query", query_lint.NOT_A_COUNT)
    ]
    assert said(plan(kind="value", query={"cloudwatch": ERRORS | {"stat": "p99"}}, below=2)) == []


def compared(control: Any) -> Plan:
    own = {"errors": {"cloudwatch": ERRORS}, "total": {"cloudwatch": REQUESTS}}
    return plan(kind="compare", **own, **control, at_most="1.5x")


def test_cloudwatch_can_be_asked_for_the_week_before() -> None:
    """Rampart asks it for an earlier window itself; Datadog's APM metrics can't be shifted."""
    week = {"control_errors": {"week_before": {"cloudwatch": ERRORS}}}
    assert said(compared(week | {"control_total": {"week_before": {"cloudwatch": REQUESTS}}})) == []
    apm = {part: {"week_before": {"apm_metrics": HITS | {"stat": stat}}} for part, stat in _APM_CONTROL.items()}
    assert [kind for _, kind in said(compared(apm))] == [query_lint.WEEK_OF_EVENTS] * 2


_APM_CONTROL = {"control_errors": "errors", "control_total": "hits"}


def test_a_control_of_another_source_is_another_path() -> None:
    """A plan may mix sources; only the two counts of one rate must come from one."""
    assert said(compared({part: {"apm_metrics": HITS | {"stat": stat}} for part, stat in _APM_CONTROL.items()})) == []
    same = {"control_errors": {"cloudwatch": ERRORS}, "control_total": {"cloudwatch": REQUESTS}}
    assert said(compared(same)) == [("control_total", query_lint.SAME_PATH)]


# What plan check says of them.


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ({"cloudwatch": ERRORS | {"stat": "p99"}}, "p99"),
        ({"cloudwatch": ERRORS | {"stat": "p99.9"}}, "p99.9"),
        (math("a * 1000", "a", stat="p95"), "p95"),
        ({"apm_metrics": HITS | {"stat": "latency_p999"}}, "p99.9"),
        ({"apm_metrics": HITS | {"stat": "latency_p50"}}, "p50"),
        ({"cloudwatch": ERRORS | {"stat": "Average"}}, None),
        ({"apm_metrics": HITS | {"stat": "latency_avg"}}, None),
    ],
)
def test_a_percentile_is_told_to_be_a_point_in_every_source(query: object, what: str | None) -> None:
    found = [each for each in warnings(plan(kind="value", query=query, below=2)) if each.kind is PERCENTILE_IS_A_POINT]
    assert [f"judges {what}," in each.message for each in found] == [True] * (what is not None)


@pytest.mark.parametrize(
    ("bucket", "hold", "query", "wider"),
    [
        ("1m", "16d", {"cloudwatch": REQUESTS}, "5m"),
        ("1m", "14d", {"cloudwatch": REQUESTS}, None),
        ("5m", "16d", {"cloudwatch": REQUESTS}, None),
        ("1m", "16d", "sum:x{*}.as_count()", None),
        ("1m", "14d", {"week_before": {"cloudwatch": REQUESTS}}, "5m"),
        ("5m", "10w", {"cloudwatch": REQUESTS}, "1h"),
    ],
)
def test_a_stage_that_outlives_its_buckets_is_warned_of(
    bucket: str, hold: str, query: object, wider: str | None
) -> None:
    known = plan(kind="count", query=query, at_most=0).model_dump(mode="json")
    written = Plan.model_validate(known | {"bucket": bucket, "stages": [{"percent": 1, "hold": hold}]})
    told = [] if wider is None else [f"Make the buckets wider (bucket: {wider}), or hold it shorter"]
    assert [each.fix for each in warnings(written) if each.kind is BUCKET_NOT_KEPT] == told


_BLOCK = re.compile(r"```yaml\n(errors: .*?)```", re.DOTALL)


def test_the_documented_latency_queries_count() -> None:
    """Every pair on the plan's page is a rate that nothing is found wrong with."""
    page = plan_page()
    blocks = _BLOCK.findall(page[page.index("### Latency") :])
    assert len(blocks) == 4
    for block in blocks:
        counts = yaml.safe_load(block)
        assert said(rate(counts["errors"], counts["total"])) == []
