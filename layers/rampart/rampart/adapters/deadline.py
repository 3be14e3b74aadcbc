"""A deadline for a whole call: a socket's own timeouts begin again with every byte that trickles in."""

from __future__ import annotations

import time
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock, Thread
from typing import TYPE_CHECKING, TypeVar

from rampart.errors import TooLateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Result = TypeVar("_Result")


def within(seconds: float, call: Callable[[], _Result]) -> _Result:
    """Run `call` on a thread of its own and wait at most `seconds` for what it gives or raises.

    Raises TimeoutError when it takes longer; the call is left to its own timeouts and its result is forgotten. What it
    must not do after that needs a `Permit`.
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


class Permit:
    """Whether a call may still send: until its deadline, and until the one who waits for it has given it up.

    Lambda freezes a process whose handler has returned, with its threads, and thaws it at the next call, perhaps hours
    later. So the one who gives a call up takes its permit back first, and nothing is sent from then on.
    """

    def __init__(self, seconds: float) -> None:
        # Two clocks: one may be set back, and the other may stand still while the machine does.
        self._ends = [(clock, clock() + seconds) for clock in (time.time, time.monotonic)]
        self._lock = Lock()
        self._is_open = True

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send here; raises TooLateError where that is no longer permitted."""
        with self._lock:
            if not self._is_open or any(clock() >= end for clock, end in self._ends):
                raise TooLateError("its time was over")
            yield

    def take_back(self) -> None:
        """Let nothing be sent from now on; what is being sent at this moment is waited for, a buffer's worth."""
        with self._lock:
            self._is_open = False
