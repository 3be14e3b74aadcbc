"""`rampart plan check` and `rampart plan schema`: what a plan holds, and whether this one is a plan."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from rampart.plan.criterion import TestedSpec
from rampart.plan.queries import query_findings
from rampart.words import counted, percentage, plain
from rampart_cli.bars import bar_text
from rampart_cli.console import show, table, words
from rampart_cli.failures import ExitCode
from rampart_cli.findings import rendered_all
from rampart_cli.options import AsJson, PlanFile
from rampart_cli.plan_file import read_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rampart.finding import Finding
    from rampart.plan.criterion import CriterionSpec
    from rampart.plan.model import Plan

History = Annotated[
    list[str] | None,
    typer.Option(
        "--history", metavar="NAME=FILE", help="The week before, of a rate criterion: a .csv of time, errors, total."
    ),
]

_VALID = ("valid ", "bold green")
_REFUSED = ("a start would refuse ", "bold red")


def plan_check(plan_file: PlanFile, *, history: History = None, as_json: AsJson = False) -> None:
    """Check a plan: every problem at once, each with its line; and what the plan cannot do."""
    from rampart.plan.check import warnings
    from rampart.rollout.week import notes, week_problems, weeks_of, with_measured_clumps
    from rampart_cli.week import read_history

    written = read_plan(plan_file)
    submitted = written.plan
    answers = read_history(submitted, history or ())
    plan = with_measured_clumps(submitted, answers)
    weeks = weeks_of(plan, answers)
    said = notes(plan, weeks)
    problems = written.placed([*query_findings(plan), *week_problems(plan, weeks)])
    told = written.placed(warnings(plan))
    criteria = [_criterion_view(name, spec) for name, spec in plan.criteria.items()]
    document = {
        "valid": not problems,
        "rollout": plan.rollout,
        "plan_hash": submitted.digest,
        "stages": [{"label": s.label, "percent": s.percent, "hold": str(s.hold)} for s in plan.stages],
        "criteria": criteria,
        "warnings": [each.to_wire() for each in told],
        "notes": said,
        "problems": [each.to_wire() for each in problems],
    }
    show(
        document,
        Text.assemble(_REFUSED if problems else _VALID, words(_title(plan), "bold"), f"  {submitted.digest[:12]}"),
        words(" → ".join(f"{percentage(s.percent)} for {s.hold}" for s in plan.stages)),
        Text(),
        table(
            ("criterion", "kind", "bar", "clump"),
            [(words(c["name"], "bold"), c["kind"], c["bar"], c["clump"] or "") for c in criteria],
        ),
        *(words(each, "dim") for each in said),
        Text(),
        *rendered_all([*problems, *told], written.source),
        words(_summary(problems, told), "dim"),
        as_json=as_json,
    )
    if problems:
        raise typer.Exit(ExitCode.REFUSED)


def plan_schema(*, as_json: AsJson = False) -> None:  # noqa: ARG001 - a schema is JSON with and without the option
    """Write the JSON Schema of plans, for editors and other tools."""
    from rampart.plan.schema import plan_schema_text

    sys.stdout.write(plan_schema_text())


def _summary(problems: Sequence[Finding], told: Sequence[Finding]) -> str:
    counts = [counted(len(found), thing) for found, thing in ((problems, "problem"), (told, "warning")) if found]
    return ", ".join(counts) or "no warnings"


def _title(plan: Plan) -> str:
    return f"{plan.title} ({plan.rollout})" if plan.title else plan.rollout


def _criterion_view(name: str, spec: CriterionSpec) -> dict[str, Any]:
    return {"name": name, "kind": spec.kind, "bar": bar_text(spec), "clump": _clump(spec)}


def _clump(spec: CriterionSpec) -> str | None:
    """How many requests one cause can spoil, and who says so."""
    if not isinstance(spec, TestedSpec):
        return None
    if spec.clump is None:
        return "measured at the start, else 3"
    return f"{plain(round(spec.clump, 3))} ({spec.clump_source or 'as the plan says'})"
