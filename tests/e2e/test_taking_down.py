"""A stack is taken down only when nothing is watched, and a new one of the same name takes its table over."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy.adopt import adopt
from deploy.destroy import destroy
from deploy.section import NotReadyError
from local.deployment import deploy
from local.ministack import REGION, MiniStack, running
from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart.rollout.state import Status
from tests.unit.cli.conftest import NOON, live

NAME = "rampart"
PARAMETERS = {"FlipperUrl": "http://127.0.0.1:1/flipper/api"}


@dataclass(frozen=True)
class Session:
    """A boto3 session on the local AWS."""

    ministack: MiniStack
    region_name: str = REGION

    def client(self, service: str) -> Any:
        return self.ministack.client(service)


def wait_until_gone(formation: Any) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            formation.describe_stacks(StackName=NAME)
        except ClientError:
            return
        time.sleep(0.5)
    raise AssertionError("the stack is still there")


@pytest.mark.e2e
def test_down_and_up_again_with_the_same_records() -> None:
    with running() as ministack:
        session = Session(ministack)
        formation = ministack.client("cloudformation")
        outputs = deploy(ministack, stack_name=NAME, parameters=PARAMETERS)
        formation.update_termination_protection(StackName=NAME, EnableTerminationProtection=True)
        store = DynamoRolloutStore(outputs["TableName"], ministack.client("dynamodb"))
        state = live()
        store.open(state, "{}", [])

        with pytest.raises(NotReadyError, match="still watched: letters"):
            destroy(NAME, session)

        store.commit(state, state.moved(NOON, status=Status.ROLLED_BACK, gate=None, watched=False))
        table = destroy(NAME, session)
        wait_until_gone(formation)
        adopt(NAME, table, session)
        again = deploy(ministack, stack_name=NAME, parameters=PARAMETERS)

        assert again["TableName"] == table == outputs["TableName"]
        kept = DynamoRolloutStore(table, ministack.client("dynamodb")).state("letters")
        assert kept is not None
        assert kept.status is Status.ROLLED_BACK
        with pytest.raises(NotReadyError, match="only a new one"):
            adopt(NAME, table, session)
