"""Records for tests, told by what matters in them: where a rollout stands is made up from what is told about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from rampart.rollout.state import RolloutState, Standing

_PARTS = {
    "stage": "stage",
    "percent": "percent",
    "stage_started": "started",
    "hold_ends": "hold_ends",
    "latest": "latest",
}


def record(**fields: Any) -> RolloutState:
    """A record; `stage`, `percent`, `stage_started`, `hold_ends` and `latest` are parts of where it stands, if it does.

    What is not told about a stage: the flags are at 0%, and its hold of an hour begins with the record.
    """
    told = {part: fields[name] for name, part in _PARTS.items() if name in fields}
    fields = {name: value for name, value in fields.items() if name not in _PARTS}
    if told.get("stage") is not None:
        fields["standing"] = standing(fields["started"], **told)
    return RolloutState.model_validate(fields)


def standing(since: datetime, *, stage: int = 0, percent: float = 0.0, **told: Any) -> Standing:
    """Where a rollout stands, with a hold of an hour where none is told."""
    known = {"stage": stage, "percent": percent, "started": since, "hold_ends": since + timedelta(hours=1)}
    return Standing.model_validate(known | told)


def restood(state: RolloutState, **changes: Any) -> RolloutState:
    """The same version of a record, with something else in where it stands."""
    assert state.standing is not None
    return state.changed(standing=state.standing.changed(**changes))
