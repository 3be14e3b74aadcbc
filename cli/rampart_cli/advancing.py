"""After an answer: waiting until the flag was read at the next stage, or what kept it from going there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rampart.rollout.event import EventKind
from rampart.rollout.state import Status
from rampart.words import duration, status_in_words
from rampart_cli.failures import RefusedError, UnreachableError
from rampart_cli.waiting import ToldWait

if TYPE_CHECKING:
    from rampart.rollout.state import RolloutState
    from rampart_cli.stack import Stack


def wait_for_advance(
    stack: Stack, before: RolloutState, gate: str, limit: float, *, as_json: bool = False
) -> RolloutState:
    """Wait until the answer of a gate moved the rollout; the record after that.

    Raises RefusedError when it was held or the attempt is over, UnreachableError after `limit` seconds.
    """
    status = f"Check status: rampart status {before.rollout}"
    wait = ToldWait(stack=stack, rollout=before.rollout, execution=before.execution, as_json=as_json)
    for _ in wait.looks(limit):
        state = stack.state(before.rollout)
        if state.passed_gate == gate and state.attempt == before.attempt and state.status in _WENT_ON:
            return state
        if state.status is not Status.LIVE or state.attempt != before.attempt:
            raise RefusedError(
                f"the answer is recorded, but {state.rollout} is {status_in_words(state.status)}: it didn't advance",
                name="RolledBack",
                fix=status,
            )
        is_over = state.gate is None or state.gate.id != gate
        if is_over and (why := _why_held(stack, before.rollout, gate)) is not None:
            raise RefusedError(
                f"the answer is recorded, but {state.rollout} didn't advance: {why}",
                name="Held",
                fix=f"You will be asked again with fresh evidence. {status}",
            )
    raise UnreachableError(
        f"the answer is recorded, but {before.rollout} isn't at the next stage after {duration(limit)}",
        name="StillAdvancing",
        fix=f"It continues by itself. {status}",
    )


_WENT_ON = (Status.LIVE, Status.COMPLETED)


def _why_held(stack: Stack, rollout: str, gate: str) -> str | None:
    """Why the answer of a gate was held; None where it was not."""
    held = (
        event
        for event in reversed([*stack.records.events(rollout).values()])
        if event.kind is EventKind.HELD and event.details.get("gate") == gate
    )
    event = next(held, None)
    return (
        None
        if event is None
        else event.message.removeprefix("not advanced: ").removesuffix("; you will be asked again")
    )
