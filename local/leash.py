"""Run a module that ends with whoever started it, and takes its own children along.

`python -P local/leash.py MODULE [ARGUMENT ...]` reads its standard input, a pipe that only the starter holds: it ends
when the starter does, however that came (SIGKILL included), and then the whole process group is killed. It needs a
process group of its own, and runs on any interpreter: it imports nothing but the standard library.
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
        sys.exit("leash: needs a process group of its own, since it kills the group")
    threading.Thread(target=_wait_for_the_end, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
