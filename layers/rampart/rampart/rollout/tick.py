"""The order in which a tick looks at rollouts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime


def in_turn(rollouts: Sequence[str], now: datetime) -> tuple[str, ...]:
    """The rollouts, beginning at a place that moves with the minute.

    One rollout that ends the process must not be the first each time, or the others would never be looked at.
    """
    if not rollouts:
        return ()
    ordered = sorted(rollouts)
    start = int(now.timestamp() // 60) % len(ordered)
    return tuple(ordered[start:] + ordered[:start])
