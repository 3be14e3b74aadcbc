"""`rampart plan check` and `rampart plan schema`: what a plan holds, and whether this one is a plan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from rampart.plan.criterion import TestedSpec
from rampart.plan.queries import query_findings
from rampart.words import counted, plain
from rampart_cli.bars import bar_text
from rampart_cli.console import show, table, words
from rampart_cli.failures import ExitCode
from rampart_cli.findings import rendered_all
from rampart_cli.options import DEFAULT_STACK, AlertUrl, AsJson, PlanFile, StackName
from rampart_cli.plan_file import read_plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from rampart.finding import Finding
    from rampart.plan.criterion import CriterionSpec
    from rampart.plan.model import Plan
    from rampart_cli.stack import Stack

History = Annotated[
    list[str] | None,
    typer.Option(
        "--history",
        metavar="NAME=FILE",
        help="The week before, of a rate or a comparison's control: a .csv of time, errors, total. May be repeated.",
    ),
]

_VALID = ("valid ", "bold green")
_REFUSED = ("a start would refuse ", "bold red")


PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="Hold the plan to your organization's policy, as a start would: a breach is a problem.",
    ),
]
Online = Annotated[bool, typer.Option("--online", help="Also ask Datadog, with the stack's keys, what isn't wired.")]


Strict = Annotated[bool, typer.Option("--strict", help="Exit with code 1 on warnings, too, as a pipeline may want.")]


def plan_check(
    ctx: typer.Context,
    plan_file: PlanFile,
    *,
    strict: Strict = False,
    history: History = None,
    policy_file: PolicyFile = None,
    online: Online = False,
    alert_url: AlertUrl = None,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Check a plan: every problem at once, each with its line, and what the plan can't do."""
    from rampart.rollout.week import notes, week_problems, weeks_of, with_measured_clumps
    from rampart_cli.forecast.plan_warnings import warnings
    from rampart_cli.week import read_history

    written = read_plan(plan_file)
    submitted = written.plan
    answers = read_history(submitted, history or ())
    plan = with_measured_clumps(submitted, answers)
    weeks = weeks_of(plan, answers)
    said = notes(plan, weeks)
    problems = written.placed([*query_findings(plan), *week_problems(plan, weeks), *_breaches(policy_file, submitted)])
    unwired = _unwired(ctx.obj(stack_name), submitted, alert_url) if online else []
    told = written.placed([*warnings(plan), *unwired])
    criteria = list(_criteria(plan))
    title = f"{plan.title} ({plan.rollout})" if plan.title else plan.rollout
    document = {
        "valid": not problems,
        "rollout": plan.rollout,
        "plan_hash": submitted.digest,
        "stages": [{"label": s.label, "percent": s.exposure, "hold": str(s.hold)} for s in plan.stages],
        "criteria": criteria,
        "warnings": [each.to_wire() for each in told],
        "notes": said,
        "problems": [each.to_wire() for each in problems],
    }
    show(
        document,
        Text.assemble(_REFUSED if problems else _VALID, words(title, "bold"), f"  {submitted.digest[:12]}"),
        *_overview(plan, criteria),
        *(words(each, "dim") for each in said),
        Text(),
        *rendered_all([*problems, *told], written.source),
        words(_summary(problems, told), "dim"),
        as_json=as_json,
    )
    if problems or (strict and told):
        raise typer.Exit(ExitCode.REFUSED)


def _criteria(plan: Plan) -> Iterator[dict[str, Any]]:
    for name, spec in plan.criteria.items():
        yield {"name": name, "kind": spec.kind, "bar": bar_text(spec), "clump": _clump(spec)}


def _overview(plan: Plan, criteria: Sequence[dict[str, Any]]) -> Iterator[RenderableType]:
    yield words(" → ".join(f"{s.reach} for {s.hold}" for s in plan.stages))
    yield Text()
    yield table(
        ("criterion", "kind", "bar", "clump"),
        [(words(c["name"], "bold"), c["kind"], c["bar"], c["clump"] or "") for c in criteria],
    )


def _breaches(policy_file: Path | None, plan: Plan) -> list[Finding]:
    if policy_file is None:
        return []
    from rampart_cli.policy_file import read_policy

    return list(read_policy(policy_file).findings(plan))


def _unwired(stack: Stack, plan: Plan, alert_url: str | None) -> list[Finding]:
    from rampart_cli.datadog.wiring import wiring_findings

    return wiring_findings(stack.datadog(), plan, alert_url)


def plan_schema(*, as_json: AsJson = False) -> None:  # noqa: ARG001 - a schema is JSON with and without the option
    """Write the JSON Schema of plans, for editors and other tools."""
    from rampart_cli.plan_schema import plan_schema_text

    sys.stdout.write(plan_schema_text())


def _summary(problems: Sequence[Finding], told: Sequence[Finding]) -> str:
    counts = [counted(len(found), thing) for found, thing in ((problems, "problem"), (told, "warning")) if found]
    return ", ".join(counts) or "no warnings"


def _clump(spec: CriterionSpec) -> str | None:
    """How many errors may come in a group, and who says so."""
    if not isinstance(spec, TestedSpec):
        return None
    if spec.clump is None:
        return "measured at the start, else 3"
    return f"{plain(round(spec.clump, 3))} ({spec.clump_source or 'as the plan says'})"
