"""Where a rollback stays until it is done, and how `rollback` is called without waiting for it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from rampart.errors import QueueError

if TYPE_CHECKING:
    from datetime import timedelta

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

    from rampart.rollout.request import RollbackRequest

_LONGEST_DELAY = 900  # seconds, SQS


class SqsRollbackQueue:
    """Implements `RollbackQueue` on an SQS queue that calls the function `rollback`."""

    def __init__(self, url: str, client: SQSClient) -> None:
        self._url = url
        self._client = client

    def put(self, request: RollbackRequest, delay: timedelta) -> None:
        """Keep a request; it comes back after `delay`, 15 minutes at the most."""
        seconds = min(_LONGEST_DELAY, max(0, math.ceil(delay.total_seconds())))
        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=_wire(request), DelaySeconds=seconds)
        except (ClientError, BotoCoreError) as error:
            raise QueueError(f"the rollback queue did not take a request: {error}") from error


class LambdaRollbackCaller:
    """Implements `RollbackCaller` by invoking the function `rollback` asynchronously, with the request as its event."""

    def __init__(self, function: str, client: LambdaClient) -> None:
        self._function = function
        self._client = client

    def call(self, request: RollbackRequest) -> None:
        try:
            self._client.invoke(FunctionName=self._function, InvocationType="Event", Payload=_wire(request).encode())
        except (ClientError, BotoCoreError) as error:
            raise QueueError(f"the function rollback could not be called: {error}") from error


def _wire(request: RollbackRequest) -> str:
    """A request as it is sent: the Rampart that reads it may be an older one, and knows no key that says nothing."""
    return request.model_dump_json(exclude_none=True)
