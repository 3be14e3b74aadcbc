"""Queries that Datadog answers and that don't mean what their criterion takes them for."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from rampart.plan.query_lint import GROUPED, NOT_A_COUNT, RATIO, SAME, lint_count, lint_rate, lint_value
from tests.unit.plan.linting import (
    ALL,
    BAD,
    ERRORS,
    FILTERS,
    TOTAL,
    UNITS,
    fixed,
    part,
    rate,
    said,
    written,
)

GOOD = [
    (ERRORS, TOTAL),
    (f"count:{BAD[4:]}", f"count:{ALL[4:]}"),
    (f"count:{BAD[4:]}.as_count()", TOTAL),
    (f"{BAD}.rollup(sum, 60)", f"{ALL}.rollup(sum)"),
    (f"{ERRORS}.rollup(sum, 300)", TOTAL),
    (f"{ERRORS}.fill(zero)", f"{TOTAL}.fill(null)"),
    (f"default_zero({ERRORS})", f"abs({TOTAL})"),
    (f"default_zero({ERRORS}) + 0 * {TOTAL}", TOTAL),
    (f"clamp_min({ERRORS}, 0)", TOTAL),
    (f"sum({BAD} by {{host}}.as_count())", TOTAL),
    ("count:lat{env:prod,status:5*}.rollup(60)", "count:lat{env:prod}.rollup(60)"),
    ("count(v: v>0.5):latency{env:prod}.as_count()", "count:latency{env:prod}.as_count()"),
    # What errors asks for beyond total, in any form.
    ("sum:x{status:500,env:prod}.as_count() + sum:x{ status:502 , ENV:Prod }.as_count()", TOTAL),
    (f"{TOTAL} - sum:x{{env:prod,status:2*}}.as_count()", TOTAL),
    ("sum:x{env:prod AND status:5*}.as_count()", TOTAL),
    ("sum:x{env:prod AND status IN (500,502)}.as_count()", TOTAL),
    ("sum:x{env:prod and not status:2*}.as_count()", "sum:x{env:prod}.as_count()"),
    ("sum:x{env:prod AND NOT region:us AND status:500}.as_count()", "sum:x{env:prod,!region:us}.as_count()"),
    ("sum:x{env:prod,service:web-api,status:5*}.as_count()", "sum:x{env:prod,service:web*}.as_count()"),
    ("sum:x{env:prod,status:5*}.as_count()", "sum:x{env:prod,!status:404}.as_count()"),
    ("sum:x{$env,status:5*}.as_count()", "sum:x{$env}.as_count()"),
    ("sum:x{$env,status:5*}.as_count()", "sum:x{env:prod}.as_count()"),
    ("sum:x{*}.as_count() - sum:x{ok:true}.as_count()", "sum:x{*}.as_count()"),
    ("sum:trace.rack.request.errors{env:prod}.as_count()", "sum:trace.rack.request.hits{env:prod}.as_count()"),
    ("sum:trace.r.errors{env:prod}.as_count()", "sum:trace.r.hits.by_http_status{env:prod}.as_count()"),
    ("sum:x{!env:dev*,status:5*}.as_count()", "sum:x{!env:dev1}.as_count()"),
    ("sum:x{status:5*}.as_count()", "sum:x{env:*}.as_count()"),
    # What can't be told.
    ("sum:x{status:5*}.as_count()", "sum:x{service IN (web,api)}.as_count()"),
    ("sum:x{service IN (web,api) AND status:5*}.as_count()", "sum:x{service:web}.as_count()"),
    ("sum:x{service:*a,status:5*}.as_count()", "sum:x{!service:b*}.as_count()"),
    ("sum:x{(env:prod OR env:eu) AND status:5*}.as_count()", TOTAL),
    ("sum:x{env:prod OR status:5*}.as_count()", TOTAL),
    (ERRORS, "sum:x{env:prod OR env:eu}.as_count()"),
    ("sum:letters.lost{env:prod}.as_count()", "sum:gateway.forwarded{env:prod,route:letters}.as_count()"),
    (f"some_new_function({ERRORS})", TOTAL),
    ("e", "t"),
    ("e", "e"),
    ("sum:broken{", TOTAL),
    ("sum(last_5m):sum:x{*} > 5", TOTAL),
    ('logs("status:error").index("*").rollup("count").last("5m")', TOTAL),
]


@pytest.mark.parametrize(("errors", "total"), GOOD)
def test_two_counts_that_fit_each_other_hear_nothing(errors: str, total: str) -> None:
    assert rate(errors, total) == []
    assert rate(errors, total, above=True) == []


NO_COUNTS = [
    "{}",
    "{}.as_rate()",
    "{}.as_count().as_rate()",
    "per_second({})",
    "per_minute({}.as_count())",
    "per_hour({})",
    "derivative({})",
    "diff({}.as_count())",
    "monotonic_diff({})",
    "throughput({}.as_count())",
    "{}.rollup(avg, 60)",
    "{}.as_count().rollup(max, 60)",
    "{}.as_count().rollup( 'MIN' , 60)",
    "{}.rollup(last, 60)",
    "{}.rollup(60)",
    "{}.rollup(count, 60)",
    "{}.as_count().fill(last)",
    "{}.fill(linear, 60).as_count()",
    "ewma_3({}.as_count())",
    "ewma_20({}.as_count())",
    "median_5({}.as_count())",
    "moving_rollup({}.as_count(), 300, 'sum')",
    "autosmooth({}.as_count())",
    "cumsum({}.as_count())",
    "integral({})",
    "week_before({}.as_count())",
    "timeshift({}.as_count(), -3600)",
    "log10({}.as_count())",
    "clamp_max({}.as_count(), 5)",
    "cutoff_min({}.as_count(), 2)",
    "top({}.as_count(), 5, 'mean', 'desc')",
    "forecast({}.as_count(), 'linear', 1)",
    "default_zero({})",
    "abs(per_second({}))",
    "{}.as_count() / 60",
    "{}.as_count() + 1",
    "{0}.as_count() * {0}.as_count()",
    "{}.as_count() + {}",
    "  {}  ",
]
AGGREGATORS = ["avg", "min", "max", "p50", "p95", "p99.9", "median", "stddev", ""]


def spoilt(query: str) -> list[str]:
    """A counted query in every way that leaves no count."""
    ways = [way.replace("{0}", query).replace("{}", query) for way in NO_COUNTS]
    others = [f"{a}:{query[4:]}" if a else query[4:] for a in AGGREGATORS]
    return [*ways, *others, *(f"{other}.as_count()" for other in others)]


@pytest.mark.parametrize("errors", spoilt(BAD))
def test_uncounted_errors_over_a_counted_total_are_one_finding_of_units(errors: str) -> None:
    [finding] = rate(errors, TOTAL)
    assert (part(finding), finding.kind, finding.where) == ("errors", UNITS, "criteria.error rate.errors")
    assert errors in finding.message
    assert "while total is a count" in finding.message
    assert rate(written(finding), TOTAL) == []


@pytest.mark.parametrize("total", spoilt(ALL))
def test_an_uncounted_total_with_counted_errors_is_a_finding_too(total: str) -> None:
    [finding] = rate(ERRORS, total)
    assert (part(finding), finding.kind) == ("total", UNITS)
    assert rate(ERRORS, written(finding)) == []


@pytest.mark.parametrize(("errors", "total"), list(zip(spoilt(BAD), spoilt(ALL), strict=True)))
def test_where_neither_is_a_count_each_is_said(errors: str, total: str) -> None:
    assert said(rate(errors, total)) == [("errors", NOT_A_COUNT), ("total", NOT_A_COUNT)]
    assert rate(*fixed(errors, total)) == []


@pytest.mark.parametrize("query", [q for q in spoilt(BAD) if not q.endswith("/ 60")])
def test_a_count_needs_a_count(query: str) -> None:
    [finding] = lint_count("lost", query)
    assert (finding.kind, finding.where) == (NOT_A_COUNT, "criteria.lost.query")
    assert lint_count("lost", written(finding)) == []


@pytest.mark.parametrize(
    "query",
    [
        TOTAL,
        "count:x{*}",
        "sum:lost{a:b}.as_count() + 0 * sum:requests{a:c}.as_count()",
        "sum:lost{a:b}.as_count() + sum:requests{a:c}.as_count() * 0",
        "sum:bytes{*}.as_count() / 1024",
        "q",
    ],
)
def test_a_count_hears_nothing_of_zeros_that_show_traffic_and_of_other_units(query: str) -> None:
    assert lint_count("lost", query) == []


def test_the_reading_is_told_in_numbers_of_the_plans_own_buckets() -> None:
    [errors], [total] = rate(BAD, TOTAL), rate(ERRORS, ALL)
    assert errors.message.endswith("if 100% of requests failed, the rate would read 0.333% in buckets of 5m")
    assert total.message.endswith("if 0.1% of requests failed, the rate would read 30% in buckets of 5m")
    [minute] = rate(f"per_minute({BAD})", TOTAL, bucket=timedelta(minutes=10))
    assert "would read 10% in buckets of 10m" in minute.message
    assert "300 of them read as 1, so a failing flag may never be found" in rate(BAD, ALL)[0].message
    [above] = rate(BAD, TOTAL, above=True)
    assert "if 100% of requests succeeded, the rate would read 0.333%" in above.message


def test_what_is_not_a_rate_at_all_gets_no_such_number() -> None:
    [finding] = rate(f"avg:{BAD[4:]}", TOTAL)
    assert (
        finding.message.partition("`: ")[2]
        == "`avg:` gives an average, while total is a count: the rate would be no share of requests"
    )


RATIOS = [
    f"{ERRORS} / {TOTAL}",
    f"({ERRORS}/{TOTAL}) * 100",
    f"100 * {ERRORS} / {TOTAL}",
    f"{ERRORS} * 100",
    f"{ERRORS} * (10 * 10)",
    f"{BAD} / {ALL}",
    f"default_zero({ERRORS} / {TOTAL})",
    f"{ERRORS} / ({TOTAL} + 1)",
    f"{ERRORS} / 100",
]


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_ratio_or_a_percentage_is_not_part_of_a_rate(ratio: str) -> None:
    assert said(rate(ratio, TOTAL)) == [("errors", RATIO)]
    assert fixed(ratio, TOTAL)[0] in {ERRORS, f"default_zero({ERRORS})"}
    assert rate(*fixed(ratio, TOTAL)) == []
    assert said(lint_rate("r", {"errors": ratio})) == [("errors", RATIO)]
    assert [f.kind for f in lint_count("c", ratio)] == [RATIO]
    assert lint_count("c", written(lint_count("c", ratio)[0])) == []


def test_of_a_ratio_total_keeps_what_it_is_divided_by() -> None:
    assert said(rate(ERRORS, f"{ERRORS} / {TOTAL}")) == [("total", RATIO)]
    assert fixed(ERRORS, f"{ERRORS} / {TOTAL}") == (ERRORS, TOTAL)


def test_the_share_that_is_left_becomes_the_difference() -> None:
    good = "sum:x{env:prod,status:2*}.as_count()"
    assert fixed(f"100 * (1 - {good} / {TOTAL})", TOTAL) == (f"{TOTAL} - {good}", TOTAL)


@pytest.mark.parametrize(
    "grouped", ["{} by {{host}}.as_count()", "{} by {{host,env}}.as_count()", "{} BY {{ host }}.as_count()"]
)
def test_groups_are_named_wherever_they_stand(grouped: str) -> None:
    errors, total = grouped.format(BAD), grouped.format(ALL)
    assert said(rate(errors, total)) == [("errors", GROUPED), ("total", GROUPED)]
    assert fixed(errors, total) == (ERRORS, TOTAL)
    assert "host" in rate(errors, total)[0].message
    assert [f.kind for f in lint_count("c", errors)] == [GROUPED]
    assert written(lint_count("c", errors)[0]) == ERRORS


@pytest.mark.parametrize(
    ("query", "then"),
    [
        ("p95:latency{*} by {host}", "p95:latency{*}"),
        ("avg:load{env:prod} by {host}.rollup(max, 60)", "avg:load{env:prod}.rollup(max, 60)"),
        ("avg:a{*} by {host} / avg:b{*} by {host}", "avg:a{*} / avg:b{*}"),
        ("top(avg:a{*} by {host}, 5, 'mean', 'desc')", "top(avg:a{*}, 5, 'mean', 'desc')"),
        ("max(avg:a{*} by {host,env}) by {env}", "max(avg:a{*} by {host,env})"),
    ],
)
def test_a_value_of_many_series_is_refused(query: str, then: str) -> None:
    [finding] = lint_value("latency", query)
    assert (finding.kind, written(finding)) == (GROUPED, then)
    assert lint_value("latency", then) == []


@pytest.mark.parametrize(
    "query",
    [
        "p95:latency{*}",
        "avg:a{*} / avg:b{*} * 100",
        "avg:load{*} - week_before(avg:load{*})",
        "max(avg:load{*} by {host})",
        "count_nonzero(avg:load{*} by {host})",
        "sum:x{*}",
        "v",
    ],
)
def test_a_value_may_be_anything_else(query: str) -> None:
    assert lint_value("latency", query) == []


@pytest.mark.parametrize(
    ("errors", "total"),
    [
        (TOTAL, TOTAL),
        (TOTAL, " sum : x { env:prod } . as_count( ) "),
        (TOTAL, "sum:x{ENV:PROD}.as_count()"),
        ("sum:x{a:b,env:prod}.as_count()", "sum:x{env:prod, a:b}.as_count()"),
        ("sum:x{a:b,env:prod}.as_count()", "sum:x{env:prod AND a:b}.as_count()"),
        ("sum:x{!a:b}.as_count()", "sum:x{NOT a:b}.as_count()"),
        (TOTAL, f"default_zero({TOTAL})"),
        (f"{TOTAL}.rollup(sum, 60)", f"{TOTAL}.fill(zero)"),
        ("sum:x{a:b}.as_count() + sum:y{a:b}.as_count()", "sum:y{a:b}.as_count() + sum:x{a:b}.as_count()"),
        (f"{TOTAL} + 0 * sum:y{{a:b}}.as_count()", TOTAL),
        ("sum:x{a:b OR c:d}.as_count()", "sum:x{a:b  or c:d}.as_count()"),
    ],
)
def test_one_query_twice_is_said_whatever_its_blanks_and_order(errors: str, total: str) -> None:
    assert said(rate(errors, total)) == [("errors", SAME)]
    assert rate(*fixed(errors, total)) == []
    assert "status:5*" in rate(errors, total)[0].fix
    assert "status:2*" in rate(errors, total, above=True)[0].fix


def test_where_both_ask_for_errors_total_is_the_wrong_one() -> None:
    assert said(rate(ERRORS, ERRORS)) == [("total", SAME)]
    assert fixed(ERRORS, ERRORS) == (ERRORS, TOTAL)
    traced = "sum:trace.rack.request.errors{env:prod}.as_count()"
    assert fixed(traced, traced) == (traced, traced.replace("errors", "hits"))


def test_one_query_in_two_units_hears_both() -> None:
    assert said(rate(ALL, TOTAL)) == [("errors", UNITS), ("errors", SAME)]
    assert rate(*fixed(ALL, TOTAL)) == []


@pytest.mark.parametrize(
    ("errors", "total", "then"),
    [
        ("sum:x{status:5*}", "sum:x{env:prod}", "sum:x{status:5*,env:prod}"),
        ("sum:x{env:stag,status:5*}", "sum:x{env:prod}", "sum:x{status:5*,env:prod}"),
        ("sum:x{env:prod,status:5*}", "sum:x{env:prod,action:show}", "sum:x{env:prod,status:5*,action:show}"),
        ("sum:x{status:5*}", "sum:x{!region:us}", "sum:x{status:5*,!region:us}"),
        ("sum:x{status IN (500)}", "sum:x{!region:us}", "sum:x{status IN (500) AND NOT region:us}"),
        ("sum:x{service:api,status:5*}", "sum:x{service:web*}", "sum:x{status:5*,service:web*}"),
        ("sum:x{service:w*,status:5*}", "sum:x{service:web*}", "sum:x{status:5*,service:web*}"),
        ("sum:x{status:5*}", "sum:x{$env}", "sum:x{status:5*,$env}"),
        ("sum:x{status:5*}", "sum:x{prod}", "sum:x{status:5*,prod}"),
        ("sum:x{region:us,status:5*}", "sum:x{!region:us}", "sum:x{status:5*,!region:us}"),
        ("sum:x{service:xb,status:5*}", "sum:x{service:a*,service:*b}", "sum:x{status:5*,service:a*,service:*b}"),
        ("sum:letters.errors{a:b}", "sum:letters.requests{a:b,env:prod}", "sum:letters.errors{a:b,env:prod}"),
        ("sum:errors{a:b}", "sum:requests{a:b,env:prod}", "sum:errors{a:b,env:prod}"),
        ("sum:trace.r.errors{*}", "sum:trace.r.hits{env:prod}", "sum:trace.r.errors{env:prod}"),
        ("sum:trace.r.errors{*}", "sum:trace.r.hits.by_status{env:prod}", "sum:trace.r.errors{env:prod}"),
        ("sum:x{!env:dev1,status:5*}", "sum:x{!env:dev*}", "sum:x{!env:dev1,status:5*,!env:dev*}"),
        ("sum:lost{env:stag}", "sum:forwarded{env:prod}", "sum:lost{env:prod}"),
    ],
)
def test_errors_of_requests_that_total_leaves_out_are_said(errors: str, total: str, then: str) -> None:
    pair = (f"{errors}.as_count()", f"{total}.as_count()")
    [finding] = rate(*pair)
    assert (part(finding), finding.kind, written(finding)) == ("errors", FILTERS, f"{then}.as_count()")
    assert rate(*fixed(*pair)) == []
    assert said(rate(*pair, above=True)) == [("errors", FILTERS)]


@pytest.mark.parametrize(
    "outcome", ["status:2*", "status:200", "!status:5*", "http.status_code:200", "result:ok", "error:false"]
)
def test_a_total_of_one_outcome_only_is_told_to_hold_all(outcome: str) -> None:
    errors, total = "sum:x{env:prod,status:500,error:true}.as_count()", f"sum:x{{env:prod,{outcome}}}.as_count()"
    [finding] = rate(errors, total)
    assert (part(finding), finding.kind, written(finding)) == ("total", FILTERS, TOTAL)
    assert outcome in finding.message


def test_every_query_of_a_sum_must_ask_for_what_total_asks_for() -> None:
    errors = "sum:x{env:prod,status:500}.as_count() + sum:x{status:502}.as_count()"
    assert said(rate(errors, TOTAL)) == [("errors", FILTERS)]
    assert fixed(errors, TOTAL)[0] == errors.replace("{status:502}", "{status:502,env:prod}")
    both = "sum:x{env:prod,service:a}.as_count() + sum:x{env:prod,service:b}.as_count()"
    assert rate(ERRORS, both) == [], "of a sum only what all its queries ask for is asked of errors"
    assert said(rate("sum:x{env:eu,status:5*}.as_count()", both)) == [("errors", FILTERS)]


@pytest.mark.parametrize("order", list(permutations(["env:prod", "action:show", "status:5*"])))
def test_the_order_of_tags_never_matters(order: tuple[str, ...]) -> None:
    errors = f"sum:x{{{','.join(order)}}}.as_count()"
    assert rate(errors, "sum:x{action:show,env:prod}.as_count()") == []
    assert said(rate(errors, "sum:x{action:show,env:eu}.as_count()")) == [("errors", FILTERS)]
