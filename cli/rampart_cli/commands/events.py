"""`rampart events`: what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from rampart.words import in_words, weekday_and_second
from rampart_cli.console import show, table
from rampart_cli.options import DEFAULT_STACK, AsJson, Last, RolloutName, StackName
from rampart_cli.people import who, with_people
from rampart_cli.view import at_percent, event_view

if TYPE_CHECKING:
    from rampart_cli.stack import Stack


def events(
    ctx: typer.Context,
    rollout: RolloutName,
    *,
    last: Last = None,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """List everything that happened to a rollout, oldest first."""
    stack: Stack = ctx.obj(stack_name)
    zone = stack.state(rollout).plan.zone
    found = dict(list(stack.records.events(rollout).items())[-(last or 0) :])
    found = with_people(stack.records, found)
    rows = [
        (weekday_and_second(e.at, zone), str(e.attempt), at_percent(e), in_words(e.kind), who(e), e.message)
        for e in found.values()
    ]
    show(
        [{"id": f"{rollout}/{key}", **event_view(event)} for key, event in found.items()],
        table(("when", "attempt", "at", "what", "who", "in words"), rows),
        as_json=as_json,
    )
