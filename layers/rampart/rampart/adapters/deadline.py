"""A deadline for a whole call: a socket's own timeouts begin again with every byte that trickles in."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")


def within(seconds: float, call: Callable[[], _Result]) -> _Result:
    """Run `call` on a thread of its own and wait at most `seconds` for what it gives or raises.

    Raises TimeoutError when it takes longer; the call is left to its own timeouts and its result is forgotten.
    """
    outcome: Future[_Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 -- raised again where the result is waited for
            outcome.set_exception(error)

    # A daemon, so that a server that never ends its answer cannot keep the process from ending.
    Thread(target=run, daemon=True, name="within-deadline").start()
    return outcome.result(timeout=seconds)
