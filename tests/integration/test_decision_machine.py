"""The state machine `decision` as it is defined, on the local AWS: which answers a gate takes, and which it refuses."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local import ministack
from rampart.adapters import items
from rampart.rollout.caller import Caller
from rampart.words import timestamp
from tests.table import create_table

pytestmark = pytest.mark.skipif(not ministack.INTERPRETER.exists(), reason="no .venv-aws: `make local-tools` makes it")

TABLE = "rampart"
PATIENCE_SECONDS = 180
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Decisions:
    """The machine, and the table that its gates are in."""

    machines: Any
    table: Any
    arn: str

    def gate(
        self,
        *,
        status: str = "live",
        waits_at: str | None = None,
        record: dict[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """Open a gate of a rollout of its own, which waits there unless it is told to wait elsewhere; its name."""
        rollout = f"letters-{next(_numbers)}"
        question = {"evaluation": "e-1", "verdict": "pass", "unmet": [], "reported": {}}
        gate = {
            "id": "a1-s0-1",
            "kind": "approval",
            "token": "no one waits",
            "attempt": 1,
            "stage": 0,
            "evaluation": "e-1",
            "verdict": "pass",
            "question": json.dumps(question),
            "lapses": text(timedelta(hours=1)),
        }
        given = items.rollout_key(rollout, "GATE") | gate | changes
        item = {name: value for name, value in given.items() if value is not None}
        self.table.put_item(TableName=TABLE, Item=items.to_item(item))
        record = {"status": status, "gate": {"id": waits_at or item["id"]}, **(record or {})}
        self.table.put_item(TableName=TABLE, Item=items.to_item(items.rollout_key(rollout, "STATE") | record))
        return rollout

    def decide(self, rollout: str, **changes: Any) -> str:
        """Start it and wait; the error that it ended with, empty where it succeeded."""
        return str(self.end(rollout, **changes).get("error", ""))

    def end(self, rollout: str, person: str | None = None, **changes: Any) -> dict[str, Any]:
        """Start it and wait; how it ended. `person` is whom CloudTrail knows by then, "" is a role of many."""
        said = {"rollout": rollout, "gate": "a1-s0-1", "decision": "approve", "by": "Robin Vale", "note": "looks good"}
        name = f"decision-{next(_numbers)}"
        if person is not None:
            self.knows(self.arn.replace(":stateMachine:", ":execution:") + f":{name}", person)
        started = self.machines.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps(said | changes))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            ended: dict[str, Any] = self.machines.describe_execution(executionArn=started["executionArn"])
            if ended["status"] != "RUNNING":
                return ended
            time.sleep(0.05)
        pytest.fail(f"waited {PATIENCE_SECONDS} s in vain for the decision's end")

    def knows(self, execution: str, person: str) -> None:
        """CloudTrail's record of who started an execution has come."""
        caller = Caller(execution=execution, arn="arn:role", person=person or None, at=datetime.now(UTC))
        attributes = items.caller_attributes(caller, timedelta(days=400))
        self.table.put_item(TableName=TABLE, Item=items.to_item(attributes))

    def has_events(self, rollout: str) -> bool:
        """Whether anything was recorded to have happened."""
        return bool(self._events(rollout))

    def is_answered(self, rollout: str) -> bool:
        found = self.table.get_item(TableName=TABLE, Key=items.to_item(items.rollout_key(rollout, "GATE")))
        return "answer" in found["Item"]

    def told(self, rollout: str) -> tuple[str, dict[str, Any]]:
        """What the record says of the answer, in words and in its details."""
        [event] = map(items.to_attributes, self._events(rollout))
        return str(event["message"]), json.loads(event["details"])

    def _events(self, rollout: str) -> list[Any]:
        found = self.table.query(
            TableName=TABLE,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :event)",
            ExpressionAttributeValues=items.to_item({":pk": f"ROLLOUT#{rollout}", ":event": "EVENT#"}),
        )
        return list(found["Items"])


def text(later: timedelta) -> str:
    return timestamp(datetime.now(UTC) + later)


@pytest.fixture(scope="module")
def decisions() -> Iterator[Decisions]:
    with ministack.running() as aws:
        table, machines = aws.client("dynamodb"), aws.client("stepfunctions")
        create_table(table, TABLE)
        names = {
            "Partition": "aws",
            "Table": TABLE,
            "RollbackFunction": "none",
            "RolloutMachineArn": "none",
            "MostLooks": "2",
        }
        written = (ministack.ROOT / "functions" / "decision.asl.json").read_text()
        made = machines.create_state_machine(
            name="decision",
            definition=re.sub(r"\$\{(\w+)\}", lambda match: names[match[1]], written),
            roleArn="arn:aws:iam::000000000000:role/decision",
        )
        yield Decisions(machines, table, made["stateMachineArn"])


def test_an_answer_in_time_is_taken_so_that_what_follows_means_something(decisions: Decisions) -> None:
    rollout = decisions.gate()
    decisions.decide(rollout)  # its end is another matter: no one waits at this gate's token
    assert decisions.is_answered(rollout)


@pytest.mark.parametrize("decision", ["approve", "override"])
@pytest.mark.parametrize("late", [timedelta(seconds=1), timedelta(hours=1), timedelta(days=300)], ids=str)
def test_a_late_answer_is_refused_and_leaves_no_trace(decisions: Decisions, decision: str, late: timedelta) -> None:
    rollout = decisions.gate(lapses=text(-late))
    assert decisions.decide(rollout, decision=decision) == "Lapsed"
    assert not decisions.is_answered(rollout)


@pytest.mark.parametrize(
    ("gate", "said", "error"),
    [
        ({"verdict": "no_data"}, {}, "NotPassing"),
        ({"verdict": "inconclusive"}, {}, "NotPassing"),
        ({"verdict": "error"}, {}, "NotPassing"),
        ({"verdict": "fail"}, {}, "NotPassing"),
        ({"verdict": "no_data"}, {"decision": "override", "note": ""}, "NoteMissing"),
        ({"verdict": "no_data"}, {"decision": "override", "note": "  "}, "NoteMissing"),
        ({"kind": "bake"}, {}, "WrongGate"),
        ({"kind": "blind"}, {}, "WrongGate"),
        ({}, {"gate": "a1-s1-1"}, "WrongGate"),
        ({}, {"gate": "a2-s0-1"}, "WrongGate"),
        ({}, {"gate": None}, "BadInput"),
    ],
)
def test_an_answer_that_does_not_fit_the_gate_is_refused_without_a_trace(
    decisions: Decisions, gate: dict[str, Any], said: dict[str, Any], error: str
) -> None:
    rollout = decisions.gate(**gate)
    assert decisions.decide(rollout, **said) == error
    assert not decisions.is_answered(rollout)


def test_where_nobody_waits_there_is_nothing_to_answer(decisions: Decisions) -> None:
    assert decisions.decide("letters-of-no one") == "NoGate"


@pytest.mark.parametrize("decision", ["approve", "override"])
@pytest.mark.parametrize("status", ["halted", "rolled_back", "completed", "abandoned"])
def test_an_answer_after_the_rollout_is_over_is_refused_and_leaves_no_trace(
    decisions: Decisions, status: str, decision: str
) -> None:
    rollout = decisions.gate(status=status)
    ended = decisions.end(rollout, decision=decision)
    assert ended["error"] == "NotLive"
    assert f"is {status.replace('_', ' ')}, so there is nothing to approve" in ended["cause"]
    assert not decisions.is_answered(rollout)
    assert not decisions.has_events(rollout)


def test_an_answer_at_a_gate_that_the_rollout_has_left_is_refused_and_leaves_no_trace(decisions: Decisions) -> None:
    rollout = decisions.gate(waits_at="a1-s1-2")
    assert decisions.decide(rollout) == "NobodyWaits"
    assert not decisions.is_answered(rollout)
    assert not decisions.has_events(rollout)


def test_the_write_itself_refuses_an_answer_where_no_one_waits() -> None:
    """A rollback may come between the look and the write: no state of the machine can see it."""
    states = json.loads((ministack.ROOT / "functions" / "decision.asl.json").read_text())["States"]
    check = states["TakeAnswer"]["Arguments"]["TransactItems"][0]["ConditionCheck"]
    assert check["Key"]["sk"] == {"S": "STATE"}
    assert check["ConditionExpression"] == "#status = :live AND #gate.#id = :gate"


def test_without_data_an_override_with_a_note_is_taken(decisions: Decisions) -> None:
    rollout = decisions.gate(verdict="no_data")
    decisions.decide(rollout, decision="override", note="seen by hand")
    assert decisions.is_answered(rollout)


@pytest.mark.parametrize(
    ("verdict", "reported", "told"),
    [
        ("pass", {"complaints": 3}, "overrides complaints = 3 (limit 2)"),
        ("pass", {"complaints": 3, "calls": 0.5}, "overrides calls = 0.5 (limit 0), complaints = 3 (limit 2)"),
        ("pass", {"complaints": "how many?"}, "overrides complaints not reported (limit 2)"),
        ("pass", {"complaints": 0}, "overrides, although everything passes"),
        ("waived", {}, "overrides complaints not reported (limit 2)"),
        ("no_data", {"complaints": 0}, "approves without proof (download error rate: no data)"),
        ("fail", {"complaints": 0}, "overrides a failing verdict (download error rate)"),
        (
            "fail",
            {"complaints": 7},
            "overrides a failing verdict (download error rate), with complaints = 7 (limit 2)",
        ),
    ],
)
def test_an_override_tells_what_it_stands_against_with_numbers(
    decisions: Decisions, verdict: str, reported: dict[str, Any], told: str
) -> None:
    bars = {"calls": 0, "complaints": 2} if "calls" in reported else {"complaints": 2}
    unmet = [] if verdict in ("pass", "waived") else ["download error rate"]
    question = {"evaluation": "e-1", "verdict": verdict, "unmet": unmet, "reported": bars}
    rollout = decisions.gate(verdict=verdict, question=json.dumps(question))
    decisions.decide(rollout, decision="override", by="Pat", note="seen by hand", reported=reported)
    assert decisions.told(rollout)[0] == f"Pat {told}: seen by hand"


@pytest.mark.parametrize(
    ("verdict", "decision", "told"),
    [
        ("pass", "approve", "approves"),
        ("waived", "approve", "approves, with criteria waived earlier"),
        ("inconclusive", "override", "approves without proof (inconclusive)"),
        ("fail", "override", "overrides a failing verdict"),
    ],
)
def test_the_record_tells_what_an_answer_stood_against(
    decisions: Decisions, verdict: str, decision: str, told: str
) -> None:
    waived = ["download error rate"] if verdict == "waived" else []
    question = {"evaluation": "e-1", "verdict": verdict, "unmet": [], "reported": {}, "waived": waived}
    rollout = decisions.gate(verdict=verdict, question=json.dumps(question))
    decisions.decide(rollout, decision=decision, by="Robin Vale", note="seen by hand")
    message, details = decisions.told(rollout)
    assert message == f"Robin Vale {told}: seen by hand"
    assert details["waived"] == waived


def test_where_nobody_is_asked_there_is_no_evidence_to_be_read_first(decisions: Decisions) -> None:
    cause = decisions.end(decisions.gate(kind="bake", id="a1-s1-9"))["cause"]
    assert cause == (
        "Gate a1-s0-1 is not open: no approval is open now, and the rollout waits at a1-s1-9 (bake). "
        "Nothing changed; check its status."
    )


def test_where_nothing_can_be_judged_a_person_is_told_how_to_go_on(decisions: Decisions) -> None:
    cause = decisions.end(decisions.gate(kind="blind", id="a1-s1-9", verdict="error"))["cause"]
    assert cause == (
        "Gate a1-s0-1 is not open: nothing can be judged now, and the rollout waits at a1-s1-9. "
        "Nothing changed; override that gate with a note once the hold is over, or wait."
    )


BLIND = {
    "today": {"kind": "blind", "verdict": "error"},
    "of the first version": {"kind": "blind", "verdict": None, "question": None, "lapses": None, "evaluation": None},
}


@pytest.mark.parametrize("gate", BLIND.values(), ids=BLIND)
def test_an_override_is_taken_where_nothing_can_be_judged(decisions: Decisions, gate: dict[str, Any]) -> None:
    rollout = decisions.gate(**gate)
    decisions.decide(rollout, decision="override", note="seen by hand")
    assert decisions.is_answered(rollout)


def test_what_was_waived_can_be_approved(decisions: Decisions) -> None:
    rollout = decisions.gate(verdict="waived")
    decisions.decide(rollout)
    assert decisions.is_answered(rollout)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, "complaints (at most 2; not reported)"),
        ({"reported": {}}, "complaints (at most 2; not reported)"),
        ({"reported": {"complaints": 3}}, "complaints (at most 2; reported: 3)"),
        ({"reported": {"complaints": -1}}, "complaints (at most 2; reported: -1)"),
        ({"reported": {"complaints": "how many?"}}, "complaints (at most 2; reported: how many?)"),
        ({"reported": {"complaints": True}}, "complaints (at most 2; reported: true)"),
        ({"reported": {"complaints": "1"}}, "complaints (at most 2; reported: 1)"),
    ],
)
def test_a_report_that_stands_in_the_way_is_told_with_both_numbers(
    decisions: Decisions, said: dict[str, Any], told: str
) -> None:
    question = {"evaluation": "e-1", "verdict": "pass", "unmet": [], "reported": {"complaints": 2, "calls": 9}}
    reported = {"reported": {"calls": 0} | said["reported"]} if "reported" in said else {}
    ended = decisions.end(decisions.gate(question=json.dumps(question)), **reported)
    assert ended["error"] == "NotPassing"
    assert told in ended["cause"]
    assert ("calls" in ended["cause"]) is (not said)


@pytest.mark.parametrize("said", [True, "1", None, [1], {"n": 1}], ids=str)
def test_an_override_reports_numbers_or_nothing(decisions: Decisions, said: object) -> None:
    rollout = decisions.gate(verdict="no_data")
    reported = {"complaints": said, "calls": 3}
    ended = decisions.end(rollout, decision="override", note="seen by hand", reported=reported)
    assert ended["error"] == "NoNumbers"
    assert "complaints" in ended["cause"]
    assert "calls" not in ended["cause"]
    assert not decisions.is_answered(rollout)


@pytest.mark.parametrize("reported", [{"complaints": "how many?", "calls": 3}, {"calls": 0.5}, {}], ids=str)
def test_an_override_may_leave_open_what_it_was_asked(decisions: Decisions, reported: dict[str, Any]) -> None:
    """The input that people are shown asks "how many?": an override copies it, and has not reported anything."""
    rollout = decisions.gate(verdict="no_data")
    decisions.decide(rollout, decision="override", note="seen by hand", reported=reported)
    assert decisions.is_answered(rollout)


# Who people are, where the plan asks.

TWO = {"plan": json.dumps({"approvals": 2, "not_by": None}), "begun_by": "arn:start"}
ANOTHER = {"plan": json.dumps({"approvals": 1, "not_by": "starter"}), "begun_by": "arn:start"}


def test_the_first_of_two_approvals_is_kept_and_nothing_goes_on(decisions: Decisions) -> None:
    rollout = decisions.gate(record=TWO)
    ended = decisions.end(rollout, person="robin")
    assert json.loads(ended["output"])["approvals"] == 1
    assert json.loads(ended["output"])["said"] == "Robin Vale approves"
    assert not decisions.is_answered(rollout)
    message, details = decisions.told(rollout)
    assert message == "Robin Vale approves, as the first of two: looks good"
    assert (details["person"], details["first"]) == ("robin", True)


def test_the_second_person_answers_the_gate(decisions: Decisions) -> None:
    rollout = decisions.gate(record=TWO)
    decisions.end(rollout, person="robin")
    decisions.decide(rollout, person="ana", by="Ana")
    assert decisions.is_answered(rollout)


def test_one_person_is_not_two_whatever_they_type(decisions: Decisions) -> None:
    rollout = decisions.gate(record=TWO)
    decisions.end(rollout, person="robin")
    ended = decisions.end(rollout, person="robin", by="Ana")
    assert ended["error"] == "SamePerson"
    assert ended["cause"].startswith("robin has approved this already, as Robin Vale.")
    assert not decisions.is_answered(rollout)


@pytest.mark.parametrize("decision", ["approve", "override"])
@pytest.mark.parametrize("record", [TWO, ANOTHER], ids=["two", "another"])
def test_someone_whom_aws_does_not_know_is_refused(decisions: Decisions, record: dict[str, Any], decision: str) -> None:
    rollout = decisions.gate(record=record)
    assert decisions.decide(rollout, decision=decision) == "NotProven"
    assert decisions.decide(rollout, decision=decision, person="") == "NotProven"
    assert not decisions.is_answered(rollout)
    assert not decisions.has_events(rollout)


def test_the_starter_does_not_approve_where_the_plan_says_so(decisions: Decisions) -> None:
    rollout = decisions.gate(record=ANOTHER | {"begun_by": "arn:start-1"})
    assert decisions.decide(rollout, person="ana") == "NotProven", "no one knows who started it"
    decisions.knows("arn:start-1", "robin")
    assert decisions.decide(rollout, person="robin", by="Ana") == "IsStarter"
    assert not decisions.is_answered(rollout)
    decisions.decide(rollout, person="ana")
    assert decisions.is_answered(rollout)


def test_two_people_at_once_are_two(decisions: Decisions) -> None:
    rollout = decisions.gate(record=TWO)
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda person: decisions.end(rollout, person=person), ["robin", "ana"]))
    assert decisions.is_answered(rollout)
    assert [end["status"] for end in ends].count("SUCCEEDED") == 1, "the other meets a token that no one waits for"


def test_one_person_in_many_executions_at_once_is_one(decisions: Decisions) -> None:
    rollout = decisions.gate(record=TWO)
    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(lambda _: decisions.end(rollout, person="robin"), range(4)))
    assert sorted(end["status"] for end in ends) == ["FAILED"] * 3 + ["SUCCEEDED"]
    assert not decisions.is_answered(rollout)
