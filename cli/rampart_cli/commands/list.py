"""`rampart list`: one line for each rollout, those that need a person first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rampart.rollout.remains import CLEANUP_STEPS
from rampart.rollout.state import Status
from rampart.words import length, timestamp
from rampart_cli.console import show, table, words
from rampart_cli.options import DEFAULT_STACK, AsJson, StackName
from rampart_cli.overview import in_order, one_line_each
from rampart_cli.view import situation_view
from rampart_cli.whole_stack import about

if TYPE_CHECKING:
    from datetime import datetime

    from rampart.rollout.situation import Situation
    from rampart.rollout.state import RolloutState
    from rampart_cli.stack import Stack

Finished = Annotated[
    bool, typer.Option("--finished", help="Show completed rollouts whose flags wait to be removed, and how.")
]
All = Annotated[bool, typer.Option("--all", help="Also show completed and abandoned rollouts.")]


def list_rollouts(
    ctx: typer.Context,
    *,
    everything: All = False,
    finished: Finished = False,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """List every rollout that is live or waits for a person, however long ago it stopped."""
    stack: Stack = ctx.obj(stack_name)
    if finished:
        _show_finished(stack, as_json=as_json)
        return
    frozen = stack.records.freeze()
    found = in_order(stack, [*stack.open_rollouts(), *(stack.finished_rollouts() if everything else ())], frozen)
    none = "No rollout is live or waits for a person." + ("" if everything else " Finished ones: rampart list --all")
    told = one_line_each(found, stack.now()) if found else words(none, "dim")
    show([_document(*each) for each in found], *about(stack, frozen, as_json=as_json), told, as_json=as_json)


def _document(state: RolloutState, situation: Situation) -> dict[str, Any]:
    return {
        "rollout": state.rollout,
        "title": state.plan.title or state.rollout,
        "status": state.status.value,
        "attempt": state.attempt,
        "percent": state.percent,
        "stage": state.stage,
        "stages": len(state.plan.stages),
        "situation": situation_view(situation),
    }


def _show_finished(stack: Stack, *, as_json: bool) -> None:
    """The completed rollouts whose flags are still there, the longest first, and what to do about them."""
    left = [state for state in stack.finished_rollouts() if state.status is Status.COMPLETED]
    left = sorted((each for each in left if not (each.remains and each.remains.gone)), key=lambda each: each.updated)
    now = stack.now()
    rows = [(state, state.remains.reads if state.remains else state.reach, _since(state)) for state in left]
    if not left:
        show([], words("No completed rollout has a flag that waits to be removed.", "dim"), as_json=as_json)
        return
    show(
        [
            {
                "rollout": state.rollout,
                "owner": state.plan.owner,
                "flags": list(state.plan.flags),
                "reads": at,
                "since": timestamp(since),
                "looked": timestamp(state.remains.looked) if state.remains else None,
                "evidence": state.evidence_in_words,
            }
            for state, at, since in rows
        ],
        table(
            ("rollout", "owner", "flags", "at", "for"),
            [
                (words(s.rollout, "bold"), s.plan.owner, ", ".join(s.plan.flags), at, length(now - since))
                for s, at, since in rows
            ],
        ),
        words(CLEANUP_STEPS, "dim"),
        as_json=as_json,
    )


def _since(state: RolloutState) -> datetime:
    return state.remains.since if state.remains else state.updated
