"""One command wires a plan in Datadog: its alert rolls back, a repeat changes nothing, and removing leaves nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.stack import LocalStack
from rampart.rollout.event import EventKind
from rampart.rollout.state import Status
from tests.e2e.rollouts import Rollout


@pytest.fixture
def rampart(stack: LocalStack, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run `rampart datadog` on a rollout's plan, as a person does; what it says in JSON."""

    def run(command: str, rollout: Rollout, *options: str) -> dict[str, Any]:
        path = tmp_path / "plan.yaml"
        path.write_text(yaml.safe_dump(rollout.plan, sort_keys=False))
        arguments: list[str | Path] = [
            Path(sys.executable).with_name("rampart"),
            "datadog",
            command,
            path,
            "--json",
            *options,
        ]
        ended = subprocess.run(arguments, env=stack.environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert stack.alert_token not in ended.stdout + ended.stderr
        rollout.plan.update(yaml.safe_load(path.read_text()))
        said: dict[str, Any] = json.loads(ended.stdout)
        return said

    return run


def held_by_datadog(stack: LocalStack) -> list[set[object]]:
    state = stack.datadog.state
    kinds = (state.monitors.by_id, state.webhooks.hooks, state.webhooks.variables, state.dashboards.by_id)
    return [set(each) for each in kinds]


def test_sync_alert_rollback_sync_changes_nothing_remove_leaves_nothing(
    new_rollout: Callable[..., Rollout], stack: LocalStack, rampart: Callable[..., dict[str, Any]]
) -> None:
    before = held_by_datadog(stack)
    rollout = new_rollout(look_every="5m")  # so that it is the alert that finds the fault
    address = ("--alert-url", stack.alert_url)

    made = rampart("sync", rollout, "--write", *address)
    assert rollout.plan["monitors"] == made["monitors"]
    assert {each["action"] for each in made["changes"]} == {"create"}

    rollout.start()
    rollout.at(1)
    stack.datadog.change("download", old_error_rate=0.6, new_error_rate=0.6)
    try:
        rollout.ended(Status.ROLLED_BACK)
    finally:
        stack.datadog.change("download", old_error_rate=0.02, new_error_rate=0.02)
    [event] = rollout.events(EventKind.ROLLED_BACK)
    assert event.details["cause"] == "alert"
    assert rollout.percentage == 0

    again = rampart("sync", rollout, *address)
    assert {each["action"] for each in again["changes"]} == {"keep"}

    gone = rampart("remove", rollout)
    assert {each["action"] for each in gone["changes"]} == {"delete"}
    assert held_by_datadog(stack) == before
