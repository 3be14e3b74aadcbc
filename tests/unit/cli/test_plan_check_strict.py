"""A pipeline may want no warnings either."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.unit.cli.conftest import PLAN, Terminal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A valid plan whose stages can decide nothing."""
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(PLAN | {"traffic": "1/hour"}))
    return path


def test_warnings_are_no_reason_to_refuse_unless_one_asks_for_that(terminal: Terminal, file: Path) -> None:
    code, document = terminal.run_json("plan", "check", str(file))
    assert (code, document["valid"], bool(document["warnings"])) == (0, True, True)
    assert terminal.run("plan", "check", str(file), "--strict")[0] == 1


def test_a_plan_without_a_warning_is_well_also_for_a_pipeline(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    plan = PLAN | {"traffic": "40000/hour", "monitors": [4711]}
    plan = plan | {"stages": [{"percent": 50, "hold": "7d"}, {"percent": 100, "hold": "7d"}]}
    path.write_text(yaml.safe_dump(plan))
    code, document = terminal.run_json("plan", "check", str(path), "--strict")
    assert (code, document["warnings"]) == (0, [])
