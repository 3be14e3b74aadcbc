"""A write that was given up is never sent, although the process is frozen and thawed in the middle of it.

Lambda freezes a process when its handler has returned, and thaws it for the next call. Here a real process is stopped
and continued at each step of a write to the flag.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.flipper_standin import FlipperStandIn
from tests.integration.frozen_write import FLAG, STEPS

ROOT = Path(__file__).parents[2]
SECONDS = 0.6
"""The deadline of the write."""
Start = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def flipper() -> Iterator[FlipperStandIn]:
    with FlipperStandIn(flags={FLAG: 0}) as stand_in:
        yield stand_in


@pytest.fixture
def start(flipper: FlipperStandIn) -> Iterator[Start]:
    """Begins a write that halts at a step, and ends the process with the test."""
    begun: list[subprocess.Popen[str]] = []

    def begin(step: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.integration.frozen_write", flipper.api, str(SECONDS), step]
        path = os.pathsep.join(str(ROOT / part) for part in ("", "layers/rampart"))
        outside = os.environ | {"PYTHONPATH": path}
        pipe = subprocess.PIPE
        begun.append(subprocess.Popen(command, cwd=ROOT, env=outside, stdin=pipe, stdout=pipe, text=True))
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def freeze(process: subprocess.Popen[str], seconds: float) -> None:
    process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    process.send_signal(signal.SIGCONT)


def assert_nothing_was_written(flipper: FlipperStandIn) -> None:
    time.sleep(SECONDS / 2)  # what would be sent late would be sent now
    assert [request for request in flipper.requests if request["body"]] == []
    assert flipper.state.gates[FLAG].percentage_of_actors in (None, "0")


@pytest.mark.parametrize("step", STEPS[:-1])
def test_a_write_that_is_frozen_past_its_deadline_is_never_sent(
    flipper: FlipperStandIn, start: Start, step: str
) -> None:
    process = start(step)
    assert said(process) == f"at {step}"
    freeze(process, 2 * SECONDS)
    go_on(process)
    assert said(process) == "given up"
    assert_nothing_was_written(flipper)


@pytest.mark.parametrize("step", STEPS[:-1])
def test_a_write_that_was_given_up_is_not_sent_when_the_process_is_thawed(
    flipper: FlipperStandIn, start: Start, step: str
) -> None:
    """The handler returned while the write hung somewhere, and Lambda froze the process then."""
    process = start(step)
    assert [said(process), said(process)] == [f"at {step}", "given up"]
    freeze(process, SECONDS)
    go_on(process)
    assert_nothing_was_written(flipper)


def test_a_write_that_is_being_sent_is_not_given_up_before_it_is_sent(flipper: FlipperStandIn, start: Start) -> None:
    """No clock can be asked between its last look and the kernel: so the one who waits goes on waiting for that."""
    process = start(STEPS[-1])
    assert said(process) == f"at {STEPS[-1]}"
    time.sleep(2 * SECONDS)
    assert flipper.requests == []
    go_on(process)
    assert said(process) == "given up"
    deadline = time.monotonic() + 5
    while not flipper.requests and time.monotonic() < deadline:
        time.sleep(0.01)
    assert flipper.state.gates[FLAG].percentage_of_actors == "25"


def test_a_write_in_time_is_sent(flipper: FlipperStandIn, start: Start) -> None:
    assert said(start("nowhere")) == "written"
    assert flipper.state.gates[FLAG].percentage_of_actors == "25"
