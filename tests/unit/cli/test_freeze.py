"""`rampart freeze` stops a stack's advances with one word, `thaw` lets them go on, and status says so."""

from __future__ import annotations

from rampart.rollout.event import EventKind

from .conftest import Terminal, live


def test_a_freeze_says_who_and_why_and_people_are_told(terminal: Terminal) -> None:
    code, shown = terminal.run_json("freeze", "--note", "an incident", "--by", "Ada")
    assert code == 0
    assert (shown["frozen"]["by"], shown["frozen"]["note"]) == ("Ada", "an incident")
    (told,) = terminal.records.told
    assert (told.kind, told.rollout, told.by) == (EventKind.FROZEN, "all rollouts", "Ada")
    assert "an incident" in told.message


def test_without_a_name_it_is_the_callers(terminal: Terminal) -> None:
    assert terminal.run_json("freeze", "--note", "x")[1]["frozen"]["by"] == "caller-of-aws"


def test_a_freeze_needs_a_reason(terminal: Terminal) -> None:
    assert terminal.run("freeze", "--note", "  ")[0] == 2
    assert terminal.records.frozen is None


def test_the_first_freeze_stands(terminal: Terminal) -> None:
    terminal.run("freeze", "--note", "first", "--by", "Ada")
    code, out, _ = terminal.run("freeze", "--note", "second", "--by", "Ben")
    assert code == 0
    assert "frozen already: Ada" in out
    assert len(terminal.records.told) == 1


def test_a_thaw_tells_what_it_ends(terminal: Terminal) -> None:
    terminal.run("freeze", "--note", "an incident", "--by", "Ada")
    code, shown = terminal.run_json("thaw", "--note", "it is over", "--by", "Ben")
    assert (code, shown) == (0, {"frozen": None})
    assert terminal.records.frozen is None
    told = terminal.records.told[-1]
    assert (told.kind, told.by) == (EventKind.THAWED, "Ben")
    assert "it is over" in told.message
    assert "an incident" in told.message


def test_a_thaw_of_nothing_is_no_error(terminal: Terminal) -> None:
    code, out, _ = terminal.run("thaw")
    assert (code, "Nothing is frozen" in out) == (0, True)
    assert terminal.records.told == []


def test_the_status_of_a_live_rollout_says_what_stops_it(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live()
    terminal.run("freeze", "--note", "an incident", "--by", "Ada")
    for situation in (
        terminal.run_json("status", "letters")[1][0]["situation"],
        terminal.run_json("list")[1][0]["situation"],
        terminal.run_json("explain", "letters")[1]["situation"],
    ):
        assert situation["headline"] == "Holding at 1%: every rollout is frozen"
        assert "Ada froze every rollout" in situation["why"]
    assert "Ada froze every rollout" in terminal.run("status", "letters")[1]
    terminal.run("thaw")
    assert terminal.run_json("status", "letters")[1][0]["situation"]["phase"] != "stopped"
