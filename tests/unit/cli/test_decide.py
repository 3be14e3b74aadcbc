"""What people say reaches the state machine `decision` as it was said, and its answer reaches people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from botocore.exceptions import EndpointConnectionError

from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.gate import Answer, DecisionKind
from rampart.rollout.state import RolloutState, Status
from rampart_cli.decisions import parse_reported
from rampart_cli.failures import UnreachableError

from .conftest import NOON, Terminal, asked, event, live


@pytest.fixture
def waiting(terminal: Terminal) -> Terminal:
    """A terminal on a stack where a person is asked about `letters`."""
    state, gate = asked()
    terminal.records.states["letters"] = state
    terminal.records.gates["letters"] = gate
    terminal.decisions_end()
    terminal.time.each = lambda: terminal.records.states.update(letters=advanced(gate.id))
    return terminal


def advanced(gate: str, **changes: Any) -> RolloutState:
    """The rollout once an answer has moved it."""
    return live(**{"stage": 1, "percent": 25.0, "passed_gate": gate, "gate": None} | changes)


def test_approve_starts_the_decision_with_exactly_what_was_said(waiting: Terminal) -> None:
    code, shown = waiting.run_json(
        "approve", "letters", "--gate", "a1-s0-1a2b", "--reported", "complaints=0", "--by", "Ada", "--note", "all quiet"
    )
    assert code == 0
    assert waiting.machines.started[0][0] == "decision"
    assert waiting.machines.input == {
        "rollout": "letters",
        "gate": "a1-s0-1a2b",
        "decision": "approve",
        "by": "Ada",
        "note": "all quiet",
        "reported": {"complaints": 0.0},
    }
    assert shown["accepted"] is True


def test_approve_without_a_gate_takes_the_open_one_and_shows_what_it_is_about(waiting: Terminal) -> None:
    code, _, err = waiting.run("approve", "letters", "--reported", "complaints=0", "--by", "Ada", "--yes")
    assert code == 0
    assert waiting.machines.input["gate"] == "a1-s0-1a2b"
    assert "Waiting for approval: 1% → 25%" in err
    assert "5% (20 of 400)" in err


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_nothing_is_decided_where_nobody_can_be_asked_to_confirm(waiting: Terminal, more: tuple[str, ...]) -> None:
    code, out, err = waiting.run("approve", "letters", "--by", "Ada", *more)
    assert code == 2
    assert "can't ask for confirmation: this isn't a terminal" in out + err
    assert "--yes" in out + err
    assert waiting.machines.started == []


def test_a_refused_decision_is_told_in_the_machines_own_words_with_exit_code_1(waiting: Terminal) -> None:
    waiting.decisions_end("FAILED", error="AlreadyAnswered", cause="Bob answered this gate first (approve).")
    code, shown = waiting.run_json("approve", "letters", "--gate", "old", "--by", "Ada")
    assert code == 1
    assert shown["error"]["name"] == "AlreadyAnswered"
    assert shown["error"]["message"] == "Bob answered this gate first (approve)."


def test_a_refused_decision_is_a_panel_on_stderr_for_people(waiting: Terminal) -> None:
    waiting.decisions_end("FAILED", error="Lapsed", cause="The question lapsed [at noon].")
    code, out, err = waiting.run("approve", "letters", "--gate", "old", "--by", "Ada")
    assert (code, out) == (1, "")
    assert "Lapsed" in err
    assert "The question lapsed [at noon]." in err


def test_the_first_of_two_approvals_names_what_the_other_person_runs(waiting: Terminal) -> None:
    waiting.decisions_end(output={"accepted": True, "approvals": 1, "of": 2})
    code, out, _ = waiting.run("approve", "letters", "--gate", "a1-s0-1", "--yes", "--by", "Ann")
    assert code == 0
    assert "as the first of two. Another person must approve too:" in " ".join(out.split())
    assert "rampart approve letters --gate a1-s0-1" in " ".join(out.split())


def test_an_override_and_approve_with_override_say_the_same(waiting: Terminal) -> None:
    waiting.run("override", "letters", "--gate", "g", "--note", "known fault", "--by", "Ada")
    waiting.run("approve", "letters", "--override", "--gate", "g", "--note", "known fault", "--by", "Ada")
    first, second = (document for _, _, document in waiting.machines.started)
    assert first == second
    assert first["decision"] == "override"


@pytest.mark.parametrize(
    "arguments",
    [
        ("override", "letters", "--gate", "g", "--note", " "),
        ("approve", "letters", "--override", "--gate", "g"),
        ("abandon", "letters", "--yes", "--note", ""),
    ],
)
def test_what_needs_a_note_is_not_sent_without_one(waiting: Terminal, arguments: tuple[str, ...]) -> None:
    code, _, err = waiting.run(*arguments, "--by", "Ada")
    assert code == 2
    assert "note" in err
    assert waiting.machines.started == []


@pytest.mark.parametrize(
    "report", ["complaints", "=0", "complaints=-1", "complaints=many", "complaints=inf", "praise=3"]
)
def test_a_report_that_is_not_a_number_is_wrong_usage(waiting: Terminal, report: str) -> None:
    code, _, _ = waiting.run("approve", "letters", "--gate", "g", "--by", "Ada", "--reported", report)
    assert code == 2
    assert waiting.machines.started == []


def test_a_question_that_was_answered_is_not_answered_again_by_mistake(waiting: Terminal) -> None:
    _, gate = asked()
    answer = Answer(decision=DecisionKind.APPROVE, by="Bob", execution="arn", at=NOON)
    waiting.records.gates["letters"] = gate.model_copy(update={"answer": answer})
    code, shown = waiting.run_json("approve", "letters", "--by", "Ada", "--yes")
    assert code == 1
    assert shown["error"]["message"] == "letters has no open approval. Bob approved: advancing to 25%."
    assert waiting.machines.started == []


def test_approving_while_the_stage_is_held_says_until_when(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live(hold_ends=NOON + timedelta(hours=2))
    code, shown = terminal.run_json("approve", "letters", "--by", "Ada", "--yes")
    assert code == 1
    assert shown["error"]["message"] == (
        "letters has no open approval. Holding at 1% until Wed 2026-03-04 14:00 EST (2 h left)."
    )


def test_an_approval_ends_when_the_flag_was_read_at_the_next_stage(waiting: Terminal) -> None:
    code, out, _ = waiting.run("approve", "letters", "--gate", "a1-s0-1a2b", "--by", "Ada")
    assert (code, out) == (0, "letters_new_source is at 25% (verified).\n")


def test_an_approval_of_the_end_says_that_the_rollout_is_complete(waiting: Terminal) -> None:
    done = advanced("a1-s0-1a2b", status=Status.COMPLETED, percent=100.0, stage=2)
    waiting.time.each = lambda: waiting.records.states.update(letters=done)
    code, out, _ = waiting.run("approve", "letters", "--gate", "a1-s0-1a2b", "--by", "Ada")
    assert (code, out) == (0, "letters is complete: letters_new_source stays at 100%.\n")


def test_an_approval_that_is_held_says_why_and_fails(waiting: Terminal) -> None:
    def hold() -> None:
        waiting.records.states["letters"] = live(gate=None)
        held = "not advanced: the newest evaluation says error; you will be asked again"
        waiting.records.told.append(event(EventKind.HELD, held, details={"gate": "a1-s0-1a2b"}))

    waiting.time.each = hold
    code, shown = waiting.run_json("approve", "letters", "--gate", "a1-s0-1a2b", "--by", "Ada")
    assert (code, shown["error"]["name"]) == (1, "Held")
    assert shown["error"]["message"] == (
        "the answer is recorded, but letters didn't advance: the newest evaluation says error"
    )


@pytest.mark.parametrize(
    "changes",
    [{"status": Status.HALTED}, {"status": Status.ROLLED_BACK}, {"attempt": 2, "passed_gate": "start"}],
    ids=str,
)
def test_an_approval_that_meets_a_rollback_is_no_success(waiting: Terminal, changes: dict[str, Any]) -> None:
    waiting.time.each = lambda: waiting.records.states.update(letters=live(**{"gate": None} | changes))
    code, shown = waiting.run_json("approve", "letters", "--gate", "a1-s0-1a2b", "--by", "Ada")
    assert (code, shown["error"]["name"]) == (1, "RolledBack")


def test_an_advance_that_takes_longer_is_told_as_going_on(waiting: Terminal) -> None:
    waiting.time.each = lambda: None
    code, shown = waiting.run_json("approve", "letters", "--gate", "a1-s0-1a2b", "--by", "Ada", "--timeout", "30")
    assert (code, shown["error"]["name"]) == (3, "StillAdvancing")


def test_a_script_may_leave_before_the_advance(waiting: Terminal) -> None:
    waiting.time.each = lambda: None
    code, out, _ = waiting.run("approve", "letters", "--gate", "a1-s0-1a2b", "--by", "Ada", "--detach")
    assert (code, out) == (0, "Recorded: Ada answers (approve). Check status: rampart status letters\n")


def test_a_rollback_in_a_hurry_needs_no_note(terminal: Terminal) -> None:
    terminal.decisions_end()
    assert terminal.run("rollback", "letters", "--by", "Ada")[0] == 0
    assert terminal.machines.input["note"] == "no reason given"


def test_who_decides_is_the_caller_of_aws_where_nobody_says_so(
    waiting: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting.run("rollback", "letters", "--note", "pages are blank")
    monkeypatch.setenv("RAMPART_BY", "Grace")
    waiting.run("rollback", "letters", "--note", "pages are blank")
    assert [document["by"] for _, _, document in waiting.machines.started] == ["caller-of-aws", "Grace"]


def test_a_rollback_needs_neither_the_table_nor_a_confirmation(terminal: Terminal) -> None:
    terminal.decisions_end()
    code, out, err = terminal.run("rollback", "letters", "--note", "pages are blank", "--by", "Ada")
    assert code == 0
    assert "waiting for Flipper to confirm 0%. Ctrl-C is safe: it continues." in " ".join(err.split())
    assert "letters is rolled back: its flags are at 0% (verified)" in out
    assert terminal.machines.input["decision"] == "roll_back"
    assert "flags" not in terminal.machines.input


def test_a_recorded_but_unfinished_rollback_says_what_to_do(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live(status=Status.HALTED, undone="Flipper answered 401", gate=None)
    terminal.decisions_end("FAILED", error="States.Timeout", cause="Task timed out after 60 seconds")
    code, shown = terminal.run_json("rollback", "letters", "--note", "pages are blank", "--by", "Ada")
    assert (code, shown["error"]["name"]) == (3, "RollingBack")
    assert "NOT verified at 0% yet (Flipper answered 401)" in shown["error"]["message"]
    assert "letters_new_source" in shown["error"]["fix"]


@pytest.mark.parametrize(
    "fails", [lambda: EndpointConnectionError(endpoint_url="https://x"), lambda: UnreachableError("no stack")]
)
@pytest.mark.parametrize(("more", "which"), [((), "the rollout's flags"), (("--flag", "letters_api"), "letters_api")])
def test_where_aws_cannot_be_asked_a_rollback_says_what_can_be_done_by_hand(
    terminal: Terminal, fails: Callable[[], Exception], more: tuple[str, ...], which: str
) -> None:
    terminal.failure = fails()
    code, shown = terminal.run_json("rollback", "letters", *more)
    assert code == 3
    assert shown["error"]["fix"].startswith(f"Set {which} to 0% in Flipper by hand")


def test_ctrl_c_says_that_what_was_started_continues(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(arn: str) -> NoReturn:
        raise KeyboardInterrupt

    terminal.machines.script = interrupted
    code, _, err = terminal.run("rollback", "letters")
    assert code == 130
    assert "continues by itself" in err


def test_a_rollback_may_name_the_flags_for_when_nobody_can_read_the_table(terminal: Terminal) -> None:
    terminal.decisions_end()
    code, _, _ = terminal.run(
        "rollback", "letters", "--note", "blank", "--flag", "web", "--flag", "mobile", "--by", "Ada"
    )
    assert code == 0
    assert terminal.machines.input["flags"] == ["web", "mobile"]


@pytest.mark.parametrize(("wanted", "index"), [("25%", 1), ("canary", 0), ("1%", 0), ("2", 2), ("100 %", 2)])
def test_resume_translates_a_stage_as_people_say_it_to_its_index(terminal: Terminal, wanted: str, index: int) -> None:
    terminal.records.states["letters"] = live(status=Status.ROLLED_BACK, gate=None)
    terminal.decisions_end(output={"execution": "rollout:resumed"})
    code, shown = terminal.run_json(
        "resume", "letters", "--stage", wanted, "--note", "fixed", "--by", "Ada", "--detach"
    )
    assert code == 0
    assert terminal.machines.input["stage"] == index
    assert shown["execution"] == "rollout:resumed"


def test_a_number_that_could_mean_two_stages_is_refused(terminal: Terminal) -> None:
    """The canary is at 1%, and stage number 1 is at 25%: a slip of the pen must not raise a flag by 24 points."""
    terminal.records.states["letters"] = live(status=Status.ROLLED_BACK, gate=None)
    code, shown = terminal.run_json("resume", "letters", "--stage", "1", "--by", "Ada")
    assert code == 2
    assert shown["error"]["message"] == "1 could mean Canary (1%), or stage number 1, which is 25%"
    assert shown["error"]["fix"] == "Write 1% for the one, and 25% for the other."
    assert terminal.machines.started == []


def test_resume_at_a_stage_that_is_not_there_lists_those_that_are(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live(status=Status.ROLLED_BACK)
    code, _, err = terminal.run("resume", "letters", "--stage", "30%", "--by", "Ada")
    assert code == 2
    assert "1: 25%" in err


def test_resume_waits_until_the_flag_is_at_its_stage(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live(status=Status.ROLLED_BACK, gate=None)

    def climb() -> None:
        terminal.records.states["letters"] = live(attempt=2, stage=1, percent=25.0, execution="rollout:resumed")

    terminal.time.each = climb
    terminal.decisions_end(output={"execution": "rollout:resumed"})
    code, shown = terminal.run_json("resume", "letters", "--stage", "25%", "--by", "Ada", "--wait")
    assert code == 0
    assert (shown["attempt"], shown["percent"]) == (2, 25.0)


def test_abandon_asks_first(terminal: Terminal) -> None:
    terminal.decisions_end()
    code, answer = terminal.run_json("abandon", "letters", "--note", "not wanted any more", "--by", "Ada")
    assert (code, answer["error"]["fix"]) == (2, "Pass --yes to confirm.")
    assert terminal.run("abandon", "letters", "--note", "not wanted any more", "--by", "Ada", "--yes")[0] == 0
    assert terminal.machines.input["decision"] == "abandon"


def test_a_decision_that_takes_for_ever_is_told_as_still_running(terminal: Terminal) -> None:
    code, shown = terminal.run_json("rollback", "letters", "--note", "pages are blank", "--by", "Ada")
    assert code == 3
    assert shown["error"]["name"] == "StillRunning"


def test_an_inconclusive_gate_shows_the_command_that_overrides(terminal: Terminal) -> None:
    state, gate = asked(Verdict.INCONCLUSIVE)
    terminal.records.states["letters"], terminal.records.gates["letters"] = state, gate
    _, shown = terminal.run_json("status", "letters")
    assert shown[0]["gate"]["answer_with"]["command"].startswith(
        "rampart override letters --gate a1-s0-1a2b --note WHY"
    )


def test_an_answer_is_told_in_the_words_of_the_record(waiting: Terminal) -> None:
    """The state machine finds them, with the numbers, and the record and the notice have the same."""
    waiting.decisions_end(output={"said": "Ada overrides complaints = 3 (limit 0)"})
    arguments = ("override", "letters", "--gate", "a1-s0-1a2b", "--note", "known", "--by", "Ada", "--detach")
    assert waiting.run(*arguments)[1].startswith("Recorded: Ada overrides complaints = 3 (limit 0). Check status:")
    waiting.decisions_end(output={})  # a machine that was deployed earlier
    assert waiting.run(*arguments)[1].startswith("Recorded: Ada answers (override). Check status:")


@pytest.mark.parametrize(("command", "more"), [("rollback", ()), ("abandon", ("--yes",))])
def test_who_still_gets_in_after_a_rollback_is_named(terminal: Terminal, command: str, more: tuple[str, ...]) -> None:
    """At 0% a flag may still be open for hand-picked actors: anyone who took it down must not believe otherwise."""
    left = {"letters_new_source": ["actor User;42", "group testers"]}
    terminal.decisions_end(output={"accepted": True, "left_open": left})
    arguments = (command, "letters", "--note", "pages are blank", "--by", "Ada", *more)
    assert terminal.run_json(*arguments)[1]["left_open"] == left
    assert "letters_new_source: actor User;42, group testers" in terminal.run(*arguments)[1]
    terminal.decisions_end(output={"accepted": True, "left_open": {}})
    assert "left_open" not in terminal.run_json(*arguments)[1]
    assert "still open" not in terminal.run(*arguments)[1]


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.ABANDONED])
def test_a_rollback_of_what_is_over_says_whose_turn_it_is(terminal: Terminal, status: Status) -> None:
    terminal.records.states["letters"] = live(status=status, gate=None)
    terminal.decisions_end(
        "FAILED", error="NothingToRollBack", cause="There is no live or rolled-back rollout letters."
    )
    code, shown = terminal.run_json("rollback", "letters", "--note", "pages are blank", "--by", "Ada")
    assert (code, shown["error"]["name"]) == (1, "NothingToRollBack")
    assert f"letters is {status.value}" in shown["error"]["fix"]
    assert "set letters_new_source to 0% in Flipper" in shown["error"]["fix"]


def test_a_rollback_of_an_unknown_rollout_lists_those_that_are_watched(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live()
    terminal.decisions_end(
        "FAILED", error="NothingToRollBack", cause="There is no live or rolled-back rollout lettres."
    )
    code, shown = terminal.run_json("rollback", "lettres", "--note", "pages are blank", "--by", "Ada")
    assert code == 1
    assert "live or waiting now: letters" in shown["error"]["fix"]


def test_an_approval_without_its_reports_is_told_how_to_say_them(waiting: Terminal) -> None:
    waiting.decisions_end("FAILED", error="NotPassing", cause="These must be reported: complaints (at most 0).")
    _, shown = waiting.run_json("approve", "letters", "--gate", "a1-s0-1a2b", "--by", "Ada")
    assert shown["error"]["fix"] == "Say what people report: --reported complaints=NUMBER"


def test_a_person_at_a_terminal_is_asked_for_the_numbers_that_are_missing(
    waiting: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for: list[str] = []

    def prompt(text: str, **_: Any) -> float:
        asked_for.append(text)
        return 0.0

    monkeypatch.setattr("typer.prompt", prompt)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: True)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert waiting.run("approve", "letters", "--by", "Ada")[0] == 0
    assert asked_for == ["complaints (must be 0)"]
    assert waiting.machines.input["reported"] == {"complaints": 0.0}


def test_a_reported_criterion_is_known_in_any_case_and_spelling(waiting: Terminal) -> None:
    waiting.run("approve", "letters", "--gate", "a1-s0-1a2b", "--by", "Ada", "--reported", "Complaints=0")
    assert waiting.machines.input["reported"] == {"complaints": 0}
    assert parse_reported(["Call-Center complaint=3"], {"call center complaints": 0}) == {"call center complaints": 3}
