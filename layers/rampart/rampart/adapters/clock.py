"""The time, as the machine tells it."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """Tells the time in whole milliseconds: what is stored has no finer ones, and must read as it was written."""

    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)
