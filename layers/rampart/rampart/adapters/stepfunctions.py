"""Where executions wait: task tokens of Step Functions."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from rampart.errors import GateClosedError, GateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from mypy_boto3_stepfunctions import SFNClient

_CLOSED = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
_GONE = "ExecutionDoesNotExist"
_LONGEST_ERROR = 256
_LONGEST_CAUSE = 32_768


class StepFunctionsGates:
    """Implements `Gates`; a token's text is never part of an error."""

    def __init__(self, client: SFNClient) -> None:
        self._client = client

    def succeed(self, token: str, output: Mapping[str, Any]) -> None:
        with _asking("open the gate"):
            self._client.send_task_success(taskToken=token, output=json.dumps(output))

    def fail(self, token: str, error: str, cause: str) -> None:
        """End the wait with an error; texts that are too long for Step Functions are cut."""
        with _asking("end the wait"):
            self._client.send_task_failure(taskToken=token, error=error[:_LONGEST_ERROR], cause=cause[:_LONGEST_CAUSE])

    def keep_alive(self, token: str) -> None:
        with _asking("keep the gate alive"):
            self._client.send_task_heartbeat(taskToken=token)

    def is_running(self, execution: str) -> bool:
        """Whether the execution still runs; one that Step Functions has forgotten does not."""
        with _asking("look at the execution"):
            try:
                return self._client.describe_execution(executionArn=execution)["status"] == "RUNNING"
            except ClientError as error:
                if error.response["Error"]["Code"] == _GONE:
                    return False
                raise


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Turn what botocore raises into GateErrors."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _CLOSED:
            raise GateClosedError(f"could not {what}: no one waits there any more ({code})") from error
        raise GateError(f"could not {what}: Step Functions answered {code}") from error
    except BotoCoreError as error:
        raise GateError(f"could not {what}: {type(error).__name__}") from error
