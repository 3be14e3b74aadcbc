"""`plan check` calls what a start refuses a problem, and shows the query to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from .conftest import PLAN, Terminal

BAD, ALL = "sum:x{env:prod,status:5*}", "sum:x{env:prod}.as_count()"
SPOILT = {"download error rate": {**PLAN["criteria"]["download error rate"], "errors": BAD, "total": ALL}}


def written(path: Path, **changes: Any) -> str:
    path.write_text(yaml.safe_dump(PLAN | changes))
    return str(path)


def test_a_query_that_a_start_refuses_ends_with_the_exit_code_of_a_refusal(terminal: Terminal, tmp_path: Path) -> None:
    code, shown = terminal.run_json("plan", "check", written(tmp_path / "plan.yaml", criteria=SPOILT))
    assert code == 1
    assert shown["valid"] is False
    [problem] = shown["problems"]
    assert (problem["code"], problem["where"]) == ("QueryUnitsDiffer", "criteria.download error rate.errors")
    assert problem["fix"] == f"Write `{BAD}.as_count()`"
    assert problem["line"] > 1
    assert shown["stages"], "the plan is shown all the same"


def test_people_see_it_once_among_the_problems(terminal: Terminal, tmp_path: Path) -> None:
    path = written(tmp_path / "plan.yaml", criteria=SPOILT)
    code, out, err = terminal.run("plan", "check", path)
    assert (code, err) == (1, "")
    assert out.startswith("a start would refuse Letters from the new source")
    assert out.count("QueryUnitsDiffer") == 1
    assert out.count("0.333%") == 1


def test_without_traffic_it_is_told_too(terminal: Terminal, tmp_path: Path) -> None:
    code, shown = terminal.run_json("plan", "check", written(tmp_path / "plan.yaml", criteria=SPOILT, traffic=None))
    assert code == 1
    assert [each["code"] for each in shown["warnings"]] == ["no_traffic"]


def test_a_plan_without_such_a_query_is_valid(terminal: Terminal, plan_file: Path) -> None:
    code, shown = terminal.run_json("plan", "check", str(plan_file))
    assert (code, shown["valid"], shown["problems"]) == (0, True, [])
