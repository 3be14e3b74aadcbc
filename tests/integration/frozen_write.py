"""A process that raises a flag and halts at each step of the write, to be frozen there: see test_frozen_write.py.

`python -m tests.integration.frozen_write URL SECONDS STEP` prints "at STEP" there and waits for a line; at its end it
prints what became of the write, "written" or "given up", and stays for as long as its input is open.
"""

from __future__ import annotations

import http.client
import sys
from collections.abc import Callable, Mapping
from typing import Any

from rampart.adapters import permitted
from rampart.adapters.flipper import FlipperFlagStore, Timeouts
from rampart.errors import FlagStoreError

FLAG = "claim_letters"
STEPS = ("secret", "connect", "send the head", "send the body", "hand the body to the kernel")


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main(url: str, seconds: float, halts_at: str) -> None:
    sent = 0

    def halt(step: str) -> None:
        if step == halts_at:
            say(f"at {step}")
            sys.stdin.readline()

    class Secret:
        def __call__(self) -> Mapping[str, Any]:
            halt("secret")
            return {}

        refresh = __call__

    def at_connect(event: str, _: tuple[object, ...]) -> None:
        if event == "socket.connect":
            halt("connect")

    def before(step: Callable[[], str], call: Callable[..., None]) -> Callable[..., None]:
        def halting(self: Any, data: Any) -> None:
            halt(step())
            call(self, data)

        return halting

    def part() -> str:
        nonlocal sent
        sent += 1
        return f"send the {'head' if sent == 1 else 'body'}"

    sys.addaudithook(at_connect)
    permitted._Permitted.send = before(part, permitted._Permitted.send)  # type: ignore[method-assign]  # halts before
    into_kernel = before(lambda: "hand the body to the kernel" if sent == 2 else "", http.client.HTTPConnection.send)
    http.client.HTTPConnection.send = into_kernel  # type: ignore[method-assign]  # halts within the permit

    permitted.permitted_session()  # imports are not a part of the write's time
    store = FlipperFlagStore(url, Secret(), timeouts=Timeouts(connect=60, read=60, total=seconds))
    try:
        store.set_percentage(FLAG, 25)
        say("written")
    except FlagStoreError:
        say("given up")
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3])
