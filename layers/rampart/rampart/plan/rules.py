"""Rules of a plan that are checked together: each broken one is told with its own place."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Problem = tuple[tuple[str | int, ...], str]
"""Where a rule is broken, relative to what is checked, and what is wrong."""


def all_or_raise(checked: str, problems: Iterator[Problem]) -> None:
    """Raise every problem at once, each with its own path: pydantic stops at a validator's first."""
    errors = [
        InitErrorDetails(type=PydanticCustomError("plan", "{what}", {"what": what}), loc=where, input=None)
        for where, what in problems
    ]
    if errors:
        raise ValidationError.from_exception_data(checked, errors)
