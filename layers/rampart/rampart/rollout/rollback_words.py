"""What is said of a rollback: that it is asked for, and that it is done."""

from __future__ import annotations

from collections.abc import Sequence

from rampart.rollout.flag import FlagReading
from rampart.rollout.request import RollbackRequest
from rampart.rollout.state import RolloutState
from rampart.words import percentage


def pending(before: RolloutState, request: RollbackRequest, up: Sequence[str]) -> str:
    """That a rollback was asked for and is not done: which flags are not confirmed, or that an advance is in flight."""
    why = f"not yet confirmed at 0%: {', '.join(up)}" if up else "an advance is in flight"
    return f"rolling back from {percentage(before.percent)}: {request.reason} ({why}; Rampart keeps trying)"


def rolled_back(before: RolloutState, request: RollbackRequest, readings: Sequence[FlagReading]) -> str:
    """What every flag was read at, what did not exist, and what stays open on purpose."""
    readings = [reading for reading in readings if reading.flag in before.plan.flags]
    absent = [reading.flag for reading in readings if not reading.exists]
    there = [flag for flag in before.plan.flags if flag not in absent]
    left = [f"{reading.flag}: {', '.join(reading.left_open)}" for reading in readings if reading.left_open]
    told = [f"{', '.join(there)} read at 0%"] if there else []
    told += [f"{', '.join(absent)} did not exist, so nothing was written there"] if absent else []
    still = f"; still open for {'; '.join(left)}" if left else ""
    return f"{'; '.join(told)}: {request.reason}{still}"
