"""A rollout begins only next to monitors that could tell of an alert: silence is not health."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rampart.evidence.monitor import MonitorReading, MonitorSilence
from rampart.rollout.event import EventKind
from tests.unit.rollout.world import START, World, assert_ready, errors_of, steady

LETTERS = ("webhook-rampart-letters",)
HOUR = timedelta(hours=1)
CANNOT_SPEAK: dict[str, tuple[dict[str, Any], str, str]] = {
    # what keeps it from speaking, and what a person is told
    "MonitorMuted": ({"muted": (MonitorSilence("env:prod"),)}, "it is muted (env:prod)", "Unmute it"),
    "MonitorInDowntime": (
        {"downtimes": (MonitorSilence("*", START - HOUR, START + 9 * HOUR),)},
        "it is in a downtime (all groups until 2026-03-10 19:00 EDT)",
        "End the downtime",
    ),
    "MonitorIsDraft": ({"is_draft": True}, "it is a draft, which notifies no one", "Publish it"),
    "UnknownMonitor": (
        {"exists": False},
        "it doesn't exist (it may have been deleted)",
        "Correct its id in the plan",
    ),
    "MonitorHasNoData": (
        {"state": "No Data", "since": START - 25 * HOUR, "notify_no_data": True},
        "it has had no data since 2026-03-09 09:00 EDT, longer than 1 day",
        "Correct its query, or start what sends its data",
    ),
    "MonitorNotJudging": (
        {"state": "Ignored"},
        "it is in state 'Ignored', in which it judges nothing",
        "Look at it in Datadog",
    ),
    "MonitorReachesNobody": (
        {"reaches": ("webhook-pager",)},
        "it notifies @webhook-pager when it alerts, not @webhook-rampart-…",
        "Write {{#is_alert}}@webhook-rampart-…{{/is_alert}} into its message",
    ),
}


@pytest.mark.parametrize("error", CANNOT_SPEAK)
def test_neither_start_nor_resume_is_made_beside_a_monitor_that_cannot_speak(world: World, error: str) -> None:
    changes, what, fix = CANNOT_SPEAK[error]
    healthy: dict[str, Any] = {"monitor": 7, "reaches": LETTERS}
    silent = MonitorReading(**(healthy | changes))
    world.metrics.monitors = {7: silent}
    outcome = world.start(monitors=[7, 8])
    assert outcome["problems"] == [
        {"code": error, "severity": "error", "where": "monitors: 7", "message": what, "fix": fix}
    ]
    assert world.told == [EventKind.REFUSED]
    assert [world.store.states, world.store.owners, world.flags.history] == [{}, {}, []]
    world.metrics.monitors = {}
    world.climb(1, monitors=[7, 8])
    world.roll_back()
    world.metrics.monitors = {7: silent}
    assert errors_of(world.resume(1)) == {error: "monitors: 7"}


def test_everything_that_keeps_a_monitor_from_speaking_is_told_at_once(world: World) -> None:
    world.metrics.monitors = {7: MonitorReading(monitor=7, is_draft=True, muted=(MonitorSilence("*"),))}
    outcome = world.start(monitors=[7])
    assert errors_of(outcome).keys() == {"MonitorIsDraft", "MonitorMuted", "MonitorReachesNobody"}


def test_the_webhook_that_the_plan_names_must_be_in_the_message(world: World) -> None:
    world.metrics.monitors = {7: MonitorReading(monitor=7, reaches=LETTERS)}
    assert errors_of(world.start(monitors=[7], webhook="flags")) == {"MonitorReachesNobody": "monitors: 7"}
    assert_ready(world.start(monitors=[7], webhook="rampart-letters"))


EVERYONE = {"kind": "rate", "errors": "e", "total": "t", "below": "8%", "scope": "everyone", "baseline": "1%"}


@pytest.mark.parametrize(
    ("criteria", "notify_no_data", "is_refused"),
    [
        ({"x": EVERYONE}, False, True),
        ({"x": EVERYONE}, True, True),
        ({"x": {**EVERYONE, "scope": "cohort"}}, False, False),
        ({"x": {**EVERYONE, "scope": "cohort"}}, True, True),
        ({"x": EVERYONE, "y": {**EVERYONE, "scope": "cohort"}}, False, False),
        ({"x": {"kind": "value", "query": "v", "below": 2}}, False, True),
    ],
)
def test_a_monitor_without_data_may_start_where_nobody_is_in_the_cohort_yet(
    world: World, criteria: dict[str, Any], notify_no_data: bool, is_refused: bool
) -> None:
    """What guards the flag's own requests has none to see before the start; its owners may know better."""
    world.metrics.script = {"e": steady(10), "t": steady(1000), "v": steady(1000)}
    silent = MonitorReading(
        monitor=7, state="No Data", since=START - 99 * HOUR, reaches=LETTERS, notify_no_data=notify_no_data
    )
    world.metrics.monitors = {7: silent}
    outcome = world.start(monitors=[7], criteria=criteria)
    assert (outcome["outcome"] == "refused") is is_refused
    if is_refused:
        assert errors_of(outcome) == {"MonitorHasNoData": "monitors: 7"}


def test_all_monitors_are_asked_at_once(world: World) -> None:
    assert_ready(world.start(monitors=[7, 8, 9]))
    assert world.calls.count("metrics.monitors") == 1
