"""A hook around every call of a double: the place for crashes and other writers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum


class Moment(StrEnum):
    """When an `on_call` hook is called."""

    BEFORE = "before"
    """Nothing is done yet: raising here is a call that never arrived."""
    AFTER = "after"
    """All is done: raising here is a lost answer."""


OnCall = Callable[[str, Moment], None]
"""Called around every call with its name, such as `store.commit`: the place for crashes and other writers."""


def nothing(_call: str, _moment: Moment) -> None:
    """Let the call be."""


@contextmanager
def around(on_call: OnCall, call: str, failure: Exception | None = None) -> Iterator[None]:
    """A call with its hook; raises the failure that the double was told to raise."""
    on_call(call, Moment.BEFORE)
    if failure is not None:
        raise failure
    yield
    on_call(call, Moment.AFTER)
