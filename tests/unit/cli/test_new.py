"""`rampart plan new`: a few answers, asked for or given as options, make a plan that is valid and can decide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from rampart.plan.model import Plan

from .conftest import Terminal

GIVEN = {
    "--flag": "letters_new_source",
    "--owner": "letters-team",
    "--traffic": "40000/hour",
    "--errors": "sum:errors{flag:on}.as_count()",
    "--total": "sum:requests{flag:on}.as_count()",
}


def options(**changes: str | None) -> list[str]:
    given = GIVEN | {f"--{name}": value for name, value in changes.items()}
    return [part for name, value in given.items() if value is not None for part in (name, value)]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A person in a terminal, who gives these answers; a question that is asked again takes the next one."""
    answers: list[str] = []

    def prompt(text: str, *, default: str | None, value_proc: Any, err: bool) -> str:
        assert err, "a question must not get into the plan"
        while True:
            answer = answers.pop(0) or default or ""
            try:
                taken: str = value_proc(answer)
            except typer.BadParameter:
                continue
            return taken

    monkeypatch.setattr("typer.prompt", prompt)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    return answers


def test_options_make_a_plan_without_a_terminal(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "plan.yaml"
    code, told = terminal.run_json("plan", "new", *options(), "--out", str(out))
    assert (code, told["plan"]) == (0, out.read_text())
    plan = Plan.model_validate(yaml.safe_load(out.read_text()))
    assert (plan.rollout, plan.flags, plan.timezone) == (
        "letters-new-source",
        ("letters_new_source",),
        "America/New_York",
    )
    assert out.read_text().startswith("# yaml-language-server: $schema=plan.schema.json\n")
    code, checked = terminal.run_json("plan", "check", str(out))
    assert (code, checked["warnings"]) == (0, [])


def test_the_plan_goes_to_standard_output_where_no_file_is_named(terminal: Terminal) -> None:
    code, out, _ = terminal.run("plan", "new", *options())
    assert code == 0
    assert Plan.model_validate(yaml.safe_load(out)).stages[-1].percent == 100


def test_a_person_is_asked_what_is_missing_and_again_what_cannot_be_read(
    terminal: Terminal, answering: list[str]
) -> None:
    answering += ["letters_new_source, letters_index", "", "letters-team", "Mars", "America/Chicago"]
    answering += ["many", "400/hour", "errors", "total", "2"]
    answering += ["2%", "on", "fully_on"]
    code, out, _ = terminal.run("plan", "new")
    plan = Plan.model_validate(yaml.safe_load(out))
    assert code == 0
    assert (plan.rollout, plan.flags) == ("letters-new-source", ("letters_new_source", "letters_index"))
    assert (plan.timezone, plan.traffic) == ("America/Chicago", 400)
    assert plan.stages[-1].label == "fully on"
    assert answering == []


def test_without_a_terminal_everything_that_is_missing_is_named_at_once(terminal: Terminal) -> None:
    code, told = terminal.run_json("plan", "new", *options(owner=None, total=None))
    assert code == 2
    assert told["error"]["message"].startswith("--owner, --total are missing")


@pytest.mark.parametrize(
    ("option", "value"), [("traffic", "many"), ("below", "2"), ("timezone", "Mars"), ("flag", " ")]
)
def test_an_answer_that_cannot_be_read_names_its_option(terminal: Terminal, option: str, value: str) -> None:
    code, told = terminal.run_json("plan", "new", *options(**{option: value}))
    assert code == 2
    assert f"--{option}" in told["error"]["message"]


def test_an_answer_that_makes_no_valid_plan_is_shown_with_its_line(terminal: Terminal) -> None:
    code, told = terminal.run_json("plan", "new", *options(name="Not A Name"))
    assert (code, told["error"]["name"]) == (1, "InvalidPlan")
    assert told["error"]["problems"][0]["where"] == "rollout"


def test_no_file_is_overwritten(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "plan.yaml"
    out.write_text("mine")
    code, told = terminal.run_json("plan", "new", *options(), "--out", str(out))
    assert (code, told["error"]["name"], out.read_text()) == (2, "FileExists", "mine")


@pytest.mark.parametrize("text", ["- x", "yes", "a: b", "#1", "1.5", "'quoted'", "sum:x{a:b} by {c}", "100%"])
def test_an_answer_stays_the_text_that_it_is(terminal: Terminal, text: str) -> None:
    _, out, _ = terminal.run("plan", "new", *options(errors=text, owner=text))
    written = yaml.safe_load(out)
    assert (written["owner"], written["criteria"]["error rate"]["errors"]) == (text, text)


def test_with_little_traffic_the_usual_stages_are_written_and_it_is_said(terminal: Terminal) -> None:
    code, out, _ = terminal.run("plan", "new", *options(traffic="1/hour"))
    assert code == 0
    assert "too little to decide" in out
    assert [stage["percent"] for stage in yaml.safe_load(out)["stages"]] == ["1%", "25%", "100%"]
