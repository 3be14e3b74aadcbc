"""The metric source on a stand-in of Datadog's API: what it asks, and what it makes of the answers or their absence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import pytest

from local.datadog_standin import API_KEY, APP_KEY, DatadogStandIn, Points, Scenario
from local.faults import Fault, FaultKind, rate_limited
from rampart.absence import AbsenceReason
from rampart.adapters.datadog import DatadogMetricSource, bucketed, fitted
from rampart.adapters.datadog_api import QueryBudget
from rampart.adapters.secrets import Secret
from rampart.errors import SecretUnavailableError
from rampart.evidence.series import Measured, Series, Unavailable
from tests.doubles import FixedSecret

START = 1_764_000_000
NOW = START + 7200.0
ERRORS = "sum:letters.errors{env:prod}.as_count()"
TOTAL = "sum:letters.requests{env:prod}.as_count()"
LATENCY = "avg:letters.latency{env:prod}"
QUERIES = {"download/errors": ERRORS, "download/total": TOTAL, "latency/value": LATENCY}
TIMESERIES = "/query/timeseries"
KEYS = {"api_key": API_KEY, "app_key": APP_KEY}


class SilentServer(Protocol):
    url: str


def points(metric: str, *pairs: tuple[int, float]) -> dict[str, Any]:
    return {"metric": metric, "tags": {"env": "prod"}, "points": [[START + at, value] for at, value in pairs]}


@pytest.fixture
def datadog() -> Iterator[DatadogStandIn]:
    scenario = Scenario.model_validate(
        {
            "points": [
                points("letters.errors", (310, 2), (590, 1)),
                points("letters.requests", (10, 40), (310, 60), (599, 1), (600, 7)),
                points("letters.latency", (20, 1.0), (40, 2.0)),
            ]
        }
    )
    with DatadogStandIn(scenario, tick_seconds=0, clock=lambda: NOW) as stand_in:
        yield stand_in


Source = Callable[..., DatadogMetricSource]


@pytest.fixture
def source(datadog: DatadogStandIn) -> Source:
    def make(secret: Secret = FixedSecret(KEYS), **options: Any) -> DatadogMetricSource:  # noqa: B008 -- passed on; frozen
        return DatadogMetricSource("datadoghq.com", secret, url=datadog.url, **options)

    return make


def read(source: DatadogMetricSource, queries: Mapping[str, str] = QUERIES, **window: int) -> Mapping[str, Measured]:
    return source.read(queries, **({"start": START, "end": START + 600, "bucket": 300} | window))


def reasons(answers: Mapping[str, Measured]) -> set[AbsenceReason | None]:
    return {answer.reason if isinstance(answer, Unavailable) else None for answer in answers.values()}


# What it asks, and what it makes of a good answer.


def test_logs_and_spans_are_counted_in_the_same_request_as_metrics(datadog: DatadogStandIn, source: Source) -> None:
    events = {"service": "letters", "provider": "new"}
    for kind, value in (("logs", 3), ("spans", 2)):
        point = points(kind, (10, value), (310, 1)) | {"tags": events}
        datadog.scenario.points.append(Points.model_validate(point))
    asked = {"a": "logs(main): service:letters @provider:new", "b": "spans: service:letters -@provider:old", "c": TOTAL}
    answers = read(source(), asked | {"d": "logs: @provider:old", "e": "logs(archive): service:letters"})
    assert answers["a"] == Series(((START, 3.0), (START + 300, 1.0)))
    assert answers["b"] == Series(((START, 2.0), (START + 300, 1.0)))
    assert answers["c"] == Series(((START, 40.0), (START + 300, 61.0)))
    assert answers["d"] == answers["e"] == Series(())
    (sent,) = [each for each in datadog.requests if each["path"].endswith(TIMESERIES)]
    assert sent["body"]["data"]["attributes"]["queries"][0] == {
        "name": "q0",
        "data_source": "logs",
        "search": {"query": "service:letters @provider:new"},
        "indexes": ["main"],
        "compute": {"aggregation": "count", "interval": 300_000},
    }


def test_apm_metrics_are_asked_for_in_the_same_request(datadog: DatadogStandIn, source: Source) -> None:
    tags = {"service": "letters", "env": "prod", "provider": "new", "resource_name": "download"}
    for stat, value in (("hits", 30), ("errors", 3), ("latency_p99", 0.5)):
        point = points(f"apm_metrics.{stat}", (10, value), (20, value)) | {"tags": tags}
        datadog.scenario.points.append(Points.model_validate(point))
    where = {"service": "letters", "resource_name": "download", "query_filter": "env:prod,!provider:old"}
    asked = {stat: f"apm_metrics: {json.dumps({'stat': stat, **where})}" for stat in ("hits", "errors", "latency_p99")}
    answers = read(source(), asked | {"c": TOTAL, "other": 'apm_metrics: {"stat": "hits", "service": "else"}'})
    assert answers["hits"] == Series(((START, 60.0), (START + 300, None)))
    assert answers["errors"] == Series(((START, 6.0), (START + 300, None)))
    assert answers["latency_p99"] == Series(((START, 0.5), (START + 300, None)))
    assert answers["c"] == Series(((START, 40.0), (START + 300, 61.0)))
    assert answers["other"] == Series(())
    (sent,) = [each for each in datadog.requests if each["path"].endswith(TIMESERIES)]
    query = sent["body"]["data"]["attributes"]["queries"][0]
    assert query == {"name": "q0", "data_source": "apm_metrics", "stat": "hits", **where}


def test_a_search_that_datadog_refuses_is_refused_alone_at_a_start(source: Source) -> None:
    answers = read(source(split_refused=True), {"bad": "logs: (a OR b)", "good": TOTAL})
    assert reasons({"bad": answers["bad"]}) == {AbsenceReason.REFUSED_QUERY}
    assert reasons({"good": answers["good"]}) == {None}


def test_all_queries_are_one_request_and_come_back_by_their_keys(source: Source, datadog: DatadogStandIn) -> None:
    answers = read(source())
    assert answers["download/total"] == Series(((START, 40.0), (START + 300, 61.0)))
    assert answers["download/errors"] == Series(((START, None), (START + 300, 3.0)))
    assert answers["latency/value"] == Series(((START, 1.5), (START + 300, None)))
    assert len(datadog.requests) == 1


def test_the_window_is_milliseconds_and_its_end_is_outside(source: Source, datadog: DatadogStandIn) -> None:
    total = read(source(), {"total": TOTAL}, end=START + 900)["total"]
    assert total == Series(((START, 40.0), (START + 300, 61.0), (START + 600, 7.0)))
    asked = datadog.requests[0]["body"]["data"]["attributes"]
    assert (asked["from"], asked["to"], asked["interval"]) == (START * 1000, (START + 900) * 1000, 300_000)


def test_a_query_without_data_is_an_empty_series(source: Source) -> None:
    answers = read(source(), {"nothing": "sum:letters.nothing{*}.as_count()", "total": TOTAL})
    assert answers["nothing"] == Series(())
    assert read(source(), {"nothing": "sum:letters.nothing{*}.as_count()"}) == {"nothing": Series(())}


def test_without_queries_nothing_is_requested(source: Source, datadog: DatadogStandIn) -> None:
    assert read(source(), {}) == {}
    assert not datadog.requests


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        (TOTAL, f"{TOTAL}.rollup(sum, 300)"),
        (
            "sum:a{*}.as_count() + sum:b{*}.as_count()",
            "sum:a{*}.as_count().rollup(sum, 300) + sum:b{*}.as_count().rollup(sum, 300)",
        ),
        ("sum:a{*}.as_count().rollup(sum, 60)", "sum:a{*}.as_count().rollup(sum, 60)"),
        ("p95:a{*}", "p95:a{*}"),
        ("max:a{*}.rollup(max, 60)", "max:a{*}.rollup(max, 60)"),
    ],
)
def test_only_counters_are_added_up_over_the_bucket(query: str, asked: str) -> None:
    assert bucketed(query, 300) == asked


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("sum:a{*}.as_count().rollup(sum, 60)", "sum:a{*}.as_count().rollup(sum, 300)"),
        ("sum:a{*}.rollup('sum',3600)", "sum:a{*}.rollup('sum',300)"),
        ("max:a{*}.rollup(max, 60)", "max:a{*}.rollup(max, 300)"),
        ("max:a{*}.rollup( max , 3600 )", "max:a{*}.rollup( max , 3600 )"),
        ("count:a{*}.rollup(60) + count:b{*}.rollup(60)", "count:a{*}.rollup(300) + count:b{*}.rollup(300)"),
        ("sum:a{*}.as_count().rollup(sum, 300)", "sum:a{*}.as_count().rollup(sum, 300)"),
        ("sum:a{*}.as_count().rollup(sum)", "sum:a{*}.as_count().rollup(sum)"),
        ("moving_rollup(sum:a{*}, 60, 'avg')", "moving_rollup(sum:a{*}, 60, 'avg')"),
    ],
)
def test_roll_ups_of_a_plans_own_are_fitted_into_the_bucket(query: str, asked: str) -> None:
    assert fitted(query, 300) == asked


@pytest.mark.parametrize("width", [60, 300, 3600])
@pytest.mark.parametrize("bucket", [60, 300, 600, 3600])
def test_a_query_with_a_roll_up_of_its_own_is_read_in_any_buckets(source: Source, bucket: int, width: int) -> None:
    """A plan's bucket in a stage, wider ones of a long stage, and hours before the start."""
    queries = {"total": f"{TOTAL}.rollup(sum, {width})", "latency": f"max:letters.latency{{*}}.rollup(max, {width})"}
    start = START - START % 3600
    answers = read(source(), queries, start=start, end=start + 2 * 3600, bucket=bucket)
    total, latency = answers["total"], answers["latency"]
    assert isinstance(total, Series)
    assert isinstance(latency, Series)
    assert total == read(source(), {"total": TOTAL}, start=start, end=start + 2 * 3600, bucket=bucket)["total"]
    assert {value for _, value in latency.points} <= {1.0, 2.0, None}


def test_more_buckets_than_datadog_shows_are_not_asked_for(source: Source, datadog: DatadogStandIn) -> None:
    """Beyond 1,500 points it silently makes them wider."""
    answers = read(source(), end=START + 1501 * 60, bucket=60)
    assert reasons(answers) == {AbsenceReason.MALFORMED}
    assert not datadog.requests
    assert reasons(read(source(), start=START - 1400 * 60, end=START + 100 * 60, bucket=60)) == {None}


# Every way not to be answered.


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        (
            Fault(kind=FaultKind.STATUS, status=400, body={"errors": ["bad metric"]}),
            AbsenceReason.REFUSED_QUERY,
            "bad metric",
        ),
        (
            Fault(kind=FaultKind.STATUS, status=401, body={"errors": ["Unauthorized"]}),
            AbsenceReason.REFUSED_CREDENTIALS,
            "401",
        ),
        (
            Fault(kind=FaultKind.STATUS, status=403, body={"errors": ["Forbidden"]}),
            AbsenceReason.REFUSED_CREDENTIALS,
            "Forbidden",
        ),
        (rate_limited(reset_seconds=2462), AbsenceReason.RATE_LIMITED, "ask again in 2462 s"),
        (rate_limited(), AbsenceReason.RATE_LIMITED, "without saying when"),
        (
            Fault(kind=FaultKind.STATUS, status=429, headers={"X-RateLimit-Reset": "soon"}),
            AbsenceReason.RATE_LIMITED,
            "without",
        ),
        (Fault(kind=FaultKind.STATUS, status=500, body="<html>"), AbsenceReason.UNREACHABLE, "500"),
        (Fault(kind=FaultKind.STATUS, status=503, headers={"Retry-After": "1"}), AbsenceReason.UNREACHABLE, "503"),
        (Fault(kind=FaultKind.REFUSE), AbsenceReason.UNREACHABLE, "could not be reached"),
        (Fault(kind=FaultKind.HANG, seconds=60), AbsenceReason.UNREACHABLE, "in 0.5 s"),
        (Fault(kind=FaultKind.TRICKLE, seconds=60), AbsenceReason.UNREACHABLE, "in 0.5 s"),
        (Fault(kind=FaultKind.RESET_MID_BODY), AbsenceReason.UNREACHABLE, "could not be reached"),
        (Fault(kind=FaultKind.LOST_ANSWER), AbsenceReason.UNREACHABLE, "could not be reached"),
        (Fault(kind=FaultKind.MALFORMED_BODY), AbsenceReason.MALFORMED, "isn't JSON"),
        (Fault(kind=FaultKind.EMPTY_BODY), AbsenceReason.MALFORMED, "isn't JSON"),
        (
            Fault(kind=FaultKind.STATUS, status=200, body={"errors": ["shard lost"]}),
            AbsenceReason.HIDDEN_ERROR,
            "shard lost",
        ),
        (Fault(kind=FaultKind.STATUS, status=200, body={"data": {"errors": "x"}}), AbsenceReason.HIDDEN_ERROR, "x"),
        (
            Fault(kind=FaultKind.STATUS, status=200, body={"status": "error", "data": {}}),
            AbsenceReason.HIDDEN_ERROR,
            "error",
        ),
    ],
    ids=lambda value: f"{value.kind.value} {value.status} {str(value.body)[:30]}" if isinstance(value, Fault) else "",
)
def test_no_answer_is_never_an_empty_one(
    source: Source, datadog: DatadogStandIn, fault: Fault, reason: AbsenceReason, words: str
) -> None:
    datadog.faults.add(fault)
    answers = read(source(deadline_seconds=0.5))
    assert answers.keys() == QUERIES.keys()
    for answer in answers.values():
        assert isinstance(answer, Unavailable)
        assert answer.reason is reason
        assert words in answer.detail
    assert len(datadog.requests) <= 1, "nothing is retried inside"


def test_a_datadog_that_is_not_there_is_unreachable() -> None:
    source = DatadogMetricSource("datadoghq.com", FixedSecret(KEYS), url="http://127.0.0.1:1")
    assert reasons(read(source)) == {AbsenceReason.UNREACHABLE}


def test_a_silent_datadog_is_given_up(silent_server: SilentServer) -> None:
    source = DatadogMetricSource("datadoghq.com", FixedSecret(KEYS), url=silent_server.url, deadline_seconds=0.3)
    gave_up = Unavailable(AbsenceReason.UNREACHABLE, "Datadog did not answer in 0.3 seconds")
    assert set(read(source).values()) == {gave_up}


def test_a_refused_batch_refuses_every_query_of_it(source: Source, datadog: DatadogStandIn) -> None:
    answers = read(source(), {"bad": "sum:letters.requests{", "total": TOTAL})
    assert reasons(answers) == {AbsenceReason.REFUSED_QUERY}
    assert len(datadog.requests) == 1


def test_a_refused_batch_can_be_split_to_find_the_bad_query(source: Source) -> None:
    answers = read(source(split_refused=True), {"bad": "sum:letters.requests{", "total": TOTAL})
    assert reasons({"bad": answers["bad"]}) == {AbsenceReason.REFUSED_QUERY}
    assert answers["total"] == Series(((START, 40.0), (START + 300, 61.0)))


def test_a_rate_limit_is_waited_out_when_the_time_is_there(source: Source, datadog: DatadogStandIn) -> None:
    waited: list[float] = []
    datadog.faults.add(rate_limited(reset_seconds=3, times=1))
    answers = read(source(patience_seconds=5, pause=waited.append))
    assert reasons(answers) == {None}
    assert waited == [3]


def test_a_rate_limit_is_waited_out_once(source: Source, datadog: DatadogStandIn) -> None:
    waited: list[float] = []
    datadog.faults.add(rate_limited(reset_seconds=3))
    assert reasons(read(source(patience_seconds=5, pause=waited.append))) == {AbsenceReason.RATE_LIMITED}
    assert waited == [3]
    assert len(datadog.requests) == 2


def test_what_is_left_of_the_limit_is_known_from_each_answer_and_nothing_is_where_it_is_refused(
    source: Source, datadog: DatadogStandIn
) -> None:
    budget = QueryBudget()
    assert budget.left is None
    asked = source(budget=budget)
    read(asked)
    before = budget.left
    read(asked)
    assert before is not None
    assert budget.left == before - 1
    datadog.faults.add(rate_limited(reset_seconds=40))
    read(source(budget=(fresh := QueryBudget())))
    assert fresh.left == 0


@pytest.mark.parametrize("reset", [6, None])
def test_a_rate_limit_that_does_not_fit_is_not_waited_out(
    source: Source, datadog: DatadogStandIn, reset: int | None
) -> None:
    waited: list[float] = []
    datadog.faults.add(rate_limited(reset_seconds=reset))
    assert reasons(read(source(patience_seconds=5, pause=waited.append))) == {AbsenceReason.RATE_LIMITED}
    assert not waited
    assert len(datadog.requests) == 1


class RotatingSecret:
    """A secret whose newer content is only seen when it is read again."""

    def __init__(self, known: Mapping[str, Any], newer: Mapping[str, Any]) -> None:
        self.known, self.newer = known, newer

    def __call__(self) -> Mapping[str, Any]:
        return self.known

    def refresh(self) -> Mapping[str, Any]:
        self.known = self.newer
        return self.known


def test_keys_that_were_rotated_are_read_again(source: Source, datadog: DatadogStandIn) -> None:
    metrics = source(RotatingSecret({"api_key": "old", "app_key": APP_KEY}, KEYS))
    assert reasons(read(metrics)) == {None}
    assert reasons(read(metrics)) == {None}
    assert [request["status"] for request in datadog.requests] == [403, 200, 200]


def test_keys_that_are_wrong_are_refused_after_one_call(source: Source, datadog: DatadogStandIn) -> None:
    assert reasons(read(source(FixedSecret(KEYS | {"api_key": "wrong"})))) == {AbsenceReason.REFUSED_CREDENTIALS}
    assert len(datadog.requests) == 1


def test_a_secret_without_both_keys_is_refused(
    source: Source, datadog: DatadogStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DD_APP_KEY", APP_KEY)
    answers = read(source(FixedSecret({"api_key": API_KEY})))
    assert reasons(answers) == {AbsenceReason.REFUSED_CREDENTIALS}
    assert "app_key" in str(answers)
    assert not datadog.requests


def test_keys_that_cannot_be_sent_are_refused_without_showing_them(source: Source) -> None:
    answers = read(source(FixedSecret({"api_key": "one\ntwo", "app_key": "three"})))
    assert reasons(answers) == {AbsenceReason.REFUSED_CREDENTIALS}
    assert "two" not in str(answers)


def test_keys_of_the_environment_are_not_used(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DD_API_KEY", "from-the-environment")
    monkeypatch.setenv("DD_SITE", "ddog-gov.com")
    assert reasons(read(source())) == {None}


def test_a_secret_that_cannot_be_read_is_said_so(source: Source) -> None:
    class Gone:
        def __call__(self) -> Mapping[str, Any]:
            raise SecretUnavailableError("secret 'datadog' cannot be read: AccessDeniedException")

        def refresh(self) -> Mapping[str, Any]:
            return self()

    answers = read(source(Gone()))
    assert reasons(answers) == {AbsenceReason.REFUSED_CREDENTIALS}
    assert "AccessDeniedException" in str(answers)
