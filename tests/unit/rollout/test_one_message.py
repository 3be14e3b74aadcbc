"""One message waits for an attempt, however often its rollback is asked for while something is down."""

from __future__ import annotations

from contextlib import suppress

import pytest

from rampart.errors import FlagStoreError, GateError, QueueError, RollbackUndoneError, StoreError
from rampart.evidence.verdict import Verdict
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.rollback import Rollback
from rampart.rollout.state import Status
from rampart.rollout.tick import REPEATED, Rationed
from tests.doubles import MemoryRollbackQueue, Moment
from tests.unit.rollout.world import World

DELIVERIES = 6
"""Datadog sends an alert that was answered 5xx five times more."""


def unwritable() -> None:
    raise StoreError("throttled")


def asked_for(process: Rollback, request: RollbackRequest, times: int = DELIVERIES) -> None:
    for _ in range(times):
        with suppress(RollbackUndoneError):
            process(request)


def test_an_alert_that_flipper_does_not_obey_is_kept_once(live: World) -> None:
    live.flags.failure = FlagStoreError("down")
    for _ in range(DELIVERIES):  # each on a process of its own
        asked_for(live.rollback, live.request(Cause.ALERT), 1)
    asked_for(live.rollback, live.request(Cause.EXECUTION), 3)  # the execution ends, and Lambda tries that again
    assert live.status is Status.HALTED
    assert len(live.queue.waiting) == 1


@pytest.mark.parametrize("cause", [Cause.ALERT, Cause.PERSON, Cause.EVIDENCE, Cause.EXECUTION])
def test_while_the_table_is_down_a_process_keeps_each_request_once(live: World, cause: Cause) -> None:
    live.store.failure = StoreError("down")
    process = live.rollback
    asked_for(process, live.request(cause))
    assert len(live.queue.waiting) == 1
    live.store.failure = None
    live.redeliver()
    assert live.status is Status.ROLLED_BACK


def test_while_the_table_cannot_be_written_a_process_keeps_each_request_once(live: World) -> None:
    process = live.rollback
    for _ in range(DELIVERIES):
        live.hooks["store.commit", Moment.BEFORE] = unwritable
        asked_for(process, live.request(Cause.ALERT), 1)
    assert live.status is Status.LIVE
    assert len(live.queue.waiting) == 1


def test_while_step_functions_is_down_an_alert_is_kept_once(live: World) -> None:
    live.gates.failure = GateError("down")
    for _ in range(DELIVERIES):
        asked_for(live.rollback, live.request(Cause.ALERT), 1)
    assert (live.status, live.percent) == (Status.ROLLED_BACK, 0)
    assert len(live.queue.waiting) == 1


def test_an_hour_of_ticks_adds_no_message(live: World) -> None:
    live.flags.failure = FlagStoreError("down")
    asked_for(live.rollback, live.request(Cause.ALERT), 1)
    for _ in range(60):
        live.wait(minutes=1)
        live.tick()
        with suppress(RollbackUndoneError):
            live.deliver()
    assert len(live.queue.waiting) == 1
    live.flags.failure = None
    live.tick()
    live.deliver()
    assert live.status is Status.ROLLED_BACK


def test_a_rollback_that_a_tick_asked_for_is_kept_too(live: World) -> None:
    """The ticks may stop together with Flipper."""
    live.open_gate()
    live.measure(Verdict.FAIL)
    live.wait(minutes=40)
    live.tick()
    live.flags.failure = FlagStoreError("down")
    with pytest.raises(RollbackUndoneError) as caught:
        live.deliver()
    assert caught.value.comes_again
    assert (live.status, len(live.queue.waiting)) == (Status.HALTED, 1)


def test_a_later_attempt_is_kept_again(live: World) -> None:
    process = live.rollback
    process(live.request(Cause.ALERT))
    live.redeliver()
    live.wait(minutes=5)
    live.resume(1)
    live.flags.failure = FlagStoreError("down")
    asked_for(process, live.request(Cause.ALERT))
    assert len(live.queue.waiting) == 1


def test_a_queue_that_was_down_is_asked_again(live: World) -> None:
    live.flags.failure = FlagStoreError("down")
    live.queue.failure = QueueError("down")
    with pytest.raises(RollbackUndoneError) as caught:
        live.roll_back()
    assert not caught.value.comes_again
    assert live.queue.waiting == []
    live.queue.failure = None
    live.flags.failure = None
    live.tick()  # what no queue keeps, the next tick finishes
    live.deliver()
    assert live.status is Status.ROLLED_BACK


def test_a_tick_repeats_few_of_many_unfinished_rollbacks_and_passes_on_all_else(live: World) -> None:
    queue = MemoryRollbackQueue()
    tick = Rationed(queue)
    for _ in range(10):
        tick.call(live.request(Cause.EXECUTION, queued=True))
        tick.call(live.request(Cause.EVIDENCE))
        tick.call(live.request(Cause.DRIFT, queued=True))
    causes = [request.cause for request in queue.called]
    assert causes.count(Cause.EXECUTION) == REPEATED
    assert causes.count(Cause.EVIDENCE) == causes.count(Cause.DRIFT) == 10
