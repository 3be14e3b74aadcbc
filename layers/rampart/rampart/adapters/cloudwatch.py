"""Evidence from CloudWatch: counts and values by bucket, of the stack's own account or of a role's."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from rampart.absence import AbsenceReason
from rampart.adapters.deadline import within
from rampart.evidence.series import Measured, Series, Unavailable
from rampart.numbers import finite
from rampart.plan.cloudwatch_query import CloudWatchMetric, CloudWatchQuery, kept_until, kept_width
from rampart.words import count, duration, short_duration

MOST_QUERIES = 500
"""Metrics and expressions of one call."""
MOST_POINTS = 100_800
"""Points of one call. Beyond them CloudWatch pages, but not through an expression's."""
_MOST_PAGES = 50
_MINUTE = 60
_SHORT_PERIODS = (1, 5, 10, 20, 30)
_REASONS: tuple[tuple[re.Pattern[str], AbsenceReason], ...] = (
    (re.compile(r"Throttl|RequestLimit|LimitExceeded|TooManyRequests|SlowDown"), AbsenceReason.RATE_LIMITED),
    (
        re.compile(
            r"AccessDenied|NotAuthorized|Unauthorized|Unrecognized|(?<!Next)Token|Signature|OptInRequired|AuthFailure"
        ),
        AbsenceReason.REFUSED_CREDENTIALS,
    ),
    (re.compile(r"Validation|Invalid|Missing"), AbsenceReason.REFUSED_QUERY),
)
_STATUSES = {
    "Forbidden": AbsenceReason.REFUSED_CREDENTIALS,
    "InternalError": AbsenceReason.HIDDEN_ERROR,
    "PartialData": AbsenceReason.HIDDEN_ERROR,
}


class _CloudWatch(Protocol):
    """What is used of boto3's client."""

    def get_metric_data(self, **asked: Any) -> Mapping[str, Any]:  # noqa: ANN401 -- its parameters are of many types
        ...


@dataclass(frozen=True, slots=True)
class _Span:
    """What is asked for in one call, epoch seconds [start, end) in buckets of `bucket` seconds."""

    start: int
    end: int
    bucket: int
    seconds_before: int
    """How much earlier CloudWatch is asked for than the answer is about."""


class CloudWatchMetricSource:
    """Reads evidence with `GetMetricData`, as many queries in one call as it takes.

    `connect` gives the client, and may raise what boto3 raises. A call with all its pages ends within
    `deadline_seconds`. With `split_refused` the queries of a refused call are asked again one by one, so that only the
    bad one is refused.
    """

    def __init__(
        self,
        connect: Callable[[], _CloudWatch],
        *,
        deadline_seconds: float = 10.0,
        split_refused: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._connect = connect
        self._deadline = deadline_seconds
        self._split_refused = split_refused
        self._now = now

    def read(
        self, queries: Mapping[str, CloudWatchQuery], *, start: int, end: int, bucket: int
    ) -> Mapping[str, Measured]:
        """Ask all queries in buckets of `bucket` seconds over [start, end); never raises for an answer.

        A bucket without data is absent, and never a zero; a query without data is an empty series.
        """
        found: dict[str, Measured] = {}
        for before in sorted({query.seconds_before for query in queries.values()}):
            span = _Span(start, end, bucket, before)
            wanted = {key: query for key, query in queries.items() if query.seconds_before == before}
            problem = self._problem(span)
            for call in _calls(wanted, span):
                found |= dict.fromkeys(call, problem) if problem else self._answers(call, span)
        return found

    def _problem(self, span: _Span) -> Unavailable | None:
        """Why CloudWatch has no such buckets; None where it has."""
        width = duration(span.bucket)
        if span.bucket % _MINUTE and span.bucket not in _SHORT_PERIODS:
            told = f"CloudWatch has no buckets of {width}; make them whole minutes (bucket: 5m)"
            return Unavailable(AbsenceReason.REFUSED_QUERY, told)
        age = self._now() - (span.start - span.seconds_before)
        kept = kept_width(age)
        if span.bucket % kept:
            told = f"CloudWatch keeps what is older than {duration(kept_until(kept))} in buckets of {duration(kept)}"
            fix = f"make the plan's buckets multiples of them (bucket: {short_duration(timedelta(seconds=kept))})"
            return Unavailable(AbsenceReason.REFUSED_QUERY, f"{told}, and not of {width}; {fix}")
        if (points := _buckets(span)) > MOST_POINTS:
            told = f"{count(points)} buckets are too many: CloudWatch gives {count(MOST_POINTS)} points at once"
            return Unavailable(AbsenceReason.REFUSED_QUERY, told)
        return None

    def _answers(self, queries: Mapping[str, CloudWatchQuery], span: _Span) -> dict[str, Measured]:
        try:
            return self._asked(queries, span)
        except _UnansweredError as error:
            if self._split_refused and len(queries) > 1 and error.reason is AbsenceReason.REFUSED_QUERY:
                return {key: self._answers({key: query}, span)[key] for key, query in queries.items()}
            return dict.fromkeys(queries, Unavailable(error.reason, str(error)))

    def _asked(self, queries: Mapping[str, CloudWatchQuery], span: _Span) -> dict[str, Measured]:
        asked = [each for index, query in enumerate(queries.values()) for each in _data_queries(index, query, span)]
        try:
            pages = within(self._deadline, lambda: list(self._pages(asked, span)))
        except TimeoutError as error:
            told = f"CloudWatch did not answer in {duration(self._deadline)}"
            raise _UnansweredError(AbsenceReason.UNREACHABLE, told) from error
        except ClientError as error:
            raise _refused(error) from error
        except NoCredentialsError as error:
            raise _UnansweredError(AbsenceReason.REFUSED_CREDENTIALS, "there are no credentials for AWS") from error
        except BotoCoreError as error:
            told = f"CloudWatch could not be reached: {type(error).__name__}"
            raise _UnansweredError(AbsenceReason.UNREACHABLE, told) from error
        for page in pages:
            if said := _messages(page):  # as much as possible was done, which isn't all
                raise _UnansweredError(AbsenceReason.HIDDEN_ERROR, f"CloudWatch's answer is not whole: {said}")
        return {key: _measured(f"q{index}", pages, span) for index, key in enumerate(queries)}

    def _pages(self, asked: Sequence[Mapping[str, Any]], span: _Span) -> Iterator[Mapping[str, Any]]:
        client = self._connect()
        wanted = {
            "MetricDataQueries": asked,
            "StartTime": _moment(span.start - span.seconds_before),
            "EndTime": _moment(span.end - span.seconds_before),
            "ScanBy": "TimestampAscending",
            "MaxDatapoints": MOST_POINTS,
        }
        token: str | None = None
        for _ in range(_MOST_PAGES):
            page = client.get_metric_data(**wanted | ({"NextToken": token} if token else {}))
            yield page
            token = page.get("NextToken")
            if not token:
                return
        told = f"CloudWatch's answer has more than {_MOST_PAGES} pages"
        raise _UnansweredError(AbsenceReason.HIDDEN_ERROR, told)


class _UnansweredError(Exception):
    """CloudWatch did not answer a call; `reason` says why."""

    def __init__(self, reason: AbsenceReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def _refused(error: ClientError) -> _UnansweredError:
    said = error.response.get("Error", {})
    code = said.get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    reason = next((reason for pattern, reason in _REASONS if pattern.search(code)), AbsenceReason.REFUSED_QUERY)
    if reason is not AbsenceReason.RATE_LIMITED and not 400 <= status < 500:
        reason = AbsenceReason.UNREACHABLE
    service = "CloudWatch" if error.operation_name == "GetMetricData" else f"AWS ({error.operation_name})"
    return _UnansweredError(reason, f"{service} answered {code}: {str(said.get('Message', ''))[:500]}")


def _buckets(span: _Span) -> int:
    return -(-(span.end - span.start) // span.bucket)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _calls(queries: Mapping[str, CloudWatchQuery], span: _Span) -> Iterator[Mapping[str, CloudWatchQuery]]:
    """The queries in as few calls as the limits of one allow."""
    most = max(1, min(MOST_QUERIES, MOST_POINTS // max(1, _buckets(span))))
    call: dict[str, CloudWatchQuery] = {}
    size = 0
    for key, query in queries.items():
        needs = len(query.metrics) + (query.request.expression is not None)
        if call and size + needs > most:
            yield call
            call, size = {}, 0
        call[key] = query
        size += needs
    if call:
        yield call


def _data_queries(index: int, query: CloudWatchQuery, span: _Span) -> Iterator[Mapping[str, Any]]:
    """One query as a call has it. Names are the call's own, so that two expressions may have the same."""
    name, expression = f"q{index}", query.request.expression
    if expression is None:
        yield {"Id": name, "MetricStat": _stat(query.request.single, span), "ReturnData": True}
        return
    for own, metric in query.request.metrics.items():
        yield {"Id": f"{name}_{own}", "MetricStat": _stat(metric, span), "ReturnData": False}
    renamed = re.sub(r"\b[a-z]\w*", lambda match: f"{name}_{match[0]}", expression)
    yield {"Id": name, "Expression": renamed, "ReturnData": True}


def _stat(metric: CloudWatchMetric, span: _Span) -> Mapping[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
    named = {"Namespace": metric.namespace, "MetricName": metric.metric, "Dimensions": dimensions}
    return {"Metric": named, "Period": span.bucket, "Stat": metric.stat}


def _messages(said: Mapping[str, Any]) -> str:
    each = (f"{message.get('Code', '')}: {message.get('Value', '')}" for message in said.get("Messages") or ())
    return "; ".join(each)[:500]


@dataclass(slots=True)
class _Gathered:
    """What the pages say of one query."""

    points: dict[int, float] = field(default_factory=dict)
    status: str = ""
    told: str = ""


def _measured(name: str, pages: Sequence[Mapping[str, Any]], span: _Span) -> Measured:
    """What all pages together say of one query; its last status counts, since pages go on where one ended."""
    gathered = _Gathered()
    for page in pages:
        results = [each for each in page.get("MetricDataResults", ()) if each.get("Id") == name]
        if len(results) > 1:
            return Unavailable(AbsenceReason.REFUSED_QUERY, "the query gives several series, and one is judged")
        for result in results:
            gathered.status = str(result.get("StatusCode", ""))
            gathered.told = _messages(result)
            problem = _gather(gathered.points, result, span)
            if problem is not None:
                return problem
    if gathered.status != "Complete":
        what = gathered.status or "nothing of this query"
        told = f"CloudWatch's answer is not whole: {what}{f' ({gathered.told})' if gathered.told else ''}"
        return Unavailable(_STATUSES.get(gathered.status, AbsenceReason.MALFORMED), told)
    return Series(tuple(sorted(gathered.points.items())))


def _gather(points: dict[int, float], result: Mapping[str, Any], span: _Span) -> Unavailable | None:
    """Add one page's points, each once; why it can't be understood where it can't."""
    times, values = result.get("Timestamps", ()), result.get("Values", ())
    if len(times) != len(values):
        return _malformed(f"it has {len(times)} times and {len(values)} values")
    for time_, value in zip(times, values, strict=True):
        at = time_.timestamp() + span.seconds_before
        if at % span.bucket or not span.start <= at < span.end:
            return _malformed(
                f"{time_:%Y-%m-%d %H:%M:%S} begins no bucket of {duration(span.bucket)} that was asked for"
            )
        if at in points:
            return _malformed(f"it has two values at {time_:%Y-%m-%d %H:%M:%S}")
        try:
            # NaN is for the rule, which answers it with an error: an absence could pass for no errors.
            points[int(at)] = value if isinstance(value, float) and math.isnan(value) else finite(value)
        except ValueError as error:
            return _malformed(str(error))
    return None


def _malformed(what: str) -> Unavailable:
    return Unavailable(AbsenceReason.MALFORMED, f"CloudWatch's answer cannot be understood: {what}")
