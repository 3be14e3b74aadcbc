"""A function called as Lambda calls it, without the decorators that want the whole of Lambda's context."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from rampart.entry.wiring import Wiring


def call(handler: Callable[..., dict[str, Any]], event: dict[str, Any], wiring: Wiring) -> dict[str, Any]:
    """What the handler answers with these parts."""
    context = LambdaContext()
    context._function_name = "rampart-function"
    answer: dict[str, Any] = inspect.unwrap(handler)(event, context, wiring)
    return answer
