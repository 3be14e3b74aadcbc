"""The exact commands, and inputs of `decision`, for what a situation asks of a person; every surface shows these."""

from __future__ import annotations

import json
import shlex
from typing import Any

from rampart.rollout.gate import DecisionKind, Gate
from rampart.rollout.situation import Act, Situation
from rampart.rollout.state import RolloutState
from rampart.rollout.waiver import LETS_ON


def commands_for(state: RolloutState, gate: Gate | None, found: Situation) -> list[str]:
    """The command for each act, the likeliest first."""
    answer = [answer_with(state, gate)["command"]] if gate is not None and _ANSWERS & set(found.acts) else []
    return answer + [_command(act, state) for act in found.acts if act not in _ANSWERS]


_ANSWERS = {Act.APPROVE, Act.OVERRIDE}


def _command(act: Act, state: RolloutState) -> str:
    verb = {Act.ROLL_BACK: "rollback", Act.RESUME: "resume", Act.ABANDON: "abandon"}[act]
    stage = ["--stage", state.plan.stages[state.stage or 0].reach] if act is Act.RESUME else []
    return shlex.join(["rampart", verb, state.rollout, *stage, "--note", "WHY"])


BY_CHAT = "chat"
"""Who decides by a button in a chat channel, as the record has it; AWS's own record knows the role."""


def buttons_for(state: RolloutState, gate: Gate | None, found: Situation) -> dict[str, str]:
    """What a button can start: the machine `decision`, and its whole input for each decision that needs no more words.

    An approval that asks for numbers and an override, which must be explained, are not for a button.
    """
    inputs: dict[str, dict[str, Any]] = {}
    if Act.APPROVE in found.acts and gate is not None and not (gate.question and gate.question.reported):
        inputs["Approve"] = {"gate": gate.id, "decision": DecisionKind.APPROVE.value}
    if Act.ROLL_BACK in found.acts:
        inputs["RollBack"] = {"decision": DecisionKind.ROLL_BACK.value, "note": "rolled back from chat"}
    whose = {"rollout": state.rollout, "by": BY_CHAT}
    machine = {"DecisionMachine": _decision_machine(state.execution)} if inputs else {}
    return machine | {name: json.dumps(whose | given) for name, given in inputs.items()}


def _decision_machine(execution: str) -> str:
    """The ARN of the machine next to the one of an execution; the template names both after the stack."""
    machine = execution.rpartition(":")[0].replace(":execution:", ":stateMachine:")
    return machine.removesuffix("-rollout") + "-decision"


def answer_with(state: RolloutState, gate: Gate) -> dict[str, Any]:
    """The exact command, and the exact input of the state machine `decision`, that answer a gate."""
    passes = gate.question is not None and gate.question.verdict in LETS_ON
    reported = gate.question.reported if gate.question and passes else {}
    command = ["rampart", "approve" if passes else "override", state.rollout, "--gate", gate.id]
    for name in reported:
        command += ["--reported", f"{name}=HOW_MANY"]
    command += [] if passes else ["--note", "WHY"]
    return {
        "command": shlex.join([*command, "--by", "YOUR NAME"]),
        "input": {
            "rollout": state.rollout,
            "gate": gate.id,
            "decision": (DecisionKind.APPROVE if passes else DecisionKind.OVERRIDE).value,
            "by": "your name",
            "note": "" if passes else "why",
            "reported": dict.fromkeys(reported, "how many?"),
        },
    }
