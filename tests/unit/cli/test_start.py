"""A start is one start however often it is asked for, and a refused one says everything that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rampart.plan.model import Plan
from rampart.rollout import refusals
from rampart.rollout.state import Status
from rampart.words import status_in_words
from rampart_cli.machines import Execution

from .conftest import PLAN, Terminal, live

DIGEST = Plan.model_validate(PLAN).digest[:12]
FIRST = f"letters-{DIGEST}"


def test_start_gives_the_plan_as_json_to_the_rollout_machine(terminal: Terminal, plan_file: Path) -> None:
    code, shown = terminal.run_json("start", str(plan_file), "--detach")
    assert code == 0
    assert terminal.machines.started == [("rollout", FIRST, PLAN)]
    assert (shown["execution"], shown["repeated"]) == (f"rollout:{FIRST}", False)


def test_the_name_is_made_of_the_plan_so_that_a_repeat_is_the_same_start(terminal: Terminal, plan_file: Path) -> None:
    terminal.run("start", str(plan_file), "--detach")
    terminal.run("start", str(plan_file), "--detach")
    first, second = terminal.machines.started
    assert first == second


def test_a_start_that_is_over_and_holds_the_record_is_not_started_again(terminal: Terminal, plan_file: Path) -> None:
    terminal.machines.taken = {FIRST}
    terminal.machines.script = lambda arn: Execution(arn, "FAILED", "RolledBack")
    terminal.records.states["letters"] = live(execution=f"rollout:{FIRST}")
    code, shown = terminal.run_json("start", str(plan_file), "--detach")
    assert (code, shown["repeated"], terminal.machines.started) == (0, True, [])


@pytest.mark.parametrize(
    ("status", "way_on"),
    [
        (Status.ROLLED_BACK, "rampart resume letters"),
        (Status.HALTED, "rampart resume letters"),
        (Status.COMPLETED, "such as letters-2"),
        (Status.ABANDONED, "such as letters-2"),
    ],
)
def test_a_rollout_that_is_over_is_not_started_again_and_the_way_on_is_told(
    terminal: Terminal, plan_file: Path, status: Status, way_on: str
) -> None:
    terminal.machines.taken = {FIRST}
    terminal.machines.script = lambda arn: Execution(arn, "SUCCEEDED")
    terminal.records.states["letters"] = live(execution=f"rollout:{FIRST}", status=status)
    code, shown = terminal.run_json("start", str(plan_file))
    assert (code, shown["error"]["name"], terminal.machines.started) == (1, "RolloutExists", [])
    assert status_in_words(status) in shown["error"]["message"]
    assert way_on in shown["error"]["fix"]


def test_after_a_refused_start_the_same_plan_can_be_started_again(terminal: Terminal, plan_file: Path) -> None:
    terminal.machines.taken = {FIRST, f"{FIRST}-2"}
    terminal.machines.script = lambda arn: Execution(arn, "FAILED", "FlagGateOpen")
    terminal.run("start", str(plan_file), "--detach")
    assert terminal.machines.started[0][1] == f"{FIRST}-3"


def test_waiting_ends_when_the_flag_is_at_the_first_stage(terminal: Terminal, plan_file: Path) -> None:
    terminal.time.each = lambda: terminal.records.states.update(letters=live(execution=f"rollout:{FIRST}"))
    code, out, _ = terminal.run("start", str(plan_file))
    assert code == 0
    assert "letters_new_source is at 1% (verified)" in out


def test_another_attempts_stage_is_not_taken_for_this_ones(terminal: Terminal, plan_file: Path) -> None:
    terminal.records.states["letters"] = live(execution="rollout:another")
    code, shown = terminal.run_json("start", str(plan_file), "--timeout", "5")
    assert (code, shown["error"]["name"]) == (3, "StillStarting")


def test_an_attempt_that_was_rolled_back_at_once_is_not_a_success(terminal: Terminal, plan_file: Path) -> None:
    terminal.records.states["letters"] = live(execution=f"rollout:{FIRST}", status=Status.ROLLED_BACK, percent=0.0)
    code, shown = terminal.run_json("start", str(plan_file))
    assert (code, shown["error"]["name"]) == (1, "RolledBack")


def test_a_refused_start_lists_every_problem_with_place_and_remedy(terminal: Terminal, plan_file: Path) -> None:
    problems = [
        refusals.UNKNOWN_FLAG.at("flags: letters_new_source", "there is no such flag", "Create it"),
        refusals.QUERY_REFUSED.at("criteria.x.errors", "Datadog refuses it", "Fix the query"),
    ]
    terminal.machines.problems = problems
    terminal.machines.script = lambda arn: Execution(arn, "FAILED", "StartRefused", "in short")
    code, out, err = terminal.run("start", str(plan_file))
    assert (code, out) == (1, "")
    for problem in problems:
        for part in (problem.code, problem.where, problem.message, problem.fix):
            assert part in err


def test_an_invalid_plan_is_refused_before_anybody_is_asked(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump({**PLAN, "owner": "", "stages": [], "timezone": "Mars/Olympus"}))
    code, shown = terminal.run_json("start", str(path))
    assert code == 1
    assert {p["where"] for p in shown["error"]["problems"]} == {"owner", "stages", "timezone"}
    assert terminal.asked_for == []


@pytest.mark.parametrize("command", ["start", "check"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"rollout: [", "line 1"),
        (b"- a\n- b\n", "a list"),
        (b"", "empty"),
        (b"a: 1\na: 2\n", "duplicate key 'a', first on line 1"),
        (b"a: &x [1]\nb: *x\n", "anchors"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"[" * 5000, "too deep"),
        (b"a: \x00", "special characters"),
        (b"rollout: " + b"x" * 300_000, "bytes"),
    ],
)
def test_a_file_that_is_not_a_plan_is_told_with_exit_code_2(
    terminal: Terminal, tmp_path: Path, command: str, content: bytes, told: str
) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(content)
    arguments = ("plan", "check") if command == "check" else (command,)
    code, shown = terminal.run_json(*arguments, str(path))
    assert code == 2
    assert told in shown["error"]["message"]


def test_a_missing_file_is_told_with_exit_code_2(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal.run("start", str(tmp_path / "none.yaml"))[0] == 2


def test_check_shows_the_staircase_the_bars_and_the_clumps(terminal: Terminal, plan_file: Path) -> None:
    code, shown = terminal.run_json("plan", "check", str(plan_file))
    assert code == 0
    assert [stage["percent"] for stage in shown["stages"]] == [1.0, 25.0, 100.0]
    assert [(c["name"], c["bar"]) for c in shown["criteria"]] == [
        ("download error rate", "below 8%"),
        ("complaints", "at most 0"),
    ]
    assert "measured at the start" in shown["criteria"][0]["clump"]


def test_check_warns_of_what_the_plan_cannot_decide(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in PLAN.items() if key != "traffic"}))
    code, shown = terminal.run_json("plan", "check", str(path))
    assert code == 0
    assert [each["where"] for each in shown["warnings"]] == ["traffic"]
    assert "traffic" in terminal.run("plan", "check", str(path))[1]


def test_the_schema_is_json_schema_that_the_plan_meets(terminal: Terminal) -> None:
    import jsonschema

    code, out, _ = terminal.run("plan", "schema")
    schema: dict[str, Any] = json.loads(out)
    assert code == 0
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(PLAN, schema)


def test_a_draft_with_gaps_is_told_gap_by_gap_with_its_line(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "draft.yaml"
    stages = "stages: [{percent: 5, hold: !gap }, {percent: 100, hold: 1d}]\n"
    criteria = "criteria: {errors: {kind: count, query: q, at_most: 0}}\n"
    owner = "owner: !gap  # GAP: the page names no owner\n"
    path.write_text(f"rollout: letters\n{owner}flags: [letters]\ntimezone: America/New_York\n{criteria}{stages}")
    code, shown = terminal.run_json("plan", "check", str(path))
    told = [(each["code"], each["where"], each["line"]) for each in shown["error"]["problems"]]
    assert (code, told) == (1, [("gap", "owner", 2), ("gap", "stages.0.hold", 6)])
    assert shown["error"]["problems"][0]["message"] == "this value is missing: the page names no owner"
