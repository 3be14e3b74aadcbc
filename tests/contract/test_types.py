"""mypy refuses a transition of the record that misspells a field or gives it another type."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest

from rampart.rollout.state import Changes, RolloutState

ROOT = Path(__file__).parents[2]
CALL = """
from datetime import datetime
from rampart.rollout.state import RolloutState

def moved(state: RolloutState, now: datetime) -> RolloutState:
    return state.moved(now, {changes})
"""


def mypy_says(tmp_path: Path, changes: str) -> str:
    """What mypy says of a transition, with the project's own settings."""
    called = tmp_path / "called.py"
    called.write_text(CALL.format(changes=changes))
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--no-error-summary", str(called)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ("watchd=False", 'Unexpected keyword argument "watchd" for "moved"'),
        ('watched="lots"', 'Argument "watched" to "moved" of "RolloutState" has incompatible type "str"'),
        ("percent=25.0", 'Unexpected keyword argument "percent" for "moved"'),
        ("watched=False, attempt=2", ""),
    ],
)
def test_a_transition_takes_the_records_own_fields_only(tmp_path: Path, changes: str, says: str) -> None:
    said = mypy_says(tmp_path, changes)
    assert says in said
    assert bool(said) is bool(says)


def test_what_may_change_has_the_records_own_types() -> None:
    changes, fields = get_type_hints(Changes), get_type_hints(RolloutState)
    assert changes == {name: fields[name] for name in changes}


def test_nothing_else_copies_a_document_unchecked() -> None:
    """pydantic's `model_copy` takes any key: `moved` is typed, and `Model.changed` knows the names."""
    sources = [p for root in ("layers/rampart/rampart", "cli", "functions") for p in (ROOT / root).rglob("*.py")]
    copying = {p.name for p in sources if "model_copy(" in p.read_text()}
    assert copying == {"model.py", "state.py"}
