"""The alerts that the function `rollback` answered: its log keeps one line for each, whatever became of it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rampart.words import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ANSWERED = "alert answered"
"""The message of the lines, as the function writes it."""
_WHY = {401: "no token, or a wrong one", 503: "the rollback isn't confirmed yet; Datadog sends the alert again"}
"""What the answer itself doesn't say to strangers."""


@dataclass(frozen=True, slots=True)
class AnsweredAlert:
    """One alert; what it said is empty where it couldn't be understood, or came without the token."""

    at: datetime
    status: int
    outcome: str
    why: str
    transition: str
    monitor: str
    title: str
    flags: tuple[str, ...]
    rollouts: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "at": timestamp(self.at),
            "status": self.status,
            "outcome": self.outcome,
            "why": self.why,
            "transition": self.transition,
            "monitor": self.monitor,
            "title": self.title,
            "flags": list(self.flags),
            "rollouts": list(self.rollouts),
        }


def answered_since(lines: Iterable[tuple[datetime, str]]) -> list[AnsweredAlert]:
    """The alerts among the lines of a log, in order of time; other lines are passed over."""
    found = []
    for at, line in lines:
        with suppress(ValueError, TypeError, KeyError):
            said = json.loads(line)
            if said["message"] == ANSWERED:
                found.append(_alert(at.astimezone(UTC), said))
    return sorted(found, key=lambda each: each.at)


def _alert(at: datetime, said: Mapping[str, Any]) -> AnsweredAlert:
    status, answer, alert = int(said["status"]), json.loads(said["answer"]), said.get("alert") or {}
    rollouts = tuple(map(str, answer.get("rollouts", ())))
    why = str(answer.get("why") or _WHY.get(status) or ", ".join(rollouts))
    return AnsweredAlert(
        at=at,
        status=status,
        outcome=str(answer.get("outcome") or answer.get("error") or ""),
        why=why,
        transition=str(alert.get("transition", "")),
        monitor=str(alert.get("monitor", "")),
        title=str(alert.get("title", "")),
        flags=tuple(map(str, alert.get("flags", ()))),
        rollouts=rollouts,
    )
