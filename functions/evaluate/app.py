"""The function `evaluate`: every minute, evaluate every watched rollout."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from rampart.entry.wiring import Wiring
from rampart.errors import RampartError
from rampart.rollout.state import Status
from rampart.rollout.tick import in_turn

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

    Once a day, {"look_after": "completed"}: look at the flags of completed rollouts until they are removed.
    """
    if event.get("look_after") == Status.COMPLETED:
        return look_after_completed(context, wiring)
    evaluate = wiring.evaluate  # made here, not by several threads at once
    logger.info("tick", extra={"scheduled": event.get("time")})

    def look(rollout: str) -> bool:
        if context.get_remaining_time_in_millis() < _LEAST_MILLISECONDS:
            logger.warning("no time left: the next tick evaluates it", extra={"rollout": rollout})
            return False
        try:
            seen = evaluate(rollout)
        except RampartError as error:
            logger.warning("not evaluated", extra={"rollout": rollout, "why": str(error)})
            return False
        logger.info("evaluated", extra={"rollout": rollout, "did": seen.did, "verdict": seen.verdict})
        return True

    rollouts = in_turn(wiring.store.watched(), wiring.clock.now())
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        looked = sum(pool.map(look, rollouts))
    metrics.add_dimension(name="function_name", value=context.function_name)  # tells stacks apart
    metrics.add_metric(name="RolloutsLookedAt", unit=MetricUnit.Count, value=looked)
    metrics.add_metric(name="RolloutsMissed", unit=MetricUnit.Count, value=len(rollouts) - looked)
    return {"watched": len(rollouts), "looked": looked}


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
