"""The function `rollback`: an alert, a person, `evaluate`, an ended execution, or the queue sets flags to 0%."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.utilities.typing import LambdaContext

from rampart.alert.payload import AlertPayload
from rampart.entry.endpoint import AlertEndpoint
from rampart.entry.trigger import Trigger, is_worn_out, request_of_execution, request_of_message, trigger_of
from rampart.entry.wiring import Wiring
from rampart.errors import RollbackUndoneError, UnrecordedError
from rampart.rollout.keeping import REPEAT_AFTER
from rampart.rollout.request import CALLED_BY_TICKS, RollbackRequest
from rampart.rollout.rollback import RollbackOutcome, RollbackResult

logger = Logger(service="rollback")
PROCESS = Wiring()
Do = Callable[[RollbackRequest], RollbackResult]


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext, wiring: Wiring = PROCESS) -> dict[str, Any]:
    """Turn the event into a request and do it; a failure is raised, so that the caller retries.

    Not so where no one waits for the answer and the request comes again anyway: Lambda's own retries, and the dead
    letters after them, would only multiply what an outage asks for.
    """
    do = partial(_do, wiring, context.function_name)
    match trigger_of(event):
        case Trigger.ALERT:
            return _alert(event, do, wiring, context.function_name)
        case Trigger.QUEUE:
            return _queue(event, do, wiring)
        case Trigger.EXECUTION:
            request = request_of_execution(event, wiring.clock.now())
        case Trigger.DIRECT:
            request = RollbackRequest.model_validate({"asked_at": wiring.clock.now(), **event})
    if request is None:
        return RollbackResult(RollbackOutcome.NOTHING).to_wire()
    is_asynchronous = trigger_of(event) is Trigger.EXECUTION or request.cause in CALLED_BY_TICKS or request.queued
    try:
        return do(request).to_wire()
    except RollbackUndoneError as error:
        if is_asynchronous and (error.comes_again or request.queued):
            return {"outcome": "undone", "why": str(error)}
        raise


def _do(wiring: Wiring, function: str, request: RollbackRequest) -> RollbackResult:
    logger.info("asked", extra={"request": request.model_dump(mode="json")})
    try:
        result = wiring.rollback(request)
    except RollbackUndoneError as error:
        _count("RollbacksUndone", function)
        if isinstance(error, UnrecordedError):
            _count("ClaimsUnread", function)
        logger.warning("not done yet", extra={"rollout": request.rollout, "flags": request.flags, "why": str(error)})
        raise
    if result.outcome is RollbackOutcome.ROLLED_BACK and not request.queued:
        took = (wiring.clock.now() - request.asked_at).total_seconds()
        _count("RollbackSeconds", function, took, MetricUnit.Seconds)
    logger.info("done", extra=result.to_wire())
    return result


def _count(name: str, function: str, value: float = 1, unit: MetricUnit = MetricUnit.Count) -> None:
    with single_metric(name=name, unit=unit, value=value, namespace="Rampart") as metric:
        metric.add_dimension(name="service", value="rollback")
        metric.add_dimension(name="function_name", value=function)  # tells stacks apart


def _alert(event: Mapping[str, Any], do: Do, wiring: Wiring, function: str) -> dict[str, Any]:
    heard: list[AlertPayload] = []
    endpoint = AlertEndpoint(
        tokens=wiring.tokens,
        rollback=do,
        clock=wiring.clock,
        max_age_seconds=wiring.rollback_settings.alert_max_age_seconds,
        holders=wiring.store.claims,  # the patient store: no flag waits while a test notification is answered
        heard=heard.append,
        tell=logger.warning,
        refused=partial(_count, "AlertsRefused", function),
    )
    answer = endpoint(event)
    if answer["statusCode"] >= 500:
        _count("AlertsUndone", function)
    # `rampart alerts` reads these lines.
    said = [alert.model_dump(mode="json", include={"transition", "monitor", "title", "flags"}) for alert in heard]
    extra = {"status": answer["statusCode"], "answer": answer["body"], "alert": said[0] if said else None}
    logger.info("alert answered", extra=extra)
    return answer


def _queue(event: Mapping[str, Any], do: Do, wiring: Wiring) -> dict[str, Any]:
    failed = []
    for message in event["Records"]:
        request = request_of_message(message)
        try:
            do(request)
        except RollbackUndoneError:
            if wiring.latest.supersedes(request):
                logger.info("a later alert waits too", extra={"flags": request.flags, "monitor": request.monitor})
            elif is_worn_out(message):  # a new message resets the count: Rampart doesn't give up while the flag is up
                wiring.queue.put(request, REPEAT_AFTER)
            else:
                failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}
