"""Every answer of a function fits every state that reads it: both are derived, from the code and the definitions.

An execution keeps the definition that it began with, for up to 364 days, and calls the functions of today: so the
answers are held to every released definition too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
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
from rampart.rollout.situation import Phase, Situation

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "functions", *sorted((ROOT / "tests" / "released").glob("v*"))]
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
    situation=Situation(Phase.ASKING, "Waiting for approval: 1% → 25%", NOW),
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


@dataclass(frozen=True)
class Machine:
    """One definition of `rollout`, with every input that each of its states can get."""

    folder: Path

    @cached_property
    def definition(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "rollout.asl.json").read_text())
        return found

    @property
    def states(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.definition["States"]
        return found

    @cached_property
    def reached(self) -> dict[str, list[Shape]]:
        """Every input with which each state can be reached."""
        reached: dict[str, list[Shape]] = {}
        waiting = [(self.definition["StartAt"], shape) for shape in INPUTS]
        while waiting:
            name, shape = waiting.pop()
            if shape in reached.setdefault(name, []):
                continue
            reached[name].append(shape)
            waiting += successors(self.states[name], name, shape)
        return reached


def outputs(state: dict[str, Any], name: str, shape: Shape) -> Iterator[Shape]:
    """What a state hands on for an input, for each answer that it may get."""
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


def successors(state: dict[str, Any], name: str, shape: Shape) -> Iterator[tuple[str, Shape]]:
    if state["Type"] == "Choice":
        taken = next((rule["Next"] for rule in state["Choices"] if holds(rule, shape)), state["Default"])
        yield taken, shape
        return
    for after in outputs(state, name, shape) if "Next" in state else ():
        yield state["Next"], after
    for catch in state.get("Catch", []):
        yield catch["Next"], put(shape, catch["ResultPath"], {"Error": "e", "Cause": "c"})


MACHINES = [Machine(folder) for folder in FOLDERS]
EACH = pytest.mark.parametrize("machine", MACHINES, ids=[folder.name for folder in FOLDERS])


@EACH
def test_every_state_can_be_reached(machine: Machine) -> None:
    unknown = {"UnknownOutcome"}
    assert set(machine.states) == set(machine.reached) | unknown, "no answer of `advance` is unknown to the machine"


READING = [(machine, name) for machine in MACHINES for name in sorted(machine.reached)]


@pytest.mark.parametrize(("machine", "name"), READING, ids=[f"{each.folder.name}-{name}" for each, name in READING])
def test_every_path_that_a_state_reads_is_in_every_input_that_reaches_it(machine: Machine, name: str) -> None:
    whole = machine.states[name]
    state = {key: value for key, value in whole.items() if key in {"Parameters", "ErrorPath", "CausePath"}}
    missing = {path for path in paths_in(state) for shape in machine.reached[name] if not present(shape, path)}
    assert not missing


@EACH
@pytest.mark.parametrize(("state", "path"), [("Prepared", "outcome"), ("Advanced", "advance.outcome")])
def test_every_outcome_that_a_choice_names_is_one_that_a_function_gives(
    machine: Machine, state: str, path: str
) -> None:
    named = set(re.findall(r'"StringEquals": "(\w+)"', json.dumps(machine.states[state])))
    assert named <= {at(shape, path) for shape in machine.reached[state]}


@EACH
def test_every_outcome_of_an_advance_has_a_branch_of_its_own(machine: Machine) -> None:
    named = set(re.findall(r'"StringEquals": "(\w+)"', json.dumps(machine.states["Advanced"])))
    assert named == set(AdvanceOutcome)


@EACH
def test_what_the_decision_reads_of_a_rollback_is_in_each_of_its_answers(machine: Machine) -> None:
    decision = (machine.folder / "decision.asl.json").read_text()
    read = set(re.findall(r"\$states\.result\.Payload\.(\w+)", decision))
    assert read
    for answer in ANSWERS["RollBack"]:
        assert read <= answer.keys()


@pytest.mark.parametrize("folder", FOLDERS[1:], ids=[folder.name for folder in FOLDERS[1:]])
def test_a_released_definition_sends_what_todays_functions_read(folder: Path) -> None:
    """What an old machine hands to `prepare`, `advance`, and `rollback` must be the keys that these take."""
    for name in ("rollout", "decision"):
        now = json.loads((ROOT / "functions" / f"{name}.asl.json").read_text())["States"]
        then = json.loads((folder / f"{name}.asl.json").read_text())["States"]
        calls = {state for state, body in then.items() if "lambda:invoke" in body.get("Resource", "")}
        assert calls
        for state in calls & now.keys():
            assert payload_keys(then[state]) <= payload_keys(now[state]), f"{state} sends what no one reads any more"


def payload_keys(task: Mapping[str, Any]) -> set[str]:
    payload = (task.get("Parameters") or task["Arguments"])["Payload"]
    return {key.removesuffix(".$") for key in payload} if isinstance(payload, Mapping) else set()
