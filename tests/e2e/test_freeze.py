"""One word stops every advance of the deployed stack, and a change calendar does too; a rollback goes on."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.stack import CALENDAR, LocalStack
from rampart.rollout.event import EventKind
from rampart.rollout.state import Status
from tests.e2e.rollouts import Rollout, eventually

NewRollout = Callable[..., Rollout]
Rampart = Callable[..., str]


@pytest.fixture
def rampart(stack: LocalStack) -> Iterator[Rampart]:
    """Run the command line as a person does; whatever a test left frozen is thawed after it."""

    def run(*arguments: str) -> str:
        command: list[str | Path] = [Path(sys.executable).with_name("rampart"), *arguments]
        ended = subprocess.run(command, env=stack.environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    yield run
    stack.calendars.open(CALENDAR)
    run("thaw")


def test_a_freeze_holds_what_was_approved_and_no_rollback(
    new_rollout: NewRollout, rampart: Rampart, notices: Callable[[], list[dict[str, Any]]]
) -> None:
    rollout, other = new_rollout(), new_rollout()
    rollout.start()
    rollout.asked(1)
    notices()

    rampart("freeze", "--note", "an incident in payments", "--by", "Ada")
    rollout.approve(1)
    [held] = eventually(lambda: rollout.events(EventKind.HELD), "the held approval", instead=rollout.told)
    assert "Ada froze every rollout" in held.message
    assert rollout.percentage == 1
    assert "an incident in payments" in rampart("status", rollout.name)
    assert "Frozen" in other.execution_end(other.start())["error"]
    assert eventually(lambda: [each for each in notices() if "an incident" in each["Body"]], "the notice")

    rollout.alerted()
    rollout.ended(Status.ROLLED_BACK)
    assert rollout.percentage == 0

    rampart("thaw", "--note", "it is over", "--by", "Ada")
    other.start()
    other.at(1)


def test_a_closed_change_calendar_holds_until_it_opens(
    new_rollout: NewRollout, stack: LocalStack, rampart: Rampart
) -> None:
    rollout = new_rollout()
    rollout.start()
    rollout.asked(1)
    stack.calendars.close(CALENDAR, until=time.time() + 20)

    rollout.approve(1)
    [held] = eventually(lambda: rollout.events(EventKind.HELD), "the held approval", instead=rollout.told)
    assert "the change calendar changes is closed until" in held.message
    assert "changes is closed until" in rampart("status", rollout.name)
    assert rollout.percentage == 1

    rollout.approve(1)  # asked again once it is open
    rollout.at(25)
