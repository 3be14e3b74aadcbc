"""The deployed alert endpoint among strangers, mistakes and repetitions: no one in, nothing broken, nothing twice."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.stack import LocalStack
from rampart.rollout.event import EventKind
from rampart.rollout.state import Status
from tests.e2e.hostile import Attack, Attacker
from tests.e2e.rollouts import SENT_AGAIN, Rollout, eventually

ATTACKS = 10_000
COPIES = 1_000
AT_ONCE = 6
"""Requests under way at the same moment; each keeps a function worker of its own busy, and the machine may be small."""
DROPPED = 0


class Sender:
    """Sends requests to the endpoint as they are, over a connection for each thread."""

    def __init__(self, stack: LocalStack) -> None:
        self._address = urlsplit(stack.alert_url)
        self._kept = threading.local()
        self._opened: list[http.client.HTTPConnection] = []

    def status(self, attack: Attack) -> int:
        """Send once and return the answer's status."""
        connection = getattr(self._kept, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(self._address.netloc, timeout=60)
            self._kept.connection = connection
            self._opened.append(connection)
        try:
            connection.putrequest(attack.method, self._address.path + attack.path)
            for name, value in (*attack.headers, ("Content-Length", str(len(attack.body)).encode())):
                connection.putheader(name, value)
            connection.endheaders(attack.body)
            answer = connection.getresponse()
            answer.read()
        except BaseException:
            connection.close()  # and opened again with the next request
            raise
        return int(answer.status)

    def close(self) -> None:
        for connection in self._opened:
            connection.close()

    def statuses(self, attacks: Iterable[Attack]) -> list[int]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self.status, attacks))


@pytest.fixture(scope="module")
def sender(stack: LocalStack) -> Iterator[Sender]:
    with closing(Sender(stack)) as sender:
        yield sender


@pytest.fixture
def asked(new_rollout: Callable[..., Rollout]) -> Rollout:
    """A rollout at 1% whose question no one has answered."""
    rollout = new_rollout(stages=[{"percent": 1, "hold": "1s"}, {"percent": 100, "hold": "1s"}])
    rollout.start()
    rollout.asked(1)
    return rollout


def untouched(rollout: Rollout) -> dict[str, Any]:
    """Everything of a rollout that waits for an answer which only an answer or an alert may change."""
    state = rollout.state()
    gate = rollout.store.gate(rollout.name)
    flipper = rollout.stack.flipper
    return {
        "record": state.model_dump(
            include={"status", "attempt", "stage", "percent", "passed_gate", "gate", "execution"}
        ),
        "answer": gate and gate.answer,
        "events": Counter(
            event.kind
            for event in rollout.store.events(rollout.name).values()
            if event.kind is not EventKind.VERDICT_CHANGED
        ),
        "writes": [write for write in flipper.state.writes if write["flag"] == rollout.flag],
        "flags": sorted(flipper.state.gates),
    }


def test_ten_thousand_hostile_requests_are_refused_by_name_and_change_nothing(
    asked: Rollout, stack: LocalStack, sender: Sender
) -> None:
    """Without the token 401, with the token and nonsense 400, with no reason 200; never a 5xx, never a change."""
    attacks = list(Attacker(Random(20260701), stack.alert_token, asked.flag).attacks(ATTACKS))
    before = untouched(asked)

    answered = Counter(
        (attack.kind, attack.status, status) for attack, status in zip(attacks, sender.statuses(attacks), strict=True)
    )

    assert {key: count for key, count in answered.items() if key[1] != key[2]} == {}
    assert answered.total() == ATTACKS
    assert untouched(asked) == before


def test_there_is_no_other_door(asked: Rollout, stack: LocalStack, sender: Sender) -> None:
    """Other methods and other ways to write the address lead nowhere, with the token and a true alert."""
    alert = Attacker(Random(1), stack.alert_token, asked.flag).true_alert()
    doors = [
        *[replace(alert, method=method) for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")],
        *[replace(alert, path=path) for path in ("x", "/x", "/../x", "%00", "/..;/", "%2F..%2F..")],
    ]
    before = untouched(asked)

    statuses = sender.statuses(doors)

    assert [status for status in statuses if not 400 <= status < 500] == []
    assert untouched(asked) == before


def test_a_thousand_copies_of_an_alert_make_one_rollback_and_one_notice(
    asked: Rollout, stack: LocalStack, sender: Sender, notices: Callable[[], list[dict[str, Any]]]
) -> None:
    """All are under way at the same moment; what is throttled or dropped comes again, as Datadog sends it."""
    alert = Attacker(Random(2), stack.alert_token, asked.flag).true_alert()
    together = threading.Barrier(COPIES)

    def until_done(_: int) -> int:
        together.wait()
        pause = 1.0
        while (status := answer()) in {DROPPED, *SENT_AGAIN}:
            time.sleep(pause * (1 + Random().random()))
            pause = min(2 * pause, 16.0)  # or a slow machine would do nothing but refuse them
        return status

    def answer() -> int:
        try:
            return sender.status(alert)
        except OSError:
            return DROPPED

    with ThreadPoolExecutor(COPIES) as pool:
        answered = Counter(pool.map(until_done, range(COPIES)))
    # Each copy is also in the queue, to be looked at in a minute; some have been by then, and so many are enough.
    stack.ministack.client("sqs").purge_queue(QueueUrl=stack.outputs["RollbackQueueUrl"])

    assert answered == {200: COPIES}
    assert asked.percentage == 0
    assert asked.state().status is Status.ROLLED_BACK
    assert asked.execution_end(asked.executions[0])["error"] == "RolledBack"
    assert len(asked.events(EventKind.ROLLED_BACK)) == 1
    assert asked.events(EventKind.ROLLING_BACK) == []
    [key] = [key for key, event in asked.store.events(asked.name).items() if event.kind is EventKind.ROLLED_BACK]
    eventually(lambda: _telling(notices(), asked, key), "the notice")
    [notice] = _telling(notices(), asked, key)
    assert "Datadog monitor 4711 alerts" in notice["Body"]


def _telling(notices: list[dict[str, Any]], rollout: Rollout, key: str) -> list[dict[str, Any]]:
    return [notice for notice in notices if key in notice["Body"] and rollout.name in notice["Body"]]
