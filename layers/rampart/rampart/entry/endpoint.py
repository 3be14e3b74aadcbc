"""The alert endpoint: who may speak, what is understood, and the status that makes Datadog do the right thing next.

Datadog sends again after a 5xx or a dropped connection, and never after a 4xx (its webhook documentation): so 5xx
whenever the rollback is not done, and 4xx only for what can never be understood or believed.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from rampart.alert.payload import AlertPayload, read_alert
from rampart.alert.reading import text_of, unescaped
from rampart.errors import (
    AlertCredentialsError,
    AlertUnreadableError,
    RollbackUndoneError,
    SecretUnavailableError,
    StoreError,
)
from rampart.rollout.ports import Clock
from rampart.rollout.request import RollbackRequest
from rampart.rollout.rollback import RollbackOutcome, RollbackResult
from rampart.rollout.state import Claim

TOKEN_HEADER = "x-rampart-token"  # noqa: S105  the header's name, not a token


class TokenSource(Protocol):
    """Where the tokens that may speak are; both methods raise SecretUnavailableError."""

    def current(self) -> Sequence[str]:
        """The tokens as they are known; during a rotation there are two."""

    def refreshed(self) -> Sequence[str]:
        """The tokens read again, at most once in 30 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEndpoint:
    """Answers one API Gateway proxy event."""

    tokens: TokenSource
    rollback: Callable[[RollbackRequest], RollbackResult]
    clock: Clock
    max_age_seconds: int
    holders: Callable[[Sequence[str]], Mapping[str, Claim]] | None = None
    """Who holds each flag, so that a test notification shows what it would do; raises StoreError."""
    heard: Callable[[AlertPayload], object] = lambda _: None
    """Where each alert goes that was understood, whatever becomes of it."""
    tell: Callable[[str], object] = lambda _: None
    """Where the reason of a 503 goes: into the log, since no one outside needs to know our parts."""
    refused: Callable[[], object] = lambda: None
    """Called for an alert that is refused for good; a stranger's call isn't one."""

    def __call__(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Authenticate, understand, roll back; never raises for anything that someone outside can send."""
        try:
            self._authenticate(event.get("headers"))
            alert = read_alert(_without_tokens(_body(event), self.tokens.current()))
            self.heard(alert)
            now = self.clock.now()
            ignored = self._ignored(alert, now)
            if ignored is not None:
                return _answer(200, {"outcome": "ignored", "why": ignored})
            result = self.rollback(alert.request(now))
        except AlertCredentialsError:
            if _is_alert(event):
                self.refused()
            return _answer(401, {"error": "unauthorized"})
        except AlertUnreadableError as error:
            self.refused()
            return _answer(400, {"error": "unreadable", "why": str(error)})
        except (RollbackUndoneError, SecretUnavailableError, StoreError) as error:
            self.tell(str(error))
            return _answer(503, {"error": "rollback_pending", "message": "Not confirmed yet. Send the alert again."})
        if result.outcome is RollbackOutcome.NOTHING:
            return _answer(200, {"outcome": "nothing", "why": f"no live rollout holds {', '.join(alert.flags)}"})
        return _answer(200, {"outcome": result.outcome.value, "rollouts": list(result.rollouts)})

    def _ignored(self, alert: AlertPayload, now: datetime) -> str | None:
        why = alert.ignored(now, timedelta(seconds=self.max_age_seconds))
        return alert.tested(self.holders(alert.flags)) if alert.is_test and self.holders is not None else why

    def _authenticate(self, headers: object) -> None:
        given = _header(headers)
        if given is None:
            raise AlertCredentialsError("no token")
        if not (_matches(given, self.tokens.current()) or _matches(given, self.tokens.refreshed())):
            raise AlertCredentialsError("wrong token")


def _is_alert(event: Mapping[str, Any]) -> bool:
    """Whether what has no right token is an alert all the same: with some token, and a payload that can be read."""
    if _header(event.get("headers")) is None:
        return False
    try:
        read_alert(text_of(_body(event)))
    except AlertUnreadableError:
        return False
    return True


def _header(headers: object) -> str | None:
    if not isinstance(headers, Mapping):
        return None
    # API Gateway keeps the sender's case, and HTTP has none.
    return next((str(v) for k, v in headers.items() if str(k).lower() == TOKEN_HEADER and v), None)


def _matches(given: str, tokens: Sequence[str]) -> bool:
    """Compare with every token in constant time, whichever matches."""
    matches = [hmac.compare_digest(given.encode("utf-8", "replace"), token.encode()) for token in tokens if token]
    return any(matches)


def _body(event: Mapping[str, Any]) -> str | bytes:
    body = event.get("body")
    if not isinstance(body, str) or not body:
        raise AlertUnreadableError("there is no body")
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise AlertUnreadableError("the body is not what its encoding says") from error


def _without_tokens(body: str | bytes, tokens: Sequence[str]) -> str:
    """The body, which is logged and told about, and so must hold no token, escaped or not, valid JSON or not."""
    text = text_of(body)
    plain = unescaped(text)
    if any(token in text or token in plain for token in tokens if token):
        raise AlertUnreadableError("it carries a token: take $RAMPART_TOKEN out of the webhook's payload")
    return text


def _answer(status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
