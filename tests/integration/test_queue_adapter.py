"""The rollback queue and the call of `rollback`: what is kept is the request, whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from rampart.adapters.queue import LambdaRollbackCaller, SqsRollbackQueue
from rampart.errors import QueueError
from rampart.rollout.request import Cause, RollbackRequest

REQUEST = RollbackRequest(
    cause=Cause.ALERT,
    reason="download error rate 9.1% (37 of 406) is above 8%",
    flags=("letters_web", "letters_mobile"),
    monitor="42",
    asked_at=datetime(2026, 11, 23, 20, 33, 12, 123_000, tzinfo=UTC),
)
WIRE = REQUEST.model_dump_json(exclude_none=True)
"""An older Rampart reads it too: what says nothing isn't there."""


def test_a_request_comes_back_as_it_was_put(aws: None) -> None:
    client = boto3.client("sqs")
    url = client.create_queue(QueueName="rollback")["QueueUrl"]
    SqsRollbackQueue(url, client).put(REQUEST, timedelta(0))
    (message,) = client.receive_message(QueueUrl=url)["Messages"]
    assert RollbackRequest.model_validate_json(message["Body"]) == REQUEST


@pytest.mark.parametrize(("delay", "seconds"), [(0, 0), (0.2, 1), (60, 60), (900, 900), (3600, 900), (-5, 0)])
def test_a_delay_is_whole_seconds_and_no_more_than_15_minutes(aws: None, delay: float, seconds: int) -> None:
    client = boto3.client("sqs")
    expected = {"QueueUrl": "https://queue", "MessageBody": WIRE, "DelaySeconds": seconds}
    with Stubber(client) as stubber:
        stubber.add_response("send_message", {}, expected)
        SqsRollbackQueue("https://queue", client).put(REQUEST, timedelta(seconds=delay))


def test_a_queue_that_is_gone_is_an_error_of_the_queue(aws: None) -> None:
    client = boto3.client("sqs")
    url = client.create_queue(QueueName="rollback")["QueueUrl"]
    client.delete_queue(QueueUrl=url)
    with pytest.raises(QueueError, match="did not take"):
        SqsRollbackQueue(url, client).put(REQUEST, timedelta(0))


def test_rollback_is_called_without_waiting(aws: None) -> None:
    client = boto3.client("lambda")
    expected: dict[str, Any] = {
        "FunctionName": "rollback",
        "InvocationType": "Event",
        "Payload": WIRE.encode(),
    }
    with Stubber(client) as stubber:
        stubber.add_response("invoke", {"StatusCode": 202}, expected)
        LambdaRollbackCaller("rollback", client).call(REQUEST)


def test_a_call_that_lambda_does_not_take_is_an_error(aws: None) -> None:
    with pytest.raises(QueueError, match="could not be called"):
        LambdaRollbackCaller("nowhere", boto3.client("lambda")).call(REQUEST)
