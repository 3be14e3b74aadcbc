"""The payload of the Datadog webhook that the runbook sets up, read strictly and answered in plain words."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from rampart.errors import AlertUnreadableError
from rampart.model import Model
from rampart.plan.model import FlagName
from rampart.rollout.request import Cause, RollbackRequest

ROLLING_BACK = frozenset({"Triggered", "Re-Triggered", "Renotify"})
"""Transitions that mean: it is bad now."""
KNOWN = ROLLING_BACK | {"Warn", "Re-Warn", "No Data", "Re-No Data", "Recovered", "Warn Recovered"}
MOST_BYTES = 64 * 1024
_VARIABLE = re.compile(r"\$[A-Z][A-Z0-9_]*(?:\[[^\]]*\])?")
_SKEW = timedelta(minutes=5)
_MOST_WORDS = 2000
_SAID = {
    "missing": "is missing",
    "too_short": "names no flag",
    "too_long": "names too many flags",
    "string_pattern_mismatch": "is no flag's name",
    "string_type": "is no text",
}
"""The commonest of pydantic's errors in words of our own, by type."""


def _substituted(value: object) -> object:
    if isinstance(value, str) and _VARIABLE.fullmatch(value.strip()):
        raise ValueError(f"{value} was not substituted by Datadog; look at the webhook's payload")
    return value


def _split(value: object) -> object:
    # One string field is all that a webhook's template can fill from a monitor's message.
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def _words(value: object) -> object:
    """What is only told: it must not keep an alert from being believed, so it is cut, or left out."""
    is_text = isinstance(value, str | int | float) and not isinstance(value, bool)
    text = str(value)[:_MOST_WORDS] if is_text else ""
    return "" if _VARIABLE.fullmatch(text.strip()) else text


def _milliseconds(value: object) -> int:
    """A time in epoch milliseconds; 0 for what is none."""
    try:
        return int(value) if isinstance(value, str | int) else 0
    except ValueError:
        return 0


Text = Annotated[str, BeforeValidator(_substituted), Field(max_length=_MOST_WORDS)]
Words = Annotated[str, BeforeValidator(_words)]
Flags = Annotated[tuple[FlagName, ...], BeforeValidator(_split), BeforeValidator(_substituted)]


def _known(transition: str) -> str:
    if transition not in KNOWN:
        raise ValueError(f"{transition!r} is no transition of a Datadog monitor")
    return transition


class AlertPayload(Model, extra="ignore", coerce_numbers_to_str=True):
    """What the webhook posts; names of flags travel here because Datadog lower-cases tags."""

    transition: Annotated[Text, AfterValidator(_known)]
    monitor: Text
    cycle: Words = ""
    title: Words = ""
    date: Annotated[int, BeforeValidator(_milliseconds)] = 0
    """When the monitor's event happened, epoch milliseconds; 0 where Datadog did not say."""
    flags: Flags = Field(min_length=1, max_length=20)

    @property
    def happened(self) -> datetime | None:
        """When it happened; None when Datadog did not say."""
        try:
            return datetime.fromtimestamp(self.date / 1000, UTC) if self.date else None
        except (ValueError, OverflowError, OSError):
            return None

    @property
    def is_test(self) -> bool:
        """Whether somebody pressed "Test notifications": it really sends."""
        return self.title.lstrip().startswith("[TEST]")

    def ignored(self, now: datetime, most: timedelta) -> str | None:
        """Why this alert moves nothing, in words; None when it must."""
        if self.is_test:
            return "a test notification: the endpoint works; nothing was rolled back"
        if self.transition not in ROLLING_BACK:
            return f"{self.transition} is no reason to roll back"
        if self.happened is not None and now - self.happened > most:
            return f"the alert is of {self.happened:%Y-%m-%d %H:%M:%S} UTC, older than {most.total_seconds():g} s"
        if self.happened is not None and self.happened - now > _SKEW:
            return f"the alert is of {self.happened:%Y-%m-%d %H:%M:%S} UTC, which lies ahead"
        return None

    def request(self, now: datetime) -> RollbackRequest:
        """The rollback that this alert asks for."""
        return RollbackRequest(
            cause=Cause.ALERT,
            reason=f"Datadog monitor {self.monitor} alerts" + (f": {self.title}" if self.title else ""),
            flags=self.flags,
            by="datadog",
            monitor=self.monitor,
            cycle=self.cycle or None,
            asked_at=now,
        )


def read_alert(body: str | bytes) -> AlertPayload:
    """Read a webhook's body.

    Raises AlertUnreadableError, in words, when it can never be understood.
    """
    size = len(body.encode("utf-8", "replace") if isinstance(body, str) else body)
    if size > MOST_BYTES:
        raise AlertUnreadableError(f"the body has {size} bytes, more than {MOST_BYTES}")
    try:
        return AlertPayload.model_validate_json(body)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])) or 'body'}: "
            + _SAID.get(problem["type"], problem["msg"].removeprefix("Value error, "))
            for problem in error.errors(include_url=False, include_input=False)[:5]
        ]
        raise AlertUnreadableError("; ".join(problems)) from error
