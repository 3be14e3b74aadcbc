"""The alert endpoint with fakes behind it, and what came through."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rampart.entry.endpoint import AlertEndpoint
from rampart.errors import SecretUnavailableError, StoreError
from rampart.rollout.request import RollbackRequest
from rampart.rollout.rollback import RollbackOutcome, RollbackResult
from rampart.rollout.state import Claim
from tests.doubles import FixedClock

NOW = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)
TOKEN = "a-long-shared-token"

BODY: dict[str, Any] = {
    "transition": "Triggered",
    "monitor": "12345",
    "cycle": "987654",
    "title": "[Triggered] download error rate is high",
    "date": str(int(NOW.timestamp() * 1000)),
    "flags": "letters_api",
}


@dataclass
class Tokens:
    """Tokens as they are cached, and as they really are."""

    known: Sequence[str] = (TOKEN,)
    real: Sequence[str] = (TOKEN,)
    down: bool = False
    refreshes: int = 0

    def current(self) -> Sequence[str]:
        if self.down:
            raise SecretUnavailableError("down")
        return self.known

    def refreshed(self) -> Sequence[str]:
        self.refreshes += 1
        return self.real


@dataclass
class Door:
    """The endpoint, with what came through it."""

    tokens: Tokens = field(default_factory=Tokens)
    asked: list[RollbackRequest] = field(default_factory=list)
    result: RollbackResult = field(
        default_factory=lambda: RollbackResult(RollbackOutcome.ROLLED_BACK, (), ("letters",))
    )
    failure: Exception | None = None
    held: Mapping[str, str] = field(default_factory=dict)
    """The rollout of each flag that a live one holds."""
    store_is_down: bool = False
    told: list[str] = field(default_factory=list)

    def _roll_back(self, request: RollbackRequest) -> RollbackResult:
        self.asked.append(request)
        if self.failure is not None:
            raise self.failure
        return self.result

    def _holders(self, flags: Sequence[str]) -> Mapping[str, Claim]:
        if self.store_is_down:
            raise StoreError("the table is throttled")
        return {flag: Claim(flag=flag, rollout=self.held[flag], flags=(flag,)) for flag in flags if flag in self.held}

    def event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        endpoint = AlertEndpoint(
            tokens=self.tokens,
            rollback=self._roll_back,
            clock=FixedClock(NOW),
            max_age_seconds=900,
            holders=self._holders,
            tell=self.told.append,
        )
        return endpoint(event)

    def post(
        self, token: str | None = TOKEN, header: str = "X-Rampart-Token", **changes: Any
    ) -> tuple[int, dict[str, Any]]:
        """Post an alert; the status and what was answered."""
        headers = {} if token is None else {header: token}
        answer = self.event({"headers": headers, "body": json.dumps(BODY | changes)})
        return answer["statusCode"], json.loads(answer["body"])

    def post_text(self, body: str) -> tuple[int, dict[str, Any]]:
        """Post a body as it is, with the token; the status and what was answered."""
        answer = self.event({"headers": {"X-Rampart-Token": TOKEN}, "body": body})
        return answer["statusCode"], json.loads(answer["body"])
