"""The exact commands for what a situation asks of a person, as status, notices and explanations show them."""

from __future__ import annotations

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
