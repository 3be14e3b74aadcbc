"""The gates on Step Functions in memory: tokens that are open or closed, executions that run or do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import ANY, Stubber

from rampart.adapters.stepfunctions import StepFunctionsGates
from rampart.errors import GateClosedError, GateError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

TOKEN = "token-that-must-not-be-shown"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:rollout:first"
WAITING = '{"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": true}}}'


@pytest.fixture
def client(aws: None) -> SFNClient:
    return boto3.client("stepfunctions")


def started(client: SFNClient) -> str:
    role = "arn:aws:iam::123456789012:role/rollout"
    machine = client.create_state_machine(name="rollout", definition=WAITING, roleArn=role)["stateMachineArn"]
    return client.start_execution(stateMachineArn=machine, name="first")["executionArn"]


def test_an_execution_runs_until_it_is_stopped(client: SFNClient) -> None:
    execution = started(client)
    gates = StepFunctionsGates(client)
    assert gates.is_running(execution)
    client.stop_execution(executionArn=execution)
    assert not gates.is_running(execution)


def test_an_execution_that_is_forgotten_does_not_run(client: SFNClient) -> None:
    assert not StepFunctionsGates(client).is_running(EXECUTION)


def call(gates: StepFunctionsGates, operation: str) -> None:
    match operation:
        case "send_task_success":
            gates.succeed(TOKEN, {"outcome": "ask"})
        case "send_task_failure":
            gates.fail(TOKEN, "RolledBack", "the monitor fired")
        case _:
            gates.keep_alive(TOKEN)


CALLS = ["send_task_success", "send_task_failure", "send_task_heartbeat"]


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_token_that_nobody_waits_for_is_a_closed_gate(client: SFNClient, operation: str, code: str) -> None:
    with Stubber(client) as stubber:
        stubber.add_client_error(operation, code)
        with pytest.raises(GateClosedError, match=code) as caught:
            call(StepFunctionsGates(client), operation)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("operation", CALLS)
def test_a_refusal_of_another_kind_is_not_a_closed_gate(client: SFNClient, operation: str) -> None:
    with Stubber(client) as stubber:
        stubber.add_client_error(operation, "ThrottlingException")
        with pytest.raises(GateError, match="ThrottlingException") as caught:
            call(StepFunctionsGates(client), operation)
    assert not isinstance(caught.value, GateClosedError)


def test_an_execution_that_cannot_be_looked_at_is_not_called_dead(client: SFNClient) -> None:
    with Stubber(client) as stubber:
        stubber.add_client_error("describe_execution", "AccessDeniedException")
        with pytest.raises(GateError, match="AccessDeniedException"):
            StepFunctionsGates(client).is_running(EXECUTION)


def test_a_step_functions_that_is_not_there_is_an_error_of_the_gate(client: SFNClient) -> None:
    def unreachable(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://states.us-east-1.amazonaws.com")

    client.meta.events.register("before-send.sfn", unreachable)
    with pytest.raises(GateError, match="EndpointConnectionError"):
        StepFunctionsGates(client).keep_alive(TOKEN)


def test_texts_are_cut_to_what_step_functions_takes(client: SFNClient) -> None:
    expected: dict[str, Any] = {"taskToken": ANY, "error": "E" * 256, "cause": "c" * 32_768}
    with Stubber(client) as stubber:
        stubber.add_response("send_task_failure", {}, expected)
        StepFunctionsGates(client).fail(TOKEN, "E" * 300, "c" * 40_000)


def test_the_output_is_json(client: SFNClient) -> None:
    with Stubber(client) as stubber:
        stubber.add_response("send_task_success", {}, {"taskToken": TOKEN, "output": '{"outcome": "ask"}'})
        StepFunctionsGates(client).succeed(TOKEN, {"outcome": "ask"})
