"""The ways in which what is outside fails, and an outside that shows them: AWS and Datadog on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import requests
from botocore.config import Config

from local.exchange import HttpAnswer, Request
from local.faults import Fault, FaultKind, rate_limited
from local.standin import StandIn

PATIENCE_SECONDS = 5.0
"""How patient the adapter of what fails is, about as in the functions; where it is bound to wait in vain, less."""
HASTE_SECONDS = 0.4
HANG_SECONDS = 3600.0
REGION = "us-east-1"
SECRET = {"token": "a-token", "api_key": "an-api-key", "app_key": "an-application-key"}
_AWS_ERRORS = {
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}


def _status(status: int) -> Fault:
    body = {"__type": _AWS_ERRORS[status], "message": "no", "errors": ["no"]}
    return Fault(kind=FaultKind.STATUS, status=status, body=body)


def _throttled(reset_seconds: int | None) -> Fault:
    fault = rate_limited(reset_seconds=reset_seconds)
    return fault.model_copy(update={"body": {**fault.body, "__type": "ThrottlingException"}})


FAULTS: Mapping[str, Fault | None] = {
    "refused connection": None,
    "hang": Fault(kind=FaultKind.HANG, seconds=HANG_SECONDS),
    "reset mid-body": Fault(kind=FaultKind.RESET_MID_BODY),
    "401": _status(401),
    "403": _status(403),
    "404": _status(404),
    "429, says when": _throttled(30),
    "429": _throttled(None),
    "500": _status(500),
    "503": _status(503),
    "malformed body": Fault(kind=FaultKind.MALFORMED_BODY),
    "empty body": Fault(kind=FaultKind.EMPTY_BODY),
    "slow trickle": Fault(kind=FaultKind.TRICKLE, seconds=2 * HASTE_SECONDS),
}
"""Every way to fail, by its name in the table; None is a system that does not listen."""


class Outside(StandIn[None]):
    """AWS and Datadog in one: DynamoDB is done by moto, the others say what they say when all is well."""

    name = "outside"

    def __init__(self) -> None:
        super().__init__(None)

    def answer(self, request: Request) -> HttpAnswer:
        """Do or say what the service that was called does."""
        service = _service_of(request)
        if service == "dynamodb":
            done = requests.post(
                f"https://dynamodb.{REGION}.amazonaws.com/", data=request.body, headers=request.headers, timeout=10
            )
            return HttpAnswer(done.status_code, done.content.decode(), done.headers.get("content-type", ""))
        if service == "s3":
            return HttpAnswer(200, _POLICY, "application/octet-stream")
        if service == "sns":
            return HttpAnswer(200, _PUBLISHED, "text/xml")
        return HttpAnswer(200, _WELL.get(service, {"data": {"attributes": {}}}))

    def is_write(self, request: Request) -> bool:
        """Nothing is kept here."""
        return False


def _service_of(request: Request) -> str:
    """The service in an AWS signature's scope; Datadog has none."""
    scope = request.headers.get("authorization", "").partition("Credential=")[2]
    return scope.split("/")[3] if scope else "datadog"


_WELL: Mapping[str, Any] = {
    "secretsmanager": {"ARN": "arn", "Name": "rampart", "SecretString": json.dumps(SECRET)},
    "states": {"status": "RUNNING", "name": "an execution that runs"},
    "sqs": {"MessageId": "m-1", "MD5OfMessageBody": "0" * 32},
    "events": {"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}]},
    "lambda": {},
    "ssm": {"State": "OPEN"},
}
_POLICY = "policy: portfolio\nrules: [{fewest_stages: 1, reason: A plan has stages}]\n"
_PUBLISHED = (
    '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m-1</MessageId>'
    "</PublishResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></PublishResponse>"
)


def client_of(service: str, outside: Outside, fault: str) -> Any:
    """A boto3 client that calls the outside; one try each, since the second of the functions' two meets the same.

    Its patience is for each packet, so that a trickle is waited for.
    """
    patience = HASTE_SECONDS if fault == "hang" else PATIENCE_SECONDS
    config = Config(connect_timeout=patience, read_timeout=patience, retries={"total_max_attempts": 1})
    return boto3.client(service, endpoint_url=outside.url, region_name=REGION, config=config)  # type: ignore[call-overload]  # the stubs know literals only


@contextmanager
def failing(system: StandIn[Any], fault: str) -> Iterator[None]:
    """Let a system fail in one way, for as long as the block lasts."""
    shown = FAULTS[fault]
    if shown is None:
        system.down()
    else:
        system.faults.add(shown)
    try:
        yield
    finally:
        system.faults.clear()
        if shown is None:
            system.up()
