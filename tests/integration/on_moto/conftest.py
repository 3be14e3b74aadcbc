"""A deployed stack on moto, and the command line that works on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart_cli.doctor.subscribers import TOPICS
from rampart_cli.main import main
from rampart_cli.stack import connect
from tests.table import create_table

MACHINES = "arn:aws:states:us-east-1:123456789012:stateMachine:rampart"


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield


@pytest.fixture
def outputs() -> dict[str, str]:
    """The outputs of a deployed stack, whose table and queue are there."""
    create_table(boto3.client("dynamodb"), "rampart-table")
    return {
        "TableName": "rampart-table",
        **{f"{name}Arn": boto3.client("sns").create_topic(Name=name)["TopicArn"] for name in TOPICS},
        "DeadLettersUrl": boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"],
        "RolloutMachine": f"{MACHINES}-rollout",
        "DecisionMachine": f"{MACHINES}-decision",
        "RollbackFunction": "rollback",
    }


class FakeFormation:
    """CloudFormation with these stacks and their outputs; moto's own needs a schema library besides."""

    def __init__(self, stacks: Mapping[str, Mapping[str, str]]) -> None:
        self.stacks = stacks

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if StackName not in self.stacks:
            said: Any = {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}
            raise ClientError({"Error": said}, "DescribeStacks")
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.stacks[StackName].items()]
        return {"Stacks": [{"StackName": StackName, "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}


class SessionWith(boto3.Session):
    """A session on moto, with a CloudFormation of a test's own."""

    def __init__(self, stacks: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__()
        self.formation = FakeFormation(stacks)

    def client(self, service_name: str, *arguments: Any, **options: Any) -> Any:
        if service_name == "cloudformation":
            return self.formation
        made: Any = super().client
        return made(service_name, *arguments, **options)


@pytest.fixture
def store(outputs: dict[str, str]) -> DynamoRolloutStore:
    return DynamoRolloutStore(outputs["TableName"], boto3.client("dynamodb"))


def run(outputs: Mapping[str, str], *arguments: str) -> int:
    """The command line on the real parts."""
    session = SessionWith({"rampart": outputs})
    return main(arguments, connect=lambda name: connect(name, session))
