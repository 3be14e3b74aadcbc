"""`rampart datadog`: make, keep up to date, and remove what a plan needs in Datadog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from rampart.rollout.state import Status
from rampart.words import counted
from rampart_cli.console import clean, show, words
from rampart_cli.datadog.account import page_of
from rampart_cli.datadog.changes import Action, Change
from rampart_cli.datadog.sync import SyncSteps, apply, changes_for, guarding, look, removals
from rampart_cli.datadog.wanted import ThingKind
from rampart_cli.failures import InputError, RefusedError
from rampart_cli.monitors_line import NoPlaceError, with_monitors
from rampart_cli.options import DEFAULT_STACK, AlertUrl, AsJson, PlanFile, StackName
from rampart_cli.plan_file import read_plan

if TYPE_CHECKING:
    from pathlib import Path

    from rampart.plan.model import Plan
    from rampart_cli.datadog.connection import Connection
    from rampart_cli.stack import Stack

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
Write = Annotated[
    bool,
    typer.Option("--write", help="Write the monitors' ids into the plan's file, so that each evaluation asks them."),
]

_SIGNS = {
    Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"),
    Action.DELETE: ("-", "red"),
    Action.KEEP: ("=", "dim"),
}


def sync(
    ctx: typer.Context,
    plan_file: PlanFile,
    *,
    dry_run: DryRun = False,
    write: Write = False,
    alert_url: AlertUrl = None,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Make what a plan needs in Datadog, and keep it up to date: monitors, webhook, token, dashboard."""
    plan = read_plan(plan_file).plan
    stack: Stack = ctx.obj(stack_name)
    connection = stack.datadog()
    target = connection.target(plan, alert_url)
    changes = changes_for(plan, target, look(connection.account, plan, target))
    if not dry_run:
        needs_token = any(step.kind is ThingKind.VARIABLE for step in changes.to_do)
        apply(connection.account, changes, connection.token() if needs_token else "")
    monitors = changes.ids(guarding(plan, target))
    wrote = write and not dry_run and _write(plan_file, plan, monitors)
    _show(changes, connection, dry_run=dry_run, as_json=as_json, monitors=monitors, more=_way_on(plan, monitors, wrote))


def remove(
    ctx: typer.Context,
    plan_file: PlanFile,
    *,
    dry_run: DryRun = False,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Remove everything that `sync` made for a plan's rollout, and nothing else."""
    plan = read_plan(plan_file).plan
    stack: Stack = ctx.obj(stack_name)
    state = stack.records.state(plan.rollout)
    if state is not None and state.status in (Status.LIVE, Status.HALTED) and not dry_run:
        raise RefusedError(
            f"{plan.rollout} is live, and its monitors guard it",
            name="RolloutIsLive",
            fix=f"Let it complete, or end it: rampart abandon {plan.rollout}.",
        )
    connection = stack.datadog()
    target = connection.target(plan)
    changes = removals(look(connection.account, plan, target), target)
    if not dry_run:
        apply(connection.account, changes)
    _show(changes, connection, dry_run=dry_run, as_json=as_json, monitors=[], more=[])


def _write(path: Path, plan: Plan, monitors: list[int]) -> bool:
    """Write the monitors into the plan's file; whether anything was to be written."""
    if not set(monitors) - set(plan.monitors):
        return False
    if str(path) == "-":
        raise InputError("a plan from stdin can't be written", fix="Name the plan's file, or leave --write out.")
    try:
        text = with_monitors(path.read_text(encoding="utf-8-sig"), sorted({*plan.monitors, *monitors}))
    except NoPlaceError as error:
        raise InputError(str(error), name="PlanNotWritten", fix=f"Write `monitors: {monitors}` yourself.") from error
    path.write_text(text, encoding="utf-8")
    return True


def _way_on(plan: Plan, monitors: list[int], wrote: bool) -> list[Text]:  # noqa: FBT001 -- private
    unnamed = [each for each in monitors if each not in plan.monitors]
    if wrote:
        return [words(f"The plan names its monitors now: monitors: {sorted({*plan.monitors, *monitors})}", "green")]
    if unnamed:
        line = f"monitors: {sorted({*plan.monitors, *monitors})}"
        return [words(f"Write into the plan (or use --write), so that each evaluation asks them: {line}")]
    return []


def _show(
    changes: SyncSteps, connection: Connection, *, dry_run: bool, as_json: bool, monitors: list[int], more: list[Text]
) -> None:
    board = next((step for step in changes.steps if step.kind is ThingKind.DASHBOARD), None)
    known = "" if board is None else changes.done.get(board.name, board.id)
    has_board = board is not None and board.action is not Action.DELETE and known
    page = page_of(connection.site, f"/dashboard/{known}") if has_board else None
    document: dict[str, Any] = {
        "applied": not dry_run,
        "changes": [step.to_dict() | {"id": changes.done.get(step.name, step.id)} for step in changes.steps],
        "monitors": monitors,
        "dashboard": page,
        "notes": list(changes.notes),
    }
    show(
        document,
        *(line for step in changes.to_do for line in _lines(step, changes)),
        *(words(each, "yellow") for each in changes.notes),
        words(_summary(changes, dry_run=dry_run), "bold"),
        *([words(f"Dashboard: {page}")] if page else []),
        *more,
        as_json=as_json,
    )


def _lines(step: Change, changes: SyncSteps) -> list[Text]:
    sign, style = _SIGNS[step.action]
    known = changes.done.get(step.name, step.id)
    named = f" {known}" if known and known != step.name else ""
    head = Text.assemble((f"  {sign} ", style), clean(f"{step.kind}{named} {step.name}"))
    return [head, *(_field(each, step.action) for each in step.differences)]


def _field(difference: Any, action: Action) -> Text:  # noqa: ANN401 -- a FieldDifference
    if action is Action.CREATE:
        return words(f"      {difference.field}: {difference.after}", "dim")
    return words(f"      {difference.field}: {difference.before or '(none)'} → {difference.after or '(none)'}", "dim")


def _summary(changes: SyncSteps, *, dry_run: bool) -> str:
    counts = {action: sum(step.action is action for step in changes.steps) for action in Action}
    if not changes.to_do:
        kept = counts[Action.KEEP]
        return f"Nothing to change: {counted(kept, 'thing')} as the plan needs." if kept else "Nothing to remove."
    verbs = ("to make", "to change", "to remove") if dry_run else ("made", "changed", "removed")
    done = [Action.CREATE, Action.UPDATE, Action.DELETE]
    return ", ".join(f"{counts[action]} {verb}" for action, verb in zip(done, verbs, strict=True)) + "."
