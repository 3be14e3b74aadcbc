"""What the state machines write, compare, and send, held against the models and handlers that read it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from rampart.adapters.items import STANDING
from rampart.evidence.verdict import Verdict
from rampart.model import Model
from rampart.plan.model import Plan
from rampart.rollout.caller import Caller
from rampart.rollout.event import Event, EventKind
from rampart.rollout.gate import Answer, DecisionKind, FirstApproval, Gate, GateKind, OpenGate, Question
from rampart.rollout.prepare import Resume
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.state import RolloutState, Status
from rampart.rollout.waiver import WAIVED

FUNCTIONS = Path(__file__).parents[2] / "functions"
DECISION = (FUNCTIONS / "decision.asl.json").read_text()
State = Mapping[str, Any]
STATES: dict[str, State] = {
    f"{machine}.{name}": state
    for machine in ("rollout", "decision")
    for name, state in json.loads((FUNCTIONS / f"{machine}.asl.json").read_text())["States"].items()
}
KEYS = {"pk", "sk", "schema_version"}
ASKED = {"evaluation", "verdict"}
"""What a gate's item keeps of its question besides, since a condition can't look into JSON text."""
VALUES: Mapping[str, frozenset[str]] = {
    "status": frozenset(Status),
    "kind": frozenset(GateKind),
    "verdict": frozenset({*Verdict, WAIVED}),
    "decision": frozenset(DecisionKind),
    "people": frozenset({"1", "2"}),
}


def writes(verb: str, sort_key: str) -> Iterator[tuple[str, Any]]:
    """The writes of a kind to items whose sort key begins so, with the state's name."""
    for name, state in STATES.items():
        for action in (state.get("Parameters") or state.get("Arguments") or {}).get("TransactItems", []):
            if verb in action and sort_key in json.dumps(action[verb].get("Item", action[verb].get("Key"))["sk"]):
                yield name, action[verb]


def calls(function: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What each state sends to a function, its templates included."""
    for name, state in STATES.items():
        given = state.get("Parameters") or state.get("Arguments") or {}
        if given.get("FunctionName") == f"${{{function.capitalize()}Function}}":
            yield name, {key.removesuffix(".$"): value for key, value in given["Payload"].items()}


def required(model: type[Model]) -> set[str]:
    return {name for name, field in model.model_fields.items() if field.is_required()}


def constant(value: Mapping[str, str]) -> str | None:
    """An attribute's value where it isn't a template's."""
    text = value.get("S")
    return None if text is None or text.startswith("{%") else text


def missing_and_unknown(written: Mapping[str, Any], model: type[Model], besides: set[str]) -> tuple[set[str], set[str]]:
    names = written.keys() - besides
    return required(model) - names, names - model.model_fields.keys()


GATES, EVENTS = list(writes("Put", "GATE")), list(writes("Put", "EVENT#"))
UPDATES = [(name, update) for sort_key in ("STATE", "GATE") for name, update in writes("Update", sort_key)]
CONDITIONS = [*UPDATES, *writes("ConditionCheck", "STATE")]


def test_there_is_something_to_compare() -> None:
    assert {name for name, _ in GATES} == {"rollout.Bake", "rollout.AwaitApproval", "rollout.AwaitSight"}
    assert len(UPDATES) == 5
    assert len(CONDITIONS) == 7
    assert len(EVENTS) >= 3
    assert [len(list(calls(function))) for function in ("prepare", "advance", "rollback")] == [1, 1, 2]


@pytest.mark.parametrize(("name", "put"), GATES)
def test_a_gate_is_written_as_it_is_read(name: str, put: Any) -> None:
    assert missing_and_unknown(put["Item"], Gate, KEYS | ASKED) == (set(), set())
    assert put["Item"]["kind"]["S"] in set(GateKind)
    question = put["Item"].get("question", {}).get("S")
    assert question is None or Question.model_validate_json(question)


@pytest.mark.parametrize(("name", "put"), EVENTS)
def test_an_event_is_written_as_it_is_read(name: str, put: Any) -> None:
    assert missing_and_unknown(put["Item"], Event, KEYS) == (set(), set())
    assert put["Item"]["kind"]["S"] in set(EventKind)


@pytest.mark.parametrize(("name", "update"), CONDITIONS)
def test_a_write_knows_the_attributes_of_its_item(name: str, update: Any) -> None:
    is_record = update["Key"]["sk"]["S"] == "STATE"
    of_record = {*RolloutState.model_fields, *STANDING.values(), *OpenGate.model_fields}
    of_gate = {*Gate.model_fields, *Answer.model_fields, *ASKED}
    names = update["ExpressionAttributeNames"]
    assert set(names.values()) <= (of_record if is_record else of_gate)
    assert all(alias == f"#{name}" for alias, name in names.items())


@pytest.mark.parametrize(("name", "update"), UPDATES)
def test_an_update_writes_a_gate_and_an_answer_as_they_are_read(name: str, update: Any) -> None:
    if update["Key"]["sk"]["S"] == "STATE":
        assert update["ExpressionAttributeValues"][":gate"]["M"].keys() == OpenGate.model_fields.keys()
        return
    written: dict[str, type[Model]] = {":answer": Answer, ":first": FirstApproval}
    [(name, model)] = [(n, model) for n, model in written.items() if n in update["ExpressionAttributeValues"]]
    assert update["ExpressionAttributeValues"][name]["M"].keys() == model.model_fields.keys()


@pytest.mark.parametrize(("name", "update"), CONDITIONS)
def test_a_condition_compares_with_values_that_exist(name: str, update: Any) -> None:
    compared = re.findall(r"[#:](\w+) = :(\w+)", update["ConditionExpression"])
    constants = {
        (attribute, said)
        for attribute, value in compared
        if (said := constant(update["ExpressionAttributeValues"][f":{value}"])) is not None
    }
    assert constants
    for attribute, said in constants:
        assert said in VALUES[attribute]


def test_the_decision_reads_what_a_gate_holds() -> None:
    written = set.intersection(*(set(put["Item"]) for name, put in GATES if "Await" in name))
    optional = {"lapses", "answer", "first"}
    assert set(re.findall(r"\$gate\.(\w+)", DECISION)) <= written | optional
    assert set(re.findall(r"\$gate\.answer\.M\.(\w+)", DECISION)) <= Answer.model_fields.keys()
    assert set(re.findall(r"\$gate\.first\.M\.(\w+)", DECISION)) <= FirstApproval.model_fields.keys()
    assert set(re.findall(r"\$parse\(\$rollout\.plan\.S\)\.(\w+)", DECISION)) <= Plan.model_fields.keys()
    assert set(re.findall(r"\$(?:caller|starter)\.(\w+)", DECISION)) <= Caller.model_fields.keys()
    assert set(re.findall(r"\$parse\(\$gate\.question\.S\)\.(\w+)", DECISION)) <= Question.model_fields.keys()


@pytest.mark.parametrize("function", ["prepare", "advance"])
def test_a_task_sends_exactly_what_its_function_reads(function: str) -> None:
    read = set(re.findall(r'event\["(\w+)"\]', (FUNCTIONS / function / "app.py").read_text()))
    for name, sent in calls(function):
        assert set(sent) == read, name


@pytest.mark.parametrize(("name", "sent"), list(calls("rollback")))
def test_a_request_for_a_rollback_is_one(name: str, sent: Mapping[str, Any]) -> None:
    assert missing_and_unknown(sent, RollbackRequest, set()) in ((set(), set()), ({"asked_at"}, set()))
    causes = re.findall(r"'(\w+)'", str(sent["cause"]).partition("?")[2]) or [sent["cause"]]
    assert set(causes) <= set(Cause)


def test_a_resume_is_sent_as_it_is_read() -> None:
    [sent] = re.findall(r"\{'resume': \{(.+?), 'decision'", json.dumps(STATES["decision.Resume"]["Arguments"]))
    names = {*re.findall(r"'(\w+)': ", sent), "decision"}
    assert required(Resume) <= names <= Resume.model_fields.keys()


def test_the_execution_of_a_resume_is_called_so_once() -> None:
    """The command line calls its decision `resume-…` already, and people read the name where a rollback says why."""
    name = STATES["decision.Resume"]["Arguments"]["Name"]
    decision = "$states.context.Execution.Name"
    assert name.startswith(f"{{% $substring({decision}, 0, 7) = 'resume-' ? {decision} : 'resume-' & ")


def test_every_decision_that_the_machine_takes_is_one_that_a_person_may_make() -> None:
    named = re.findall(r"decision in \[([^]]+)\]", DECISION)
    said = {each.strip("'") for group in named for each in group.split(",")}
    assert said == {*map(str, DecisionKind)}
