"""`rampart watch`: one rollout on one screen until it ends."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer
from rich.live import Live

from rampart.rollout.state import CLOSED, Status
from rampart_cli.console import stdout
from rampart_cli.failures import ExitCode
from rampart_cli.options import DEFAULT_STACK, AsJson, RolloutName, StackName
from rampart_cli.watching import Screen, Seen, changes_since, lines_since

if TYPE_CHECKING:
    from rampart_cli.stack import Stack


def watch(
    ctx: typer.Context, rollout: RolloutName, *, stack_name: StackName = DEFAULT_STACK, as_json: AsJson = False
) -> None:
    """Watch a rollout on one screen until it ends. Exit code 1 if it was rolled back."""
    stack: Stack = ctx.obj(stack_name)
    seen = Seen.of(stack, rollout)
    if sys.stdout.isatty() and not as_json:
        with Live(Screen(seen), console=stdout(), auto_refresh=False) as live:
            for _ in stack.patience.looks(float("inf")):
                seen = Seen.of(stack, rollout)
                live.update(Screen(seen), refresh=True)
                if _is_over(seen):
                    break
    else:
        before = None
        for _ in stack.patience.looks(float("inf")):
            seen = Seen.of(stack, rollout)
            for line in changes_since(before, seen) if as_json else lines_since(before, seen):
                sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
            before = seen
            if _is_over(seen):
                break
    if seen.state.status is Status.ROLLED_BACK:
        raise typer.Exit(ExitCode.REFUSED)


def _is_over(seen: Seen) -> bool:
    return seen.state.status in CLOSED or seen.state.status is Status.ROLLED_BACK
