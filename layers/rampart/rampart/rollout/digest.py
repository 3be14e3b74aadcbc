"""The digest: where every open rollout stands, in one notice, as often as the stack's schedule asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rampart.rollout.event import EVERY_ROLLOUT, Event, EventKind
from rampart.rollout.freeze import Freeze
from rampart.rollout.ports import Clock, RolloutStore
from rampart.rollout.situation import Situation, Urgency, situation_of
from rampart.rollout.state import CLOSED, RolloutState, Status
from rampart.words import counted

Open = tuple[RolloutState, Situation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Tells of every open rollout at once."""

    store: RolloutStore
    clock: Clock

    def __call__(self) -> int:
        """Keep the digest as an event, from which people are told; how many rollouts are open. Raises StoreError.

        Where none is open, nothing is told.
        """
        now, frozen = self.clock.now(), self.store.freeze()
        rollouts = dict.fromkeys([*self.store.watched(), *self.store.unwatched(Status.ROLLED_BACK)])
        states = [state for each in rollouts if (state := self.store.state(each)) and state.status not in CLOSED]
        found = [(each, situation_of(each, self.store.gate(each.rollout), now, frozen)) for each in states]
        if found:
            self.store.note(digest_of(found, frozen, now))
        return len(found)


def digest_of(found: Sequence[Open], frozen: Freeze | None, now: datetime) -> Event:
    """The event: its message has a line for each rollout, what waits for a person first."""
    waiting = [each for each in found if each[1].urgency is not Urgency.NONE]
    summary = f"{counted(len(found), 'rollout')} open, {len(waiting) or 'none'} waiting for a person"
    lines = [f"{summary}.", *([f"{frozen}."] if frozen else [])]
    for state, situation in sorted(found, key=_place):
        lines.append(f"- {state.plan.title or state.rollout} ({state.rollout}): {situation.headline}. {situation.next}")
    lines.append("Commands that answer: rampart status ROLLOUT")
    return Event(
        at=now,
        kind=EventKind.DIGEST,
        rollout=EVERY_ROLLOUT,
        attempt=0,
        message="\n".join(line.rstrip() for line in lines),
        details={"summary": summary},
    )


def _place(each: Open) -> tuple[int, datetime]:
    return -list(Urgency).index(each[1].urgency), each[1].since
