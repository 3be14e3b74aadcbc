"""Calls to Datadog's API: keys, bounds on time and size, and every way not to be answered as one error."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from rampart.absence import AbsenceReason
from rampart.adapters.deadline import within
from rampart.adapters.json_text import read_json
from rampart.errors import SecretUnavailableError
from rampart.numbers import shown
from rampart.words import duration

if TYPE_CHECKING:
    from datadog_api_client import ApiClient

    from rampart.adapters.secrets import Secret

_TIMEOUTS = (2, 5)
"""Seconds to connect, and between two packets."""
_MOST_BYTES = 8_000_000
_USUAL_PERIOD = 3600.0
"""Seconds for which a limit lasts that doesn't say so."""
_TOO_MANY = 429


@dataclass(slots=True)
class QueryBudget:
    """How many queries the organization may still make, of the limit that is nearest.

    Datadog has a limit for each kind of question, and says with each answer what is left of it and for how long.
    """

    clock: Callable[[], float] = time.monotonic
    _said: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By the limit's name: what is left of it, and when its period ends."""

    def note(self, headers: Mapping[str, str], *, is_refused: bool = False) -> None:
        """Keep what an answer says; one that is refused for its limit leaves nothing of it."""
        said = {name.lower(): value for name, value in headers.items()}
        left = 0.0 if is_refused else _number(said.get("x-ratelimit-remaining"))
        if left is not None:
            lasts = _number(said.get("x-ratelimit-reset"))
            ends = self.clock() + (_USUAL_PERIOD if lasts is None else lasts)
            self._said[said.get("x-ratelimit-name", "")] = left, ends

    @property
    def left(self) -> float | None:
        """The fewest that are left of a limit whose period isn't over; None where nothing is known."""
        now = self.clock()
        return min((left for left, ends in list(self._said.values()) if now < ends), default=None)


class DatadogApi:
    """Calls one Datadog site with a secret's keys; `url` overrides the site's address, for a proxy or a stand-in.

    The secret holds `{"api_key": …, "app_key": …}`. When it is refused it is read again once. A whole call ends within
    `deadline_seconds`.
    """

    def __init__(
        self,
        site: str,
        secret: Secret,
        *,
        url: str = "",
        deadline_seconds: float = 10.0,
        budget: QueryBudget | None = None,
    ) -> None:
        self._budget = budget or QueryBudget()
        self._host = url.rstrip("/") or f"https://api.{site}"
        self._secret = secret
        self._deadline = deadline_seconds
        self._client: tuple[Mapping[str, Any], ApiClient] | None = None

    def call(self, ask: Callable[[ApiClient], object]) -> object:
        """Give the JSON that `ask` is answered with; raises UnansweredError, whatever goes wrong."""
        try:
            return within(self._deadline, lambda: self._authorized(ask))
        except TimeoutError as error:
            told = f"Datadog did not answer in {duration(self._deadline)}"
            raise UnansweredError(AbsenceReason.UNREACHABLE, told) from error

    def _authorized(self, ask: Callable[[ApiClient], object]) -> object:
        try:
            known = self._secret()
            try:
                return self._exchange(ask, known)
            except UnansweredError as error:
                renewed = self._secret.refresh() if error.reason is AbsenceReason.REFUSED_CREDENTIALS else known
                if renewed == known:
                    raise
            return self._exchange(ask, renewed)
        except SecretUnavailableError as error:
            raise UnansweredError(AbsenceReason.REFUSED_CREDENTIALS, f"Datadog's keys are missing: {error}") from error

    def _exchange(self, ask: Callable[[ApiClient], object], secret: Mapping[str, Any]) -> object:
        # The client hands over the unread answer: its own models let wrong types pass, and hide errors inside a 200.
        with _refusals():
            response = cast("Any", self._asked(ask, secret))
            self._budget.note(response.headers)
            try:
                content = response.read(_MOST_BYTES + 1, decode_content=True)
            finally:
                response.release_conn()
        if len(content) > _MOST_BYTES:
            raise UnansweredError(AbsenceReason.MALFORMED, f"Datadog's answer is larger than {_MOST_BYTES} bytes")
        try:
            return read_json(content)
        except ValueError as error:
            raise UnansweredError(AbsenceReason.MALFORMED, f"Datadog's answer isn't JSON: {error}") from error

    def _asked(self, ask: Callable[[ApiClient], object], secret: Mapping[str, Any]) -> object:
        from datadog_api_client.exceptions import ApiException

        try:
            return ask(self._client_for(secret))
        except ApiException as error:
            if error.status == _TOO_MANY:
                self._budget.note(error.headers or {}, is_refused=True)
            raise

    def _client_for(self, secret: Mapping[str, Any]) -> ApiClient:
        if self._client is not None and self._client[0] == secret:
            return self._client[1]
        import urllib3
        from datadog_api_client import ApiClient, Configuration

        configuration = Configuration(  # type: ignore[no-untyped-call]  # its constructors have no types
            host=self._host,
            api_key=_keys_of(secret),
            request_timeout=_TIMEOUTS,
            retry_policy=urllib3.Retry(0),  # its own retries sleep as long as Datadog says, 40 minutes were seen
            preload_content=False,
        )
        client = ApiClient(configuration)
        self._client = (secret, client)
        return client


def _keys_of(secret: Mapping[str, Any]) -> dict[str, str]:
    # Both must be there: the client puts the environment's in the place of an empty one.
    keys = {"apiKeyAuth": _text(secret.get("api_key")), "appKeyAuth": _text(secret.get("app_key"))}
    if not all(keys.values()):
        told = 'Datadog\'s secret is incomplete; store {"api_key": "…", "app_key": "…"}'
        raise UnansweredError(AbsenceReason.REFUSED_CREDENTIALS, told)
    return keys


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


class UnansweredError(Exception):
    """Datadog did not answer a question; `reason` says why, `reset_seconds` when it wants to be asked again."""

    def __init__(
        self, reason: AbsenceReason, detail: str, *, status: int = 0, reset_seconds: float | None = None
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.status = status
        self.reset_seconds = reset_seconds


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what the client and its transport raise into UnansweredErrors."""
    import urllib3
    from datadog_api_client.exceptions import ApiException, OpenApiException

    try:
        yield
    except ApiException as error:
        raise _refused(error.status or 0, error.body, error.headers or {}) from error
    except (OpenApiException, TypeError, UnicodeDecodeError) as error:
        raise UnansweredError(AbsenceReason.MALFORMED, f"Datadog's client gave up: {type(error).__name__}") from error
    except ValueError:
        # The original names the header's value, which is the key.
        raise UnansweredError(AbsenceReason.REFUSED_CREDENTIALS, "Datadog's keys cannot be sent as headers") from None
    except urllib3.exceptions.HTTPError as error:
        told = f"Datadog could not be reached: {type(error).__name__}"
        raise UnansweredError(AbsenceReason.UNREACHABLE, told) from error


def _refused(status: int, body: object, headers: Mapping[str, str]) -> UnansweredError:
    if status == 0:
        return UnansweredError(AbsenceReason.UNREACHABLE, "Datadog could not be reached: no secure connection")
    said = f"Datadog answered {status}"
    if reasons := errors_in(body):
        said += f": {reasons}"
    if status in (401, 403):
        return UnansweredError(AbsenceReason.REFUSED_CREDENTIALS, said, status=status)
    if status == _TOO_MANY:
        reset = _number({name.lower(): value for name, value in headers.items()}.get("x-ratelimit-reset"))
        when = "without saying when to ask again" if reset is None else f"ask again in {duration(reset)}"
        return UnansweredError(AbsenceReason.RATE_LIMITED, f"{said}; {when}", status=status, reset_seconds=reset)
    if 400 <= status < 500:
        return UnansweredError(AbsenceReason.REFUSED_QUERY, said, status=status)
    return UnansweredError(AbsenceReason.UNREACHABLE, said, status=status)


def errors_in(body: object) -> str:
    """What a body says went wrong, in one line; empty when it says nothing of the kind."""
    if not isinstance(body, Mapping):
        return ""
    errors = body.get("errors") or body.get("error")
    if not errors:
        return "status: error" if body.get("status") == "error" else ""
    each = errors if isinstance(errors, list) else [errors]
    return "; ".join(error[:500] if isinstance(error, str) else shown(error) for error in each[:20])[:500]


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
