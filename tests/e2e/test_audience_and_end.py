"""First the team, then the world, and fully on at the end: each stage written, read back, and undone by a rollback."""

from __future__ import annotations

import json
from collections.abc import Callable

import requests

from local.stack import LocalStack
from rampart.rollout.event import EventKind
from rampart.rollout.gate import GateKind
from rampart.rollout.state import RolloutState, Status
from tests.e2e.rollouts import Rollout

NewRollout = Callable[..., Rollout]
STAGES = [
    {"name": "Team", "groups": ["staff"], "actors": ["User;1"], "hold": "5s"},
    {"percent": 100, "hold": "5s"},
    {"fully_on": True, "hold": "5s"},
]


def approve(rollout: Rollout, stage: int) -> None:
    """Answer the question of one stage; of a team that sends no requests nothing is measured, and one must say why."""

    def is_asked(state: RolloutState) -> bool:
        return state.stage == stage and state.gate is not None and state.gate.kind is GateKind.APPROVAL

    gate = rollout.until(f"the question at stage {stage}", is_asked).gate
    assert gate is not None
    reported = {"call center complaints": 0}
    kind = (
        {"decision": "override", "note": "the team tried it"}
        if not rollout.state().percent
        else {"decision": "approve"}
    )
    said = rollout.decide(**kind, gate=gate.id, reported=reported)
    assert said["status"] == "SUCCEEDED", said.get("cause")


def look_after_completed(stack: LocalStack) -> None:
    """What the daily schedule sends."""
    functions = stack.ministack.client("lambda")
    functions.invoke(FunctionName=stack.outputs["EvaluateFunction"], Payload=b'{"look_after": "completed"}')


def authorized(stack: LocalStack) -> dict[str, str]:
    vault = stack.ministack.client("secretsmanager")
    token = json.loads(vault.get_secret_value(SecretId="rampart/flipper")["SecretString"])["token"]
    return {"Authorization": f"Bearer {token}"}


def test_a_team_is_let_in_then_everyone_then_every_check(new_rollout: NewRollout, stack: LocalStack) -> None:
    rollout = new_rollout(stages=STAGES, watch="5s")
    stack.flipper.set_gates(rollout.flag, actors=["User;9"])
    rollout.start()
    rollout.until("the team", lambda state: state.stage == 0 and state.gate is not None)
    gates = stack.flipper.gates(rollout.flag)
    assert (gates.groups, sorted(gates.actors), rollout.percentage) == (["staff"], ["User;1", "User;9"], 0)

    # Not by an alert: what Datadog sends again late would take the next attempt down, too.
    assert rollout.decide(decision="roll_back", note="the team saw blank pages")["status"] == "SUCCEEDED"
    rollout.ended(Status.ROLLED_BACK)
    gates = stack.flipper.gates(rollout.flag)
    assert (gates.groups, gates.actors, rollout.percentage) == ([], ["User;9"], 0)

    assert rollout.decide(decision="resume", stage=0, note="fixed")["status"] == "SUCCEEDED"
    for stage in range(len(STAGES)):
        approve(rollout, stage)
    rollout.ended(Status.COMPLETED)
    assert stack.flipper.gates(rollout.flag).boolean == "true"

    rollout.until("the end of the watch", lambda state: not state.watched)
    look_after_completed(stack)
    seen = rollout.state().remains
    assert seen is not None
    assert (seen.reads, seen.gone) == ("fully on", False)
    requests.delete(f"{stack.flipper.api}/features/{rollout.flag}", headers=authorized(stack), timeout=10)
    look_after_completed(stack)
    assert [event.message for event in rollout.events(EventKind.CLEANUP)] == [
        f"{rollout.flag} is gone: nothing is left to clean up"
    ]


def test_a_rollback_undoes_the_end(new_rollout: NewRollout, stack: LocalStack) -> None:
    rollout = new_rollout(stages=STAGES[1:])
    rollout.start()
    approve(rollout, 0)
    rollout.until("the end", lambda state: state.is_fully_on and state.gate is not None)
    assert stack.flipper.gates(rollout.flag).state == "on"

    rollout.alerted()

    rollout.ended(Status.ROLLED_BACK)
    assert stack.flipper.gates(rollout.flag).state == "off"
