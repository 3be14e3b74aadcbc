"""`plan check --history` says before a start what the start would measure, leave out and refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.evidence.weeks import clumped_hours, with_hours

from .conftest import Terminal

PLAN = """
rollout: shop
owner: a team
flags: [checkout]
timezone: UTC
traffic: 6000/hour
criteria:
  front: {kind: rate, errors: e, total: t, below: 0.5%, scope: everyone, baseline: 0.12%}
  own: {kind: rate, errors: e, total: t, below: 0.5%, scope: cohort}
stages: [{percent: 10, hold: 1d}, {percent: 100, hold: 1d}]
"""
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def plan_file(tmp_path: Path) -> str:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return str(path)


def history(folder: Path, spoiled: dict[int, tuple[float, float]]) -> str:
    """A week in rows of five minutes, as a file; each hour's counts stand in its first row."""
    rows = ["time,errors,total"]
    for hour, (errors, total) in enumerate(with_hours(clumped_hours(1 / 800, 6000), spoiled)):
        at = MONDAY + timedelta(hours=hour)
        rows += [f"{at.isoformat()},{errors},{total}", f"{(at + timedelta(minutes=5)).isoformat()},0,0"]
    path = folder / "week.csv"
    path.write_text("\n".join(rows))
    return f"front={path}"


def checked(terminal: Terminal, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
    code, document = terminal.run_json("plan", "check", *arguments)
    assert code == exit_code
    assert isinstance(document, dict)
    return document


def test_hours_that_a_start_would_leave_out_are_said(terminal: Terminal, tmp_path: Path, plan_file: str) -> None:
    document = checked(terminal, plan_file, "--history", history(tmp_path, {20: (708.0, 6500.0)}))
    clump = document["criteria"][0]["clump"]
    assert "measured from 167 hours; left out 2026-03-02 20:00 UTC (708 of 6,500 failed)" in clump
    assert float(clump.split()[0]) < 5
    assert document["problems"] == []
    assert document["plan_hash"] == checked(terminal, plan_file)["plan_hash"]


def test_a_start_that_would_be_refused_is_said_in_words(terminal: Terminal, tmp_path: Path, plan_file: str) -> None:
    given = history(tmp_path, dict.fromkeys(range(100), (600.0, 6000.0)))
    document = checked(terminal, plan_file, "--history", given, exit_code=1)
    assert document["valid"] is False
    (problem,) = document["problems"]
    assert (problem["code"], problem["where"], problem["line"]) == ("FailsWithoutFlag", "criteria.front", 8)
    assert "it fails without the flag too" in problem["message"]
    shown = terminal.run("plan", "check", plan_file, "--history", given)[1]
    assert "error[FailsWithoutFlag]: " in shown
    assert f"{plan_file}:8:3 (criteria.front)" in shown


def test_the_power_that_is_left_is_said_without_a_history_too(terminal: Terminal, plan_file: str) -> None:
    assert (
        "front: with clump 3, a flag at twice the bar is rolled back at 100% with a chance of 99% or more"
        in (checked(terminal, plan_file)["notes"])
    )


@pytest.mark.parametrize("given", ["week.csv", "other=week.csv", "=week.csv"])
def test_a_history_of_no_rate_criterion_is_wrong_usage(terminal: Terminal, plan_file: str, given: str) -> None:
    code, _, told = terminal.run("plan", "check", plan_file, "--history", given)
    assert code == 2
    assert "isn't a rate criterion of the plan" in told
    assert "NAME is a rate criterion of the plan, and each line of FILE.csv is time,errors,total" in " ".join(
        told.split()
    )
