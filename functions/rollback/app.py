"""The function `rollback`: an alert, a person, `evaluate`, an ended execution, or the queue sets flags to 0%."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.utilities.typing import LambdaContext

from rampart.adapters import wiring
from rampart.adapters.trigger import Trigger, is_worn_out, request_of_execution, request_of_message, trigger_of
from rampart.alert.endpoint import AlertEndpoint
from rampart.errors import RollbackUndoneError
from rampart.rollout.request import RollbackRequest
from rampart.rollout.rollback import REPEAT_AFTER, RollbackOutcome, RollbackResult
from rampart.rollout.state import Claim

logger = Logger(service="rollback")
Do = Callable[[RollbackRequest], RollbackResult]


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Turn the event into a request and do it; a failure is raised, so that the caller retries."""
    do = partial(_do, function=context.function_name)
    match trigger_of(event):
        case Trigger.ALERT:
            return _alert(event, do)
        case Trigger.QUEUE:
            return _queue(event, do)
        case Trigger.EXECUTION:
            request = request_of_execution(event)
        case Trigger.DIRECT:
            request = RollbackRequest.model_validate({"asked_at": wiring.clock().now(), **event})
    if request is None:
        return RollbackResult(RollbackOutcome.NOTHING).to_wire()
    return do(request).to_wire()


def _do(request: RollbackRequest, *, function: str) -> RollbackResult:
    logger.info("asked", extra={"request": request.model_dump(mode="json")})
    try:
        result = wiring.rollback()(request)
    except RollbackUndoneError as error:
        with single_metric(name="RollbacksUndone", unit=MetricUnit.Count, value=1, namespace="Rampart") as metric:
            metric.add_dimension(name="service", value="rollback")
            metric.add_dimension(name="function_name", value=function)  # tells stacks apart
        logger.warning("not done yet", extra={"rollout": request.rollout, "flags": request.flags, "why": str(error)})
        raise
    logger.info("done", extra=result.to_wire())
    return result


def _alert(event: dict[str, Any], do: Do) -> dict[str, Any]:
    settings = wiring.rollback_settings()
    endpoint = AlertEndpoint(
        tokens=wiring.alert_tokens(),
        rollback=do,
        clock=wiring.clock(),
        max_age_seconds=settings.alert_max_age_seconds,
        holders=_holders,
        tell=logger.warning,
    )
    answer = endpoint(event)
    logger.info("alert answered", extra={"status": answer["statusCode"], "answer": answer["body"]})
    return answer


def _holders(flags: Sequence[str]) -> Mapping[str, Claim]:
    """Who holds each flag, from the patient store: no flag waits while a test notification is answered."""
    return wiring.rollback().store.claims(flags)


def _queue(event: dict[str, Any], do: Do) -> dict[str, Any]:
    failed = []
    for message in event["Records"]:
        request = request_of_message(message)
        try:
            do(request)
        except RollbackUndoneError:
            if is_worn_out(message):  # a new message resets the count: Rampart doesn't give up while the flag is up
                wiring.rollback().queue.put(request, REPEAT_AFTER)
            else:
                failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}
