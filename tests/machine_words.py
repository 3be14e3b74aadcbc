"""What the state machines write themselves, worked out from their definitions: no text of theirs is copied by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonata  # type: ignore[import-untyped]  # it ships no types

from rampart.rollout.gate import Gate

_FUNCTIONS = Path(__file__).parents[1] / "functions"
_FORMAT = re.compile(r"States\.Format\('((?:[^'\\]|\\.)*)', (.+)\)\Z")


def _states(machine: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_FUNCTIONS / f"{machine}.asl.json").read_text())["States"]
    return found


def _message(state: Mapping[str, Any]) -> Mapping[str, str]:
    """The message of the event that a state puts into the table."""
    arguments = state.get("Parameters") or state.get("Arguments") or {}
    [event] = [put["Put"]["Item"] for put in arguments["TransactItems"] if "EVENT#" in json.dumps(put.get("Put", {}))]
    found: Mapping[str, str] = event["message"]
    return found


def rollout_says(state: str, data: Mapping[str, Any]) -> str:
    """The message of the machine `rollout` in a state whose input is `data`."""
    found = _FORMAT.match(_message(_states("rollout")[state])["S.$"])
    assert found is not None, "another intrinsic function than States.Format"
    return re.sub(r"\\(.)", r"\1", found[1]).replace("{}", "%s") % tuple(
        _at(each, data) for each in found[2].split(", ")
    )


def _at(path: str, data: Any) -> Any:
    for name in path.removeprefix("$.").split("."):
        data = data[name]
    return data


def decision_says(gate: Gate, said: Mapping[str, Any]) -> str:
    """The message of the machine `decision` once it has taken what a person said of a gate."""
    states, question = _states("decision"), gate.question
    assert question is not None
    item = {"verdict": {"S": str(question.verdict)}, "question": {"S": question.model_dump_json()}}
    known = {"gate": item, "states": {"context": {"Execution": {"Input": said}}}}
    known["said"] = _evaluated(states["ReadRecord"]["Assign"]["said"], known)
    return _evaluated(_message(states["TakeAnswer"])["S"], known)


def _evaluated(template: str, known: Mapping[str, Any]) -> str:
    expression = jsonata.Jsonata(template.removeprefix("{%").removesuffix("%}").strip())
    expression.register_lambda("parse", json.loads)
    return str(expression.evaluate(None, dict(known)))
