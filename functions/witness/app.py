"""The function `witness`: CloudTrail tells who started an execution, and it is kept where no one else may write."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from rampart.entry.wiring import Wiring
from rampart.rollout.caller import caller_of

logger = Logger(service="witness")
PROCESS = Wiring()


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext, wiring: Wiring = PROCESS) -> dict[str, Any]:
    """Keep the caller of one `StartExecution`; the first word about an execution stands."""
    caller = caller_of(event)
    if caller is None:
        logger.info("started nothing", extra={"id": event.get("id")})
        return {"kept": False}
    kept = wiring.callers.keep(caller)
    logger.info("caller", extra={"execution": caller.execution, "person": caller.person, "kept": kept})
    return {"kept": kept}
