"""What the adapters' tests share: AWS in memory (moto), the table, and a rollout with its record, gates and events."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from rampart.adapters import items
from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart.errors import ConflictError
from rampart.evidence.verdict import Verdict
from rampart.plan.model import Plan
from rampart.rollout.evaluation import Evaluation
from rampart.rollout.event import Event, EventKind
from rampart.rollout.gate import Answer, Gate, Question
from rampart.rollout.state import RolloutState, Status
from rampart.words import timestamp
from tests.records import record
from tests.table import create_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "rampart"


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 23, 20, 33, 12, 123_000, tzinfo=UTC)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS in memory, with credentials that open nothing."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield


@pytest.fixture
def plan() -> Plan:
    return Plan.model_validate(
        {
            "rollout": "claim-letters",
            "title": "Claim letters from the Lighthouse API",
            "owner": "benefits-management-tools",
            "flags": ["letters_web", "letters_mobile"],
            "timezone": "America/New_York",
            "calendar": {"advance_on": "business_days", "holidays": "US-federal", "between": "09:00-16:00"},
            "traffic": "400/hour",
            "criteria": {
                "download error rate": {
                    "kind": "rate",
                    "errors": "sum:letters.errors{env:prod}.as_count()",
                    "total": "sum:letters.requests{env:prod}.as_count()",
                    "below": "8%",
                    "scope": "cohort",
                },
                "latency": {"kind": "value", "query": "p95:letters.latency{env:prod}", "below": 2.5, "for": "15m"},
                "complaints": {"kind": "reported", "at_most": 0},
            },
            "stages": [
                {"name": "Canary", "percent": 1, "users": 500, "hold": "4d"},
                {"percent": 25, "hold": "1 business day"},
                {"percent": 100, "hold": "1w"},
            ],
        }
    )


@pytest.fixture
def live(plan: Plan, now: datetime) -> Callable[..., RolloutState]:
    """Makes the record of a rollout that has just begun; fields that are given are set."""

    def make(**fields: object) -> RolloutState:
        begun = {
            "rollout": plan.rollout,
            "status": Status.LIVE,
            "plan": plan,
            "plan_hash": plan.digest,
            "execution": "arn:aws:states:us-east-1:123456789012:execution:rollout:first",
            "started": now,
            "attempt_started": now,
            "updated": now,
        }
        return record(**begun | fields)

    return make


@pytest.fixture
def happened(now: datetime) -> Callable[..., Event]:
    """Makes an event of the rollout."""

    def make(kind: EventKind = EventKind.ADVANCED, **fields: object) -> Event:
        known = {"at": now, "kind": kind, "rollout": "claim-letters", "attempt": 1, "message": "letters_web read at 1%"}
        return Event.model_validate(known | fields)

    return make


@pytest.fixture
def looked(plan: Plan, now: datetime) -> Callable[..., Evaluation]:
    """Makes an evaluation of the rollout's canary."""

    def make(at: datetime | None = None, **fields: object) -> Evaluation:
        at = at or now
        known = {
            "id": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
            "at": at,
            "rollout": plan.rollout,
            "attempt": 1,
            "stage": 0,
            "percent": 1.0,
            "window": (1_764_000_000, 1_764_000_600, 300, 1152),
            "verdict": "inconclusive",
            "judgements": [
                {"name": "download error rate", "verdict": "inconclusive", "value": 1e-200, "interval": [0, 1]}
            ],
            "evidence": {
                "download error rate/errors": {"points": [[1_764_000_000, 0.0], [1_764_000_300, None]]},
                "download error rate/total": {"points": [[1_764_000_000, 7.0], [1_764_000_300, 5.0]]},
                "latency/value": {"unavailable": "unreachable", "detail": "Datadog answered 503"},
            },
            "plan_hash": plan.digest,
            "rule_version": "1",
        }
        return Evaluation.model_validate(known | fields)

    return make


class TableMachines:
    """What the state machines write themselves, as their definitions say it."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._client = client

    def open_gate(self, rollout: str, execution: str, gate: Gate) -> None:
        """Write as the state machine `rollout` does when it begins to wait."""
        opened = {"id": gate.id, "kind": gate.kind.value, "token": gate.token, "opened": timestamp(gate.opened)}
        texts = opened | ({"lapses": timestamp(gate.lapses)} if gate.lapses else {})
        if gate.question:
            asked = gate.question
            texts |= {
                "evaluation": asked.evaluation,
                "verdict": str(asked.verdict),
                "question": asked.model_dump_json(),
            }
        numbers = {"attempt": gate.attempt, "stage": gate.stage, "schema_version": 1}
        update = {
            "TableName": TABLE,
            "Key": items.to_item(items.rollout_key(rollout, "STATE")),
            "ConditionExpression": "#s = :live AND #a = :attempt AND #n = :stage AND #e = :execution",
            "UpdateExpression": "SET #gate = :gate",
            "ExpressionAttributeNames": {
                "#s": "status",
                "#a": "attempt",
                "#n": "stage",
                "#e": "execution",
                "#gate": "gate",
            },
            "ExpressionAttributeValues": items.to_item(
                {
                    ":live": "live",
                    ":attempt": gate.attempt,
                    ":stage": gate.stage,
                    ":execution": execution,
                    ":gate": opened,
                }
            ),
        }
        put = {"TableName": TABLE, "Item": items.to_item(items.rollout_key(rollout, "GATE") | texts | numbers)}
        _as_machine(lambda: self._client.transact_write_items(TransactItems=[{"Update": update}, {"Put": put}]))  # type: ignore[typeddict-item]  # plain dicts

    def answer_gate(self, rollout: str, gate_id: str, answer: Answer) -> None:
        """Write as the state machine `decision` does when it takes an answer."""
        taken = {
            "decision": answer.decision.value,
            "by": answer.by,
            "note": answer.note,
            "reported": json.dumps(answer.reported),
            "execution": answer.execution,
            "at": timestamp(answer.at),
        }
        _as_machine(
            lambda: self._client.update_item(
                TableName=TABLE,
                Key=items.to_item(items.rollout_key(rollout, "GATE")),
                ConditionExpression="#id = :id AND (attribute_not_exists(#lapses) OR #lapses > :at) "
                "AND (attribute_not_exists(#answer) OR #answer.#execution = :execution)",
                UpdateExpression="SET #answer = :answer",
                ExpressionAttributeNames={
                    "#id": "id",
                    "#lapses": "lapses",
                    "#answer": "answer",
                    "#execution": "execution",
                },
                ExpressionAttributeValues=items.to_item(
                    {":id": gate_id, ":at": answer.at, ":answer": taken, ":execution": answer.execution}
                ),
            )
        )


def _as_machine(write: Callable[[], object]) -> None:
    try:
        write()
    except ClientError as error:
        raise ConflictError(str(error)) from error


@pytest.fixture
def client(aws: None) -> DynamoDBClient:
    """DynamoDB with the table `rampart`, empty."""
    client = boto3.client("dynamodb")
    create_table(client, TABLE)
    return client


@pytest.fixture
def table(client: DynamoDBClient) -> DynamoRolloutStore:
    return DynamoRolloutStore(TABLE, client)


@pytest.fixture
def table_machines(client: DynamoDBClient) -> TableMachines:
    return TableMachines(client)


@pytest.fixture
def bake(now: datetime) -> Callable[..., Gate]:
    """Makes the canary's bake gate."""

    def make(**fields: object) -> Gate:
        known = {"id": "a1-s0-1", "kind": "bake", "attempt": 1, "stage": 0, "token": "token-1", "opened": now}
        return Gate.model_validate(known | fields)

    return make


@pytest.fixture
def approval(bake: Callable[..., Gate], now: datetime) -> Callable[..., Gate]:
    """Makes the canary's approval gate."""

    def make(**fields: object) -> Gate:
        question = Question(evaluation="e-1", verdict=Verdict.PASS, reported={"complaints": 0.0})
        asked = {"id": "a1-s0-2", "kind": "approval", "lapses": now + timedelta(hours=1), "question": question}
        return bake(**(asked | fields))

    return make


@pytest.fixture
def answer(now: datetime) -> Callable[..., Answer]:
    """Makes a person's answer."""

    def make(**fields: object) -> Answer:
        said = {
            "decision": "approve",
            "by": "Ada",
            "reported": {"complaints": 0.0},
            "execution": "decision-1",
            "at": now,
        }
        return Answer.model_validate(said | fields)

    return make


class SilentServer:
    """Takes connections on a free port of loopback and never says a word."""

    def __init__(self, listener: socket.socket) -> None:
        self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.taken: list[socket.socket] = []
        self._listener = listener

    def take(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.taken.append(connection)


@contextmanager
def _silent() -> Iterator[SilentServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = SilentServer(listener)
        thread = threading.Thread(target=server.take, daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in server.taken:
            connection.close()


@pytest.fixture
def silent_server() -> Iterator[SilentServer]:
    with _silent() as server:
        yield server


@pytest.fixture
def in_threads() -> Callable[[Callable[[], object], int], list[object]]:
    """Calls something many times at once and gives what each call gave."""

    def run(call: Callable[[], object], times: int) -> list[object]:
        with ThreadPoolExecutor(max_workers=times) as pool:
            return [future.result() for future in [pool.submit(call) for _ in range(times)]]

    return run
