"""The order in which a tick looks at rollouts, and how many rollbacks it repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from rampart.rollout.ports import RollbackCaller
from rampart.rollout.request import Cause, RollbackRequest

REPEATED = 2
"""How many unfinished rollbacks one tick repeats; the queue repeats them all, and an outage halts many at once."""


def in_turn(rollouts: Sequence[str], now: datetime) -> tuple[str, ...]:
    """The rollouts, beginning at a place that moves with the minute.

    One rollout that ends the process must not be the first each time, or the others would never be looked at.
    """
    if not rollouts:
        return ()
    ordered = sorted(rollouts)
    start = int(now.timestamp() // 60) % len(ordered)
    return tuple(ordered[start:] + ordered[:start])


@dataclass(slots=True)
class Rationed:
    """The caller of `rollback` for one tick: of what is only repeated it passes on a few, and the next tick others."""

    caller: RollbackCaller
    left: int = REPEATED
    lock: Lock = field(default_factory=Lock)

    def call(self, request: RollbackRequest) -> None:
        """Ask for a rollback, unless it is one repetition too many."""
        if request.queued and request.cause is Cause.EXECUTION:
            with self.lock:
                self.left -= 1
                if self.left < 0:
                    return
        self.caller.call(request)
