"""`rampart report`: what became of a rollout, from what is stored of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rampart_cli.console import show, words, working
from rampart_cli.failures import InputError
from rampart_cli.options import DEFAULT_STACK, AsJson, RolloutName, StackName
from rampart_cli.report.history import gather

if TYPE_CHECKING:
    from rampart_cli.report.history import RolloutHistory
    from rampart_cli.stack import Stack

Into = Annotated[
    Path | None,
    typer.Option(
        "--into", metavar="DOC.md", help="Fill in this page: results, actual dates, checkboxes. Nothing else changes."
    ),
]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write one page that needs no network.")]


def report(
    ctx: typer.Context,
    rollout: RolloutName,
    *,
    into: Into = None,
    html: Html = None,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Report a rollout as an HTML page, into the team's own page, as JSON, or as text."""
    from rampart_cli.report.document import to_document

    stack: Stack = ctx.obj(stack_name)
    state = stack.state(rollout)
    with working("Reading the record …", as_json=as_json):
        history = gather(stack.records, state, stack.site)
    written: list[str] = []
    if into is not None:
        written += _fill(into, history)
    if html is not None:
        from rampart_cli.report.page import render

        with working("Drawing the page …", as_json=as_json):
            _write(html, render(history).encode())
        written.append(f"{html}: the report as a page")
    document = to_document(history)
    if written:
        show({**document, "written": written}, words("\n".join(written)), as_json=as_json)
        return
    from rampart_cli.report.results import results_of, unescape

    lines = results_of(history, range(len(history.plan.stages))) or [f"{rollout}: the flag has not been moved"]
    show(document, words("\n".join(map(unescape, lines))), as_json=as_json)


def _fill(path: Path, history: RolloutHistory) -> list[str]:
    from rampart_cli.report.fill import fill

    # The newest thing known stands for today, so that writing the same results twice writes the same page.
    source = _read(path)
    filled = fill(source, history, today=history.known_until.date())
    if filled.page == source:
        return [f"{path}: nothing to change"]
    _write(path, filled.page)
    return [f"{path}, {told}" for told in filled.told]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        told = f"{path} cannot be read: {error.strerror}"
        raise InputError(told, name="UnreadablePage", fix="Fix the path of the team's page.") from error


def _write(path: Path, content: bytes) -> None:
    try:
        _replace(path.resolve(), content)
    except OSError as error:
        told = f"{path} cannot be written: {error.strerror}"
        raise InputError(told, name="UnwritablePage", fix="Fix the path or its permissions.") from error


def _replace(path: Path, content: bytes) -> None:
    """Write next to the file and move it there: an interrupted run leaves the old page, never half of a new one."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        path.write_bytes(content)  # a pipe or /dev/stdout cannot be replaced
        return
    nearby = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with nearby.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, nearby)
        nearby.replace(path)
    finally:
        nearby.unlink(missing_ok=True)
