"""The two state machines, as the command line needs them: start an execution, and see how it ends."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from rampart.finding import Finding
from rampart.words import duration
from rampart_cli.failures import RefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mypy_boto3_stepfunctions import SFNClient

LONGEST_INPUT = 262_144
"""Bytes that an execution's input may have: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""

_PREPARE = "Prepare"
"""The state whose output lists why a start was refused."""
_NEWEST = 100
"""Events of a history: more than a task with all its retries leaves."""


class AlreadyStartedError(RefusedError):
    """There was an execution of that name; it keeps its name for 90 days."""


@dataclass(frozen=True, slots=True)
class Execution:
    """How an execution stands; `output` is there once it succeeded, `error` and `cause` once it failed."""

    arn: str
    status: str
    error: str = ""
    cause: str = ""
    output: Mapping[str, Any] | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.status not in {"RUNNING", "PENDING_REDRIVE"}

    @property
    def succeeded(self) -> bool:
        return self.status == "SUCCEEDED"


@dataclass(frozen=True, slots=True)
class Doing:
    """What an execution is at: the state that it entered last, and how that failed if it is tried again."""

    state: str = ""
    failure: str = ""


class Machines(Protocol):
    def start(self, machine: str, name: str, document: Mapping[str, Any]) -> str:
        """Start an execution and give its ARN; the same start again is the same execution.

        Raises AlreadyStartedError when that name was used by one that is over, or with other input.
        """

    def arn_of(self, machine: str, name: str) -> str: ...

    def describe(self, arn: str) -> Execution: ...

    def refusals(self, arn: str) -> list[Finding]:
        """Why a start was refused: empty where it does not say."""

    def doing(self, arn: str) -> Doing:
        """What it is at now."""


@dataclass(frozen=True, slots=True)
class StepFunctionsMachines:
    client: SFNClient

    def start(self, machine: str, name: str, document: Mapping[str, Any]) -> str:
        try:
            answer = self.client.start_execution(stateMachineArn=machine, name=name, input=json.dumps(document))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionAlreadyExists":
                raise AlreadyStartedError(f"there was an execution {name} already") from error
            raise
        return answer["executionArn"]

    def arn_of(self, machine: str, name: str) -> str:
        return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"

    def describe(self, arn: str) -> Execution:
        answer = self.client.describe_execution(executionArn=arn)
        output = json.loads(answer.get("output") or "null")
        return Execution(arn, answer["status"], answer.get("error", ""), answer.get("cause", ""), output)

    def refusals(self, arn: str) -> list[Finding]:
        """Why a start was refused, from the execution's own history."""
        for page in self.client.get_paginator("get_execution_history").paginate(executionArn=arn):
            for event in page["events"]:
                left = event.get("stateExitedEventDetails", {})
                if left.get("name") == _PREPARE:
                    prepared = json.loads(left.get("output") or "{}")
                    return [Finding.from_wire(each) for each in prepared.get("problems", [])]
        return []

    def doing(self, arn: str) -> Doing:
        """What it is at now, from the newest events of its history."""
        failure = ""
        newest = self.client.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=_NEWEST)["events"]
        for event in newest:
            if "stateEnteredEventDetails" in event:
                return Doing(event["stateEnteredEventDetails"]["name"], failure)
            failed = event.get("taskFailedEventDetails") or event.get("taskTimedOutEventDetails")
            failure = failure or (_told_of(failed.get("error", ""), failed.get("cause", "")) if failed else "")
        return Doing(failure=failure)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, and how often to look."""

    interval: float = 0.5
    """Seconds between two looks."""
    pause: Callable[[float], None] = time.sleep
    seconds: Callable[[], float] = time.monotonic

    def looks(self, limit: float) -> Iterator[None]:
        """One step for each look, for `limit` seconds; the first comes at once."""
        ends = self.seconds() + limit
        yield
        while self.seconds() < ends:
            self.pause(self.interval)
            yield


def _told_of(error: str, cause: str) -> str:
    """A failed task in words: of a function, whose cause is JSON, the message of its error."""
    try:
        message = json.loads(cause)["errorMessage"]
    except (ValueError, TypeError, KeyError):
        message = cause or error
    return str(message)


def wait_for_end(machines: Machines, arn: str, looks: Iterable[None], limit: float) -> Execution:
    """Wait until an execution is over; raises UnreachableError when it isn't after all looks, in `limit` seconds."""
    for _ in looks:
        execution = machines.describe(arn)
        if execution.is_over:
            return execution
    raise UnreachableError(
        f"it was started, but timed out after {duration(limit)}: {arn}",
        name="StillRunning",
        fix="It continues by itself. Check `rampart status`, or this execution in the console.",
    )
