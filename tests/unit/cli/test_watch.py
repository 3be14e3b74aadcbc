"""`watch` fits a small screen, tells the newest first, and ends with the rollout."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from rich.console import Console

from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.state import Status
from rampart.words import plain
from rampart_cli.watching import Screen, Seen, bar_of_stages, chart

from .conftest import NOON, Terminal, asked, event, live


def drawn(terminal: Terminal, height: int = 24) -> list[str]:
    """The screen of 80 columns, line by line."""
    return lines_of(Seen.of(terminal.connect("rampart"), "letters"), height)


def lines_of(seen: Seen, height: int = 24) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=80, height=height, highlight=False).print(Screen(seen))
    return out.getvalue().splitlines()


def test_the_screen_fits_a_small_terminal_with_the_newest_first(terminal: Terminal) -> None:
    state, gate = asked()
    terminal.records.states["letters"], terminal.records.gates["letters"] = state, gate
    for number in range(20):
        terminal.records.told.append(event(EventKind.DRIFTED, f"event {number} " + "with many words " * 9))
    lines = drawn(terminal)
    assert len(lines) <= 24
    assert all(len(line) <= 80 for line in lines)
    shown = [line for line in lines if " event " in line]
    assert "event 19" in shown[0]
    assert "[■□□] stage 1 of 3" in lines[1]
    assert any("Waiting for approval: 1% → 25%" in line for line in lines)
    assert any("judged 1 min ago" in line for line in lines)
    assert any("rampart approve letters" in line for line in lines)


def test_a_freeze_is_seen_where_a_rollout_is_watched(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live(hold_ends=NOON + timedelta(hours=1))
    terminal.run("freeze", "--note", "an incident", "--by", "Ada")
    lines = drawn(terminal)
    assert any("Holding at 1%: every rollout is frozen" in line for line in lines)
    assert any("Ada froze every rollout" in line for line in lines)


def test_watching_without_a_terminal_writes_a_line_for_each_change_and_ends_with_the_rollout(
    terminal: Terminal,
) -> None:
    terminal.records.states["letters"] = live(hold_ends=NOON + timedelta(hours=1))
    terminal.records.told.append(event(EventKind.STARTED, "it starts"))
    steps = iter(["", "", "rolled back"])

    def go_on() -> None:
        if next(steps):
            terminal.records.states["letters"] = live(status=Status.ROLLED_BACK, gate=None)
            terminal.records.told.append(event(EventKind.ROLLED_BACK, "letters_new_source is at 0% (verified)"))

    terminal.time.each = go_on
    code, out, _ = terminal.run("watch", "letters")
    assert code == 1
    assert [line.partition("  ")[2] for line in out.splitlines()] == [
        "started  it starts",
        "Holding at 1% until Wed 2026-03-04 13:00 EST (1 h left)",
        "rolled back  letters_new_source is at 0% (verified)",
        "Rolled back 1% → 0%",
    ]


def test_for_machines_it_writes_a_line_of_json_for_each_change_until_it_is_interrupted(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live()
    steps = iter([1.0, 25.0])

    def move() -> None:
        try:
            terminal.records.states["letters"] = live(percent=next(steps))
        except StopIteration:
            raise KeyboardInterrupt from None

    terminal.time.each = move
    code, out, _ = terminal.run("watch", "letters", "--json")
    assert code == 130
    assert [json.loads(line)["percent"] for line in out.splitlines()] == [1.0, 25.0]


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.ABANDONED])
def test_what_ended_well_ends_with_success(terminal: Terminal, status: Status) -> None:
    terminal.records.states["letters"] = live(status=status, gate=None)
    assert terminal.run("watch", "letters")[0] == 0


@pytest.mark.parametrize(
    ("value", "limits", "bar"),
    [(0.0, (0.0, 0.01), 0.08), (0.05, (0.03, 0.07), 0.08), (0.9, (0.8, 1.0), 0.08), (0.995, (0.99, 1.0), 0.99)],
)
def test_a_chart_shows_value_interval_and_bar_in_its_cells(
    value: float, limits: tuple[float, float], bar: float
) -> None:
    cells = chart({"value": value, "interval": limits, "bar": bar, "verdict": "pass"}).plain
    assert len(cells) == 20
    assert cells.count("┃") == 1
    assert cells.count("●") == 1 or plain(value) == plain(bar) or "●" not in cells


def test_what_has_no_numbers_has_no_chart() -> None:
    assert chart({"value": None}).plain == chart({}).plain == ""


def test_a_rolled_back_rollout_has_an_empty_bar() -> None:
    assert bar_of_stages(live(percent=0.0)).plain == "[□□□] stage 0 of 3"


def test_each_criterion_shows_its_number_next_to_its_bar_and_what_is_only_tried_out() -> None:
    state = live()
    assert state.latest is not None
    told = state.latest.changed(told={"a stricter bar": Verdict.INCONCLUSIVE})
    judged = {
        "download error rate": {"kind": "rate", "value": 0.05, "bar": 0.08, "interval": (0.03, 0.07)},
        "a stricter bar": {"kind": "rate", "value": 0.05, "bar": 0.06, "requests_needed": 1234.4},
    }
    shown = "\n".join(lines_of(Seen(live(latest=told), None, (), judged, NOON)))
    assert "5% / 8%" in shown
    assert "5% / 6%" in shown
    assert "1,234 requests to go" in shown
    assert "only tried out" in shown


@pytest.mark.parametrize("height", [16, 24, 50])
@pytest.mark.parametrize("criteria", [1, 4, 30])
@pytest.mark.parametrize("events", [0, 1, 40])
def test_whatever_there_is_to_see_the_commands_are_seen_in_any_terminal(
    criteria: int, events: int, height: int
) -> None:
    state, gate = asked()
    assert state.latest is not None
    verdicts = {f"criterion {n}": Verdict.PASS for n in range(criteria - 1)} | {"what fails": Verdict.FAIL}
    told = tuple(event(EventKind.DRIFTED, f"event {n} " + "with many words " * 9) for n in range(events))
    seen = Seen(live(latest=state.latest.changed(verdicts=verdicts), gate=state.gate), gate, told, {}, NOON)
    lines = lines_of(seen, height)
    assert len(lines) <= height
    assert any(line.startswith("rampart ") for line in lines[-2:])
    assert any(line.startswith("what fails") for line in lines)
    assert events == 0 or any(f"event {events - 1} " in line for line in lines)
