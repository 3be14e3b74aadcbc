"""The state machine `rollout` on moto's interpreter: what the local AWS does not enforce, lapsed heartbeats above all.

moto runs the definition as it is, with its own DynamoDB behind the gates. Not shown here: functions (moto answers each
call with the next of a list of prepared results, so their order is part of each test) and the state machine `decision`,
since moto cannot run `aws-sdk:sfn:sendTaskSuccess`; both run in the end-to-end tests. moto takes an answer that comes
too late without a word, where AWS refuses it. A lapsed heartbeat is `States.Timeout` here and
`States.HeartbeatTimeout` on AWS: a contract test holds the definition to both.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import boto3
import pytest
from moto import mock_aws

from rampart.adapters import items
from rampart.rollout.event import EventKind
from rampart.rollout.gate import GateKind
from tests.table import create_table

DEFINITION = Path(__file__).parents[2] / "functions" / "rollout.asl.json"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:rampart-rollout"
TABLE = "rampart"
_numbers = itertools.count(1)
Seen = TypeVar("Seen")
PATIENCE = 120.0
HEARTBEAT_SECONDS = 1
ADVANCED = {"outcome": "advanced", "stage": 0, "why": None}
QUESTION = {
    "outcome": "ask",
    "verdict": "pass",
    "evaluation": "e-1",
    "question": {"evaluation": "e-1", "verdict": "pass", "unmet": [], "reported": {}},
    "evidence": {"errors": "0 of 400"},
    "next": "25%",
    "decision": "approve",
    "reported": {},
    "lapses": "2026-07-01T12:00:00.000Z",
    "seconds": 1,
    "now": {"headline": "Waiting for approval: 1% → 25%", "why": "All criteria pass.", "next": "Approve."},
}


@dataclass
class Machine:
    """The machine in moto, and the table that its gates are in."""

    machines: Any
    table: Any
    rollout: str = field(default_factory=lambda: f"letters-{next(_numbers)}")
    """A name of its own, so that what moto keeps of one test is not found by the next."""

    @property
    def execution(self) -> str:
        return f"{MACHINE.replace('stateMachine', 'execution')}:{self.rollout}"

    def start(self, *results: dict[str, Any], status: str = "live") -> None:
        """Begin an attempt whose functions answer with `results`, on a record of the given status."""
        record = {"status": status, "attempt": 1, "stage": 0, "execution": self.execution}
        self.table.put_item(TableName=TABLE, Item=items.to_item(items.rollout_key(self.rollout, "STATE") | record))
        prepare_results([json.dumps(result) for result in results])
        self.machines.start_execution(
            stateMachineArn=MACHINE, name=self.rollout, input=json.dumps({"rollout": self.rollout})
        )

    def ready(self, **settings: Any) -> dict[str, Any]:
        """What `prepare` answers."""
        known = {"outcome": "ready", "rollout": self.rollout, "attempt": 1, "gate": None, "when_blind": "hold"}
        return {**known, "heartbeat_seconds": HEARTBEAT_SECONDS, **settings}

    def keep_alive(self, token: str) -> bool:
        """Send a heartbeat; whether someone waits for it."""
        try:
            self.machines.send_task_heartbeat(taskToken=token)
        except self.machines.exceptions.InvalidToken:
            return False
        return True

    def entered(self) -> list[str]:
        """The states that were entered, in order: a gate that lapses soon may be gone before anyone looks at it."""
        history = self.machines.get_execution_history(executionArn=self.execution, maxResults=1000)["events"]
        return [each["stateEnteredEventDetails"]["name"] for each in history if "stateEnteredEventDetails" in each]

    def gate(self, kind: GateKind, *, other_than: str = "") -> dict[str, Any]:
        """Wait for a gate of a kind, and for moto to wait at it, which it does a moment later; its item."""

        def look() -> dict[str, Any] | None:
            gate = self.gate_item()
            return gate if gate.get("kind") == kind.value and gate["id"] != other_than else None

        gate = eventually(look, f"a {kind.value} gate")
        if kind is GateKind.BAKE:  # moto does not hear what it is told before it waits for heartbeats
            eventually(lambda: self.keep_alive(gate["token"]), "moto to wait for heartbeats")
        return gate

    def gate_item(self) -> dict[str, Any]:
        """The gate in the table; nothing before there is one."""
        found = self.table.get_item(TableName=TABLE, Key=items.to_item(items.rollout_key(self.rollout, "GATE")))
        return items.to_attributes(found.get("Item", {}))

    def stop(self) -> None:
        """Stop the execution wherever it is, and wake it where it waits."""
        with suppress(self.machines.exceptions.ExecutionDoesNotExist):
            self.machines.stop_execution(executionArn=self.execution)
        with suppress(KeyError, self.machines.exceptions.ClientError):
            self.machines.send_task_failure(taskToken=self.gate_item()["token"], error="Stopped")

    def ended(self) -> dict[str, Any]:
        """Wait for the end."""

        def look() -> dict[str, Any] | None:
            described: dict[str, Any] = self.machines.describe_execution(executionArn=self.execution)
            return described if described["status"] != "RUNNING" else None

        return eventually(look, "the end")

    def called(self) -> list[dict[str, Any]]:
        """What the functions were called with, in order."""
        history = self.machines.get_execution_history(executionArn=self.execution, maxResults=1000)["events"]
        scheduled = [each["taskScheduledEventDetails"] for each in history if "taskScheduledEventDetails" in each]
        return [json.loads(each["parameters"])["Payload"] for each in scheduled if each["resourceType"] == "lambda"]

    def events(self) -> list[str]:
        """The kinds of the events that the machine itself wrote."""
        return [each["kind"] for each in self._told()]

    def messages(self) -> list[str]:
        """What those events say of this rollout."""
        return [each["message"] for each in self._told() if each["rollout"] == self.rollout]

    def _told(self) -> list[dict[str, Any]]:
        found = map(items.to_attributes, self.table.scan(TableName=TABLE)["Items"])
        return [each for each in found if each["sk"].startswith("EVENT#")]


def eventually(look: Callable[[], Seen | None], what: str) -> Seen:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.05)
    pytest.fail(f"waited {PATIENCE:g} s in vain for {what}")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}):
        role = boto3.client("iam").create_role(RoleName="machine", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        table = boto3.client("dynamodb")
        create_table(table, TABLE)
        functions = boto3.client("lambda")
        arns = {name: _function(functions, name, role) for name in ("prepare", "advance", "rollback")}
        names = {f"{name.title()}Function": arn for name, arn in arns.items()} | {"Partition": "aws", "Table": TABLE}
        machines = boto3.client("stepfunctions")
        definition = re.sub(r"\$\{(\w+)\}", lambda match: names[match[1]], DEFINITION.read_text())
        machines.create_state_machine(name="rampart-rollout", definition=definition, roleArn=role)
        running = Machine(machines, table)
        yield running
        # What still runs would write into the next test's table: moto undoes what others wrote when such a write fails.
        running.stop()
        eventually(lambda: not any(map(is_of_moto, sys._current_frames().values())), "moto's threads to end")


def is_of_moto(top: FrameType) -> bool:
    """Whether a thread, known by its innermost frame, runs a state machine; other tests' stacks have threads too."""
    return any(
        str(frame.f_globals.get("__name__")).startswith("moto.stepfunctions") for frame, _ in traceback.walk_stack(top)
    )


def _function(functions: Any, name: str, role: str) -> str:
    made = functions.create_function(
        FunctionName=name, Runtime="python3.13", Role=role, Handler="app.lambda_handler", Code={"ZipFile": b"none"}
    )
    return str(made["FunctionArn"])


def prepare_results(results: list[str]) -> None:
    """Tell moto what the next calls of functions answer."""
    import requests

    answer = requests.post(
        "http://motoapi.amazonaws.com/moto-api/static/lambda-simple/response",
        json={"results": results, "region": "us-east-1"},
        timeout=5,
    )
    assert answer.status_code == 201


def test_a_heartbeat_that_lapses_makes_the_attempt_blind_and_people_are_told(machine: Machine) -> None:
    """`when_blind: hold`: the flag stays, no one is asked, and only returning sight opens a new bake gate."""
    machine.start(machine.ready(), ADVANCED)

    blind = machine.gate(GateKind.BLIND)

    assert machine.events() == [EventKind.BLIND.value]
    assert machine.entered().count("Bake") == 1
    machine.machines.send_task_success(taskToken=blind["token"], output=json.dumps({"outcome": "sighted"}))
    eventually(lambda: machine.entered().count("Bake") == 2, "a second bake gate")
    assert [call.get("cause") for call in machine.called()] == [None, None], "no function was called to roll back"


def test_a_blind_gate_that_asks_leads_to_a_question(machine: Machine) -> None:
    """The hold is over, and nothing can be judged: a person decides."""
    machine.start(machine.ready(), ADVANCED)
    blind = machine.gate(GateKind.BLIND)
    asks = QUESTION | {"verdict": "error", "decision": "override", "seconds": 60}
    machine.machines.send_task_success(taskToken=blind["token"], output=json.dumps(asks))

    assert machine.gate(GateKind.APPROVAL)["verdict"] == "error"
    assert machine.events() == [EventKind.BLIND.value, EventKind.ASKED.value]


def test_an_override_at_a_blind_gate_advances_with_that_gate(machine: Machine) -> None:
    machine.start(machine.ready(), ADVANCED, {"outcome": "advanced", "stage": 0, "why": None})
    blind = machine.gate(GateKind.BLIND)
    said = {"decision": "override", "by": "ann", "gate": blind["id"]}
    machine.machines.send_task_success(taskToken=blind["token"], output=json.dumps(said))

    eventually(lambda: machine.entered().count("Bake") == 2, "the bake gate of the next stage")
    assert machine.called()[-1]["gate"] == blind["id"]
    assert blind["verdict"] == "error"


def test_a_first_stage_whose_flag_is_elsewhere_is_rolled_back(machine: Machine) -> None:
    machine.start(
        machine.ready(), {"outcome": "astray", "stage": None, "why": "the flag is at 5%"}, {"outcome": "rolled_back"}
    )

    assert machine.ended()["error"] == "RolledBack"
    rollback = machine.called()[-1]
    assert rollback["cause"] == "execution"
    assert "the first stage did not begin: the flag is at 5%" in rollback["reason"]


def test_a_gate_that_is_kept_alive_does_not_lapse(machine: Machine) -> None:
    machine.start(machine.ready(heartbeat_seconds=8), ADVANCED)
    token = machine.gate(GateKind.BAKE)["token"]

    deadline = time.monotonic() + 10  # longer than the heartbeat: that time passes is what is tested
    while time.monotonic() < deadline:
        assert machine.keep_alive(token)
        time.sleep(0.1)

    assert machine.gate(GateKind.BAKE)["token"] == token
    assert machine.events() == []


def test_an_attempt_that_goes_blind_is_rolled_back_where_the_plan_says_so(machine: Machine) -> None:
    machine.start(machine.ready(when_blind="roll_back"), ADVANCED, {"outcome": "rolled_back"})

    ended = machine.ended()

    assert (ended["status"], ended["error"]) == ("FAILED", "RolledBack")
    rollback = machine.called()[-1]
    assert (rollback["cause"], rollback["rollout"], rollback["attempt"]) == ("execution", machine.rollout, 1)
    assert rollback["execution"] == machine.execution
    assert "evaluations stopped" in rollback["reason"]


def test_a_question_that_lapses_is_asked_again_with_fresh_evidence(machine: Machine) -> None:
    machine.start(machine.ready(heartbeat_seconds=60), ADVANCED)
    bake = machine.gate(GateKind.BAKE)
    machine.machines.send_task_success(taskToken=bake["token"], output=json.dumps(QUESTION))

    again = machine.gate(GateKind.BAKE, other_than=bake["id"])

    assert machine.events() == [EventKind.ASKED.value]
    assert machine.entered().count("AwaitApproval") == 1
    fresh = QUESTION | {"evaluation": "e-2", "seconds": 60}
    machine.machines.send_task_success(taskToken=again["token"], output=json.dumps(fresh))
    assert machine.gate(GateKind.APPROVAL)["evaluation"] == "e-2"


def test_a_question_is_told_in_the_words_of_every_other_surface(machine: Machine) -> None:
    """No sentence of the machine's own, and no time of another zone: the notice says until when, in the plan's."""
    machine.start(machine.ready(heartbeat_seconds=60), ADVANCED)
    bake = machine.gate(GateKind.BAKE)
    machine.machines.send_task_success(taskToken=bake["token"], output=json.dumps(QUESTION | {"seconds": 60}))
    gate = machine.gate(GateKind.APPROVAL)
    assert machine.messages() == [f"Waiting for approval: 1% → 25%. Gate {gate['id']}"]


def test_a_rollback_ends_the_wait_and_calls_no_function_any_more(machine: Machine) -> None:
    machine.start(machine.ready(heartbeat_seconds=60), ADVANCED)
    token = machine.gate(GateKind.BAKE)["token"]

    machine.machines.send_task_failure(taskToken=token, error="RolledBack", cause="Datadog monitor 4711 alerts")

    assert machine.ended()["error"] == "RolledBack"
    assert len(machine.called()) == 2


def test_a_gate_that_cannot_open_in_a_halted_attempt_ends_the_execution(machine: Machine) -> None:
    """A rollback between two gates: the transaction is canceled, and no one waits forever."""
    machine.start(machine.ready(), ADVANCED, status="halted")

    ended = machine.ended()

    assert (ended["status"], ended["error"]) == ("FAILED", "RolledBack")
    assert machine.events() == []
    assert len(machine.called()) == 2, "the flag is at 0% already: anyone who halted the attempt saw to it"


def test_any_other_failure_at_a_gate_leads_to_the_rollback(machine: Machine) -> None:
    machine.start(machine.ready(heartbeat_seconds=60), ADVANCED, {"outcome": "rolled_back"})
    token = machine.gate(GateKind.BAKE)["token"]

    machine.machines.send_task_failure(taskToken=token, error="Broken", cause="no one knows")

    assert machine.ended()["error"] == "RolledBack"
    assert machine.called()[-1]["cause"] == "execution"


def test_an_advance_that_finds_the_attempt_halted_ends_the_execution(machine: Machine) -> None:
    machine.start(machine.ready(), {"outcome": "halted", "stage": None, "why": None})

    assert machine.ended()["error"] == "RolledBack"


def test_a_refused_start_ends_with_its_reason_and_touches_nothing(machine: Machine) -> None:
    machine.start(
        {"outcome": "refused", "error": "FlagClaimed", "cause": "the flag belongs to another", "problems": []}
    )

    ended = machine.ended()

    assert (ended["error"], ended["cause"]) == ("FlagClaimed", "the flag belongs to another")
    assert len(machine.called()) == 1
