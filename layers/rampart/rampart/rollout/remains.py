"""What remains of a completed rollout: flags that do nothing any more, until someone removes them."""

from __future__ import annotations

from datetime import datetime

from rampart.model import Model

CLEANUP_STEPS = "Remove the flag's check from the code, deploy that, then delete the flag in Flipper."
"""What is left to do once a rollout is complete."""


class Remains(Model):
    """What the last look at the flags of a completed rollout found."""

    looked: datetime
    reads: str
    """What they read, in words."""
    since: datetime
    """Since when they read that, as far as looks tell."""
    told: datetime | None = None
    """When their owners last heard that they wait to be removed."""
    gone: bool = False
    """Whether they are removed: then no one looks any more."""
