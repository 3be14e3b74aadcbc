"""How numbers and moments are written in messages for people."""

from __future__ import annotations

import math
from datetime import UTC, datetime


def count(number: float) -> str:
    """A count with its thousands set apart: `1,001`; fractions only where there are some."""
    return f"{number:,.0f}" if number == round(number) else f"{number:,.1f}"


def moment(epoch_seconds: int) -> str:
    """A moment to the minute, in UTC."""
    return f"{datetime.fromtimestamp(epoch_seconds, UTC):%Y-%m-%d %H:%M} UTC"


def percent(fraction: float, *, near: float) -> str:
    """A fraction as a percentage, as fine as a bar `near` it wants: `8.2%` by a bar of 8%, `1.13%` by one of 1%."""
    rare = min(near, 1 - near) * 100
    decimals = max(1, 2 - math.ceil(math.log10(rare)))
    # What lies beside the bar must not be rounded onto it: "8% is above 8%" would explain nothing.
    while fraction != near and round(fraction * 100, decimals) == round(near * 100, decimals) and decimals < 12:
        decimals += 1
    return plain(round(fraction * 100, decimals)) + "%"


def plain(number: float) -> str:
    """A number without trailing zeros or exponent."""
    text = f"{number:.12f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
