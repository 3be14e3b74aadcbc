"""A start that is refused says what, where and how to fix it, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from local.stack import LocalStack
from tests.e2e.rollouts import Rollout

NewRollout = Callable[..., Rollout]
RATE = {"kind": "rate", "below": "1%", "scope": "everyone", "baseline": "0.3%"}
GOOD = "sum:vets_api.statsd.api_rack_request{action:index}.as_count()"


def refused(rollout: Rollout) -> dict[str, Any]:
    """Start, and return the end of the execution after making sure that nothing was left behind."""
    end = rollout.execution_end(rollout.start())
    assert end["status"] == "FAILED"
    assert rollout.store.state(rollout.name) is None
    assert rollout.flag not in rollout.store.claims([rollout.flag])
    return end


def test_an_invalid_plan_is_refused_with_every_problem_and_its_path(new_rollout: NewRollout) -> None:
    rollout = new_rollout(timezone="Mars/Olympus", stages=[{"percent": 150, "hold": "soon"}])

    end = refused(rollout)

    assert end["error"] == "InvalidPlan"
    for path in ("timezone", "stages.0.percent", "stages.0.hold"):
        assert path in end["cause"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"flags": ["letters_misspelt"]}, "UnknownFlag", id="unknown flag"),
        pytest.param(
            {"criteria": {"index": {**RATE, "errors": GOOD, "total": "sum:no.such.metric{*}.as_count()"}}},
            "QueryFindsNothing",
            id="query that finds nothing",
        ),
        pytest.param(
            {"criteria": {"index": {**RATE, "errors": "sum:broken{", "total": GOOD}}},
            "QueryRefused",
            id="refused query",
        ),
        pytest.param({"monitors": [99]}, "UnknownMonitor", id="unknown monitor"),
    ],
)
def test_a_start_is_refused_by_name(new_rollout: NewRollout, changes: dict[str, Any], error: str) -> None:
    assert error in refused(new_rollout(**changes))["cause"]


@pytest.mark.parametrize("gate", [{"boolean": True}, {"percentage_of_time": 10}, {"percentage_of_actors": 5}])
def test_a_flag_that_is_open_already_is_refused(
    new_rollout: NewRollout, stack: LocalStack, gate: dict[str, Any]
) -> None:
    rollout = new_rollout()
    stack.flipper.set_gates(rollout.flag, **gate)

    end = refused(rollout)

    assert end["error"] == ("FlagAlreadyOn" if "percentage_of_actors" in gate else "FlagGateOpen")


def test_a_flag_of_another_rollout_is_refused_and_its_owner_left_alone(new_rollout: NewRollout) -> None:
    owner = new_rollout()
    owner.start()
    owner.at(1)
    rival = new_rollout(flags=owner.plan["flags"])

    end = rival.execution_end(rival.start())

    assert "FlagClaimed" in end["cause"]
    assert owner.name in end["cause"]
    assert owner.percentage == 1
    assert rival.store.state(rival.name) is None
