"""An outage does not multiply itself: a day of it with ten rollouts, and the day after is quiet."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest

from functions.evaluate import app as evaluate_app
from functions.rollback import app as rollback_app
from rampart.absence import AbsenceReason
from rampart.errors import FlagStoreError, GateError, StoreError
from rampart.evidence.series import Unavailable
from rampart.rollout.state import Status
from tests.unit.functions.outage import NAMES, Day, Inline

pytestmark = pytest.mark.long
DAY = timedelta(days=1)
MOST_WAITING = 2 * len(NAMES)
MOST_AT_ONCE = 5


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without logs, metrics, and threads: one rollout after the other, and each run is the same."""
    monkeypatch.setattr(evaluate_app, "ThreadPoolExecutor", Inline)
    monkeypatch.setattr(rollback_app, "_count", lambda *_: None)
    levels = [(logging.getLogger(app.logger.name), app.logger.log_level) for app in (evaluate_app, rollback_app)]
    for logger, _ in levels:
        logger.setLevel(logging.CRITICAL)
    yield
    for logger, level in levels:
        logger.setLevel(level)


def assert_the_day_after_is_quiet(day: Day) -> None:
    """What waited is done within minutes; then there is nothing but ticks."""
    day.takes = timedelta(seconds=1)
    day.go_on(timedelta(minutes=10))
    assert (day.statuses, day.percentages, day.queue.waiting) == ({Status.ROLLED_BACK}, {0.0}, {})
    day.go_on(timedelta(minutes=20))  # until the rolled-back rollouts are not watched any more
    day.seen.clear()
    day.go_on(DAY)
    assert day.seen.keys() <= {"ticks"}


def test_flipper_is_down_for_a_day_with_ten_halted_rollouts() -> None:
    day = Day()
    day.world.flags.failure = FlagStoreError("no answer")
    day.takes = timedelta(seconds=6)
    for number, name in enumerate(NAMES):  # their monitors alert within a few minutes
        day.later(timedelta(seconds=20 * number), partial(day.alert, name))
    day.go_on(timedelta(minutes=10))  # and Datadog has sent each of them six times
    day.seen["most at once"] = 0
    day.go_on(DAY)
    assert day.statuses == {Status.HALTED}
    assert day.seen["dead letters"] == 0
    assert day.seen["most waiting"] <= MOST_WAITING
    assert len(day.queue.waiting) == len(NAMES), "one for each attempt"
    assert day.seen["most at once"] <= MOST_AT_ONCE
    per_minute = day.seen["flipper"] / DAY.total_seconds() * 60
    assert per_minute <= 5 * len(NAMES), "each is read by the tick, and tried about once a minute"
    day.world.flags.failure = None
    assert_the_day_after_is_quiet(day)


@pytest.mark.parametrize("down", ["DynamoDB", "Step Functions"])
def test_what_a_rollback_records_in_is_down_for_a_day_while_monitors_go_on_alerting(down: str) -> None:
    day = Day()
    world = day.world
    if down == "DynamoDB":
        world.store.failure = StoreError("no answer")
    else:
        world.gates.failure = GateError("no answer")
    day.takes = timedelta(seconds=3)
    day.renew_processes(timedelta(hours=2))
    day.alert_for_a_day()
    day.go_on(DAY)
    assert day.percentages == {0.0}
    assert day.seen["dead letters"] == 0
    assert day.seen["most waiting"] <= MOST_WAITING
    assert len(day.queue.waiting) <= len(NAMES), "one for each attempt"
    assert day.seen["calls"] <= 8 * 24 * 60 * len(NAMES) / 6
    world.store.failure = world.gates.failure = None
    assert_the_day_after_is_quiet(day)


def test_datadog_is_down_for_a_day() -> None:
    """Nothing can be judged: that holds, and calls no one."""
    day = Day()
    nothing = Unavailable(AbsenceReason.UNREACHABLE, "no answer")
    day.world.metrics.script = dict.fromkeys(day.world.metrics.script, nothing)
    day.go_on(DAY)
    assert day.statuses == {Status.LIVE}
    assert (day.seen["calls"], day.seen["queue.put"], day.seen["dead letters"]) == (0, 0, 0)
