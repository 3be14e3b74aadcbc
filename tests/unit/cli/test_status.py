"""Status says how a rollout stands and how to answer it, and never shows what could answer for everyone."""

from __future__ import annotations

import json
import shlex

import pytest

from rampart.evidence.verdict import Verdict
from rampart.plan.criterion import RateHistory
from rampart.rollout.drift import Drift, DriftSide
from rampart.rollout.state import EventKind, Intent, Status
from tests.records import restood

from .conftest import NOON, Terminal, asked, event, live


def test_status_of_nothing_says_so(terminal: Terminal) -> None:
    assert terminal.run_json("status") == (0, [])
    assert "nothing is watched" in terminal.run("status")[1]


def test_status_without_a_name_shows_every_watched_rollout(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live()
    terminal.records.states["old"] = live(rollout="old", watched=False)
    assert [each["rollout"] for each in terminal.run_json("status")[1]] == ["letters"]
    assert terminal.run_json("status", "old")[1][0]["rollout"] == "old"


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
    assert "above its record of 1%" in out
    assert "5% (20 of 400) is below 8%" in out


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": Status.HALTED}, "read at 0%"),
        ({"status": Status.ROLLED_BACK}, "resumes or abandons"),
        ({"status": Status.COMPLETED}, "complete"),
        ({"intent": Intent(gate="g", stage=1, percent=25.0, at=NOON)}, "being set to 25%"),
        ({"gate": None}, "moves on"),
        ({"gate": None, "stage": None}, "about to be set"),
    ],
)
def test_every_standing_says_what_it_waits_for(terminal: Terminal, changes: dict[str, object], told: str) -> None:
    terminal.records.states["letters"] = live(**changes)
    assert told in terminal.run_json("status")[1][0]["waits_for"]


def test_watching_writes_a_line_of_json_for_each_change_until_it_is_interrupted(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live()
    steps = iter([1.0, 25.0])

    def move() -> None:
        try:
            terminal.records.states["letters"] = live(percent=next(steps))
        except StopIteration:
            raise KeyboardInterrupt from None

    terminal.time.each = move
    code, out, _ = terminal.run("status", "--watch", "--json")
    assert code == 130
    assert [json.loads(line)[0]["percent"] for line in out.splitlines()] == [1.0, 25.0]


def test_watching_for_people_draws_the_newest_state(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live()

    def interrupt() -> None:
        raise KeyboardInterrupt

    terminal.time.each = interrupt
    code, out, _ = terminal.run("status", "--watch")
    assert code == 130
    assert "Letters from the new source" in out


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
    assert answer["command"] in lines
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
