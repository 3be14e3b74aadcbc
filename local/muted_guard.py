"""The demo's first act: somebody muted the monitor that guards the rollout, and a start is refused in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.stack import LocalStack, mute, unmute


def refused_start(stack: LocalStack, plan: Mapping[str, Any], monitor_id: int) -> str:
    """Mute the plan's monitor, start the rollout, and unmute it again; the words in which the start was refused.

    They are empty where it was not refused, or for another reason.
    """
    mute(stack, monitor_id)
    try:
        ended = stack.ended(stack.start(plan, f"{plan['rollout']}-muted"))
    finally:
        unmute(stack, monitor_id)
    return str(ended.get("cause", "")) if ended.get("error") == "MonitorMuted" else ""
