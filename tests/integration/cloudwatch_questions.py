"""Questions to CloudWatch, and a client that gives scripted answers which the service's own model has."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.stub import Stubber

from rampart.adapters.cloudwatch import CloudWatchMetricSource
from rampart.evidence.series import Measured, Series
from rampart.plan.cloudwatch_query import CloudWatchQuery

START = int(time.time()) // 300 * 300 - 1800
END = START + 1500
BUCKET = 300
OLD, NEW = {"Path": "old"}, {"Path": "new"}


def query(metric: str = "Requests", before: bool = False, **changes: Any) -> CloudWatchQuery:
    parts = {"namespace": "Letters", "metric": metric, "dimensions": NEW} | changes
    read = CloudWatchQuery.read(f"cloudwatch: {json.dumps(parts)}")
    assert read is not None
    return CloudWatchQuery(read.request, 604_800 if before else 0)


def math(expression: str, *names: str) -> CloudWatchQuery:
    metrics = {name: {"namespace": "Letters", "metric": name} for name in names}
    read = CloudWatchQuery.read(f"cloudwatch: {json.dumps({'expression': expression, 'metrics': metrics})}")
    assert read is not None
    return read


def source(client: Any, **options: Any) -> CloudWatchMetricSource:
    return CloudWatchMetricSource(lambda: client, **options)


def read(
    metrics: CloudWatchMetricSource, *queries: CloudWatchQuery, start: int = START, end: int = END, bucket: int = BUCKET
) -> list[Measured]:
    named = {str(index): each for index, each in enumerate(queries)}
    answers = metrics.read(named, start=start, end=end, bucket=bucket)
    assert answers.keys() == named.keys()
    return list(answers.values())


def points(*values: tuple[int, float]) -> Series:
    return Series(tuple((START + at, value) for at, value in values))


def put(client: Any, at: int, value: float, metric: str = "Requests", path: Mapping[str, str] = NEW) -> None:
    dimensions = [{"Name": name, "Value": each} for name, each in path.items()]
    moment = datetime.fromtimestamp(START + at, UTC)
    datum = {"MetricName": metric, "Dimensions": dimensions, "Timestamp": moment, "Value": value, "Unit": "Count"}
    client.put_metric_data(Namespace="Letters", MetricData=[datum])


class Stubbed:
    """A client that gives these answers, one for each call, and keeps what it was asked."""

    def __init__(self) -> None:
        self.client = boto3.client("cloudwatch")
        self.stubber = Stubber(self.client)
        self.calls: list[Mapping[str, Any]] = []
        self.client.meta.events.register(
            "provide-client-params.cloudwatch.GetMetricData", lambda params, **_: self.calls.append(params)
        )
        self.stubber.activate()

    def answers(self, *results: Mapping[str, Any], **more: Any) -> Stubbed:
        self.stubber.add_response("get_metric_data", {"MetricDataResults": list(results), **more})
        return self

    def fails(self, code: str, message: str = "", status: int = 400) -> Stubbed:
        self.stubber.add_client_error("get_metric_data", code, message, status)
        return self
