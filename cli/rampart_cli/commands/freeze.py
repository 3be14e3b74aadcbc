"""`rampart freeze` and `rampart thaw`: stop every advance of a stack at once, and let rollouts advance again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from rampart.errors import ConflictError
from rampart.rollout.freeze import UNTIL_THAWED, Freeze
from rampart.words import timestamp
from rampart_cli.console import show, words
from rampart_cli.decisions import who_decides
from rampart_cli.failures import InputError, RefusedError
from rampart_cli.options import DEFAULT_STACK, AsJson, By, Note, RequiredNote, StackName

if TYPE_CHECKING:
    from rampart_cli.stack import Stack


def freeze(
    ctx: typer.Context,
    *,
    note: RequiredNote = "",
    by: By = None,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Stop every advance of a stack at once, until someone thaws it. Rollbacks continue."""
    if not note.strip():
        raise InputError("a freeze needs a note that says why", name="NoteMissing", fix='Add --note "…".')
    stack: Stack = ctx.obj(stack_name)
    now = _now()
    wanted = Freeze(by=who_decides(stack, by), note=note.strip(), at=now)
    try:
        stack.records.put_freeze(wanted, wanted.begun)
    except ConflictError:
        stands = stack.records.freeze()
        if stands is None:
            raise
        _tell(stands, f"It is frozen already: {stands}", as_json=as_json)
        return
    _tell(wanted, f"{wanted}. {UNTIL_THAWED}", as_json=as_json)


def thaw(
    ctx: typer.Context,
    *,
    note: Note = "",
    by: By = None,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Let the rollouts of a stack advance again after a freeze."""
    stack: Stack = ctx.obj(stack_name)
    stands = stack.records.freeze()
    if stands is None:
        _tell(None, "Nothing is frozen", as_json=as_json)
        return
    ended = stands.ended(who_decides(stack, by), _now(), note.strip())
    try:
        stack.records.lift_freeze(stands, ended)
    except ConflictError as error:
        raise RefusedError(
            "someone else froze or thawed the stack at the same moment", fix="See how it stands: rampart status"
        ) from error
    _tell(None, f"{ended.message}.", as_json=as_json)


def _tell(stands: Freeze | None, told: str, *, as_json: bool) -> None:
    document = None if stands is None else {"by": stands.by, "note": stands.note, "at": timestamp(stands.at)}
    show({"frozen": document}, words(told, "bold yellow" if stands else "green"), as_json=as_json)


def _now() -> datetime:
    """Now, in the whole milliseconds in which times are stored."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
