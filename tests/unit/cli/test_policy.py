"""`rampart plan check --policy` says what a start would be refused for, and what is wrong with the policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Terminal

RULE = "policy: letters\nrules:\n  - {fewest_stages: 4, reason: Four are few enough}\n"


def test_a_breach_is_a_problem_with_its_place_and_reason(terminal: Terminal, plan_file: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(RULE)
    code, shown = terminal.run_json("plan", "check", str(plan_file), "--policy", str(policy))
    assert (code, shown["valid"]) == (1, False)
    (problem,) = shown["problems"]
    assert (problem["code"], problem["where"]) == ("PolicyBreach", "stages")
    assert problem["message"].endswith("(letters: Four are few enough)")
    assert problem["line"] > 1


def test_a_plan_that_keeps_to_it_is_valid(terminal: Terminal, plan_file: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(RULE.replace("4", "3"))
    assert terminal.run_json("plan", "check", str(plan_file), "--policy", str(policy))[1]["valid"] is True


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (None, "UnreadablePolicy"),
        ("rules: [", "UnreadablePolicy"),
        ("policy: a\npolicy: b\n", "UnreadablePolicy"),
        ("policy: a\nrules: []\n", "InvalidPolicy"),
    ],
)
def test_what_is_no_policy_is_wrong_usage(
    terminal: Terminal, plan_file: Path, tmp_path: Path, text: str | None, name: str
) -> None:
    policy = tmp_path / "policy.yaml"
    if text is not None:
        policy.write_text(text)
    code, shown = terminal.run_json("plan", "check", str(plan_file), "--policy", str(policy))
    assert (code, shown["error"]["name"]) == (2, name)
