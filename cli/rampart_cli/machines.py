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
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_stepfunctions import SFNClient

LONGEST_INPUT = 262_144
"""Bytes that an execution's input may have: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""

_PREPARE = "Prepare"
"""The state whose output lists why a start was refused."""


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


class Machines(Protocol):
    def start(self, machine: str, name: str, document: Mapping[str, Any]) -> str:
        """Start an execution and give its ARN; the same start again is the same execution.

        Raises AlreadyStartedError when that name was used by one that is over, or with other input.
        """

    def arn_of(self, machine: str, name: str) -> str: ...

    def describe(self, arn: str) -> Execution: ...

    def refusals(self, arn: str) -> list[Finding]:
        """Why a start was refused: empty where it does not say."""


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


def wait_for_end(machines: Machines, arn: str, patience: Patience, limit: float) -> Execution:
    """Wait until an execution is over; raises UnreachableError when it takes longer than `limit` seconds."""
    for _ in patience.looks(limit):
        execution = machines.describe(arn)
        if execution.is_over:
            return execution
    raise UnreachableError(
        f"it was started, but timed out after {duration(limit)}: {arn}",
        name="StillRunning",
        fix="It continues by itself. Check `rampart status`, or this execution in the console.",
    )
