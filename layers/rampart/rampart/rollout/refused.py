"""What people are told about a refused start or resume: its only trace, where there is no rollout yet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rampart.finding import Finding
from rampart.plan.model import ROLLOUT_FORM
from rampart.rollout.event import Event, EventKind
from rampart.rollout.state import RolloutState

_MOST_WORDS = 2000
"""Characters of the message; the event keeps every problem."""
_ROLLOUT = re.compile(ROLLOUT_FORM)


def rollout_named_in(document: object) -> str | None:
    """The rollout that an input names; None for a name that no rollout can have."""
    given = document.get("resume", document) if isinstance(document, Mapping) else None
    name = given.get("rollout") if isinstance(given, Mapping) else None
    return name if isinstance(name, str) and _ROLLOUT.fullmatch(name) else None


def refused_event(
    problems: Sequence[Finding],
    rollout: str,
    state: RolloutState | None,
    document: Mapping[str, Any],
    execution: str,
    now: datetime,
) -> Event:
    """The event of a refusal, with every problem; `state` is the record of that name, if there is one."""
    wish = document.get("resume")
    what, asked = ("start", document.get("owner")) if wish is None else ("resume", wish.get("by"))
    message = f"{what} refused: {' '.join(map(str, problems))}"[:_MOST_WORDS]
    details = {"execution": execution, "problems": [each.to_wire() for each in problems]}
    by = str(asked or "rampart")
    if state is not None:
        return state.event(now, EventKind.REFUSED, message, by=by, **details)
    return Event(at=now, kind=EventKind.REFUSED, rollout=rollout, attempt=0, by=by, message=message, details=details)
