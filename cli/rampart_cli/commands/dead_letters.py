"""`rampart dead-letters`: what could not be done, and doing it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rampart.rollout.state import Status
from rampart.words import second
from rampart_cli.console import show, table, words
from rampart_cli.failures import RefusedError
from rampart_cli.options import DEFAULT_STACK, AsJson, StackName

if TYPE_CHECKING:
    from rampart_cli.stack import Stack

Most = Annotated[int, typer.Option("--most", min=1, max=1000, metavar="N", help="Maximum number of messages to read.")]
Rollouts = Annotated[
    list[str] | None,
    typer.Option(
        "--rollout",
        metavar="ROLLOUT",
        help="Search this rollout for unsent events too, besides the watched ones; may be repeated.",
    ),
]

_EMPTY = ("The dead-letter queue is empty", "green")


def list_letters(
    ctx: typer.Context, *, most: Most = 100, stack_name: StackName = DEFAULT_STACK, as_json: AsJson = False
) -> None:
    """Show failed operations in the dead-letter queue, and what each message is. Changes nothing."""
    stack: Stack = ctx.obj(stack_name)
    queue = stack.dead_letters()
    letters = queue.take(most)
    queue.put_back(letters)
    rows = [(second(each.sent), each.kind.value, each.about, each.why) for each in letters]
    told = table(("sent", "kind", "about", "why"), rows) if letters else words(*_EMPTY)
    undone = [] if as_json else [state.rollout for state in stack.open_rollouts() if state.status is Status.HALTED]
    still = [words(f"The rollback of {each} isn't done yet: rampart status {each}", "bold red") for each in undone]
    show([each.to_dict() for each in letters], told, *still, as_json=as_json)


def redrive(
    ctx: typer.Context,
    *,
    rollouts: Rollouts = None,
    most: Most = 100,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Retry failed operations; a message is deleted only when its operation succeeds. Exit code 1 if any stays."""
    stack: Stack = ctx.obj(stack_name)
    queue = stack.dead_letters()
    looked_at = list(dict.fromkeys([*(rollouts or ()), *stack.records.watched()]))
    redriven = [queue.redrive(letter, stack.records, looked_at) for letter in queue.take(most)]
    ends = {True: words("done", "green"), False: words("stays", "red")}
    rows = [(each.letter.kind.value, each.letter.about, ends[each.done], each.told) for each in redriven]
    told = table(("kind", "about", "", "told"), rows) if redriven else words(*_EMPTY)
    show([each.to_dict() for each in redriven], told, as_json=as_json)
    if not all(each.done for each in redriven):
        raise typer.Exit(RefusedError.exit_code)
