"""`rampart plan simulate`: what a plan's stages can decide with the traffic it expects, before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from rampart.evidence.criteria import CompareCriterion, RateCriterion
from rampart.evidence.power import StageTraffic
from rampart.plan.model import Plan
from rampart.plan.power import stage_traffic
from rampart.plan.stage import Stage
from rampart.words import chance, count, plain, rough_duration, rough_percent
from rampart_cli.console import say, show, table, words, working
from rampart_cli.failures import InputError
from rampart_cli.findings import rendered_all
from rampart_cli.forecast.plan_warnings import (
    compare_criteria,
    is_baseline_beyond_bar,
    is_compared_at,
    rate_criteria,
    warnings,
)
from rampart_cli.forecast.rate_power import FaultOutlook, Outlook, any_of, outlook
from rampart_cli.forecast.ratio_power import ratio_outlook
from rampart_cli.options import AsJson, PlanFile
from rampart_cli.plan_file import read_plan
from rampart_cli.traffic import expected_traffic

_Pair = tuple[StageTraffic, RateCriterion | CompareCriterion]


Traffic = Annotated[
    str | None,
    typer.Option("--traffic", metavar="REQUESTS", help="Requests at 100%, such as 400/hour; default: the plan's."),
]
Runs = Annotated[
    int | None,
    typer.Option("--runs", min=10, metavar="N", help="Simulated stages for each number; 300, or fewer if many."),
]
Plot = Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="Draw the chances as .svg or .png.")]
WithTable = Annotated[bool, typer.Option("--table", help="Also show the numbers behind the sentences, as a table.")]


def plan_simulate(
    plan_file: PlanFile,
    *,
    traffic: Traffic = None,
    runs: Runs = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed gives the same numbers.")] = 1,
    plot: Plot = None,
    with_table: WithTable = False,
    as_json: AsJson = False,
) -> None:
    """Show what each stage can decide within its hold, for a healthy flag and for one at 2 and 5 times the bar."""
    written = read_plan(plan_file)
    plan = written.plan
    rates = rate_criteria(plan)
    comparisons = compare_criteria(plan)
    if plot is not None and not (rates or comparisons):
        raise InputError("there is nothing to draw", fix=_NOTHING)
    requests_per_hour = expected_traffic(plan, traffic) if rates or comparisons else plan.traffic
    plan = plan.changed(traffic=requests_per_hour)
    pairs = _pairs(plan, rates, comparisons)
    runs = runs or _affordable_runs(len(pairs))
    outlooks = _simulate(pairs, runs, seed, as_json=as_json)
    false, guarantee = _false_rollbacks_of(plan, rates, outlooks)
    told = written.placed(warnings(plan))
    if plot is not None:
        _draw(plot, plan, outlooks)
    show(
        {
            "rollout": plan.rollout,
            "requests_per_hour": requests_per_hour,
            "runs": runs,
            "seed": seed,
            "outlooks": [asdict(each) for each in outlooks],
            "false_rollback_chance": false,
            "false_rollback_guarantee": guarantee,
            "warnings": [each.to_wire() for each in told],
        },
        *(_shown(plan, outlooks, runs, with_table=with_table) if outlooks else [words(_NOTHING)]),
        *([Text(), words(_false_rollbacks(false, guarantee, runs))] if outlooks else []),
        Text(),
        *rendered_all(told, written.source),
        as_json=as_json,
    )


def _pairs(plan: Plan, rates: Sequence[RateCriterion], comparisons: Sequence[CompareCriterion]) -> list[_Pair]:
    """Each stage with each criterion that is judged statistically there."""
    pairs: list[_Pair] = []
    for stage in plan.shares:
        traffic = stage_traffic(plan, stage, plan.traffic or 0.0)
        pairs += [(traffic, each) for each in rates]
        pairs += [(traffic, each) for each in comparisons if is_compared_at(plan, each, stage)]
    return pairs


def _false_rollbacks_of(
    plan: Plan, rates: Sequence[RateCriterion], outlooks: Sequence[Outlook]
) -> tuple[float, float | None]:
    """The chance of a false rollback, and what bounds it; what is only tried out rolls nothing back."""
    binding = [each for each in outlooks if plan.criteria[each.criterion].binds]
    bound = None if any(map(is_baseline_beyond_bar, rates)) else min(1.0, sum(each.guarantee for each in binding))
    return any_of(each.false_rollback_chance for each in binding), bound


def _simulate(pairs: Sequence[_Pair], runs: int, seed: int, *, as_json: bool) -> list[Outlook]:
    if len(pairs) > _FEW_PAIRS:
        say(f"simulating {count(len(pairs))} stages and rates, {runs} times each …", as_json=as_json)
    seeds = Random(seed)  # noqa: S311 - a simulation that must be repeatable, no secret
    found = []
    with working("Simulating …", as_json=as_json) as tell:
        for stage, criterion in pairs:
            tell(f"Simulating {criterion.name} at {stage.name} …")
            found.append(_outlook(criterion, stage, runs, seeds.getrandbits(32)))
    return [each for each in found if each is not None]


def _outlook(criterion: RateCriterion | CompareCriterion, stage: StageTraffic, runs: int, seed: int) -> Outlook | None:
    """What a criterion can decide in a stage; None of a comparison of whose control nothing is known."""
    if isinstance(criterion, CompareCriterion):
        return ratio_outlook(criterion, stage, runs=runs, seed=seed)
    return outlook(criterion, stage, runs=runs, seed=seed)


_NOTHING = (
    "The plan has no criterion of kind rate or compare: what is counted, measured or reported is compared as it is."
)


def _draw(plot: Path, plan: Plan, outlooks: Sequence[Outlook]) -> None:
    from rampart_cli.plots.power import draw_power

    draw_power(plot, plan.title or plan.rollout, outlooks)


def _shown(plan: Plan, outlooks: Sequence[Outlook], runs: int, *, with_table: bool) -> list[RenderableType]:
    said = [
        _sentence(plan, stage, [each for each in outlooks if each.stage == stage.label], runs) for stage in plan.shares
    ]
    parts: list[RenderableType] = [words(_ENDS), *(words(f"- {each}") for each in said if each)]
    if with_table:
        parts += [Text(), table(_COLUMNS, [_row(each, runs) for each in outlooks]), Text(), words(_LEGEND, "dim")]
    return parts


_ENDS = (
    "A stage passes only at the end of its hold; a rollback can come at any time before. What becomes of a healthy "
    "flag, and of one whose own requests fail at 2 and at 5 times a bar:"
)


def _sentence(plan: Plan, stage: Stage, outlooks: Sequence[Outlook], runs: int) -> str:
    """What a stage can decide, in one sentence; nothing where it has no criterion that is judged statistically."""
    if not outlooks:
        return ""
    false = any_of(each.false_rollback_chance for each in outlooks if plan.criteria[each.criterion].binds)
    passes = min(each.pass_chance for each in outlooks)
    caught = "; ".join(f"{each.criterion}: {_caught(each)}" for each in outlooks)
    return (
        f"{stage.label}, for {stage.hold}: a healthy flag passes in {chance(passes)} of cases, and is rolled back by "
        f"mistake in {_simulated(false, runs)}; a bad one is rolled back this often: {caught}."
    )


def _caught(each: Outlook) -> str:
    """How often each fault is rolled back, and how soon."""
    return ", ".join(
        f"{chance(fault.rollback_chance)} at {plain(fault.multiple)}x{_soon(fault)}" for fault in each.faults
    )


def _soon(fault: FaultOutlook) -> str:
    return "" if fault.rollback_seconds is None else f" (after {rough_duration(fault.rollback_seconds)})"


_LEGEND = (
    "passes: how often a healthy flag passes at the end of the hold. falsely rolled back: how often it is rolled back "
    "before. at 2 times the bar: what the metric reads if the flag's own requests fail at twice the bar, how often "
    "that is rolled back within the hold, and after how long on average."
)


_RUNS = 300
_FEW_PAIRS = 20
"""Stages and rates that are simulated so often; more share these runs out, so that no one waits for many minutes."""
_FEWEST_RUNS = 25


def _affordable_runs(pairs: int) -> int:
    return _RUNS if pairs <= _FEW_PAIRS else max(_FEWEST_RUNS, _RUNS * _FEW_PAIRS // pairs)


_COLUMNS = (
    "stage",
    "criterion",
    "requests",
    "clump",
    "healthy",
    "passes",
    "falsely rolled back",
    "at 2 times the bar",
    "at 5 times the bar",
)


def _row(each: Outlook, runs: int) -> Sequence[str]:
    return (
        each.stage,
        each.criterion,
        count(round(each.requests)),
        plain(each.clump),
        rough_percent(each.healthy),
        chance(each.pass_chance),
        _simulated(each.false_rollback_chance, runs),
        *(_fault(fault) for fault in each.faults),
    )


def _fault(fault: FaultOutlook) -> str:
    told = f"reads {rough_percent(fault.observed)}: {chance(fault.rollback_chance)} rolled back"
    return told if fault.rollback_seconds is None else f"{told} after {rough_duration(fault.rollback_seconds)}"


def _false_rollbacks(false: float, guarantee: float | None, runs: int) -> str:
    seen = _simulated(false, runs)
    if false == 0 and guarantee is not None:
        seen = f"< {rough_percent(min(3 / runs, guarantee))}"
    told = f"A false rollback somewhere in the rollout: {seen} for a healthy flag"
    if guarantee is None:  # no rate that fails without the flag already is ever within its bar
        return f"{told}; nothing bounds it while a baseline is beyond its bar."
    return f"{told}; never more than {chance(guarantee)}, even if every rate in every stage sits right at its bar."


def _simulated(found: float, runs: int) -> str:
    """A simulated chance; none in n runs says less than 3 in n (with 95% confidence)."""
    return f"< {rough_percent(3 / runs)}" if found == 0 else rough_percent(found)
