"""The state machine `decision` on the local AWS, with gates for it to answer."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local import ministack
from rampart.adapters import items
from rampart.rollout.caller import Caller
from rampart.words import timestamp
from tests.table import create_table

TABLE = "rampart"
PATIENCE_SECONDS = 180
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Decisions:
    """The machine, and the table that its gates are in."""

    machines: Any
    table: Any
    arn: str

    def gate(
        self,
        *,
        status: str = "live",
        waits_at: str | None = None,
        record: dict[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """Open a gate of a rollout of its own, which waits there unless it is told to wait elsewhere; its name."""
        rollout = f"letters-{next(_numbers)}"
        question = {"evaluation": "e-1", "verdict": "pass", "unmet": [], "reported": {}}
        gate = {
            "id": "a1-s0-1",
            "kind": "approval",
            "token": "no one waits",
            "attempt": 1,
            "stage": 0,
            "evaluation": "e-1",
            "verdict": "pass",
            "question": json.dumps(question),
            "lapses": text(timedelta(hours=1)),
        }
        given = items.rollout_key(rollout, "GATE") | gate | changes
        item = {name: value for name, value in given.items() if value is not None}
        self.table.put_item(TableName=TABLE, Item=items.to_item(item))
        record = {"status": status, "gate": {"id": waits_at or item["id"]}, **(record or {})}
        self.table.put_item(TableName=TABLE, Item=items.to_item(items.rollout_key(rollout, "STATE") | record))
        return rollout

    def decide(self, rollout: str, **changes: Any) -> str:
        """Start it and wait; the error that it ended with, empty where it succeeded."""
        return str(self.end(rollout, **changes).get("error", ""))

    def end(self, rollout: str, person: str | None = None, **changes: Any) -> dict[str, Any]:
        """Start it and wait; how it ended. `person` is whom CloudTrail knows by then, "" is a role of many."""
        said = {"rollout": rollout, "gate": "a1-s0-1", "decision": "approve", "by": "Robin Vale", "note": "looks good"}
        name = f"decision-{next(_numbers)}"
        if person is not None:
            self.knows(self.arn.replace(":stateMachine:", ":execution:") + f":{name}", person)
        started = self.machines.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps(said | changes))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            ended: dict[str, Any] = self.machines.describe_execution(executionArn=started["executionArn"])
            if ended["status"] != "RUNNING":
                return ended
            time.sleep(0.05)
        pytest.fail(f"waited {PATIENCE_SECONDS} s in vain for the decision's end")

    def knows(self, execution: str, person: str) -> None:
        """CloudTrail's record of who started an execution has come."""
        caller = Caller(execution=execution, arn="arn:role", person=person or None, at=datetime.now(UTC))
        attributes = items.caller_attributes(caller, timedelta(days=400))
        self.table.put_item(TableName=TABLE, Item=items.to_item(attributes))

    def has_events(self, rollout: str) -> bool:
        """Whether anything was recorded to have happened."""
        return bool(self._events(rollout))

    def is_answered(self, rollout: str) -> bool:
        found = self.table.get_item(TableName=TABLE, Key=items.to_item(items.rollout_key(rollout, "GATE")))
        return "answer" in found["Item"]

    def told(self, rollout: str) -> tuple[str, dict[str, Any]]:
        """What the record says of the answer, in words and in its details."""
        [event] = map(items.to_attributes, self._events(rollout))
        return str(event["message"]), json.loads(event["details"])

    def _events(self, rollout: str) -> list[Any]:
        found = self.table.query(
            TableName=TABLE,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :event)",
            ExpressionAttributeValues=items.to_item({":pk": f"ROLLOUT#{rollout}", ":event": "EVENT#"}),
        )
        return list(found["Items"])


def text(later: timedelta) -> str:
    return timestamp(datetime.now(UTC) + later)


@contextmanager
def deciding() -> Iterator[Decisions]:
    """The machine on a local AWS of its own."""
    with ministack.running() as aws:
        table, machines = aws.client("dynamodb"), aws.client("stepfunctions")
        create_table(table, TABLE)
        names = {
            "Partition": "aws",
            "Table": TABLE,
            "RollbackFunction": "none",
            "RolloutMachineArn": "none",
            "MostLooks": "2",
        }
        written = (ministack.ROOT / "functions" / "decision.asl.json").read_text()
        made = machines.create_state_machine(
            name="decision",
            definition=re.sub(r"\$\{(\w+)\}", lambda match: names[match[1]], written),
            roleArn="arn:aws:iam::000000000000:role/decision",
        )
        yield Decisions(machines, table, made["stateMachineArn"])
