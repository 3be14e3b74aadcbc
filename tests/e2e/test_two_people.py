"""Two people approve an advance of the deployed stack, and one of them can't be both."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local.stack import LocalStack
from rampart.rollout.state import RolloutState
from tests.e2e.rollouts import Rollout, eventually

NewRollout = Callable[..., Rollout]


def tell_who(stack: LocalStack, execution: str, user: str) -> None:
    """What CloudTrail sends through EventBridge once it has recorded the start of an execution."""
    identity = {"type": "IAMUser", "arn": f"arn:aws:iam::000000000000:user/{user}"}
    detail = {
        "eventSource": "states.amazonaws.com",
        "eventName": "StartExecution",
        "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "userIdentity": identity,
        "responseElements": {"executionArn": execution},
    }
    event = {"source": "aws.states", "detail-type": "AWS API Call via CloudTrail", "detail": detail}
    functions = stack.ministack.client("lambda")
    names = [each["FunctionName"] for each in functions.list_functions(MaxItems=50)["Functions"]]
    [witness] = [name for name in names if "WitnessFunction" in name]
    answer = functions.invoke(FunctionName=witness, Payload=json.dumps(event).encode())
    assert json.loads(answer["Payload"].read()) == {"kept": True}


def approve(rollout: Rollout, stack: LocalStack, gate: str, user: str, by: str) -> dict[str, Any]:
    """Start `decision` as a person, of whom CloudTrail tells a moment later; how it ended."""
    before = {each["executionArn"] for each in executions(stack)}
    ended: list[dict[str, Any]] = []
    said = {"decision": "approve", "gate": gate, "reported": {"call center complaints": 0}, "by": by}
    person = threading.Thread(target=lambda: ended.append(rollout.decide(**said)))
    person.start()
    started = eventually(
        lambda: [each["executionArn"] for each in executions(stack) if each["executionArn"] not in before],
        "the decision's execution",
    )
    tell_who(stack, started[0], user)
    person.join()
    return ended[0]


def executions(stack: LocalStack) -> list[dict[str, Any]]:
    found = stack.machines.list_executions(stateMachineArn=stack.outputs["DecisionMachine"])
    return list(found["executions"])


def test_two_proven_people_approve_and_one_cannot_be_both(new_rollout: NewRollout, stack: LocalStack) -> None:
    rollout = new_rollout(approvals=2, not_by="starter")
    tell_who(stack, rollout.start(), "starter")
    gate = rollout.asked(1).gate
    assert gate is not None

    assert approve(rollout, stack, gate.id, "starter", "Robin")["error"] == "IsStarter"
    assert approve(rollout, stack, gate.id, "robin", "Robin")["status"] == "SUCCEEDED"
    assert rollout.percentage == 1
    assert approve(rollout, stack, gate.id, "robin", "Ana")["error"] == "SamePerson"
    assert rollout.percentage == 1
    assert approve(rollout, stack, gate.id, "ana", "Ana")["status"] == "SUCCEEDED"

    def is_next(state: RolloutState) -> bool:
        return state.percent == 25

    rollout.until("25%", is_next)
