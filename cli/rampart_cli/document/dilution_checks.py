"""Bars that a stage is too small to break, where the metric counts everyone and not only those who have the flag."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rampart.evidence.dilution import diluted
from rampart.finding import Finding, FindingKind
from rampart_cli.document.amounts import StageKind
from rampart_cli.document.criteria import Criterion, CriterionKind
from rampart_cli.document.diagnostics import Code

if TYPE_CHECKING:
    from rampart_cli.document.plan import PageStage, PlanDocument

    Say = Callable[[FindingKind, int, str, str], Finding]


def check_dilution(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    """Every bar in percent that even a total failure of some stage leaves whole.

    The rate of everyone else is not on the page: it is taken as perfect, so that a bar which could fire is never named
    for it. Nothing is said of the last bit: a bar that a total failure just reaches counts as one that fires.
    """
    shares = [stage for stage in plan.stages if stage.kind is StageKind.ACTORS and 0 < (stage.percent or 0) < 100]
    for criterion in plan.distinct_criteria:
        if criterion.kind is not CriterionKind.NUMERIC or criterion.unit != "percent" or criterion.op is None:
            continue
        blind = [stage for stage in shares if _stays_whole(criterion, stage)]
        if blind:
            worst = max(blind, key=lambda stage: stage.percent or 0)
            yield say(
                Code.BAR_CANNOT_FIRE, criterion.line, criterion.written,
                f"{criterion.name!r} cannot fire at {_percents(blind)}: if its metric counts everyone's requests, "
                f"a total failure at {worst.percent:g}% shows {_seen(criterion, worst):g}%, and the bar is "
                f"{criterion.op} {criterion.value:g}%",
            )  # fmt: skip  # the first line says where, the others what


def _percents(stages: list[PageStage]) -> str:
    return " and ".join(dict.fromkeys(f"{stage.percent:g}%" for stage in stages))


def _is_ceiling(criterion: Criterion) -> bool:
    return criterion.op in {"<", "<=", "=="}


def _seen(criterion: Criterion, stage: PageStage) -> float:
    """What the metric of everyone shows in percent when all goes wrong for the stage's users and for no one else."""
    new, baseline = (1.0, 0.0) if _is_ceiling(criterion) else (0.0, 1.0)
    return round(100 * diluted(new, baseline=baseline, share=(stage.percent or 0) / 100), 6)


def _stays_whole(criterion: Criterion, stage: PageStage) -> bool:
    bar, seen = criterion.value or 0.0, _seen(criterion, stage)
    return seen < bar if _is_ceiling(criterion) else seen > bar
