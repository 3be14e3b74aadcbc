"""Executions as Step Functions shows them, with machines that really run."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from rampart.rollout import refusals
from rampart_cli.machines import AlreadyStartedError, Execution, StepFunctionsMachines


def machine(definition: Mapping[str, Any]) -> str:
    client = boto3.client("stepfunctions")
    role = "arn:aws:iam::123456789012:role/any"
    return client.create_state_machine(name="m", definition=json.dumps(definition), roleArn=role)["stateMachineArn"]


def ended(machines: StepFunctionsMachines, arn: str) -> Execution:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        execution = machines.describe(arn)
        if execution.is_over:
            return execution
        time.sleep(0.05)  # it runs on a thread of its own, which wants its turn
    raise AssertionError("the execution does not end")


def test_an_execution_that_fails_gives_error_and_cause() -> None:
    arn = machine({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Lapsed", "Cause": "too late"}}})
    machines = StepFunctionsMachines(boto3.client("stepfunctions"))
    execution = ended(machines, machines.start(arn, "one", {}))
    assert (execution.succeeded, execution.error, execution.cause) == (False, "Lapsed", "too late")


def test_an_execution_that_succeeds_gives_its_output_and_keeps_its_name() -> None:
    arn = machine({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"accepted": True}, "End": True}}})
    machines = StepFunctionsMachines(boto3.client("stepfunctions"))
    started = machines.start(arn, "one", {"a": 1})
    assert started == machines.arn_of(arn, "one")
    assert ended(machines, started).output == {"accepted": True}
    with pytest.raises(AlreadyStartedError):
        machines.start(arn, "one", {"a": 2})


def test_refusals_come_from_the_state_that_prepares() -> None:
    problems = [refusals.UNKNOWN_FLAG.at("flags: f", "no such flag", "Create it").to_wire()]
    definition = {
        "StartAt": "Prepare",
        "States": {
            "Prepare": {"Type": "Pass", "Result": {"outcome": "refused", "problems": problems}, "Next": "StartRefused"},
            "StartRefused": {"Type": "Fail", "Error": "UnknownFlag"},
        },
    }
    machines = StepFunctionsMachines(boto3.client("stepfunctions"))
    started = machines.start(machine(definition), "one", {})
    ended(machines, started)
    assert [each.to_wire() for each in machines.refusals(started)] == problems
