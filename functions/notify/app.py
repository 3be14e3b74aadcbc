"""The function `notify`: the table's stream brings events, and each goes out on every channel."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from rampart.adapters.items import event_of_image
from rampart.entry.wiring import Wiring
from rampart.errors import RampartError

logger = Logger(service="notify")
PROCESS = Wiring()


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext, wiring: Wiring = PROCESS) -> dict[str, Any]:
    """Send every event in the batch; those that failed come again."""
    failed = []
    for record in event["Records"]:
        sort_key = record["dynamodb"]["NewImage"]["sk"]["S"]
        try:
            _, happened = event_of_image(record["dynamodb"]["NewImage"])
            told = wiring.notify(sort_key, happened)
        except RampartError as error:
            logger.warning("not sent", extra={"event": sort_key, "why": str(error)})
            failed.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
            break  # the stream resumes at the first failure: what follows comes again with it
        logger.info("sent", extra={"event": sort_key, "channels": told})
    return {"batchItemFailures": failed}
