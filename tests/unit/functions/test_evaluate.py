"""What the function `evaluate` measures at each tick, in the dimensions by which the alarms and the dashboard ask."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from functions.evaluate import app
from rampart.entry.wiring import Wiring
from rampart.errors import StoreError
from rampart.rollout.evaluate import Evaluate
from tests.doubles import Moment
from tests.unit.functions.outage import Context
from tests.unit.rollout.world import World


@pytest.fixture
def world() -> World:
    """A rollout that bakes at its second stage, and is due."""
    world = World()
    world.climb(1)
    world.open_gate()
    world.clock.move(timedelta(minutes=10))
    return world


@pytest.fixture
def wiring(world: World) -> Wiring:
    evaluate = Evaluate(
        store=world.store,
        flags=world.flags,
        metrics=world.metrics,
        gates=world.gates,
        rollback=world.queue,
        clock=world.clock,
    )
    return Wiring(store=world.store, clock=world.clock, evaluate=evaluate)


def measured(wiring: Wiring) -> Mapping[str, Any]:
    """What one tick writes for CloudWatch."""
    inspect.unwrap(app.lambda_handler)({}, Context(), wiring)
    written: Mapping[str, Any] = app.metrics.serialize_metric_set()
    app.metrics.clear_metrics()
    return written


def test_a_tick_measures_what_it_saw(wiring: Wiring) -> None:
    written = measured(wiring)
    assert (written["service"], written["function_name"]) == ("evaluate", Context.function_name)
    [metrics] = written["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], set(metrics["Dimensions"][0])) == ("Rampart", {"service", "function_name"})
    assert (written["RolloutsLookedAt"], written["RolloutsMissed"], written["RolloutsLive"]) == ([1.0], [0.0], [1.0])
    assert sum(value[0] for name, value in written.items() if name.startswith("Verdicts")) == 1


def test_a_rollout_that_could_not_be_looked_at_is_missed(wiring: Wiring, world: World) -> None:
    def unreadable() -> None:
        raise StoreError("throttled")

    world.hooks["store.state", Moment.BEFORE] = unreadable
    written = measured(wiring)
    assert (written["RolloutsLookedAt"], written["RolloutsMissed"]) == ([0.0], [1.0])


def test_what_is_left_of_datadogs_queries_is_measured_where_it_is_known(wiring: Wiring) -> None:
    assert "DatadogQueriesLeft" not in measured(wiring)
    wiring.budget.note({"X-RateLimit-Remaining": "99"})
    assert measured(wiring)["DatadogQueriesLeft"] == [99.0]
