"""What people are told about a refused start or resume: its only trace, where there is no rollout yet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from rampart.finding import Finding
from rampart.plan.model import ROLLOUT_FORM
from rampart.rollout.event import Event, EventKind
from rampart.rollout.refusals import MORE_PROBLEMS
from rampart.rollout.state import RolloutState
from rampart.words import count

_MOST_WORDS = 2000
"""Characters of the event's message, and of each part of a problem."""
_MOST_TOLD = 20_000
"""Characters of all problems: a failing execution takes 32,768 for its cause, and 256 KB for what a state hands on."""
_ROLLOUT = re.compile(ROLLOUT_FORM)


def rollout_named_in(document: object) -> str | None:
    """The rollout that an input names; None for a name that no rollout can have."""
    given = document.get("resume", document) if isinstance(document, Mapping) else None
    name = given.get("rollout") if isinstance(given, Mapping) else None
    return name if isinstance(name, str) and _ROLLOUT.fullmatch(name) else None


def told_of(problems: Sequence[Finding]) -> tuple[Finding, ...]:
    """As many problems, from the first on, as fit into an execution's end; the last one says how many are left out."""
    told: list[Finding] = []
    left = _MOST_TOLD
    for number, problem in enumerate(problems):
        short = replace(problem, where=_cut(problem.where), message=_cut(problem.message), fix=_cut(problem.fix))
        left -= len(f"[{short.code}] {short}\n")
        if told and left < 0:
            more = count(len(problems) - number)
            return (*told, MORE_PROBLEMS.at("", f"{more} more are left out"))
        told.append(short)
    return tuple(told)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_WORDS else f"{text[:_MOST_WORDS]}…"


def refused_event(
    problems: Sequence[Finding],
    rollout: str,
    state: RolloutState | None,
    document: Mapping[str, Any],
    execution: str,
    now: datetime,
) -> Event:
    """The event of a refusal, with its problems; `state` is the record of that name, if there is one."""
    wish = document.get("resume")
    what, asked = ("start", document.get("owner")) if wish is None else ("resume", wish.get("by"))
    message = f"{what} refused: {' '.join(map(str, problems))}"[:_MOST_WORDS]
    details = {"execution": execution, "problems": [each.to_wire() for each in told_of(problems)]}
    by = str(asked or "rampart")
    if state is not None:
        return state.event(now, EventKind.REFUSED, message, by=by, **details)
    return Event(at=now, kind=EventKind.REFUSED, rollout=rollout, attempt=0, by=by, message=message, details=details)
