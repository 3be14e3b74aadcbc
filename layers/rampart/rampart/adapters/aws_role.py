"""A client of AWS with the permissions of a role, in this account or another."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

_RENEW_SECONDS = 300.0
"""How long before their end credentials are renewed."""


class _SecurityTokens(Protocol):
    """What is used of boto3's client."""

    def assume_role(self, *, RoleArn: str, RoleSessionName: str) -> Mapping[str, Any]:  # noqa: N803 -- AWS's names
        ...


class AssumedRole:
    """Makes a client with a role's credentials, and keeps it until they end.

    `make` gets the credentials by the names of boto3's arguments. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """

    def __init__(
        self,
        role: str,
        tokens: Callable[[], _SecurityTokens],
        make: Callable[[Mapping[str, str]], Any],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._role = role
        self._tokens = tokens
        self._make = make
        self._now = now
        self._kept: tuple[float, Any] | None = None

    def __call__(self) -> Any:  # noqa: ANN401 -- boto3 makes its clients' classes at run time
        """Give the client; raises what boto3 raises."""
        if self._kept is None or self._now() >= self._kept[0] - _RENEW_SECONDS:
            found = self._tokens().assume_role(RoleArn=self._role, RoleSessionName="rampart")["Credentials"]
            keys = {
                "aws_access_key_id": found["AccessKeyId"],
                "aws_secret_access_key": found["SecretAccessKey"],
                "aws_session_token": found["SessionToken"],
            }
            self._kept = (found["Expiration"].timestamp(), self._make(keys))
        return self._kept[1]
