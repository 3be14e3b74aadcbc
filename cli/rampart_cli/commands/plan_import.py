"""`rampart plan import`: from the page that a team keeps to a plan that Rampart runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rampart_cli.document import MAX_BYTES, Bindings, BindingsError, draft, read
from rampart_cli.document.rendering import show_findings, traced
from rampart_cli.failures import InputError
from rampart_cli.written_yaml import SCHEMA_LINE

NO_PLAN = 2
"""The exit code for a page that holds no plan."""


def plan_import(
    doc: Annotated[
        Path, typer.Argument(metavar="PAGE.md", help="The Markdown page.", exists=True, dir_okay=False, readable=True)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Write what was read and found, for machines.")] = False,  # noqa: FBT002 - typer makes a flag of it
    bindings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The team's bindings.yaml: the queries of its criteria.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    today: Annotated[
        datetime | None,
        typer.Option(
            metavar="DATE", formats=["%Y-%m-%d"], help="The day that counts as today: 2026-03-04.", show_default="today"
        ),
    ] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Write what each pass made of the page to stderr.")] = False,  # noqa: FBT002 - typer makes a flag of it
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write here instead of to standard output.", dir_okay=False)
    ] = None,
) -> None:
    """Read a rollout plan from a Markdown page: writes a draft plan.yaml and lists what the page is missing."""
    errors = Console(stderr=True, highlight=False)
    bound = _read(bindings) if bindings else Bindings()
    with doc.open("rb") as page:
        reading = read(page.read(MAX_BYTES + 1), today=(today or datetime.now(tz=UTC)).date(), team=bound.words)
    if bindings:
        # Not paid for without bindings.
        from rampart_cli.document.bound_queries import with_bound_queries

        reading = with_bound_queries(reading, bound)
    if trace:
        for line in traced(reading):
            errors.print(line, markup=False, soft_wrap=True)
    if as_json:
        _write(json.dumps(reading.as_json(), indent=2, ensure_ascii=False) + "\n", out)
    else:
        show_findings(reading, source=str(doc), console=errors)
    if not reading.plans:
        why = "; ".join(diagnostic.message for diagnostic in reading.diagnostics)
        errors.print(f"{doc} holds no plan: {why}", markup=False, soft_wrap=True)
        raise typer.Exit(NO_PLAN)
    if not as_json:
        head = "\n".join(SCHEMA_LINE)
        _write(f"{head}\n{draft(reading.plans, source=doc.name, bindings=bound)}", out)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")


def _read(bindings: Path) -> Bindings:
    # It costs 200 ms, which a run without a file need not pay.
    from rampart_cli.document.bindings_file import read_bindings

    try:
        return read_bindings(bindings.read_text(encoding="utf-8"))
    except (BindingsError, UnicodeDecodeError) as error:
        raise InputError(
            f"{bindings} cannot be read as bindings: {error}",
            name="UnreadableBindings",
            fix="Write them as docs/plan-documents.md says; events/bindings.yaml is an example.",
        ) from error
