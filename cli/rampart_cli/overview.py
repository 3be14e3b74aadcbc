"""One line for each rollout, those that need a person first: what `rampart list` and a bare `rampart status` show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rampart.rollout.situation import Situation, Urgency, situation_of
from rampart.words import length
from rampart_cli.console import URGENCY_STYLES, table, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from rich.console import RenderableType

    from rampart.rollout.freeze import Freeze
    from rampart.rollout.state import RolloutState
    from rampart_cli.stack import Stack

_FIRST = {Urgency.PAGE: 0, Urgency.ACT: 1, Urgency.NONE: 2}


def in_order(
    stack: Stack, states: Iterable[RolloutState], frozen: Freeze | None
) -> list[tuple[RolloutState, Situation]]:
    """Each rollout with where it stands, the most urgent first, and then by name."""
    now = stack.now()
    found = [(state, situation_of(state, stack.records.gate(state.rollout), now, frozen)) for state in states]
    return sorted(found, key=lambda each: (_FIRST[each[1].urgency], each[0].rollout))


def one_line_each(found: Sequence[tuple[RolloutState, Situation]], now: datetime) -> RenderableType:
    """Where each rollout is, what it waits for, and for how long."""
    rows = [
        (
            words(state.rollout, "bold"),
            state.reach,
            _stage(state),
            words(situation.headline, URGENCY_STYLES[situation.urgency]),
            length(now - situation.since),
        )
        for state, situation in found
    ]
    return table(("rollout", "at", "stage", "", "for"), rows)


def _stage(state: RolloutState) -> str:
    return "-" if state.stage is None else f"{state.stage + 1}/{len(state.plan.stages)}"
