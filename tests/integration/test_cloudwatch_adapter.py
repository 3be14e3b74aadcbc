"""CloudWatch, asked by the real client: moto keeps what is put; what moto can't say is held to botocore's model.

moto knows neither metric math nor pages nor statuses: those answers are given by a Stubber, which refuses a request or
an answer that the service's own model doesn't have.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, NoCredentialsError

from rampart.absence import AbsenceReason
from rampart.adapters.cloudwatch import MOST_POINTS, MOST_QUERIES, CloudWatchMetricSource
from rampart.evidence.series import Series, Unavailable
from tests.integration.cloudwatch_questions import (
    BUCKET,
    END,
    OLD,
    START,
    Stubbed,
    math,
    points,
    put,
    query,
    read,
    source,
)


@pytest.fixture
def cloudwatch(aws: None) -> Any:
    return boto3.client("cloudwatch")


# On moto: what is there, and what isn't.


def test_counts_are_summed_in_buckets(cloudwatch: Any) -> None:
    for at, value in ((0, 3), (60, 4), (299, 1), (300, 10)):
        put(cloudwatch, at, value)
    put(cloudwatch, 0, 99, path=OLD)
    assert read(source(cloudwatch), query(), query(dimensions=OLD)) == [points((0, 8), (300, 10)), points((0, 99))]


def test_other_statistics_are_asked_for(cloudwatch: Any) -> None:
    for value in (1, 5):
        put(cloudwatch, 0, value)
    answers = read(source(cloudwatch), *(query(stat=stat) for stat in ("SampleCount", "Maximum", "Average")))
    assert answers == [points((0, 2)), points((0, 5)), points((0, 3))]


def test_a_bucket_without_data_is_absent_and_a_zero_is_a_zero(cloudwatch: Any) -> None:
    """No requests and no news of requests are different things."""
    put(cloudwatch, 0, 7)
    put(cloudwatch, 600, 0)
    assert read(source(cloudwatch), query()) == [points((0, 7), (600, 0))]


def test_a_metric_that_no_one_put_is_no_data(cloudwatch: Any) -> None:
    assert read(source(cloudwatch), query("Misspelled")) == [Series(())]


def test_what_is_outside_of_the_window_is_not_read(cloudwatch: Any) -> None:
    for at in (-300, 0, 1500, 1800):
        put(cloudwatch, at, 1)
    assert read(source(cloudwatch), query()) == [points((0, 1))]


def test_the_week_before_is_read_and_told_as_of_now(cloudwatch: Any) -> None:
    put(cloudwatch, 0, 5)
    put(cloudwatch, -604_800, 50)
    assert read(source(cloudwatch), query(), query(before=True)) == [points((0, 5)), points((0, 50))]


def test_nothing_is_asked_where_nothing_is_wanted() -> None:
    def connect() -> Any:
        raise AssertionError("no one should ask")

    assert CloudWatchMetricSource(connect).read({}, start=START, end=END, bucket=BUCKET) == {}


# Buckets that CloudWatch doesn't have.


@pytest.mark.parametrize(
    ("bucket", "age", "words"),
    [
        (45, timedelta(hours=1), "no buckets of 45 seconds"),
        (90, timedelta(hours=1), "no buckets of 90 seconds"),
        (30, timedelta(hours=4), "older than 3 hours in buckets of 1 minute"),
        (60, timedelta(days=16), "older than 15 days in buckets of 5 minutes"),
        (300, timedelta(days=64), "older than 9 weeks in buckets of 1 hour"),
    ],
)
def test_a_bucket_that_would_find_nothing_is_refused_in_words(bucket: int, age: timedelta, words: str) -> None:
    """CloudWatch answers such a question with no points, which would be taken for no requests."""
    start = START // 3600 * 3600
    asked = source(None, now=lambda: start + age.total_seconds())
    (answer,) = read(asked, query(), start=start, end=start + 10 * bucket, bucket=bucket)
    assert isinstance(answer, Unavailable)
    assert answer.reason is AbsenceReason.REFUSED_QUERY
    assert words in answer.detail


@pytest.mark.parametrize(("bucket", "days"), [(60, 14), (300, 16), (300, 62), (3600, 64)])
def test_a_bucket_that_is_kept_that_long_is_asked_for(cloudwatch: Any, bucket: int, days: int) -> None:
    start = START // 3600 * 3600
    assert read(
        source(cloudwatch, now=lambda: start + days * 86_400), query(), start=start, end=start + 3600, bucket=bucket
    ) == [Series(())]


def test_the_week_before_is_older_by_a_week(cloudwatch: Any) -> None:
    asked = source(cloudwatch, now=lambda: START + 9 * 86_400)
    now, before = read(asked, query(), query(before=True), end=START + 120, bucket=60)
    assert now == Series(())
    assert isinstance(before, Unavailable)


# What moto can't say: requests and answers as the service's model has them.


@pytest.fixture
def stubbed(aws: None) -> Stubbed:
    return Stubbed()


def result(name: str, *values: tuple[int, float], status: str = "Complete", **more: Any) -> dict[str, Any]:
    return {
        "Id": name,
        "Timestamps": [datetime.fromtimestamp(START + at, UTC) for at, _ in values],
        "Values": [value for _, value in values],
        "StatusCode": status,
        **more,
    }


def test_one_call_asks_everything_and_math_has_names_of_its_own(stubbed: Stubbed) -> None:
    """Two expressions may name their metrics alike; what is only added up isn't sent back."""
    stubbed.answers(result("q0", (0, 5)), result("q1", (0, 7)), result("q2", (0, 1)))
    sums = math("FILL(e4, 0) + FILL(e5, 0)", "e4", "e5"), math("FILL(e4, 0)", "e4")
    assert read(source(stubbed.client), query(), *sums) == [points((0, 5)), points((0, 7)), points((0, 1))]
    (call,) = stubbed.calls
    assert [(each["Id"], each.get("Expression"), each["ReturnData"]) for each in call["MetricDataQueries"]] == [
        ("q0", None, True),
        ("q1_e4", None, False),
        ("q1_e5", None, False),
        ("q1", "FILL(q1_e4, 0) + FILL(q1_e5, 0)", True),
        ("q2_e4", None, False),
        ("q2", "FILL(q2_e4, 0)", True),
    ]
    assert (call["StartTime"].timestamp(), call["EndTime"].timestamp()) == (START, END)


def test_partial_data_is_read_on_page_by_page(stubbed: Stubbed) -> None:
    stubbed.answers(result("q0", (0, 5), status="PartialData"), result("q1", (0, 1)), NextToken="more")
    stubbed.answers(result("q0", (300, 6), status="PartialData"), NextToken="still more")
    stubbed.answers(result("q0", (600, 7)))
    assert read(source(stubbed.client), query(), query("Errors")) == [
        points((0, 5), (300, 6), (600, 7)),
        points((0, 1)),
    ]
    assert [call.get("NextToken") for call in stubbed.calls] == [None, "more", "still more"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("PartialData", AbsenceReason.HIDDEN_ERROR),
        ("InternalError", AbsenceReason.HIDDEN_ERROR),
        ("Forbidden", AbsenceReason.REFUSED_CREDENTIALS),
    ],
)
def test_data_that_never_gets_complete_is_no_evidence(stubbed: Stubbed, status: str, reason: AbsenceReason) -> None:
    """An expression's partial data has no next page. The query next to it is whole, and stays."""
    told = [{"Code": "ArithmeticError", "Value": "out of memory"}]
    stubbed.answers(result("q0", (0, 5), status=status, Messages=told), result("q1", (0, 1)))
    broken, whole = read(source(stubbed.client), query(), query("Errors"))
    assert isinstance(broken, Unavailable)
    assert (broken.reason, status in broken.detail, "out of memory" in broken.detail) == (reason, True, True)
    assert whole == points((0, 1))


def test_an_internal_error_that_goes_away_on_the_next_page_is_over(stubbed: Stubbed) -> None:
    stubbed.answers(result("q0", status="InternalError"), NextToken="again").answers(result("q0", (0, 5)))
    assert read(source(stubbed.client), query()) == [points((0, 5))]


def test_pages_without_end_are_given_up(stubbed: Stubbed) -> None:
    for _ in range(60):
        stubbed.answers(result("q0", status="PartialData"), NextToken="more")
    (answer,) = read(source(stubbed.client), query())
    assert isinstance(answer, Unavailable)
    assert answer.reason is AbsenceReason.HIDDEN_ERROR


def test_an_answer_that_says_it_is_not_whole_is_none(stubbed: Stubbed) -> None:
    told = [{"Code": "MaxMetricsExceeded", "Value": "Maximum number of allowed metrics exceeded"}]
    stubbed.answers(result("q0", (0, 5)), Messages=told)
    (answer,) = read(source(stubbed.client), query())
    assert isinstance(answer, Unavailable)
    assert "Maximum number" in answer.detail


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ([], "nothing of this query"),
        ([result("q0", (0, 5)), result("q0", (0, 6))], "several series"),
        ([result("q0", (60, 5))], "begins no bucket"),
        ([result("q0", (-300, 5))], "begins no bucket"),
        ([result("q0", (1500, 5))], "begins no bucket"),
        ([result("q0", (0, 5), (0, 6))], "two values"),
        ([result("q0", (0, 5), Timestamps=[])], "0 times and 1 values"),
        ([result("q0", (0, float("inf")))], "finite"),
    ],
)
def test_what_cannot_be_understood_is_no_evidence(stubbed: Stubbed, results: list[Any], words: str) -> None:
    stubbed.answers(*results)
    (answer,) = read(source(stubbed.client), query())
    assert isinstance(answer, Unavailable)
    assert words in answer.detail


def test_a_nan_is_left_to_the_rule(stubbed: Stubbed) -> None:
    """It answers NaN with an error; an absence could pass for no errors."""
    stubbed.answers(result("q0", (0, float("nan"))))
    (answer,) = read(source(stubbed.client), query())
    assert isinstance(answer, Series)
    assert str(answer.points[0][1]) == "nan"


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("Throttling", 400, AbsenceReason.RATE_LIMITED),
        ("ThrottlingException", 400, AbsenceReason.RATE_LIMITED),
        ("RequestLimitExceeded", 503, AbsenceReason.RATE_LIMITED),
        ("AccessDenied", 403, AbsenceReason.REFUSED_CREDENTIALS),
        ("ExpiredToken", 403, AbsenceReason.REFUSED_CREDENTIALS),
        ("InvalidClientTokenId", 403, AbsenceReason.REFUSED_CREDENTIALS),
        ("ValidationError", 400, AbsenceReason.REFUSED_QUERY),
        ("InvalidParameterValue", 400, AbsenceReason.REFUSED_QUERY),
        ("InvalidNextToken", 400, AbsenceReason.REFUSED_QUERY),
        ("InternalServiceFault", 500, AbsenceReason.UNREACHABLE),
        ("ServiceUnavailable", 503, AbsenceReason.UNREACHABLE),
        ("NoOneKnows", 418, AbsenceReason.REFUSED_QUERY),
    ],
)
def test_a_refusal_is_never_an_empty_answer(stubbed: Stubbed, code: str, status: int, reason: AbsenceReason) -> None:
    stubbed.fails(code, "what AWS says", status)
    for answer in read(source(stubbed.client), query(), query("Errors")):
        assert isinstance(answer, Unavailable)
        assert (answer.reason, answer.detail) == (reason, f"CloudWatch answered {code}: what AWS says")


def test_a_refused_call_can_be_split_to_find_the_bad_query(stubbed: Stubbed) -> None:
    stubbed.fails("ValidationError", "Error in expression 'q0'").fails("ValidationError", "Error in expression 'q0'")
    stubbed.answers(result("q0", (0, 5)))
    bad, good = read(source(stubbed.client, split_refused=True), math("FILL(a, 0, 5)", "a"), query())
    assert isinstance(bad, Unavailable)
    assert bad.reason is AbsenceReason.REFUSED_QUERY
    assert good == points((0, 5))


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ConnectTimeoutError(endpoint_url="x"), AbsenceReason.UNREACHABLE),
        (NoCredentialsError(), AbsenceReason.REFUSED_CREDENTIALS),
    ],
)
def test_a_client_that_gives_up_is_an_answer_too(failure: Exception, reason: AbsenceReason) -> None:
    def connect() -> Any:
        raise failure

    (answer,) = read(CloudWatchMetricSource(connect), query())
    assert isinstance(answer, Unavailable)
    assert answer.reason is reason


def test_a_silent_cloudwatch_is_given_up() -> None:
    def connect() -> Any:
        time.sleep(5)

    (answer,) = read(CloudWatchMetricSource(connect, deadline_seconds=0.05), query())
    assert answer == Unavailable(AbsenceReason.UNREACHABLE, "CloudWatch did not answer in 0.05 seconds")


# The limits of a call.


class Endless:
    """Answers every query with one point, and refuses more than a call takes."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def get_metric_data(self, **asked: Any) -> Mapping[str, Any]:
        queries = asked["MetricDataQueries"]
        self.sizes.append(len(queries))
        seconds = (asked["EndTime"] - asked["StartTime"]).total_seconds()
        assert len(queries) <= MOST_QUERIES
        assert len(queries) * seconds / queries[0]["MetricStat"]["Period"] <= MOST_POINTS
        assert len({each["Id"] for each in queries}) == len(queries)
        return {"MetricDataResults": [result(each["Id"], (0, 1)) for each in queries if each["ReturnData"]]}


def test_no_call_has_more_queries_than_it_takes() -> None:
    client = Endless()
    answers = read(source(client), *[query()] * 501, *[math("a + b", "a", "b")] * 200)
    assert answers == [points((0, 1))] * 701
    assert client.sizes == [500, 499, 102]


def test_no_call_asks_for_more_points_than_it_gives() -> None:
    """Beyond them CloudWatch pages, and not where there is math."""
    client = Endless()
    start = START - 1439 * 60
    answers = read(source(client), *[query()] * 100, start=start, end=start + 1440 * 60, bucket=60)
    assert answers == [points((0, 1))] * 100
    assert client.sizes == [70, 30]


def test_a_window_of_too_many_points_is_refused() -> None:
    (answer,) = read(source(Endless()), query(), start=START - 100_801, end=START, bucket=1)
    assert isinstance(answer, Unavailable)
