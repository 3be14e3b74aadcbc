"""The state machine `decision` as it is defined, on the local AWS: which answers a gate takes, and which it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from local import ministack
from tests.integration.decisions import Decisions, deciding, text

pytestmark = pytest.mark.skipif(not ministack.INTERPRETER.exists(), reason="no .venv-aws: `make local-tools` makes it")


@pytest.fixture(scope="module")
def decisions() -> Iterator[Decisions]:
    with deciding() as made:
        yield made


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
