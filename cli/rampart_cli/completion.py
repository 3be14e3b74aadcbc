"""What the shell completes: rollouts, open gates, and stages; a question to AWS that fails completes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rampart_cli.stack import Stack

Found = list[tuple[str, str]]
"""What may be typed, each with what it means."""


def complete_rollout(ctx: typer.Context, incomplete: str) -> Found:
    """The rollouts that are live or wait for a person."""
    return _beginning_with(incomplete, ctx, lambda stack: ((each.rollout, "") for each in stack.open_rollouts()))


def complete_gate(ctx: typer.Context, incomplete: str) -> Found:
    """The open gate of the rollout that was typed before."""
    return _beginning_with(incomplete, ctx, lambda stack: _gate(stack, ctx))


def complete_stage(ctx: typer.Context, incomplete: str) -> Found:
    """The stages of the rollout that was typed before, by percentage and by name."""
    return _beginning_with(incomplete, ctx, lambda stack: _stages(stack, ctx))


def _rollout(ctx: typer.Context) -> str:
    """The rollout that was typed before; an option without its value yet keeps it from being parsed."""
    return str(ctx.params.get("rollout") or ctx.args[0])


def _gate(stack: Stack, ctx: typer.Context) -> Iterable[tuple[str, str]]:
    gate = stack.records.gate(_rollout(ctx))
    return [] if gate is None or gate.answer is not None else [(gate.id, gate.kind.value)]


def _stages(stack: Stack, ctx: typer.Context) -> Iterable[tuple[str, str]]:
    for stage in stack.state(_rollout(ctx)).plan.stages:
        if stage.percent:
            yield f"{stage.percent:g}%", stage.name or ""
        if stage.name:
            yield stage.name, stage.reach


def _beginning_with(incomplete: str, ctx: typer.Context, ask: Callable[[Stack], Iterable[tuple[str, str]]]) -> Found:
    try:
        found = list(ask(ctx.find_root().obj(ctx.params["stack_name"])))
    except Exception:  # noqa: BLE001 -- whatever goes wrong, a person at a prompt must not see a traceback
        return []
    return [(word, means) for word, means in found if word.startswith(incomplete)]
