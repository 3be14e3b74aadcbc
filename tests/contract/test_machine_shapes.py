"""Every answer of a function fits every state that reads it: both are derived, from the code and the definitions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rampart.evidence.verdict import Verdict
from rampart.plan.model import WhenBlind
from rampart.rollout import refusals
from rampart.rollout.advance import AdvanceOutcome, AdvanceResult
from rampart.rollout.gate import DecisionKind, Question
from rampart.rollout.prepare import Ready, Refused
from rampart.rollout.question import ADVANCE, SIGHTED, Asking
from rampart.rollout.rollback import RollbackOutcome, RollbackResult

FUNCTIONS = Path(__file__).parents[2] / "functions"
ROLLOUT: dict[str, Any] = json.loads((FUNCTIONS / "rollout.asl.json").read_text())
STATES: dict[str, dict[str, Any]] = ROLLOUT["States"]
DECISION = (FUNCTIONS / "decision.asl.json").read_text()
NOW = datetime(2026, 3, 10, 14, tzinfo=UTC)

Shape = Mapping[str, Any]
"""A document, of which only the keys count."""

ASKING = Asking(
    question=Question(evaluation="e", verdict=Verdict.PASS, reported={"complaints": 0}),
    evidence={"errors": "0% is below 8%"},
    next="25%",
    decision=DecisionKind.APPROVE,
    lapses=NOW,
    seconds=60,
)
WHY = {AdvanceOutcome.ASTRAY: "the flag is at 5%"}
"""What is always said of an attempt that ends before it began."""
ADVANCES = [AdvanceResult(outcome, attempt=1, why=WHY.get(outcome)) for outcome in AdvanceOutcome]
"""Of a rollout without a record too: what is not known is None, and never missing."""
ANSWERS: Mapping[str, list[Shape]] = {
    "Prepare": [
        *(Ready("letters", 1, when_blind, timedelta(minutes=15)).to_wire() for when_blind in WhenBlind),
        Refused((refusals.BUSY.at("flags"),)).to_wire(),
    ],
    "Advance": [result.to_wire() for result in ADVANCES],
    "RollBack": [RollbackResult(outcome).to_wire() for outcome in RollbackOutcome],
    "Bake": [ADVANCE, ASKING.to_wire()],
    "AwaitApproval": [{}],
    "AwaitSight": [SIGHTED, ASKING.to_wire(), {}],
}
"""What each task is answered: by a function, by `evaluate` at a gate, or by `decision`, which says nothing."""
INPUTS: list[Shape] = [{"rollout": "letters"}]
_PATH = re.compile(r"(?<!\$)\$\.([\w.]+)")


def paths_in(template: object) -> Iterator[str]:
    """Every path of the input that a template reads, also within intrinsic functions; `$$.` is the execution's own."""
    if isinstance(template, Mapping):
        for key, value in template.items():
            if (key.endswith((".$", "Path")) and isinstance(value, str)) or key == "Variable":
                yield from _PATH.findall(value)
            else:
                yield from paths_in(value)
    elif isinstance(template, list):
        for each in template:
            yield from paths_in(each)


def at(shape: Any, path: str) -> Any:
    """What stands at a path; raises KeyError where there is nothing."""
    for part in path.split("."):
        if not isinstance(shape, Mapping) or part not in shape:
            raise KeyError(path)
        shape = shape[part]
    return shape


def filled(template: Any, shape: Shape) -> Any:
    """What a template makes of an input; of intrinsic functions only that there is something."""
    if isinstance(template, Mapping):
        return {key.removesuffix(".$"): _value(key, value, shape) for key, value in template.items()}
    return template


def _value(key: str, value: Any, shape: Shape) -> Any:
    if not key.endswith(".$"):
        return filled(value, shape)
    return at(shape, value[2:]) if re.fullmatch(r"\$\.[\w.]+", value) else (shape if value == "$" else "text")


def put(shape: Shape, path: str, value: Any) -> Shape:
    return {**shape, path.removeprefix("$."): value}


def outputs(name: str, shape: Shape) -> Iterator[Shape]:
    """What a state hands on for an input, for each answer that it may get."""
    state = STATES[name]
    for answer in ANSWERS.get(name, [None]):
        result: Any = filled(state["Parameters"], shape) if state["Type"] == "Pass" and "Parameters" in state else shape
        if answer is not None:
            # A function's answer comes within what Lambda says of the call; a gate's is the answer itself.
            result = {"Payload": answer} if "lambda:invoke" in state["Resource"] else answer
        if "ResultSelector" in state:
            result = filled(state["ResultSelector"], result)
        after = put(shape, state["ResultPath"], result) if "ResultPath" in state else result
        yield at(after, state["OutputPath"][2:]) if "OutputPath" in state else after


def holds(rule: Mapping[str, Any], shape: Shape) -> bool:
    if "Or" in rule:
        return any(holds(each, shape) for each in rule["Or"])
    if "Not" in rule:
        return not holds(rule["Not"], shape)
    path = rule["Variable"][2:]
    if "IsPresent" in rule:
        return present(shape, path) is rule["IsPresent"]
    return bool(at(shape, path) == rule["StringEquals"])


def present(shape: Shape, path: str) -> bool:
    try:
        at(shape, path)
    except KeyError:
        return False
    return True


def successors(name: str, shape: Shape) -> Iterator[tuple[str, Shape]]:
    state = STATES[name]
    if state["Type"] == "Choice":
        taken = next((rule["Next"] for rule in state["Choices"] if holds(rule, shape)), state["Default"])
        yield taken, shape
        return
    for after in outputs(name, shape) if "Next" in state else ():
        yield state["Next"], after
    for catch in state.get("Catch", []):
        yield catch["Next"], put(shape, catch["ResultPath"], {"Error": "e", "Cause": "c"})


def walked() -> dict[str, list[Shape]]:
    """Every input with which each state can be reached."""
    reached: dict[str, list[Shape]] = {}
    waiting = [(ROLLOUT["StartAt"], shape) for shape in INPUTS]
    while waiting:
        name, shape = waiting.pop()
        if shape in reached.setdefault(name, []):
            continue
        reached[name].append(shape)
        waiting += successors(name, shape)
    return reached


REACHED = walked()


def test_every_state_can_be_reached() -> None:
    assert set(STATES) == set(REACHED) | {"UnknownOutcome"}, "no answer of `advance` is unknown to the machine"


@pytest.mark.parametrize("name", sorted(REACHED))
def test_every_path_that_a_state_reads_is_in_every_input_that_reaches_it(name: str) -> None:
    state = {key: value for key, value in STATES[name].items() if key in {"Parameters", "ErrorPath", "CausePath"}}
    missing = {path for path in paths_in(state) for shape in REACHED[name] if not present(shape, path)}
    assert not missing


@pytest.mark.parametrize(("state", "path"), [("Prepared", "outcome"), ("Advanced", "advance.outcome")])
def test_every_outcome_that_a_choice_names_is_one_that_a_function_gives(state: str, path: str) -> None:
    named = set(re.findall(r'"StringEquals": "(\w+)"', json.dumps(STATES[state])))
    assert named <= {at(shape, path) for shape in REACHED[state]}


def test_every_outcome_of_an_advance_has_a_branch_of_its_own() -> None:
    named = set(re.findall(r'"StringEquals": "(\w+)"', json.dumps(STATES["Advanced"])))
    assert named == set(AdvanceOutcome)


def test_what_the_decision_reads_of_a_rollback_is_in_each_of_its_answers() -> None:
    read = set(re.findall(r"\$states\.result\.Payload\.(\w+)", DECISION))
    assert read
    for answer in ANSWERS["RollBack"]:
        assert read <= answer.keys()
