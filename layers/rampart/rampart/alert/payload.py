"""The payload of the webhook that `rampart datadog sync` makes, in fields, and what it asks for in plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from rampart.alert.moment import epoch_milliseconds, is_plausible
from rampart.alert.reading import MOST_BYTES, MOST_FLAGS, MOST_FOUND, fields_of
from rampart.alert.transition import KNOWN, ROLLING_BACK, transition_named
from rampart.errors import AlertUnreadableError
from rampart.model import Model
from rampart.plan.model import FlagName
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.state import Claim
from rampart.words import duration, second

__all__ = ["KNOWN", "MOST_BYTES", "ROLLING_BACK", "AlertPayload", "read_alert"]

_VARIABLE = re.compile(r"\$[A-Z][A-Z0-9_]*(?:\[[^\]]*\])?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")
"""What no notice can show, and what a queue refuses."""
_SKEW = timedelta(minutes=5)
_MOST_WORDS = 2000
_MOST_SHOWN = 100
_SAID = {
    "missing": "is missing",
    "too_short": "names no flag",
    "string_pattern_mismatch": "isn't a valid flag name",
    "string_too_long": "is too long",
    "string_type": "must be text",
    "string_unicode": "must be text",
    "tuple_type": "must be text or a list",
}
"""The commonest of pydantic's errors in words of our own, by type."""


def _substituted(value: object) -> object:
    if isinstance(value, str) and _VARIABLE.fullmatch(value.strip()):
        raise ValueError(f"{value} was not substituted by Datadog; check the webhook's payload")
    return value


def _split(value: object) -> object:
    # One string field is all that a webhook's template can fill from a monitor's message.
    names = [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value
    if isinstance(names, list) and len(names) > MOST_FLAGS:  # what was found in several places is a tuple
        raise ValueError(f"names too many flags: {len(names)}, more than {MOST_FLAGS}")
    return names


def _printable(value: object) -> object:
    return _UNPRINTABLE.sub(" ", value) if isinstance(value, str) else value


def _words(value: object) -> object:
    """What is only told: it must not keep an alert from being believed, so it is cut, or left out."""
    is_text = isinstance(value, str | int | float) and not isinstance(value, bool)
    text = str(value)[:_MOST_WORDS] if is_text else ""
    return "" if _VARIABLE.fullmatch(text.strip()) else _printable(text)


def _known(transition: str) -> str:
    named = transition_named(transition)
    if named is None:
        raise ValueError(f"unknown transition {transition[:_MOST_SHOWN]!r}")
    return named


Text = Annotated[str, Field(max_length=_MOST_WORDS), BeforeValidator(_substituted)]
Words = Annotated[str, BeforeValidator(_words)]
Flags = Annotated[tuple[FlagName, ...], BeforeValidator(_split), BeforeValidator(_substituted)]


class AlertPayload(Model, extra="ignore", coerce_numbers_to_str=True):
    """What the webhook posts; names of flags travel here because Datadog lower-cases tags."""

    transition: Annotated[Text, AfterValidator(_known)]
    monitor: Annotated[Text, BeforeValidator(_printable)]
    cycle: Words = ""
    title: Words = ""
    date: Annotated[int, BeforeValidator(epoch_milliseconds)] = 0
    """When the monitor's event happened, epoch milliseconds; 0 where Datadog did not say."""
    flags: Flags = Field(min_length=1, max_length=MOST_FOUND)

    @property
    def happened(self) -> datetime | None:
        """When it happened; None when Datadog did not say."""
        return datetime.fromtimestamp(self.date / 1000, UTC) if self.date else None

    @property
    def is_test(self) -> bool:
        """Whether someone pressed "Test notifications": it really sends."""
        return self.title.lstrip().startswith("[TEST]")

    def ignored(self, now: datetime, most: timedelta) -> str | None:
        """Why this alert moves nothing, in words; None when it must. A time that cannot be true counts as not said."""
        if self.is_test:
            return "a test notification: the endpoint works; nothing was rolled back"
        if self.transition not in ROLLING_BACK:
            return f"{self.transition} isn't a reason to roll back"
        at = self.happened
        if at is None or not is_plausible(at, now):
            return None
        if now - at > most:
            return f"the alert is from {second(at)}, older than {duration(most)}"
        if at - now > _SKEW:
            return f"the alert is from {second(at)}, which is in the future"
        return None

    def tested(self, holders: Mapping[str, Claim]) -> str:
        """What a test notification shows, in words: who would be rolled back, and which flags no one holds."""
        rollouts = dict.fromkeys(holders[flag].rollout for flag in self.flags if flag in holders)
        unheld = [flag for flag in self.flags if flag not in holders]
        would = "it would roll back"
        if self.transition not in ROLLING_BACK:
            would = f"{self.transition} isn't a reason to, but Triggered would roll back"
        shown = [f"{would} {', '.join(rollouts)}"] if rollouts else []
        shown += [f"no live rollout holds {', '.join(unheld)}: check the flag's spelling"] if unheld else []
        return f"a test notification: {'; '.join(shown)}"

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


def read_alert(text: str) -> AlertPayload:
    """Read a webhook's body, as `reading.text_of` gives it.

    Raises AlertUnreadableError, in words, when it can never be understood.
    """
    try:
        return AlertPayload.model_validate(fields_of(text))
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])) or 'body'}: "
            + _SAID.get(problem["type"], problem["msg"].removeprefix("Value error, "))
            for problem in error.errors(include_url=False, include_input=False)[:5]
        ]
        raise AlertUnreadableError("; ".join(problems)) from error
