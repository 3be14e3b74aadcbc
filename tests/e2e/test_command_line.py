"""`rampart`, as a person in a terminal uses it, against the deployed stack."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from rampart.rollout.state import Status
from tests.e2e.rollouts import Rollout

RAMPART = Path(sys.executable).with_name("rampart")


def rampart(rollout: Rollout, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """Run a command with --json; its exit code and what it wrote."""
    ended = subprocess.run(
        [RAMPART, *arguments, "--json"],
        env=rollout.stack.environment | {"RAMPART_BY": "Robin Vale"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ended.stderr
    written: dict[str, Any] = json.loads(ended.stdout)
    return ended.returncode, written


def test_a_rollout_is_started_seen_approved_rolled_back_resumed_and_abandoned(
    new_rollout: Callable[..., Rollout], tmp_path: Path
) -> None:
    rollout = new_rollout()
    plan = tmp_path / "plan.yaml"
    plan.write_text(yaml.safe_dump(rollout.plan))

    assert rampart(rollout, "plan", "check", plan)[0] == 0
    assert rampart(rollout, "start", plan, "--wait")[0] == 0
    assert rollout.percentage == 1

    rollout.asked(1)
    code, refused = rampart(rollout, "approve", rollout.name, "--yes")
    assert code == 1
    assert "call center complaints" in json.dumps(refused)
    assert rampart(rollout, "approve", rollout.name, "--yes", "--reported", "call center complaints=0")[0] == 0
    rollout.at(25)
    code, status = rampart(rollout, "status", rollout.name)
    assert code == 0
    assert '"percent": 25' in json.dumps(status)

    rollout.stack.flipper.set_gates(rollout.flag, percentage_of_actors=25, actors=["User;42"])
    code, down = rampart(rollout, "rollback", rollout.name, "--note", "blank letters")
    assert code == 0
    assert rollout.percentage == 0
    assert down["left_open"] == {rollout.flag: ["actor User;42"]}
    rollout.stack.flipper.set_gates(rollout.flag, percentage_of_actors=0)
    assert rampart(rollout, "resume", rollout.name, "--stage", "25%", "--note", "fixed", "--wait")[0] == 0
    assert rollout.percentage == 25
    rollout.at(25)
    assert rampart(rollout, "abandon", rollout.name, "--note", "not now", "--yes")[0] == 0
    assert rollout.percentage == 0
    assert rollout.state().status is Status.ABANDONED


def test_stored_evidence_gives_its_verdicts_again(new_rollout: Callable[..., Rollout]) -> None:
    rollout = new_rollout()
    rollout.start()
    rollout.asked(1)

    code, replayed = rampart(rollout, "evaluations", rollout.name, "--replay")

    assert code == 0
    assert len(json.dumps(replayed)) > 0


def test_a_refused_start_says_why_and_ends_with_one(new_rollout: Callable[..., Rollout], tmp_path: Path) -> None:
    rollout = new_rollout(flags=["letters_misspelt"])
    plan = tmp_path / "plan.yaml"
    plan.write_text(yaml.safe_dump(rollout.plan))

    code, refused = rampart(rollout, "start", plan, "--wait")

    assert code == 1
    assert "UnknownFlag" in json.dumps(refused)
