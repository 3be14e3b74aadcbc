"""Evidence from CloudWatch with the permissions of a role, and from several sources at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from rampart.absence import AbsenceReason
from rampart.adapters.aws_role import AssumedRole
from rampart.adapters.cloudwatch import CloudWatchMetricSource
from rampart.adapters.evidence_sources import RoutedMetricSource
from rampart.evidence.series import Series, Unavailable
from tests.doubles import ScriptedMetricSource
from tests.integration.cloudwatch_questions import (
    BUCKET,
    END,
    START,
    Stubbed,
    points,
    put,
    query,
    read,
    source,
)


@pytest.fixture
def cloudwatch(aws: None) -> Any:
    return boto3.client("cloudwatch")


@pytest.fixture
def stubbed(aws: None) -> Stubbed:
    return Stubbed()


class Tokens:
    """STS, which gives other keys each time."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.asked: list[tuple[str, str]] = []

    def assume_role(self, *, RoleArn: str, RoleSessionName: str) -> Mapping[str, Any]:  # noqa: N803 -- AWS's names
        self.asked.append((RoleArn, RoleSessionName))
        keys = {"AccessKeyId": str(len(self.asked)), "SecretAccessKey": "secret", "SessionToken": "session"}
        return {"Credentials": keys | {"Expiration": datetime.fromtimestamp(self.now() + 3600, UTC)}}


def test_a_roles_client_is_kept_until_shortly_before_its_keys_end() -> None:
    clock = [0.0]
    tokens = Tokens(lambda: clock[0])
    connect = AssumedRole("arn:role", lambda: tokens, lambda keys: keys["aws_access_key_id"], now=lambda: clock[0])
    assert [connect(), connect()] == ["1", "1"]
    clock[0] = 3299.0
    assert connect() == "1"
    clock[0] = 3300.0
    assert connect() == "2"
    assert tokens.asked == [("arn:role", "rampart")] * 2


def test_a_role_that_may_not_be_assumed_is_refused_credentials(aws: None) -> None:
    tokens = boto3.client("sts")
    with Stubber(tokens) as stubber:
        stubber.add_client_error("assume_role", "AccessDenied", "not you", 403, expected_params=ANY_ROLE)
        (answer,) = read(CloudWatchMetricSource(AssumedRole("arn:aws:iam::1:role/r", lambda: tokens, dict)), query())
    assert answer == Unavailable(AbsenceReason.REFUSED_CREDENTIALS, "AWS (AssumeRole) answered AccessDenied: not you")


ANY_ROLE = {"RoleArn": ANY, "RoleSessionName": "rampart"}


def test_a_role_of_another_account_reads_that_accounts_metrics(aws: None) -> None:
    """moto keeps the accounts apart, and knows a caller by the keys of the role."""
    other = "111122223333"
    connect = AssumedRole(
        f"arn:aws:iam::{other}:role/metrics",
        lambda: boto3.client("sts"),
        lambda keys: boto3.client("cloudwatch", **keys),  # type: ignore[call-overload]  # names that are not literal
    )
    put(connect(), 0, 5)
    put(boto3.client("cloudwatch"), 0, 77)
    assert read(CloudWatchMetricSource(connect), query()) == [points((0, 5))]


def test_a_plan_may_mix_sources(cloudwatch: Any) -> None:
    """Each source is asked in one go for what is its own, and the monitors are Datadog's."""
    put(cloudwatch, 0, 5)
    datadog = ScriptedMetricSource({"sum:x{*}": points((0, 1))})
    mixed = RoutedMetricSource(datadog, lambda: source(cloudwatch))
    asked = {"a": "sum:x{*}", "b": str(query()), "c": "logs: service:letters"}
    answers = mixed.read(asked, start=START, end=END, bucket=BUCKET)
    assert list(answers.items()) == [("a", points((0, 1))), ("b", points((0, 5))), ("c", Series(()))]
    assert datadog.asked == [({"a": asked["a"], "c": asked["c"]}, START, END, BUCKET)]
    assert mixed.read_monitors([7])[7].state == "OK"


def test_a_source_of_which_nothing_is_asked_is_left_alone(cloudwatch: Any) -> None:
    def never() -> CloudWatchMetricSource:
        raise AssertionError("no one should ask")

    datadog = ScriptedMetricSource()
    RoutedMetricSource(datadog, never).read({"a": "sum:x{*}"}, start=START, end=END, bucket=BUCKET)
    RoutedMetricSource(datadog, lambda: source(cloudwatch)).read(
        {"a": str(query())}, start=START, end=END, bucket=BUCKET
    )
    assert len(datadog.asked) == 1


def test_one_source_that_fails_takes_nothing_from_the_other(stubbed: Stubbed) -> None:
    stubbed.fails("AccessDenied", "not you", 403)
    datadog = ScriptedMetricSource({"sum:x{*}": points((0, 1))})
    mixed = RoutedMetricSource(datadog, lambda: source(stubbed.client))
    answers = mixed.read({"a": "sum:x{*}", "b": str(query())}, start=START, end=END, bucket=BUCKET)
    assert answers["a"] == points((0, 1))
    assert isinstance(answers["b"], Unavailable)
