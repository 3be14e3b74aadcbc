"""`rampart plan suggest`: the shortest staircase at which every rate of a plan tells a healthy flag from a bad one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from rampart.words import percentage, plain, short_duration, whole_percent
from rampart_cli.console import show, table, words
from rampart_cli.failures import ExitCode, InputError
from rampart_cli.forecast.plan_warnings import rate_criteria
from rampart_cli.options import AsJson, PlanFile
from rampart_cli.plan_file import read_plan
from rampart_cli.staircase import SURE, suggest
from rampart_cli.traffic import expected_traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from rampart_cli.staircase import Suggestion


def plan_suggest(
    plan_file: PlanFile,
    *,
    traffic: Annotated[
        str | None,
        typer.Option("--traffic", metavar="REQUESTS", help="Requests at 100%, such as 400/hour; default: the plan's."),
    ] = None,
    first: Annotated[
        float, typer.Option("--first", min=0.001, max=100, metavar="PERCENT", help="Begin at this percentage or below.")
    ] = 1.0,
    step: Annotated[
        float,
        typer.Option(
            "--step", min=1.1, metavar="TIMES", help="Multiply the percentage by no more than this from stage to stage."
        ),
    ] = 5.0,
    fault: Annotated[
        float, typer.Option("--fault", min=1.1, metavar="TIMES", help="Find a flag at this many times its bar.")
    ] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Suggest the shortest stages that decide, from a plan's traffic, scopes, and bars. Changes nothing."""
    plan = read_plan(plan_file).plan
    if not rate_criteria(plan):
        raise InputError(
            "there is nothing to work out", fix="Only criteria of kind rate need a certain number of requests."
        )
    found = suggest(plan, expected_traffic(plan, traffic), first=first, step=step, multiple=fault)
    document = {
        "rollout": plan.rollout,
        "stages": [
            {"percent": each.percent, "hold": short_duration(each.hold), "slowest": each.slowest}
            for each in found.stages
        ],
        "lasts_seconds": found.lasts.total_seconds() if found.stages else None,
        "undecidable": [
            {"percent": each.percent, "criterion": each.criterion, "hidden": each.is_hidden}
            for each in found.undecidable
        ],
    }
    show(document, *_told(found, fault), as_json=as_json)
    if not found.stages:
        raise typer.Exit(ExitCode.REFUSED)


def _told(found: Suggestion, fault: float) -> Iterator[RenderableType]:
    if found.stages:
        yield table(
            ("percent", "hold", "needed by"),
            [(percentage(each.percent), short_duration(each.hold), each.slowest) for each in found.stages],
        )
        yield Text()
        yield words(
            f"{short_duration(found.lasts)} in all. In each stage a healthy flag passes, and one at {plain(fault)} "
            f"times its bar is rolled back, with a chance of {whole_percent(SURE)} or more."
        )
        yield Text()
        yield Text("stages:")
        for each in found.stages:
            yield Text(f"  - {{percent: {percentage(each.percent)}, hold: {short_duration(each.hold)}}}")
        yield Text()
    else:
        yield words("No stage decides within four weeks, not even 100%.", "bold red")
    hidden = [each for each in found.undecidable if each.is_hidden]
    if hidden:
        at = ", ".join(percentage(each.percent) for each in hidden)
        yield words(
            f"At {at}, a flag at {plain(fault)} times its bar stays hidden: {hidden[-1].criterion} counts everyone's "
            "requests. Measure only the requests that the flag is on for (scope: cohort).",
            "yellow",
        )
    for stage in found.undecidable:
        if not stage.is_hidden:
            told = f"At {percentage(stage.percent)}, {stage.criterion} needs more than four weeks to decide."
            yield words(told, "yellow")
