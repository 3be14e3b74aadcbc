"""HTTP exchanges as the stand-ins see them: a request, its answer, and the routes between the two."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import unquote

Json: TypeAlias = Any
"""Anything that JSON can hold: check it before use."""


@dataclass(frozen=True)
class Request:
    """One HTTP request as it arrived; header names are lowercase."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json:
        """Read the body as JSON; an empty one is an empty object."""
        return json.loads(self.body or b"{}")


@dataclass(frozen=True)
class HttpAnswer:
    """One HTTP answer; a body that is neither None nor text is sent as JSON."""

    status: int = 200
    body: Json = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def payload(self) -> bytes:
        """Give the bytes of the body."""
        if self.body is None:
            return b""
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


class HttpRefusal(Exception):  # noqa: N818 -- it is an answer, not a failure
    """Ends the handling of a request with this answer."""

    def __init__(self, status: int, body: Json, content_type: str = "application/json") -> None:
        super().__init__(status, body)
        self.answer = HttpAnswer(status, body, content_type)


Handle = Callable[..., HttpAnswer]


class Routes:
    """Which function answers which method and path; `:name` in a path is passed as an argument."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handle]] = []

    def add(self, method: str, template: str, handle: Handle) -> None:
        """Let `handle(request, **names)` answer this method on this path."""
        pattern = re.compile(re.sub(r":(\w+)", r"(?P<\1>[^/]+)", template) + "/?")
        self._routes.append((method, pattern, handle))

    def find(self, method: str, path: str) -> tuple[Handle | None, dict[str, str], bool]:
        """Look up a route: its function, its arguments, and whether the path is known for any method at all."""
        known = False
        for accepted, pattern, handle in self._routes:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            known = True
            if accepted == method:
                return handle, {name: unquote(value) for name, value in match.groupdict().items()}, True
        return None, {}, known
