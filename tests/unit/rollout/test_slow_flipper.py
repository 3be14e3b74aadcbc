"""How long a rollback of many flags takes on a slow Flipper, by a clock that only its calls move."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import Any

import pytest

from rampart.errors import FlagStoreError, RollbackUndoneError
from rampart.rollout import lower as lower_module
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause
from rampart.rollout.rollback import RollbackOutcome
from rampart.rollout.state import Status
from tests.doubles import Moment
from tests.unit.rollout.world import World

ALERT_SECONDS = 14
"""The function's timeout, which a contract test holds to Datadog's 15."""
SECRETS_SECONDS = 3
"""For what comes before the use case in a cold process: two secrets, and the connection to the table."""


@dataclass
class Time:
    """The time as the thread has it that works now."""

    now: float = 0.0


class Workers(Executor):
    """A pool that works by such a clock: each worker goes on where it left off, and the pool ends with its last one."""

    def __init__(self, time: Time, max_workers: int) -> None:
        self._time = time
        self._free = [time.now] * max_workers

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        asked = self._time.now
        worker = self._free.index(min(self._free))
        self._time.now = self._free[worker]
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 -- raised again where the result is asked for
            done.set_exception(error)
        self._free[worker], self._time.now = self._time.now, asked
        return done

    def __exit__(self, *_: object) -> None:
        self._time.now = max(self._time.now, *self._free)


def slow(monkeypatch: pytest.MonkeyPatch, world: World, each: float) -> Time:
    """Let every call to Flipper take so many seconds."""
    time = Time()

    def takes(call: str, moment: Moment) -> None:
        world._on_call(call, moment)
        if moment is Moment.BEFORE:
            time.now += each

    world.flags.on_call = takes
    monkeypatch.setattr(lower_module, "ThreadPoolExecutor", lambda max_workers: Workers(time, max_workers))
    return time


def climbed(flags: int) -> World:
    world = World()
    names = [f"flag_{number}" for number in range(flags)]
    for name in names:
        world.flags.put(FlagReading(name))
    world.climb(1, flags=names)
    world.open_gate()
    return world


@pytest.mark.parametrize(
    ("flags", "each", "most"), [(1, 0.4, 5), (20, 0.4, 5), (3, 2.0, ALERT_SECONDS - SECRETS_SECONDS)]
)
def test_from_the_alert_to_rolled_back_on_record(
    monkeypatch: pytest.MonkeyPatch, flags: int, each: float, most: float
) -> None:
    world = climbed(flags)
    time = slow(monkeypatch, world, each)
    rollback = replace(world.rollback, pool=lambda workers: Workers(time, workers))
    asked = world.request(Cause.ALERT, flags=("flag_0",))
    assert rollback(asked).outcome is RollbackOutcome.ROLLED_BACK
    assert world.status is Status.ROLLED_BACK
    assert 3 * each <= time.now <= most


def test_twenty_flags_that_never_answer_leave_the_time_to_record_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call is given up after five seconds at most; then the halt must still be written, and the alert answered."""
    world = climbed(20)
    time = slow(monkeypatch, world, 5.0)
    world.flags.failure = FlagStoreError("no answer")
    rollback = replace(world.rollback, pool=lambda workers: Workers(time, workers))
    with pytest.raises(RollbackUndoneError):
        rollback(world.request(Cause.ALERT, flags=("flag_0",)))
    assert world.status is Status.HALTED
    assert time.now <= ALERT_SECONDS - SECRETS_SECONDS
