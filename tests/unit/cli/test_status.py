"""Status says how a rollout stands and how to answer it, and never shows what could answer for everyone."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta

import pytest

from rampart.evidence.verdict import Verdict
from rampart.plan.criterion import RateHistory
from rampart.rollout.drift import Drift, DriftSide
from rampart.rollout.event import EventKind
from rampart.rollout.remains import Remains
from rampart.rollout.state import Intent, Status
from tests.records import restood

from .conftest import NOON, Terminal, asked, event, live


def test_status_of_nothing_says_so(terminal: Terminal) -> None:
    assert terminal.run_json("status") == (0, [])
    assert "No rollout is live or waits for a person" in terminal.run("status")[1]


def test_status_without_a_name_shows_every_watched_rollout(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live()
    terminal.records.states["old"] = live(rollout="old", watched=False)
    assert [each["rollout"] for each in terminal.run_json("status")[1]] == ["letters"]
    assert terminal.run_json("status", "old")[1][0]["rollout"] == "old"


def test_of_several_rollouts_a_bare_status_shows_one_line_each(terminal: Terminal) -> None:
    """What a person looks for is which one; machines still get all of it."""
    state, gate = asked()
    terminal.records.states |= {"calm": live(rollout="calm", hold_ends=NOON + timedelta(hours=1)), "letters": state}
    terminal.records.gates["letters"] = gate
    _, out, _ = terminal.run("status")
    first, second = (line for line in out.splitlines() if "%" in line)
    assert first.startswith("letters")
    assert "Waiting for approval: 1% → 25%" in first
    assert second.startswith("calm")
    assert "Holding at 1% until" in second
    assert "rampart status ROLLOUT" in out
    assert "download error rate" not in out
    assert "download error rate" in terminal.run("status", "letters", "calm")[1], "named ones are shown in full"
    assert all(each["criteria"] for each in terminal.run_json("status")[1])


def test_status_shows_stage_verdicts_gate_and_the_exact_answer(terminal: Terminal) -> None:
    state, gate = asked()
    terminal.records.states["letters"], terminal.records.gates["letters"] = state, gate
    terminal.records.told.append(event(EventKind.ASKED, "Approve the advance to 25%?"))
    code, (seen,) = terminal.run_json("status", "letters")
    assert code == 0
    assert (seen["stage"], seen["percent"], seen["status"]) == (0, 1.0, "live")
    assert {c["name"]: c["verdict"] for c in seen["criteria"]} == {"download error rate": "pass", "complaints": None}
    answer = seen["gate"]["answer_with"]
    assert answer["input"] == {
        "rollout": "letters",
        "gate": "a1-s0-1a2b",
        "decision": "approve",
        "by": "your name",
        "note": "",
        "reported": {"complaints": "how many?"},
    }
    assert shlex.split(answer["command"])[:5] == ["rampart", "approve", "letters", "--gate", "a1-s0-1a2b"]
    assert seen["events"][-1]["message"] == "Approve the advance to 25%?"


def test_status_shows_what_the_monitors_said_below_the_criteria(terminal: Terminal) -> None:
    state, told = live(), "monitor 77 is muted (env:prod): unmute it, or override with a note"
    assert state.latest is not None
    verdicts = {**state.latest.verdicts, "monitor 77": Verdict.NO_DATA}
    latest = state.latest.model_copy(update={"verdicts": verdicts, "messages": {"monitor 77": told}})
    terminal.records.states["letters"] = restood(state, latest=latest)
    shown = terminal.run_json("status", "letters")[1][0]["criteria"][-1]
    assert shown == {"name": "monitor 77", "verdict": "no_data", "message": told, "waived": False}


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_task_token_is_never_shown(terminal: Terminal, as_json: tuple[str, ...]) -> None:
    state, gate = asked()
    terminal.records.states["letters"], terminal.records.gates["letters"] = state, gate
    _, out, err = terminal.run("status", *as_json)
    assert "secret-token" not in out + err
    assert "a1-s0-1a2b" in out


def test_status_for_people_shows_the_panel_with_times_in_the_plans_zone(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live(
        drift=Drift(side=DriftSide.ABOVE, flag="letters_new_source", reads=5, record=1, since=NOON)
    )
    _, out, _ = terminal.run("status")
    assert "Wed 2026-03-04 12:00:00 EST" in out
    assert "Holding at 1%: someone changed letters_new_source outside Rampart" in out
    assert "Expected 1%, found 5%." in out
    assert "5% (20 of 400) is below 8%" in out


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": Status.HALTED}, "ROLLING BACK 1% → 0%: not verified yet"),
        ({"status": Status.ROLLED_BACK}, "Rolled back 1% → 0%"),
        ({"status": Status.COMPLETED}, "Complete at 1%"),
        ({"intent": Intent(gate="g", stage=1, percent=25.0, at=NOON)}, "Setting letters_new_source to 25%"),
        ({"gate": None}, "Holding at 1%: the hold is over"),
        ({"gate": None, "stage": None}, "Starting: letters_new_source is about to be set to Canary (1%)"),
    ],
)
def test_every_surface_says_the_same_of_a_state(terminal: Terminal, changes: dict[str, object], told: str) -> None:
    terminal.records.states["letters"] = live(**changes)
    for command in (("status", "letters"), ("explain", "letters"), ("list", "--all")):
        assert told in terminal.run(*command)[1]
    assert terminal.run_json("status", "letters")[1][0]["situation"]["headline"] == told
    assert terminal.run_json("explain", "letters")[1]["situation"]["headline"] == told
    assert terminal.run_json("list", "--all")[1][0]["situation"]["headline"] == told


def test_a_rolled_back_rollout_shows_how_to_go_on(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live(status=Status.ROLLED_BACK, gate=None)
    assert terminal.run_json("status", "letters")[1][0]["commands"] == [
        "rampart resume letters --stage 1% --note WHY",
        "rampart abandon letters --note WHY",
    ]


def test_verdicts_of_an_attempt_that_is_over_are_called_its_last(terminal: Terminal) -> None:
    """A bare `pass` next to a rollback would read as if all were well."""
    for status, told in ((Status.LIVE, False), (Status.ROLLED_BACK, True), (Status.HALTED, True)):
        terminal.records.states["letters"] = live(status=status, gate=None)
        assert ("last verdict" in terminal.run("status", "letters")[1]) is told


def test_a_rolled_back_rollout_is_listed_until_someone_decides(terminal: Terminal) -> None:
    """No tick looks at it any more, and it still waits for a person."""
    terminal.records.states["letters"] = live(status=Status.ROLLED_BACK, watched=False, gate=None)
    terminal.records.states["old"] = live(rollout="old", status=Status.ABANDONED, gate=None)
    for command in ("list", "status"):
        assert [each["rollout"] for each in terminal.run_json(command)[1]] == ["letters"]
    assert [each["rollout"] for each in terminal.run_json("list", "--all")[1]] == ["letters", "old"]


def test_completed_rollouts_are_listed_until_their_flags_are_gone(terminal: Terminal) -> None:
    """Those that have waited longest come first; what is gone or abandoned needs no one."""
    done = {"status": Status.COMPLETED, "gate": None, "watched": False}
    seen = Remains(looked=NOON, reads="100%", since=NOON - timedelta(days=40))
    terminal.records.states |= {
        "new": live(rollout="new", **done),
        "old": live(rollout="old", updated=NOON - timedelta(days=40), remains=seen, **done),
        "gone": live(rollout="gone", remains=seen.changed(gone=True), **done),
        "given-up": live(rollout="given-up", **done | {"status": Status.ABANDONED}),
    }
    listed = terminal.run_json("list", "--finished")[1]
    assert [(each["rollout"], each["reads"]) for each in listed] == [("old", "100%"), ("new", "1%")]
    _, out, _ = terminal.run("list", "--finished")
    assert "Remove the flag's check from the code" in out


def test_no_completed_rollout_is_said_so(terminal: Terminal) -> None:
    assert "No completed rollout has a flag that waits" in terminal.run("list", "--finished")[1]


def test_the_list_begins_with_what_needs_a_person(terminal: Terminal) -> None:
    state, gate = asked()
    terminal.records.states |= {"calm": live(rollout="calm", hold_ends=NOON + timedelta(hours=1)), "letters": state}
    terminal.records.states["stuck"] = live(rollout="stuck", status=Status.HALTED, gate=None)
    terminal.records.gates["letters"] = gate
    assert [each["rollout"] for each in terminal.run_json("list")[1]] == ["stuck", "letters", "calm"]


def test_a_refused_start_can_be_looked_up(terminal: Terminal) -> None:
    message = "start refused: flags: letters_new_source: there is no such flag. Create it."
    terminal.records.told.append(event(EventKind.REFUSED, message, stage=None, percent=None))
    code, shown = terminal.run_json("status", "letters")
    assert (code, shown["error"]["name"]) == (1, "StartRefused")
    assert shown["error"]["message"] == f"letters hasn't started: {message}"


def test_a_note_with_terminal_codes_or_markup_is_shown_as_text(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live()
    terminal.records.told.append(event(EventKind.DECIDED, "[bold]fine[/bold]\x1b[2J\x1b]0;owned\x07"))
    _, out, _ = terminal.run("status")
    assert "[bold]fine[/bold]" in out
    assert "\x1b" not in out
    assert "\x07" not in out


def test_what_is_to_be_copied_is_whole_however_narrow_the_output_is(terminal: Terminal) -> None:
    """Half a command, or half of a JSON document, answers nothing."""
    state, gate = asked()
    flags = tuple(f"letters_new_source_{number}" for number in range(9))
    reported = {f"complaints of the call center in region {number}": 0.0 for number in range(9)}
    question = gate.question.model_copy(update={"reported": reported}) if gate.question else None
    terminal.records.states["letters"] = state.model_copy(
        update={"plan": state.plan.model_copy(update={"flags": flags})}
    )
    terminal.records.gates["letters"] = gate.model_copy(update={"question": question})
    answer = terminal.run_json("status", "letters")[1][0]["gate"]["answer_with"]
    lines = terminal.run("status", "letters")[1].splitlines()
    assert answer["command"] in lines, "on a line of its own"
    assert json.loads(lines[-1]) == answer["input"]


def test_status_shows_what_the_week_before_the_start_was_like(terminal: Terminal) -> None:
    state = live()
    name, spec = next(iter(state.plan.criteria.items()))
    kept = {"history": RateHistory(errors=2520, requests=806_400, hours=168)}
    criteria = {**state.plan.criteria, name: spec.model_copy(update=kept)}
    plan = state.plan.model_copy(update={"criteria": criteria})
    terminal.records.states["letters"] = state.model_copy(update={"plan": plan})
    told = "0.3% in the week before (2,520 of 806,400)"
    assert terminal.run_json("status", "letters")[1][0]["criteria"][0]["week_before"].startswith(told)
    assert told in terminal.run("status")[1]


def test_what_is_only_tried_out_is_named_wherever_all_else_is_shown(terminal: Terminal) -> None:
    state = live()
    assert state.latest is not None
    latest = state.latest.changed(verdicts={}, told={"download error rate": Verdict.FAIL})
    terminal.records.states["letters"] = live(latest=latest)
    for command in ("status", "explain"):
        out = " ".join(terminal.run(command, "letters")[1].split())
        assert "download error rate fail" in out
        assert "only tried out (on_fail: tell)" in out
