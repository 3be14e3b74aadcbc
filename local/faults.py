"""Faults that a stand-in can simulate: what goes wrong, for which requests, and how often."""

import re
import threading
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class FaultKind(StrEnum):
    """What goes wrong with a request."""

    STATUS = "status"
    """Nothing is done; `status`, `headers` and `body` are the whole answer (a 200 with a made-up body is one too)."""
    REFUSE = "refuse"
    """Nothing is done; the connection is reset at once."""
    HANG = "hang"
    """Nothing is done; the connection stays open for `seconds` without an answer, then is reset."""
    DELAY = "delay"
    """The request is done and answered `seconds` late: a client that gave up has still written."""
    TRICKLE = "trickle"
    """The request is done; the answer's body arrives byte by byte over `seconds`."""
    RESET_MID_BODY = "reset_mid_body"
    """The request is done; the connection is reset after half of the answer's body."""
    MALFORMED_BODY = "malformed_body"
    """The request is done; the answer's body is cut, so it isn't valid JSON."""
    EMPTY_BODY = "empty_body"
    """The request is done; the answer has its status and no body."""
    LOST_ANSWER = "lost_answer"
    """The request is done; the connection is reset instead of an answer."""
    LIE = "lie"
    """The request is answered as if it had been done, but isn't done."""
    STALE_READ = "stale_read"
    """The answer shows the state from before the last write."""


class Fault(BaseModel):
    """One fault: shown to the requests that match, after the first `after`, `times` times or until cleared."""

    model_config = ConfigDict(extra="forbid")

    kind: FaultKind
    method: str | None = None
    """HTTP method; any if omitted."""
    path: str = ""
    """Regular expression to search for in the path; empty matches any path."""
    times: int | None = Field(default=None, ge=1)
    after: int = Field(default=0, ge=0)
    """How many matching requests succeed first."""
    seconds: float = 0.0
    status: int = 503
    headers: dict[str, str] = {}
    body: Any = None

    def matches(self, method: str, path: str) -> bool:
        """Whether this fault applies to a request."""
        return self.method in (None, method) and re.search(self.path, path) is not None


def rate_limited(*, reset_seconds: int | None = None, times: int | None = None, path: str = "") -> Fault:
    """Make the fault of a throttled call: 429, with or without the header that says when to retry."""
    headers = {} if reset_seconds is None else {"X-RateLimit-Reset": str(reset_seconds)}
    return Fault(
        kind=FaultKind.STATUS,
        status=429,
        headers=headers,
        times=times,
        path=path,
        body={"errors": ["Too many requests"]},
    )


class Faults:
    """The faults set on a stand-in, in order; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault.model_copy())

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def listing(self) -> list[dict[str, Any]]:
        """List the remaining faults, with their remaining counts."""
        with self._lock:
            return [fault.model_dump(mode="json") for fault in self._faults]

    def take(self, method: str, path: str) -> Fault | None:
        """Use up one occurrence of the first fault that matches; None if the request should succeed."""
        with self._lock:
            for fault in self._faults:
                if not fault.matches(method, path):
                    continue
                if fault.after:
                    fault.after -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self._faults.remove(fault)
                return fault
        return None
