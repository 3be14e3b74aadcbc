"""The function `advance`: the state machine `rollout` moves the flags one stage up, after approval."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from rampart.entry.wiring import Wiring

logger = Logger(service="advance")
PROCESS = Wiring()


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext, wiring: Wiring = PROCESS) -> dict[str, Any]:
    """Advance the attempt that the event names, with the answer of its gate."""
    result = wiring.advance(
        rollout=event["rollout"], attempt=event["attempt"], execution=event["execution"], gate=event["gate"]
    )
    answer = result.to_wire()
    logger.info("advanced", extra={"rollout": event["rollout"], **answer})
    return answer
