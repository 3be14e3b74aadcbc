"""A command that waits says why: after a few seconds, when that changes, and once a minute."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from rampart.errors import StoreError
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.state import Intent, RolloutState, Status
from rampart_cli.machines import Doing, StepFunctionsMachines
from tests.doubles import MemoryRolloutStore

from .conftest import NOON, Terminal, asked, live

REFUSED = "Flipper answered 401 to GET /features/letters_new_source"
ASKED = RollbackRequest(cause=Cause.PERSON, reason="blank pages", by="Ada", asked_at=NOON)


def halted(**changes: Any) -> RolloutState:
    told: dict[str, Any] = {"status": Status.HALTED, "gate": None, "halted_at": NOON, "halted_by": ASKED}
    return live(**told | {"undone": REFUSED} | changes)


def said(err: str) -> list[str]:
    """What was told while waiting, each on one line."""
    return [f"After {each}".strip() for each in " ".join(err.split()).split("After ")[1:]]


def test_a_rollback_says_why_it_is_not_done_since_when_and_what_a_person_can_do(terminal: Terminal) -> None:
    def happen() -> None:
        if terminal.time.at >= 2:
            terminal.records.states["letters"] = halted()
        if terminal.time.at >= 30:
            terminal.decisions_end()

    terminal.records.states["letters"] = live()
    terminal.time.each = happen
    code, _, err = terminal.run("rollback", "letters", "--by", "Ada")
    assert (code, said(err)) == (
        0,
        [
            (
                "After 5 s: ROLLING BACK 1% → 0%: not verified yet, since 12:00:00 EST. Blank pages (Ada). "
                f"{REFUSED}. Rampart keeps trying. Until then users are exposed: set letters_new_source to 0% in "
                "Flipper by hand."
            )
        ],
    )


def test_a_reason_is_told_again_when_it_changes_and_once_a_minute(terminal: Terminal) -> None:
    def happen() -> None:
        why = REFUSED if terminal.time.at < 20 else "Flipper can't be reached"
        terminal.records.states["letters"] = halted(undone=why)
        if terminal.time.at >= 90:
            terminal.decisions_end()

    terminal.time.each = happen
    told = said(terminal.run("rollback", "letters", "--by", "Ada")[2])
    assert [each.partition(":")[0] for each in told] == ["After 5 s", "After 20 s", "After 80 s"]
    assert REFUSED in told[0]
    assert "Flipper can't be reached" in told[1]


def test_what_is_not_on_record_yet_is_told_with_the_newest_failure(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live()
    terminal.machines.at = Doing("RollBack", "the record of letters cannot be read: DynamoDB doesn't answer")
    first, *_ = said(terminal.run("rollback", "letters", "--by", "Ada")[2])
    assert first == (
        "After 5 s: the rollback isn't on record yet. The newest try failed: the record of letters cannot be read: "
        "DynamoDB doesn't answer. It is tried again."
    )


@pytest.mark.parametrize("failure", [StoreError("down"), EndpointConnectionError(endpoint_url="https://x")], ids=repr)
def test_a_record_that_cannot_be_read_ends_no_wait_and_is_asked_for_once(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    asked_at: list[float] = []

    def down(records: MemoryRolloutStore, rollout: str) -> None:
        asked_at.append(terminal.time.at)
        raise failure

    monkeypatch.setattr(MemoryRolloutStore, "state", down)
    terminal.time.each = lambda: terminal.decisions_end() if terminal.time.at >= 30 else None
    code, _, err = terminal.run("rollback", "letters", "--by", "Ada")
    assert (code, asked_at) == (0, [5.0])
    assert said(err) == ["After 5 s: the record can't be read from here."]


def test_a_start_says_what_it_is_at_and_why_that_is_tried_again(terminal: Terminal, plan_file: Path) -> None:
    terminal.machines.at = Doing("Advance", REFUSED)
    terminal.records.states["letters"] = live(stage=None, gate=None, execution="rollout:other")
    told = said(terminal.run("start", str(plan_file), "--timeout", "20")[2])
    assert told[0].startswith("After 5 s: Starting: letters_new_source is about to be set to Canary (1%).")
    assert f"The newest try failed: {REFUSED}. It is tried again." in told[0]


def test_an_approval_says_where_the_advance_is(terminal: Terminal) -> None:
    state, gate = asked()
    terminal.records.states["letters"], terminal.records.gates["letters"] = state, gate
    terminal.decisions_end()
    moving = Intent(gate=gate.id, stage=1, percent=25.0, at=NOON)
    terminal.time.each = lambda: terminal.records.states.update(
        letters=live(gate=None, intent=moving, unread_since=NOON - timedelta(minutes=1))
    )
    told = said(terminal.run("approve", "letters", "--gate", gate.id, "--by", "Ada", "--timeout", "20")[2])
    assert told[0].startswith("After 5 s: Setting letters_new_source to 25%")
    assert "The flag can't be read now." in told[0]


def test_someone_whom_aws_must_know_first_is_told_what_takes_so_long(terminal: Terminal) -> None:
    state, gate = asked()
    terminal.records.states["letters"], terminal.records.gates["letters"] = state, gate
    terminal.machines.at = Doing("WaitForCaller")
    told = said(terminal.run("approve", "letters", "--gate", gate.id, "--by", "Ada", "--detach")[2])
    assert "CloudTrail takes a few minutes" in told[0]


def test_machines_are_told_nothing_meanwhile(terminal: Terminal) -> None:
    terminal.records.states["letters"] = halted()
    terminal.time.each = lambda: terminal.decisions_end() if terminal.time.at >= 30 else None
    code, shown = terminal.run_json("rollback", "letters", "--by", "Ada")
    assert (code, shown["accepted"]) == (0, True)


class History:
    """The newest events of an execution, as Step Functions gives them."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = events

    def get_execution_history(self, **asked_for: Any) -> dict[str, Any]:
        assert asked_for == {"executionArn": "arn", "reverseOrder": True, "maxResults": 100}
        return {"events": list(reversed(self.events))}


ENTERED = {"stateEnteredEventDetails": {"name": "RollBack"}}


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ((ENTERED,), Doing("RollBack")),
        (
            (ENTERED, {"taskFailedEventDetails": {"error": "E", "cause": '{"errorMessage": "Flipper: 401"}'}}, {}),
            Doing("RollBack", "Flipper: 401"),
        ),
        ((ENTERED, {"taskTimedOutEventDetails": {"error": "States.Timeout"}}), Doing("RollBack", "States.Timeout")),
        (({"taskFailedEventDetails": {"error": "E", "cause": "old"}}, ENTERED), Doing("RollBack")),
        ((), Doing()),
    ],
    ids=["entered", "failed", "timed out", "an earlier state failed", "nothing"],
)
def test_what_an_execution_is_at_comes_from_the_end_of_its_history(
    events: tuple[dict[str, Any], ...], found: Doing
) -> None:
    machines: Any = StepFunctionsMachines(History(*events))  # type: ignore[arg-type]  # only this call is made
    assert machines.doing("arn") == found
