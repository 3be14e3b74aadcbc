"""An upgrade in the middle of a rollout: executions keep the released definitions and call today's functions.

The local AWS keeps a running execution's definition too: the stack's own machines get a released one, an execution
begins, and then they get today's again, as a deployment would give it to them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.ministack import ROOT
from local.stack import LocalStack
from rampart.rollout.event import EventKind
from rampart.rollout.gate import GateKind
from rampart.rollout.state import RolloutState, Status
from tests.e2e.rollouts import Rollout

NewRollout = Callable[..., Rollout]
RELEASED = sorted((ROOT / "tests" / "released").glob("v*"))
EACH = pytest.mark.parametrize("released", RELEASED, ids=[folder.name for folder in RELEASED])
STAGES = [{"percent": 25, "hold": "5s"}, {"percent": 100, "hold": "5s"}]
LAPSES_AFTER_SECONDS = 4


@contextmanager
def before_the_upgrade(stack: LocalStack, released: Path, **waits: dict[str, Any]) -> Iterator[None]:
    """What begins within runs by the released definitions, `waits` replacing keys of states; then come today's."""
    machines = {"rollout": stack.outputs["RolloutMachine"], "decision": stack.outputs["DecisionMachine"]}
    today = {name: stack.machines.describe_state_machine(stateMachineArn=arn) for name, arn in machines.items()}
    try:
        for name, arn in machines.items():
            document = json.loads((released / f"{name}.asl.json").read_text())
            for state, keys in waits.items() if name == "rollout" else ():
                document["States"][state] |= keys
            written = json.loads((ROOT / "functions" / f"{name}.asl.json").read_text())
            values = dict(substitutions(written, json.loads(today[name]["definition"])))
            definition = json.dumps(document)
            for variable, value in values.items():
                definition = definition.replace(variable, value)
            assert "${" not in definition, "the released definition knows a name that the template no longer gives"
            stack.machines.update_state_machine(stateMachineArn=arn, definition=definition)
        yield
    finally:
        for name, arn in machines.items():
            stack.machines.update_state_machine(stateMachineArn=arn, definition=today[name]["definition"])


def substitutions(written: Any, deployed: Any) -> Iterator[tuple[str, str]]:
    """Each `${Name}` that is a whole value of a definition, or begins an ARN, with what the template made of it."""
    if isinstance(written, dict):
        for key, value in written.items():
            yield from substitutions(value, deployed[key])
    elif isinstance(written, list):
        for one, other in zip(written, deployed, strict=True):
            yield from substitutions(one, other)
    elif isinstance(written, str) and "${Partition}" in written:
        yield "${Partition}", deployed.split(":")[1]
    elif isinstance(written, str) and written.startswith("${"):
        yield written, deployed


@EACH
def test_a_rollout_that_began_before_an_upgrade_climbs_to_its_end(
    new_rollout: NewRollout, stack: LocalStack, released: Path
) -> None:
    """One approval by today's `decision`, the other by one that was started before the upgrade, too."""
    rollout = new_rollout(stages=STAGES)
    with before_the_upgrade(stack, released):
        execution = rollout.start()
        rollout.at(25)
    assert rollout.approve(25)["status"] == "SUCCEEDED"
    rollout.asked(100)
    with before_the_upgrade(stack, released):
        assert rollout.approve(100)["status"] == "SUCCEEDED"

    rollout.ended(Status.COMPLETED)

    assert rollout.execution_end(execution)["status"] == "SUCCEEDED"
    assert rollout.percentage == 100
    assert rollout.store.claims([rollout.flag]) == {}
    kinds = [event.kind for event in rollout.store.events(rollout.name).values()]
    assert (kinds.count(EventKind.ADVANCED), kinds.count(EventKind.ROLLED_BACK)) == (2, 0)


@EACH
def test_a_rollback_after_an_upgrade_ends_the_old_execution_and_old_decisions_go_on_from_there(
    new_rollout: NewRollout, stack: LocalStack, released: Path
) -> None:
    rollout = new_rollout(stages=STAGES)
    with before_the_upgrade(stack, released):
        execution = rollout.start()
        rollout.asked(25)

    assert rollout.alerted().json() == {"outcome": "rolled_back", "rollouts": [rollout.name]}

    assert rollout.percentage == 0
    assert rollout.execution_end(execution)["error"] == "RolledBack"
    with before_the_upgrade(stack, released):
        assert rollout.decide(decision="resume", stage=0, note="fixed")["status"] == "SUCCEEDED"
        assert rollout.at(25).attempt == 2
        assert rollout.decide(decision="roll_back", note="blank letters")["status"] == "SUCCEEDED"
    assert rollout.percentage == 0
    assert rollout.ended(Status.ROLLED_BACK).attempt == 2
    assert rollout.execution_end(rollout.state().execution)["error"] == "RolledBack"
    with before_the_upgrade(stack, released):
        assert rollout.decide(decision="abandon", note="not now")["status"] == "SUCCEEDED"
    assert rollout.state().status is Status.ABANDONED
    assert rollout.store.claims([rollout.flag]) == {}


@EACH
def test_a_question_that_lapses_after_an_upgrade_is_asked_again_and_the_new_answer_counts(
    new_rollout: NewRollout, stack: LocalStack, released: Path
) -> None:
    """The local AWS knows no `TimeoutSecondsPath`: the released state gets a fixed time here, which today's has not."""
    rollout = new_rollout(stages=STAGES)
    with before_the_upgrade(stack, released, AwaitApproval={"TimeoutSeconds": LAPSES_AFTER_SECONDS}):
        execution = rollout.start()
        rollout.at(25)
    lapsed = rollout.asked(25).gate
    assert lapsed is not None

    def is_asked_again(state: RolloutState) -> bool:
        return state.gate is not None and state.gate.kind is GateKind.APPROVAL and state.gate.id != lapsed.id

    again = rollout.until("another question", is_asked_again).gate
    assert again is not None
    said = {"decision": "approve", "reported": {"call center complaints": 0}}
    assert rollout.decide(**said, gate=lapsed.id)["error"] == "WrongGate"
    assert rollout.percentage == 25
    # A question stands for seconds here: whichever stands when an answer comes is answered.
    rollout.until("25% answered", lambda _: _answered(rollout, said))
    rollout.at(100)
    assert len(rollout.events(EventKind.ADVANCED)) == 2
    rollout.until("100% answered", lambda _: _answered(rollout, said))
    rollout.ended(Status.COMPLETED)
    assert rollout.execution_end(execution)["status"] == "SUCCEEDED"


def _answered(rollout: Rollout, said: dict[str, Any]) -> bool:
    gate = rollout.state().gate
    if gate is None or gate.kind is not GateKind.APPROVAL:
        return False
    return bool(rollout.decide(**said, gate=gate.id)["status"] == "SUCCEEDED")
