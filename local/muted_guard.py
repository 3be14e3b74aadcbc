"""The demo's first part: the monitor that guards the rollout is muted, and a start is refused with the reason."""

from __future__ import annotations

from typing import Any

from local.demo_run import Demo, DemoFailedError, wait_for
from local.stack import mute, unmute

REFUSED = "MonitorMuted"
"""The name of the error with which such a start ends."""


def refuse_a_muted_guard(demo: Demo, monitor_id: int) -> None:
    """Mute the plan's monitor, check that the start is refused and leaves nothing, and unmute it again.

    The refusal's message becomes `demo.refusal`; raises DemoFailedError if the start wasn't refused, was refused for
    another reason, or wrote anything.
    """
    demo.timeline.say("       (someone muted the monitor that guards this rollout)", "magenta")
    mute(demo.stack, monitor_id)
    try:
        ended = _end_of_start(demo)
    finally:
        unmute(demo.stack, monitor_id)
    if ended.get("error") != REFUSED:
        instead = f"{ended['error']}: {ended.get('cause')}" if "error" in ended else "it began"
        raise DemoFailedError(f"a start with a muted monitor wasn't refused with {REFUSED}: {instead}")
    has_written = any(request["method"] != "GET" for request in demo.stack.flipper.requests)
    if has_written or demo.store.state(demo.rollout) is not None:
        raise DemoFailedError("a refused start left a record, or wrote a flag")
    demo.refusal = str(ended["cause"])
    percent = demo.stack.flipper.percentage(demo.flag)
    demo.timeline.say(f"{percent:>4g}%  start refused    {demo.refusal}", "yellow")
    demo.timeline.say("       (the monitor is unmuted, and the same plan starts again)", "magenta")


def _end_of_start(demo: Demo) -> dict[str, Any]:
    """Start the rollout and return how it ended; a start that isn't refused has a record and is still running."""
    execution = demo.stack.start(demo.plan, f"{demo.rollout}-muted")
    ended: dict[str, Any] = {}

    def has_ended_or_begun() -> bool:
        ended.update(demo.stack.machines.describe_execution(executionArn=execution))
        return ended["status"] != "RUNNING" or demo.store.state(demo.rollout) is not None

    wait_for("the start to be refused", has_ended_or_begun)
    return ended
