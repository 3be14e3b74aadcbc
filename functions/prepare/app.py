"""The function `prepare`: the state machine `rollout` asks whether an attempt can begin."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from rampart.entry.wiring import Wiring

logger = Logger(service="prepare")
PROCESS = Wiring()


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext, wiring: Wiring = PROCESS) -> dict[str, Any]:
    """Check `event["input"]`, a plan or a resume, for the execution `event["execution"]`.

    `{"reach": true}` begins nothing: it answers whether Flipper and Datadog can be reached from here.
    """
    if event.get("reach"):
        reached = wiring.reach().to_wire()
        logger.info("reached", extra=reached)
        return reached
    answer = wiring.prepare(event["input"], event["execution"]).to_wire()
    logger.info("prepared", extra={"outcome": answer["outcome"], "problems": answer.get("problems", [])})
    return answer
