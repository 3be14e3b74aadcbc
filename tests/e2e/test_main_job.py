"""The main job on the local stack, as a team, Datadog and an approver see it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.stack import LocalStack, monitor
from rampart.rollout.event import EventKind
from rampart.rollout.gate import GateKind
from rampart.rollout.state import Status
from tests.e2e.rollouts import Rollout, eventually

NewRollout = Callable[..., Rollout]


def test_a_rollout_climbs_by_approvals_is_stopped_by_an_alert_and_goes_on(
    new_rollout: NewRollout, stack: LocalStack, notices: Callable[[], list[dict[str, Any]]]
) -> None:
    """The whole story once, in two stages: what every other test takes apart."""
    rollout = new_rollout(stages=[{"percent": 25, "hold": "5s"}, {"percent": 100, "hold": "5s"}])
    first = rollout.start()
    rollout.asked(25)
    assert rollout.percentage == 25

    answer = rollout.alerted()

    assert answer.status_code == 200
    assert answer.json() == {"outcome": "rolled_back", "rollouts": [rollout.name]}
    assert rollout.percentage == 0
    assert rollout.state().status is Status.ROLLED_BACK
    assert rollout.execution_end(first)["error"] == "RolledBack"

    assert rollout.decide(decision="resume", stage=0, note="fixed")["status"] == "SUCCEEDED"
    assert rollout.approve(25)["status"] == "SUCCEEDED"
    assert rollout.approve(100)["status"] == "SUCCEEDED"
    rollout.ended(Status.COMPLETED)

    assert rollout.percentage == 100
    assert rollout.store.claims([rollout.flag]) == {}
    told = eventually(lambda: _told(rollout, notices), "every notice")
    assert set(told.values()) == {1}, "each event is told exactly once"


def _told(rollout: Rollout, notices: Callable[[], list[dict[str, Any]]]) -> Counter[str]:
    """How often each event was told; empty until all were."""
    events = rollout.store.events(rollout.name)
    keys = [key for key, event in events.items() if event.kind is not EventKind.VERDICT_CHANGED]  # no mail: no one acts
    told = Counter(
        key for notice in notices() for key in keys if key in notice["Body"] and rollout.name in notice["Body"]
    )
    return told if len(told) == len(keys) else Counter()


def test_of_ten_approvals_at_once_one_is_taken_and_nine_are_told_why(new_rollout: NewRollout) -> None:
    rollout = new_rollout()
    rollout.start()
    gate = rollout.asked(1).gate
    assert gate is not None
    approval = {"decision": "approve", "gate": gate.id, "reported": {"call center complaints": 0}}

    with ThreadPoolExecutor(10) as pool:
        ends = list(pool.map(lambda _: rollout.decide(**approval), range(10)))

    assert sorted(end["status"] for end in ends) == ["FAILED"] * 9 + ["SUCCEEDED"]
    refused = {end["error"] for end in ends if end["status"] == "FAILED"}
    assert refused <= {"AlreadyAnswered", "WrongGate", "NobodyWaits", "NotLive"}
    rollout.at(25)
    assert len(rollout.events(EventKind.DECIDED)) == 1
    assert len(rollout.events(EventKind.ADVANCED)) == 2


def test_an_approval_needs_a_pass_the_right_gate_and_the_reported_number(new_rollout: NewRollout) -> None:
    rollout = new_rollout()
    rollout.start()
    gate = rollout.asked(1).gate
    assert gate is not None

    def refusal(**decision: Any) -> str:
        return str(rollout.decide(**decision)["error"])

    assert refusal(decision="approve", gate="a1-s0-00000000") == "WrongGate"
    assert refusal(decision="approve", gate=gate.id) == "NotPassing"
    assert refusal(decision="approve", gate=gate.id, reported={"call center complaints": 2}) == "NotPassing"
    assert refusal(decision="override", gate=gate.id) == "NoteMissing"
    assert refusal(decision="advance", gate=gate.id) == "BadInput"
    assert refusal(decision="approve") == "BadInput"
    assert refusal(decision="roll_back", note="why", flags="not a list") == "BadInput"
    assert refusal(decision="resume", stage=0) == "NotRolledBack"
    assert rollout.percentage == 1


def test_a_failed_criterion_takes_the_flag_down_and_voids_the_question(new_rollout: NewRollout) -> None:
    """No one answers, no monitor alerts, the approval gate is open: the evidence alone acts."""
    bad = {
        "kind": "rate",
        "errors": "sum:vets_api.statsd.api_rack_request{action:show,status:*}.as_count()",
        "total": "sum:vets_api.statsd.api_rack_request{action:show}.as_count()",
        "below": "8%",
        "scope": "cohort",
        "clump": 1,
    }
    rollout = new_rollout(criteria={"download error rate": bad})

    rollout.start()

    state = rollout.ended(Status.ROLLED_BACK)
    assert rollout.percentage == 0
    [event] = rollout.events(EventKind.ROLLED_BACK)
    assert event.details["cause"] == "evidence"
    assert "is above 8%" in event.message
    assert state.attempt == 1


def test_an_execution_that_is_stopped_by_hand_takes_the_flag_down(new_rollout: NewRollout, stack: LocalStack) -> None:
    rollout = new_rollout()
    execution = rollout.start()
    rollout.at(1)

    stack.machines.stop_execution(executionArn=execution)

    rollout.ended(Status.ROLLED_BACK)
    assert rollout.percentage == 0
    [event] = rollout.events(EventKind.ROLLED_BACK)
    assert event.details["cause"] == "execution"


def test_a_person_rolls_back_with_a_reason_and_abandons(new_rollout: NewRollout) -> None:
    rollout = new_rollout()
    rollout.start()
    rollout.at(1)

    assert rollout.decide(decision="roll_back", note="blank letters")["status"] == "SUCCEEDED"

    assert rollout.percentage == 0
    [event] = rollout.events(EventKind.ROLLED_BACK)
    assert (event.by, event.details["reason"]) == ("Robin Vale", "blank letters")
    assert event.details["decision"].startswith("arn:")

    assert rollout.decide(decision="abandon", note="not now")["status"] == "SUCCEEDED"
    assert rollout.state().status is Status.ABANDONED
    assert rollout.store.claims([rollout.flag]) == {}


def test_a_flag_with_its_boolean_gate_open_is_really_down_after_a_rollback(
    new_rollout: NewRollout, stack: LocalStack
) -> None:
    rollout = new_rollout(on_drift={"above": "roll_back", "below": "hold"})
    rollout.start()
    rollout.at(1)
    stack.flipper.set_gates(rollout.flag, percentage_of_actors=1, boolean=True, actors=["tester@example.gov"])

    rollout.alerted()

    rollout.ended(Status.ROLLED_BACK)
    assert stack.flipper.gates(rollout.flag).state == "off"


def test_another_writer_who_raises_a_rolled_back_flag_does_not_win(new_rollout: NewRollout, stack: LocalStack) -> None:
    rollout = new_rollout()
    rollout.start()
    rollout.at(1)
    rollout.alerted()
    rollout.ended(Status.ROLLED_BACK)

    stack.flipper.set_gates(rollout.flag, percentage_of_actors=25)

    eventually(lambda: rollout.events(EventKind.TAKEN_DOWN_AGAIN), "the second rollback")
    assert rollout.percentage == 0


def test_datadogs_own_monitor_and_webhook_take_the_flag_down(
    new_rollout: NewRollout, stack: LocalStack, guarded: Callable[[Rollout], str]
) -> None:
    """The loop is closed: the token as a secret variable, the payload's variables, the header, the gateway."""
    rollout = new_rollout()
    rollout.start()
    rollout.at(1)
    name = guarded(rollout)

    query = "sum(last_5s):sum:vets_api.statsd.api_rack_request{action:show}.as_count() > 0"
    monitor(stack, query, "There are downloads", name)

    rollout.ended(Status.ROLLED_BACK)
    [event] = rollout.events(EventKind.ROLLED_BACK)
    assert event.details["cause"] == "alert"
    assert rollout.percentage == 0


def test_the_schedule_itself_evaluates(stack: LocalStack) -> None:
    """EventBridge calls `evaluate` each minute without anyone's help."""
    logs = stack.ministack.client("logs")

    def scheduled() -> bool:
        events = logs.filter_log_events(logGroupName="/aws/lambda/rampart-evaluate")["events"]
        ticks = [json.loads(event["message"]) for event in events if '"tick"' in event["message"]]
        return any(tick.get("scheduled") for tick in ticks)

    eventually(scheduled, "the schedule's first tick", patience=300)


def test_a_question_shows_the_evidence_and_the_exact_input_in_the_console(
    new_rollout: NewRollout, stack: LocalStack
) -> None:
    rollout = new_rollout()
    execution = rollout.start()
    gate = rollout.asked(1).gate
    assert gate is not None
    assert gate.kind is GateKind.APPROVAL

    history = stack.machines.get_execution_history(executionArn=execution, reverseOrder=True)["events"]
    entered = next(e["stateEnteredEventDetails"] for e in history if "stateEnteredEventDetails" in e)
    shown = json.loads(entered["input"])

    assert entered["name"] == "AwaitApproval"
    assert shown["start_the_decision_state_machine_with"] == {
        "rollout": rollout.name,
        "gate": gate.id,
        "decision": "approve",
        "by": "your name",
        "note": "",
        "reported": {"call center complaints": "how many?"},
    }
    assert "index error rate" in shown["ask"]["evidence"]
    assert gate.token not in entered["input"]
