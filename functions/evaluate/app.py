"""The function `evaluate`: every minute, look at every watched rollout."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from rampart.adapters import wiring
from rampart.errors import RampartError
from rampart.rollout.tick import in_turn

logger = Logger(service="evaluate")
metrics = Metrics(namespace="Rampart", service="evaluate")

_AT_ONCE = 8
"""Rollouts looked at side by side; each has at most five calls to the outside."""
_LEAST_MILLISECONDS = 12_000
"""What one look may take; no new one is begun with less time left."""


@metrics.log_metrics(raise_on_empty_metrics=False)
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Look at each watched rollout once; one that goes wrong does not keep the others from being looked at."""
    evaluate = wiring.evaluate()
    logger.info("tick", extra={"scheduled": event.get("time")})

    def look(rollout: str) -> bool:
        if context.get_remaining_time_in_millis() < _LEAST_MILLISECONDS:
            logger.warning("no time left: looked at by the next tick", extra={"rollout": rollout})
            return False
        try:
            seen = evaluate(rollout)
        except RampartError as error:
            logger.warning("not looked at", extra={"rollout": rollout, "why": str(error)})
            return False
        logger.info("looked", extra={"rollout": rollout, "did": seen.did, "verdict": seen.verdict})
        return True

    rollouts = in_turn(evaluate.store.watched(), evaluate.clock.now())
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        looked = sum(pool.map(look, rollouts))
    metrics.add_dimension(name="function_name", value=context.function_name)  # tells stacks apart
    metrics.add_metric(name="RolloutsLookedAt", unit=MetricUnit.Count, value=looked)
    metrics.add_metric(name="RolloutsMissed", unit=MetricUnit.Count, value=len(rollouts) - looked)
    return {"watched": len(rollouts), "looked": looked}
