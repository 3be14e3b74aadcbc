"""`rampart alerts`: each alert that arrived, with what it was answered and why, out of the log of `rollback`."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from .conftest import NOON, Terminal


def line(
    status: int, answer: dict[str, Any], alert: dict[str, Any] | None = None, *, ago: float = 1
) -> tuple[datetime, str]:
    said = {
        "level": "INFO",
        "message": "alert answered",
        "status": status,
        "answer": json.dumps(answer),
        "alert": alert,
    }
    return NOON - timedelta(hours=ago), json.dumps(said)


LETTERS = {"transition": "Triggered", "monitor": "4711", "title": "blank letters", "flags": ["letters"]}
MISSPELLED = LETTERS | {"flags": ["lettrs"]}
RECOVERED = LETTERS | {"transition": "Recovered"}


def test_every_answer_is_listed_with_its_reason(terminal: Terminal) -> None:
    terminal.logged += [
        line(200, {"outcome": "rolled_back", "rollouts": ["letters"]}, LETTERS, ago=5),
        line(
            200, {"outcome": "nothing", "why": "no live rollout holds lettrs"}, LETTERS | {"flags": ["lettrs"]}, ago=4
        ),
        line(
            200, {"outcome": "ignored", "why": "Recovered isn't a reason"}, LETTERS | {"transition": "Recovered"}, ago=3
        ),
        line(400, {"error": "unreadable", "why": "flags: is missing"}, ago=2),
        line(401, {"error": "unauthorized"}, ago=1),
        line(503, {"error": "rollback_pending", "message": "Not confirmed yet."}, LETTERS, ago=0.5),
    ]
    code, found = terminal.run_json("alerts")
    assert code == 0
    assert [(each["status"], each["outcome"], each["why"]) for each in found] == [
        (200, "rolled_back", "letters"),
        (200, "nothing", "no live rollout holds lettrs"),
        (200, "ignored", "Recovered isn't a reason"),
        (400, "unreadable", "flags: is missing"),
        (401, "unauthorized", "no token, or a wrong one"),
        (503, "rollback_pending", "the rollback isn't confirmed yet; Datadog sends the alert again"),
    ]
    assert (found[0]["monitor"], found[0]["transition"], found[0]["flags"]) == ("4711", "Triggered", ["letters"])
    _, out, _ = terminal.run("alerts")
    assert "no live rollout holds lettrs" in out


def test_only_the_newest_and_only_lately(terminal: Terminal) -> None:
    terminal.logged += [line(401, {"error": "unauthorized"}, ago=ago) for ago in (40, 3, 2, 1)]
    assert len(terminal.run_json("alerts", "--last", "2")[1]) == 2
    assert len(terminal.run_json("alerts", "--since", "1d")[1]) == 3
    assert len(terminal.run_json("alerts")[1]) == 4
    assert terminal.run_json("alerts", "--since", "yesterday")[0] == 2


def test_other_lines_of_the_log_are_passed_over(terminal: Terminal) -> None:
    others = ["START RequestId: 1", "[1, 2]", "{", '{"message": "asked"}', '{"message": "alert answered"}', "null"]
    terminal.logged += [(NOON, other) for other in others]
    assert terminal.run_json("alerts") == (0, [])


def test_without_any_it_says_how_to_test_the_endpoint(terminal: Terminal) -> None:
    code, out, _ = terminal.run("alerts")
    assert (code, "No alert arrived in the last 1w" in out, "rampart doctor" in out) == (0, True, True)
