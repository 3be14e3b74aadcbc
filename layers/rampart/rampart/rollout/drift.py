"""Drift: a flag that is not at its rollout's record, and what the plan does about it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from rampart.model import Model
from rampart.plan.model import OnDrift, OnFall, OnRise
from rampart.plan.stage import Member
from rampart.rollout.request import Cause
from rampart.words import percentage


class DriftSide(StrEnum):
    """On which side of the record a flag is."""

    ABOVE = "above"
    """It lets more people in than the record says."""
    BELOW = "below"
    """It lets fewer people in, or does not exist any more."""
    UNREAD = "unread"
    """No one knows: it cannot be read."""


class Drift(Model):
    """Where one flag is not at the record; percentages are 0 to 100."""

    side: DriftSide
    flag: str
    reads: float | None = None
    """What it reads; None where it cannot be read, or does not exist any more."""
    record: float
    member: Member | None = None
    """Who is let in by name, or is not any more, where that is what differs."""
    since: datetime | None = None
    """When it was first noticed; None where the first version stored it."""
    why: str = ""
    """Why it cannot be read, in the flag store's words."""

    def is_known(self, known: Drift | None) -> bool:
        """Whether people were told about this drift, whenever that was."""
        return known is not None and known.changed(since=self.since, why=self.why) == self

    def __str__(self) -> str:
        if self.side is DriftSide.UNREAD:
            why = f" ({self.why})" if self.why else ""
            return f"{self.flag} can't be read, so Rampart can't confirm {percentage(self.record)}{why}"
        if self.member is not None:
            what = "is let in" if self.side is DriftSide.ABOVE else "isn't let in any more"
            return f"{self.flag} was changed outside Rampart: {self.member} {what}"
        found = "but it no longer exists" if self.reads is None else f"found {percentage(self.reads)}"
        return f"{self.flag} was changed outside Rampart: expected {percentage(self.record)}, {found}"


def cause_of(drift: Drift | None, policy: OnDrift) -> Cause | None:
    """What a drift asks `rollback` for; None where the stage is held at most."""
    match drift.side if drift else None:
        case DriftSide.ABOVE:
            return Cause.RESTORE if policy.above is OnRise.RESTORE else Cause.DRIFT
        case DriftSide.BELOW if policy.below is OnFall.ROLL_BACK:
            return Cause.DRIFT
    return None
