"""Flags in Flipper, through its HTTP API (1.x) behind whatever its host puts before it."""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rampart.adapters.deadline import Permit, within
from rampart.adapters.json_text import read_json
from rampart.adapters.permitted import PERMIT, permitted_session
from rampart.errors import FlagCredentialsError, FlagStoreError, SecretUnavailableError, TooLateError, UnknownFlagError
from rampart.numbers import finite, shown
from rampart.plan.stage import Member, MemberKind
from rampart.rollout.flag import FlagReading
from rampart.words import duration

if TYPE_CHECKING:
    from requests import PreparedRequest, Session

    from rampart.adapters.secrets import Secret

_MOST_BYTES = 1_000_000
_FRESH_SECONDS = 20.0
_UNSENDABLE = "Flipper's secret cannot be sent as headers: they must be printable ASCII; fix the secret"
_FEATURE_NOT_FOUND = 1
"""Flipper's error code for a feature that does not exist."""
_GROUP_NOT_REGISTERED = 2
"""Flipper's error code for a group that its host does not know."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one call may take, in seconds: to connect, between two packets, and in all."""

    connect: float = 2.0
    read: float = 3.0
    total: float = 5.0


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes


class FlipperFlagStore:
    """Implements `FlagStore` on the API at `url`, path prefix included; nothing is retried, and no write is believed.

    A call that was given up sends nothing any more, however long the process is frozen in between (`Permit`).

    The secret holds `{"token": …}` for a bearer token or `{"username": …, "password": …}` for basic auth, and for a
    gateway's sake `{"headers": {…}}`, together or alone; `{}` where the network is protection enough. When it is
    refused it is read again once.
    """

    def __init__(self, url: str, secret: Secret, *, timeouts: Timeouts = Timeouts()) -> None:
        self._url = url.rstrip("/")
        self._secret = secret
        self._timeouts = timeouts
        self._idle: list[tuple[Session, float]] = []
        """Sessions that are kept for the next call, and since when; one that is still busy is not here."""

    def read(self, flag: str) -> FlagReading:
        answer = self._call("GET", _path(flag))
        try:
            return reading_of(flag, read_json(answer.body))
        except (ValueError, TypeError, KeyError) as error:
            raise FlagStoreError(f"Flipper's answer for {flag} cannot be understood: {error}") from error

    def set_percentage(self, flag: str, percent: float) -> None:
        """Write a flag's percentage of actors, to three decimals; creates a flag that does not exist, so read first."""
        number = round(percent, 3)
        body = {"percentage": int(number) if number == int(number) else number}
        self._call("POST", f"{_path(flag)}/percentage_of_actors", json.dumps(body).encode())

    def close_gates(self, flag: str) -> None:
        """Clear every gate of a flag, hand-picked actors and groups included, as closing the boolean gate does."""
        self._call("DELETE", f"{_path(flag)}/boolean")

    def open_to(self, flag: str, member: Member) -> None:
        """Let an actor or a registered group in; creates a flag that does not exist, so read first."""
        self._change("POST", flag, member)

    def close_to(self, flag: str, member: Member) -> None:
        """Let an actor or a group in by name no longer; a group may have lost its registration since."""
        self._change("DELETE", flag, member)

    def turn_on(self, flag: str) -> None:
        """Open the boolean gate, with which Flipper clears every other one."""
        self._call("POST", f"{_path(flag)}/boolean", b"{}")

    def _change(self, method: str, flag: str, member: Member) -> None:
        is_group = member.kind is MemberKind.GROUP
        query = "?allow_unregistered_groups=true" if is_group and method == "DELETE" else ""
        body = {"name" if is_group else "flipper_id": member.name}
        self._call(method, f"{_path(flag)}/{member.kind}s{query}", json.dumps(body).encode())

    def _call(self, method: str, path: str, body: bytes | None = None) -> _Answer:
        permit = Permit(self._timeouts.total)

        def call() -> _Answer:
            PERMIT.set(permit)  # of this call's own thread
            return self._authorized(method, path, body)

        try:
            answer = within(self._timeouts.total, call)
        except (TimeoutError, TooLateError) as error:
            permit.take_back()
            told = f"Flipper did not answer {method} {path} in {duration(self._timeouts.total)}"
            raise FlagStoreError(told) from error
        if not 200 <= answer.status < 300:
            raise _refusal(answer, method, path)
        return answer

    def _authorized(self, method: str, path: str, body: bytes | None) -> _Answer:
        try:
            known = self._secret()
            answer = self._exchange(method, path, body, known)
            if answer.status != 401:
                return answer
            renewed = self._secret.refresh()
        except SecretUnavailableError as error:
            raise FlagStoreError(f"Flipper's credentials are missing: {error}") from error
        return answer if renewed == known else self._exchange(method, path, body, renewed)

    def _exchange(self, method: str, path: str, body: bytes | None, secret: Mapping[str, Any]) -> _Answer:
        import requests  # 40 ms: only where a flag is touched

        try:
            with (
                self._session() as session,
                session.request(
                    method,
                    self._url + path,
                    data=body,
                    headers={"Content-Type": "application/json"} if body else {},
                    auth=_Credentials(secret),
                    timeout=(self._timeouts.connect, self._timeouts.read),
                    allow_redirects=False,  # a sign-in page isn't an answer, and credentials go nowhere else
                    stream=True,
                ) as response,
            ):
                return _Answer(response.status_code, _bounded(response.iter_content(65_536), path))
        except requests.exceptions.InvalidHeader:
            # The original names the value, which is the secret.
            raise FlagCredentialsError(_UNSENDABLE) from None
        except requests.Timeout as error:
            raise FlagStoreError(f"Flipper did not answer {method} {path} in time") from error
        except requests.RequestException as error:
            raise FlagStoreError(f"Flipper could not be reached for {method} {path}: {type(error).__name__}") from error

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """Give a session that no one else uses now, with the connection of the call before if that was just now.

        An older connection may have been cut without a word while the function was frozen; a write would wait for it.
        """
        session, used = self._idle.pop() if self._idle else (permitted_session(), time.monotonic())
        if time.monotonic() - used > _FRESH_SECONDS:
            session.close()
            session = permitted_session()
        try:
            yield session
        except BaseException:
            session.close()
            raise
        self._idle.append((session, time.monotonic()))


class _Credentials:
    """Puts the secret's headers on a request; as `auth`, so that a .netrc file cannot put others in their place."""

    def __init__(self, secret: Mapping[str, Any]) -> None:
        self._headers = headers_of(secret)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        for name, value in self._headers.items():
            request.headers.setdefault(name, value)
        return request


def headers_of(secret: Mapping[str, Any]) -> dict[str, str]:
    """The headers that a secret stands for; raises FlagCredentialsError when they cannot be sent."""
    given = secret.get("headers") or {}
    if not isinstance(given, Mapping):
        raise FlagCredentialsError('Flipper\'s secret needs its headers as an object; store {"headers": {"NAME": "…"}}')
    headers = {str(name): _text(value).strip() for name, value in given.items()}
    if token := secret.get("token"):
        headers["Authorization"] = f"Bearer {_text(token).strip()}"
    elif username := secret.get("username"):
        pair = f"{_text(username)}:{_text(secret.get('password', ''))}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    if not all(text.isprintable() and text.isascii() for pair in headers.items() for text in pair):
        raise FlagCredentialsError(_UNSENDABLE)
    return headers


def _text(value: object) -> str:
    """A secret's text; a number is one too. The refusal never shows it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise FlagCredentialsError("Flipper's secret has a value that is neither text nor a number; fix the secret")
    return str(value)


def reading_of(flag: str, body: object) -> FlagReading:
    """What a feature's body says of its gates; raises ValueError or TypeError when it does not say it plainly.

    Values are text or null, whatever they mean: "true", "25", "0.5".
    """
    if not isinstance(body, Mapping) or body.get("key") != flag or not isinstance(body.get("gates"), list):
        raise ValueError("it is not the feature with its gates")
    gates = {gate["key"]: gate["value"] for gate in body["gates"]}
    unknown = sorted(str(name) for name in gates.keys() - _GATES if gates[name] not in _CLOSED)
    if unknown:
        raise ValueError(f"it has gates that are not known here: {shown(', '.join(unknown))}")
    if not {"boolean", "percentage_of_actors"} <= gates.keys():
        raise ValueError("its gates are incomplete")
    return FlagReading(
        flag,
        percent=_percentage(gates["percentage_of_actors"]),
        boolean=gates["boolean"] not in (None, False, "false", ""),
        expression=gates.get("expression") not in _CLOSED,
        percent_of_time=_percentage(gates.get("percentage_of_time")),
        actors=_names(gates.get("actors")),
        groups=_names(gates.get("groups")),
    )


_GATES = frozenset({"boolean", "expression", "actors", "percentage_of_actors", "percentage_of_time", "groups"})
_CLOSED: tuple[object, ...] = (None, False, "", "0", 0, "false", [], {})


def _percentage(value: object) -> float:
    if value is None:
        return 0.0
    try:
        number = finite(float(value) if isinstance(value, str) else value)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 100:
        raise ValueError(f"{shown(value)} isn't a percentage")
    return number


def _names(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise TypeError(f"{shown(value)} isn't a list of names")
    return tuple(value)


def _path(flag: str) -> str:
    return f"/features/{quote(flag, safe='')}"


def _bounded(chunks: Iterable[bytes], path: str) -> bytes:
    content = b""
    for chunk in chunks:
        content += chunk
        if len(content) > _MOST_BYTES:
            raise FlagStoreError(f"Flipper's answer for {path} is larger than {_MOST_BYTES} bytes")
    return content


def _refusal(answer: _Answer, method: str, path: str) -> FlagStoreError:
    said = f"Flipper answered {answer.status} to {method} {path}"
    code, message = _error_of(answer.body)
    if answer.status in (401, 403):
        return FlagCredentialsError(f"{said}: fix the credentials in its secret")
    if answer.status == 404 and code == _FEATURE_NOT_FOUND:
        return UnknownFlagError(f"{said}: there is no such flag")
    if answer.status == 404 and code == _GROUP_NOT_REGISTERED and "/groups" in path:
        return FlagStoreError(f"{said}: the application registers no such group; fix the group's name in the plan")
    if answer.status == 404 or 300 <= answer.status < 400:
        return FlagStoreError(f"{said}: its API is not at this address; fix Flipper's URL, its path included")
    if answer.status >= 500 or answer.status == 429:
        return FlagStoreError(f"{said}: it will be tried again")
    return FlagStoreError(f"{said}: {message or 'it gave no reason'}")


def _error_of(body: bytes) -> tuple[object, str]:
    """The code and message of Flipper's own errors; others have neither."""
    with suppress(ValueError):
        error = read_json(body)
        if isinstance(error, Mapping):
            message = error.get("message", "")
            return error.get("code"), message[:200] if isinstance(message, str) else shown(message)
    return None, ""
