"""The fault matrix as a page: `python -m tests.faults.table` runs every cell again and writes docs/fault-matrix.md."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from moto import mock_aws

from local.flipper_standin import FlipperStandIn
from tests.faults.cells import FUNCTIONS, Result, play, systems
from tests.faults.outside import FAULTS, Outside

PAGE = Path(__file__).parents[2] / "docs" / "fault-matrix.md"
_OPENING = """\
# The fault matrix

Every function calls every system that it uses while that system fails in each of {faults} ways, and again once it has
recovered, as its caller retries: the state machine, the next tick, Datadog, the queue, the stream. The real use cases
and the real adapters run; `tests/faults` runs the matrix, checks every row, and writes this page.

In every row: nothing passes unseen, nothing goes up without approval, no call waits as long as the other side stays
silent, and unfinished work is done when it is called again, once.

Flag is what Flipper has after the call; it was at 0% for `prepare`, 25% for `rollback`, and 1% for the others. In the
rows of `rollback`, it goes down at once unless Flipper itself fails or the alert's token can't be checked. In the rows
of `evaluate` and Lambda, the evidence fails, and Lambda is asked to call `rollback`.

| function | system | it fails by | outcome | flag | what is kept | what people are told | called again |
|---|---|---|---|---|---|---|---|
"""


@contextmanager
def stage() -> Iterator[tuple[Outside, FlipperStandIn]]:
    """Systems to play with, and an AWS in memory with credentials that open nothing."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_PROFILE")
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ |= dict.fromkeys(names[:2], "testing") | {"AWS_DEFAULT_REGION": "us-east-1"}
    try:
        with mock_aws(), systems() as found:
            yield found
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(kept)


def rows(function: str, system: str, results: Mapping[str, Result]) -> list[str]:
    """The rows of one function and system: the faults that come to the same share one."""
    faults: dict[Result, list[str]] = {}
    for fault, result in results.items():
        faults.setdefault(result, []).append(fault)
    return [
        f"| {function} | {system} | {'; '.join(names)} | {found.outcome} | {found.flag} | {found.kept} | {found.told} "
        f"| {found.afterwards} |"
        for found, names in faults.items()
    ]


def main() -> None:
    """Write the page."""
    lines = [_OPENING.format(faults=len(FAULTS)).rstrip("\n")]
    with stage() as (outside, flipper):
        for function, met in FUNCTIONS.items():
            for system in met:
                results = {fault: play(function, system, fault, outside, flipper)[0] for fault in FAULTS}
                lines += rows(function, system, results)
    PAGE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
