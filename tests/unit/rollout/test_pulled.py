"""What should be pushed is also pulled: the plan's monitors are asked at each look and again before a step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rampart.errors import MonitorsUnreadableError
from rampart.evidence.monitor import MonitorReading, MonitorSilence
from rampart.evidence.verdict import Verdict
from rampart.rollout.advance import Advance
from rampart.rollout.event import EventKind
from rampart.rollout.gate import DecisionKind, GateKind
from rampart.rollout.request import Cause
from rampart.rollout.state import Status
from tests.doubles import Moment
from tests.unit.rollout.world import EXECUTION, PLAN, ROLLOUT, CrashError, World, crash

GUARDED: dict[str, Any] = {"monitors": [77, 78]}
ALONE = [PLAN["stages"][0], {"percent": 25, "hold": "1h", "approval": "none"}]
OURS = ("webhook-rampart-letters",)
MUTED = MonitorReading(monitor=77, muted=(MonitorSilence("*"),), reaches=OURS)
SILENT = {
    "muted": MUTED,
    "in a downtime": MonitorReading(monitor=77, downtimes=(MonitorSilence("env:prod"),), reaches=OURS),
    "a draft": MonitorReading(monitor=77, is_draft=True, reaches=OURS),
    "deleted": "unknown",
    "another's": MonitorReading(monitor=77, reaches=("webhook-pager",)),
    "without a handle": MonitorReading(monitor=77),
    "skipped": "Skipped",
}


def look(world: World, **time: float) -> Verdict | None:
    world.wait(**(time or {"minutes": 5}))
    return world.tick().verdict


def test_a_monitor_that_turned_red_and_whose_webhook_was_lost_rolls_back(world: World) -> None:
    world.climb(1, **GUARDED)
    world.metrics.monitors[77] = "Alert"
    look(world)
    assert world.causes == [Cause.EVIDENCE]
    assert "monitor 77 has been alerting" in world.queue.called[0].reason
    world.deliver()
    assert (world.percent, world.status) == (0, Status.ROLLED_BACK)


def test_a_plan_may_hold_instead_and_then_only_an_override_goes_on(world: World) -> None:
    world.climb(0, **GUARDED, on_alerting="hold")
    world.metrics.monitors[77] = "Alert"
    asked = world.bake()
    assert (asked["verdict"], asked["decision"], asked["question"]["unmet"]) == ("fail", "override", ["monitor 77"])
    assert world.queue.called == []
    gate = world.ask(asked)
    world.answer(gate)
    assert world.advance(gate)["outcome"] == "stale"
    gate = world.approved(DecisionKind.OVERRIDE)
    assert world.advance(gate)["outcome"] == "advanced"
    look(world)
    assert world.queue.called == [], "it is waived through the next stage"


def test_a_waiver_of_one_alert_does_not_cover_the_next_one(world: World) -> None:
    world.climb(0, **GUARDED, on_alerting="hold")
    world.metrics.monitors[77] = MonitorReading(monitor=77, state="Alert", since=world.clock.now(), reaches=OURS)
    assert world.advance(world.approved(DecisionKind.OVERRIDE))["outcome"] == "advanced"
    look(world, minutes=15)
    assert world.state.effective_verdict == "waived"
    world.metrics.monitors[77] = MonitorReading(
        monitor=77, state="Alert", since=world.clock.now() + timedelta(minutes=1), reaches=OURS
    )
    look(world)
    assert world.state.effective_verdict is Verdict.FAIL


def test_no_stage_without_approval_begins_beside_a_red_monitor(world: World) -> None:
    world.climb(0, stages=ALONE, on_alerting="hold", **GUARDED)
    world.metrics.monitors[77] = "Alert"
    assert world.bake()["outcome"] == "ask"


@pytest.mark.parametrize("said", ["Alert", "Skipped", "unknown", MUTED])
def test_a_monitor_is_asked_again_before_the_step(world: World, said: Any) -> None:
    """It turned red, or was muted, between the last look and the answer."""
    world.climb(0, **GUARDED)
    gate = world.approved()
    world.metrics.monitors[77] = said
    outcome = world.advance(gate)
    assert outcome["outcome"] == "stale"
    assert outcome["why"].startswith("monitor 77")
    assert (world.percent, world.told[-1]) == (1, EventKind.HELD)


@pytest.mark.parametrize("said", ["Alert", "Skipped", "unknown", MUTED])
@pytest.mark.parametrize("moment", list(Moment))
def test_a_step_that_is_repeated_asks_the_monitors_again(world: World, moment: Moment, said: Any) -> None:
    world.climb(0, **GUARDED)
    gate = world.approved()
    world.hooks["flags.set_percentage", moment] = crash
    with pytest.raises(CrashError):
        world.advance(gate)
    world.metrics.monitors[77] = said
    outcome = world.advance(gate)
    assert (outcome["outcome"], world.percent) == ("stale", 1)
    assert outcome["why"].startswith("monitor 77")
    assert world.state.intent is None


def test_a_step_without_approval_and_the_end_ask_again_too(world: World) -> None:
    world.climb(0, stages=ALONE, **GUARDED)
    gate = world.baked()
    world.metrics.monitors[78] = "Alert"
    assert world.advance(gate)["outcome"] == "stale"
    world.metrics.monitors.clear()
    assert world.advance(world.baked())["outcome"] == "advanced"
    gate = world.baked()
    world.metrics.monitors[78] = "Alert"
    assert world.advance(gate)["outcome"] == "stale"
    assert world.status is Status.LIVE


def test_nothing_goes_up_while_the_monitors_cannot_be_read(world: World) -> None:
    world.climb(0, **GUARDED)
    gate = world.approved()
    world.metrics.failure = MonitorsUnreadableError("Datadog answered 403")
    assert "Datadog answered 403" in world.advance(gate)["why"]
    assert world.percent == 1


def test_monitors_that_cannot_be_read_are_blindness_and_no_health(world: World) -> None:
    world.climb(0, **GUARDED)
    world.open_gate(GateKind.BAKE)
    world.metrics.failure = MonitorsUnreadableError("Datadog did not answer in 10 s")
    assert look(world) is Verdict.ERROR
    assert world.gates.kept_alive == []
    assert world.queue.called == []


@pytest.mark.parametrize("said", SILENT.values(), ids=SILENT)
def test_a_guard_that_cannot_speak_is_told_once_and_shown_at_the_approval(world: World, said: Any) -> None:
    world.climb(0, **GUARDED)
    look(world, minutes=15)
    world.forget()
    world.metrics.monitors[77] = said
    for _ in range(3):
        look(world)
    told = [event.message for event in world.store.told if "monitor 77" in event.message]
    assert len(told) == 1
    assert world.queue.called == []
    asked = world.bake()
    assert (asked["verdict"], asked["decision"]) == ("no_data", "override")
    assert "monitor 77" in asked["evidence"]["monitor 77"]


def test_no_data_is_a_finding_only_after_a_day_of_the_stage(world: World) -> None:
    world.climb(0, monitors=[77], stages=[{"percent": 1, "hold": "10d"}])
    silent_for_long = world.clock.now() - timedelta(days=30)
    world.metrics.monitors[77] = MonitorReading(monitor=77, state="No Data", since=silent_for_long, reaches=OURS)
    assert look(world, hours=23) is Verdict.PASS
    assert look(world, hours=2) is Verdict.NO_DATA


def test_all_monitors_are_asked_at_once_and_only_when_a_look_is_due(world: World) -> None:
    world.climb(0, **GUARDED)
    look(world, minutes=15)
    world.calls.clear()
    for _ in range(5):
        look(world, minutes=1)
    assert world.calls.count("metrics.monitors") == world.calls.count("metrics.read") == 1


def test_a_plan_without_monitors_asks_for_none(world: World) -> None:
    world.climb(1)
    look(world)
    assert "metrics.monitors" not in world.calls


def test_an_advance_without_a_metric_source_refuses_a_plan_with_monitors(world: World) -> None:
    world.climb(0, **GUARDED)
    gate = world.approved()
    blind = Advance(store=world.store, flags=world.flags, clock=world.clock)
    outcome = blind(rollout=ROLLOUT, attempt=1, execution=EXECUTION, gate=gate)
    assert "there is no metric source to ask" in (outcome.why or "")
    assert world.percent == 1
