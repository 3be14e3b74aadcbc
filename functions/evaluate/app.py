"""The function `evaluate`: every minute, evaluate every watched rollout."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from rampart.entry.wiring import Wiring
from rampart.errors import RampartError
from rampart.evidence.verdict import Verdict
from rampart.rollout.evaluate import EvaluateResult
from rampart.rollout.state import Status
from rampart.rollout.tick import Rationed, in_turn

logger = Logger(service="evaluate")
PROCESS = Wiring()
metrics = Metrics(namespace="Rampart", service="evaluate")

_AT_ONCE = 8
"""Rollouts evaluated in parallel; each makes at most five outside calls."""
_LEAST_MILLISECONDS = 12_000
"""What one evaluation can take; none begins with less time left."""


@metrics.log_metrics(raise_on_empty_metrics=False)
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext, wiring: Wiring = PROCESS) -> dict[str, int]:
    """Evaluate each watched rollout once; a failure of one doesn't affect the others.

    Once a day, {"look_after": "completed"}: look at the flags of completed rollouts until they are removed. As often as
    DigestSchedule says, {"digest": true}: tell where every open rollout stands.
    """
    if event.get("look_after") == Status.COMPLETED:
        return look_after_completed(context, wiring)
    if event.get("digest"):
        return {"open": wiring.digest()}
    evaluate = replace(wiring.evaluate, rollback=Rationed(wiring.evaluate.rollback))
    logger.info("tick", extra={"scheduled": event.get("time")})

    def look(rollout: str) -> EvaluateResult | None:
        if context.get_remaining_time_in_millis() < _LEAST_MILLISECONDS:
            logger.warning("no time left: the next tick evaluates it", extra={"rollout": rollout})
            return None
        try:
            seen = evaluate(rollout)
        except RampartError as error:
            logger.warning("not evaluated", extra={"rollout": rollout, "why": str(error)})
            return None
        logger.info("evaluated", extra={"rollout": rollout, "did": seen.did, "verdict": seen.verdict})
        return seen

    rollouts = in_turn(wiring.store.watched(), wiring.clock.now())
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        looked = [each for each in pool.map(look, rollouts) if each is not None]
    metrics.add_dimension(name="function_name", value=context.function_name)  # tells stacks apart
    metrics.add_metric(name="RolloutsLookedAt", unit=MetricUnit.Count, value=len(looked))
    metrics.add_metric(name="RolloutsMissed", unit=MetricUnit.Count, value=len(rollouts) - len(looked))
    _measure(looked, wiring)
    return {"watched": len(rollouts), "looked": len(looked)}


def _measure(looked: Sequence[EvaluateResult], wiring: Wiring) -> None:
    """What the dashboard shows of this tick; what is not known is left out."""
    live = [each for each in looked if each.is_live]
    newest = [each.latest for each in live if each.latest is not None]
    metrics.add_metric(name="RolloutsLive", unit=MetricUnit.Count, value=len(live))
    for verdict in Verdict:
        name = f"Verdicts{verdict.value.title().replace('_', '')}"
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=sum(each.verdict is verdict for each in newest))
    if newest:
        oldest = wiring.clock.now() - min(each.at for each in newest)
        metrics.add_metric(name="OldestEvaluation", unit=MetricUnit.Seconds, value=oldest.total_seconds())
    if wiring.budget.left is not None:
        metrics.add_metric(name="DatadogQueriesLeft", unit=MetricUnit.Count, value=wiring.budget.left)


def look_after_completed(context: LambdaContext, wiring: Wiring) -> dict[str, int]:
    """Look at the flags of each completed rollout, for as long as there is time: nothing depends on one more day."""
    look_after = wiring.look_after
    rollouts = in_turn(wiring.store.unwatched(Status.COMPLETED), wiring.clock.now())
    looked = 0
    for rollout in rollouts:
        if context.get_remaining_time_in_millis() < _LEAST_MILLISECONDS:
            logger.warning("no time left", extra={"rollouts": len(rollouts), "looked": looked})
            break
        try:
            did = look_after(rollout)
        except RampartError as error:
            logger.warning("not looked after", extra={"rollout": rollout, "why": str(error)})
            continue
        logger.info("looked after", extra={"rollout": rollout, "did": did})
        looked += 1
    return {"completed": len(rollouts), "looked": looked}
