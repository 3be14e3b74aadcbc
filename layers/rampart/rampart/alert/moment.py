"""When an alert happened, however a webhook's payload writes it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_NUMBER = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,30})?")
_LONGEST = 40
_MILLISECONDS_PER_UNIT = ((1e11, 1e3), (1e14, 1.0), (1e17, 1e-3), (1e20, 1e-6))
"""Below each bound a number counts seconds, milliseconds, microseconds, nanoseconds: from 1973 to 5138 none overlap."""
_LONG_AGO, _FAR_AHEAD = timedelta(days=365), timedelta(days=1)


def epoch_milliseconds(value: object) -> int:
    """A time in epoch milliseconds, from a number in s, ms, µs or ns, or from ISO 8601 with an offset; 0 for none.

    A text without an offset is none: read in the wrong zone, an alert of now would be too old.
    """
    number = _number(value)
    for bound, milliseconds in _MILLISECONDS_PER_UNIT:
        if 0 < number < bound:
            return int(number * milliseconds)
    return 0


def is_plausible(at: datetime, now: datetime) -> bool:
    """Whether an alert may have happened then: anything else is a slip of the payload, and says nothing."""
    return now - _LONG_AGO <= at <= now + _FAR_AHEAD


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = value.strip() if isinstance(value, str) and len(value) <= _LONGEST else ""
    return float(text) if _NUMBER.fullmatch(text) else _seconds(text)


def _seconds(text: str) -> float:
    try:
        at = datetime.fromisoformat(text)
        return at.timestamp() if at.tzinfo else 0.0
    except (ValueError, OverflowError):
        return 0.0
