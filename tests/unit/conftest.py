"""A unit test needs nothing outside of its process: no connection, no other program, no waiting."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module

import pytest

OUTSIDE = {"socket.bind", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "time.sleep"}
"""What Python's audit hooks call the ways out: https://docs.python.org/3/library/audit_events.html"""

_went_outside: list[str] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in OUTSIDE and _went_outside is not None:
        _went_outside.append(f"{event}{arguments}")
        raise PermissionError(f"a unit test may not do this: {_went_outside[-1]}")


# Where no list of fonts is cached, as on a new machine, matplotlib runs `fc-list` when this module is imported; urllib3
# binds a socket to see whether there is IPv6.
import_module("matplotlib.font_manager")
import_module("urllib3")
sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def _nothing_outside() -> Iterator[None]:
    """Refuse every way out, and fail the test even where what it tests has an answer to the refusal."""
    global _went_outside  # noqa: PLW0603  an audit hook stays for good, so it is told when a unit test runs
    went: list[str] = []
    _went_outside = went
    yield
    _went_outside = None
    assert not went
