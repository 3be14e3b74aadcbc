"""Secrets by name: read when first needed, kept for a while, read again when what they open refuses them.

Powertools' parameters utility is not used: it costs start-up time on the alert's path, and knows neither a bound on how
often a secret is read again nor what to do with an old value while Secrets Manager is down.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from rampart.adapters.deadline import within
from rampart.adapters.json_text import read_json
from rampart.errors import SecretUnavailableError
from rampart.words import duration

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_log = logging.getLogger(__name__)

_IMPATIENCE = 1.0
"""Seconds that a secret may take to be read again while the one read before still serves: an alert must not wait."""
REFRESH_SECONDS = 30.0
"""A secret is read again at most this often: a stranger's wrong tokens must not spend the API's quota."""


class Secret(Protocol):
    """One secret, a JSON object; both methods raise SecretUnavailableError, which never holds the secret's text."""

    def __call__(self) -> Mapping[str, Any]:
        """Give the secret as it is known."""

    def refresh(self) -> Mapping[str, Any]:
        """Give the secret read again, at most once in 30 s."""


class SecretsManagerSecrets:
    """JSON secrets of AWS Secrets Manager, each kept for `lifetime_seconds`; safe to use from many threads.

    What was read once serves on while Secrets Manager is down or silent, for no more than a second's wait in all.
    """

    def __init__(
        self,
        client: SecretsManagerClient,
        *,
        lifetime_seconds: float = 300.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._lifetime = lifetime_seconds
        self._monotonic = monotonic
        self._named: dict[str, NamedSecret] = {}
        self._lock = Lock()

    def named(self, name: str) -> NamedSecret:
        """Give one secret by its name or ARN; it is read when it is first used."""
        with self._lock:
            secret = NamedSecret(name, partial(self._fetch, name), self._put_off, self._lifetime, self._monotonic)
            return self._named.setdefault(name, secret)

    def _put_off(self, now: float) -> None:
        """Ask for no secret that is known for a while: what fails for one fails for all, and each would wait."""
        with self._lock:
            for secret in self._named.values():
                secret.read_at = max(secret.read_at, now - self._lifetime + REFRESH_SECONDS)

    def _fetch(self, name: str) -> Mapping[str, Any]:
        try:
            text = self._client.get_secret_value(SecretId=name)["SecretString"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise SecretUnavailableError(f"secret {name!r} cannot be read: {code}") from error
        except BotoCoreError as error:
            raise SecretUnavailableError(f"secret {name!r} cannot be read: {type(error).__name__}") from error
        except KeyError:
            raise SecretUnavailableError(f"secret {name!r} is binary; store a JSON object as text") from None
        content: object = None
        with suppress(ValueError):
            content = read_json(text)
        if not isinstance(content, dict):
            raise SecretUnavailableError(f"secret {name!r} isn't a JSON object; store one")
        return content


@dataclass(slots=True)
class NamedSecret:
    """One secret: what is known of it, and when it was read again last, with its failure."""

    name: str
    fetch: Callable[[], Mapping[str, Any]]
    put_off: Callable[[float], None]
    lifetime: float
    monotonic: Callable[[], float]
    content: Mapping[str, Any] | None = field(default=None, repr=False)
    read_at: float = 0.0
    refreshed_at: float | None = None
    failure: str | None = None
    lock: Lock = field(default_factory=Lock, repr=False)

    def __call__(self) -> Mapping[str, Any]:
        """Give the secret as it is known, read when too old; an old one still serves while no new one can be read.

        Raises SecretUnavailableError when it was never read.
        """
        with self.lock:
            now = self.monotonic()
            if self.content is not None and now - self.read_at < self.lifetime:
                return self.content
            try:
                return self._read(now)
            except SecretUnavailableError as error:
                if self.content is None:
                    raise
                self.put_off(now)
                _log.warning("%s; the one read before is used", error)
                return self.content

    def refresh(self) -> Mapping[str, Any]:
        """Give the secret read again, or as it was read in the last 30 s.

        Raises SecretUnavailableError when it cannot be read, and again within the 30 s after that.
        """
        with self.lock:
            now = self.monotonic()
            if self.refreshed_at is None or now - self.refreshed_at >= REFRESH_SECONDS:
                self.refreshed_at = now
                return self._read(now)
            if self.failure is not None or self.content is None:
                raise SecretUnavailableError(self.failure or f"secret {self.name!r} was not read yet")
            return self.content

    def _read(self, now: float) -> Mapping[str, Any]:
        try:
            self.content = self.fetch() if self.content is None else within(_IMPATIENCE, self.fetch)
            self.failure = None
        except TimeoutError as error:
            self.failure = f"secret {self.name!r} cannot be read: no answer within {duration(_IMPATIENCE)}"
            raise SecretUnavailableError(self.failure) from error
        except SecretUnavailableError as error:
            self.failure = str(error)
            raise
        self.read_at = now
        return self.content


@dataclass(frozen=True, slots=True)
class AlertTokens:
    """The tokens that an alert may carry: `token`, and during a rotation `previous_token` next to it."""

    secret: Secret

    def current(self) -> Sequence[str]:
        return _tokens(self.secret())

    def refreshed(self) -> Sequence[str]:
        return _tokens(self.secret.refresh())


def _tokens(content: Mapping[str, Any]) -> tuple[str, ...]:
    named = (content.get(name) for name in ("token", "previous_token"))
    tokens = tuple(token for token in named if isinstance(token, str) and token)
    if not tokens:
        raise SecretUnavailableError('the alert secret holds no token; store {"token": "..."}')
    return tokens
