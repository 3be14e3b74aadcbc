"""Who holds an alert's flags, asked within a bound: a slow table is not one that is down."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Protocol, cast

import pytest
from botocore.exceptions import ClientError

from rampart.adapters import dynamodb
from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart.errors import StoreError
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause
from rampart.rollout.rollback import RollbackOutcome
from tests.unit.rollout.world import FLAG, World

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "rampart"


class SilentServer(Protocol):
    url: str
    taken: list[object]


def elsewhere(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)


def test_the_claims_of_a_silent_table_are_asked_for_twice_with_a_bound(
    monkeypatch: pytest.MonkeyPatch, silent_server: SilentServer
) -> None:
    """Once to open the connection, before an alert's time runs; once quickly; once with patience. Then it is down."""
    elsewhere(monkeypatch, silent_server.url)
    monkeypatch.setattr(dynamodb, "_PATIENCE", 0.5)
    store = DynamoRolloutStore.impatient(TABLE)
    began = time.monotonic()
    with pytest.raises(StoreError, match="did not say who holds letters_web"):
        store.claims(["letters_web"])
    assert time.monotonic() - began < 2
    for thread in threading.enumerate():
        if thread.name == "within-deadline":
            thread.join()
    assert len(silent_server.taken) == 3


class SlowTable(ThreadingHTTPServer):
    """A table that is well and slow: each new connection costs a while, and each answer another."""

    daemon_threads = True
    connecting: float = 0
    answering: float = 0
    opened: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class SlowAnswer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SlowTable

    def setup(self) -> None:
        super().setup()
        self.server.opened += 1
        time.sleep(self.server.connecting)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.server.answering)
        body = b'{"Responses": {"%s": []}, "ConsumedCapacity": {}}' % TABLE.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name that http.server gives it
        """Say nothing."""


@pytest.fixture
def slow_table() -> Iterator[SlowTable]:
    with SlowTable(("127.0.0.1", 0), SlowAnswer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(("connecting", "answering"), [(0.4, 0.0), (0.0, 0.4), (0.4, 0.4)])
def test_a_table_that_is_slow_is_not_taken_for_one_that_is_down(
    monkeypatch: pytest.MonkeyPatch, slow_table: SlowTable, connecting: float, answering: float
) -> None:
    """A cold function's first connection takes longer than the look; so may one answer in a thousand."""
    elsewhere(monkeypatch, slow_table.url)
    slow_table.connecting, slow_table.answering = connecting, answering
    assert DynamoRolloutStore.impatient(TABLE).claims(["letters_web"]) == {}


def test_the_first_look_finds_the_connection_open(monkeypatch: pytest.MonkeyPatch, slow_table: SlowTable) -> None:
    elsewhere(monkeypatch, slow_table.url)
    store = DynamoRolloutStore.impatient(TABLE)
    assert slow_table.opened == 1
    store.claims(["letters_web"])
    assert slow_table.opened == 1


def test_a_look_at_the_claims_ends_in_time_whatever_the_client_does() -> None:
    class Stuck:
        def __init__(self) -> None:
            self.freed = threading.Event()

        def batch_get_item(self, RequestItems: object) -> dict[str, object]:  # noqa: N803 -- boto3's name
            self.freed.wait()
            return {"Responses": {}}

    client = Stuck()
    store = DynamoRolloutStore(TABLE, cast("DynamoDBClient", client), claims_within=timedelta(milliseconds=20))
    with pytest.raises(StoreError, match="did not say who holds letters_web"):
        store.claims(["letters_web"])
    client.freed.set()


def test_a_table_that_refuses_at_once_is_not_asked_again_and_again() -> None:
    asked: list[object] = []

    class Refusing:
        def batch_get_item(self, RequestItems: object) -> dict[str, object]:  # noqa: N803 -- boto3's name
            asked.append(RequestItems)
            raise ClientError({"Error": {"Code": "InternalServerError"}}, "BatchGetItem")

    client, first, patience = cast("DynamoDBClient", Refusing()), timedelta(seconds=0.2), timedelta(seconds=0.5)
    store = DynamoRolloutStore(TABLE, client, claims_within=first, patience=patience)
    with pytest.raises(StoreError, match="InternalServerError"):
        store.claims(["letters_web"])
    assert 2 <= len(asked) <= 6


@pytest.mark.parametrize(("connecting", "answering"), [(0.4, 0.0), (0.0, 0.4)], ids=["cold", "warm"])
@pytest.mark.parametrize("queued", [False, True])
def test_an_alert_leaves_a_flag_alone_that_no_live_rollout_holds(
    monkeypatch: pytest.MonkeyPatch, slow_table: SlowTable, connecting: float, answering: float, *, queued: bool
) -> None:
    """Its rollout was completed a week ago, and everyone has the flag."""
    elsewhere(monkeypatch, slow_table.url)
    slow_table.connecting, slow_table.answering = connecting, answering
    world = World()
    world.flags.put(FlagReading(FLAG, percent=100))
    rollback = replace(world.rollback, claims=DynamoRolloutStore.impatient(TABLE))
    assert rollback(world.request(Cause.ALERT, queued=queued)).outcome is RollbackOutcome.NOTHING
    assert (world.percent, world.queue.waiting, world.store.told) == (100, [], [])
