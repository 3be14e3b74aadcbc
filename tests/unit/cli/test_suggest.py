"""`rampart plan suggest`: stages to copy, and why lower ones decide nothing."""

from __future__ import annotations

from pathlib import Path

import yaml

from .conftest import PLAN, Terminal


def test_the_stages_can_be_copied_into_the_plan(terminal: Terminal, plan_file: Path) -> None:
    code, out, _ = terminal.run("plan", "suggest", str(plan_file), "--traffic", "40000/hour")
    assert code == 0
    part = out[out.index("stages:") :].split("\n\n")[0]
    plan_file.write_text(yaml.safe_dump(PLAN | yaml.safe_load(part) | {"traffic": "40000/hour"}))
    code, checked = terminal.run_json("plan", "check", str(plan_file))
    assert (code, checked["warnings"]) == (0, [])


def test_machines_get_the_stages_and_what_decides_nothing(terminal: Terminal, plan_file: Path) -> None:
    code, told = terminal.run_json("plan", "suggest", str(plan_file), "--traffic", "20/hour")
    assert code == 0
    assert told["stages"][-1]["percent"] == 100
    assert told["lasts_seconds"] > 0
    assert {"percent": 1.0, "criterion": "download error rate", "hidden": False} in told["undecidable"]


def test_too_little_traffic_is_said_and_ends_with_one(terminal: Terminal, plan_file: Path) -> None:
    code, out, _ = terminal.run("plan", "suggest", str(plan_file), "--traffic", "1/day")
    assert code == 1
    assert "not even 100%" in out


def test_a_plan_without_rates_needs_no_certain_stages(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    criteria = {"slow": {"kind": "value", "query": "p95:x{*}", "below": 3}}
    path.write_text(yaml.safe_dump(PLAN | {"criteria": criteria}))
    code, told = terminal.run_json("plan", "suggest", str(path))
    assert (code, told["error"]["message"]) == (2, "there is nothing to work out")
