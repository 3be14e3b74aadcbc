"""Run a module that ends when its starter does, together with its own children.

`python -P local/leash.py MODULE [ARGUMENT ...]` reads its standard input, a pipe that only the starter holds: it ends
when the starter does, for any reason (SIGKILL included), and then the whole process group is killed. It needs its own
process group, and runs on any interpreter: it imports nothing but the standard library.
"""

import os
import runpy
import signal
import sys
import threading


def _wait_for_the_end() -> None:
    os.read(sys.stdin.fileno(), 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    if os.getpgrp() != os.getpid():
        sys.exit("leash: needs its own process group, because it kills the group")
    threading.Thread(target=_wait_for_the_end, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
