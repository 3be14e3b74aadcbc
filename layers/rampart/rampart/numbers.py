"""Numbers from outside: what is one, and how to write down what isn't."""

from __future__ import annotations

import math
import reprlib

_LONGEST = 200
"""Characters of an outside value that a message shows."""


def finite(value: object) -> float:
    """A JSON number as a float; raises ValueError for a boolean, text, NaN, infinity, or what no float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{shown(value)} isn't a number")  # noqa: TRY004 -- callers tell one kind of problem
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{shown(value)} is too large a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{shown(value)} isn't a finite number")
    return number


def shown(value: object) -> str:
    """An outside value for a message: as Python writes it, short, however long, large or deeply nested it is."""
    try:
        text = repr(value) if isinstance(value, str | float | bool | None) else reprlib.repr(value)
    except (ValueError, RecursionError):  # Python refuses to write an integer of more than 4,300 digits
        return f"a {type(value).__name__} that is too long to show"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
