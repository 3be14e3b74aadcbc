"""A rollout on the shared local stack, as tests talk about it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
import requests

from local.ministack import ROOT
from local.stack import LocalStack
from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart.rollout.event import EventKind
from rampart.rollout.gate import GateKind
from rampart.rollout.state import RolloutState, Status

PATIENCE = 180.0
"""Seconds that anything may take on a busy machine before a test gives up."""
SENT_AGAIN = {429, 502, 503}
"""What Datadog sends again; and 429, which the local AWS says where AWS says 503."""
Seen = TypeVar("Seen")


def eventually(
    look: Callable[[], Seen | None], what: str, patience: float = PATIENCE, *, instead: Callable[[], str] = str
) -> Seen:
    """Look again and again until there is something; fail after a while and say what was waited for, and what is."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.1)
    pytest.fail(f"waited {patience:g} s in vain for {what}. {instead()}")


@dataclass
class Rollout:
    """One rollout of a flag of its own on the shared stack."""

    stack: LocalStack
    plan: dict[str, Any]
    executions: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.plan["rollout"])

    @property
    def flag(self) -> str:
        return str(self.plan["flags"][0])

    @property
    def store(self) -> DynamoRolloutStore:
        return DynamoRolloutStore(self.stack.outputs["TableName"], self.stack.ministack.client("dynamodb"))

    @property
    def percentage(self) -> float:
        return self.stack.flipper.percentage(self.flag)

    def start(self) -> str:
        self.executions.append(self.stack.start(self.plan, f"{self.name}-{len(self.executions)}"))
        return self.executions[-1]

    def state(self) -> RolloutState:
        state = self.store.state(self.name)
        assert state is not None
        return state

    def until(self, what: str, condition: Callable[[RolloutState], bool]) -> RolloutState:
        def look() -> RolloutState | None:
            state = self.store.state(self.name)
            return state if state is not None and condition(state) else None

        return eventually(look, f"{what} of {self.name}", instead=self.told)

    def told(self) -> str:
        """What the record says, for a person to whom a test failed."""
        state = self.store.state(self.name)
        if state is None:
            described = self.stack.machines.describe_execution(executionArn=self.executions[-1])
            return f"There is no record of it; its execution: {described}"
        record = f"{state.status.value} at {state.percent:g}%, attempt {state.attempt}, gate {state.gate}"
        events = [f"{key} {event.kind.value}: {event.message}" for key, event in self.store.events(self.name).items()]
        return "\n".join([record, *events])

    def at(self, percent: float) -> RolloutState:
        return self.until(
            f"{percent:g}%", lambda s: s.status is Status.LIVE and s.percent == percent and s.gate is not None
        )

    def asked(self, percent: float) -> RolloutState:
        return self.until(
            f"the question at {percent:g}%",
            lambda s: s.percent == percent and s.gate is not None and s.gate.kind is GateKind.APPROVAL,
        )

    def ended(self, status: Status) -> RolloutState:
        return self.until(status.value, lambda s: s.status is status)

    def decide(self, **decision: Any) -> dict[str, Any]:
        """Start `decision` with the sample of its kind, made out to this rollout; what is not given is not said."""
        sample = ROOT / "events" / f"decision-{str(decision['decision']).replace('_', '-')}.json"
        said = json.loads(sample.read_text()) if sample.exists() else {"by": "Robin Vale"}
        for name in {"gate", "reported", "note", "stage"} - decision.keys():
            said.pop(name, None)
        return self.stack.decide(**{**said, **decision, "rollout": self.name})

    def approve(self, percent: float) -> dict[str, Any]:
        gate = self.asked(percent).gate
        assert gate is not None
        return self.decide(decision="approve", gate=gate.id, reported={"call center complaints": 0})

    def alert(self, **changes: Any) -> dict[str, Any]:
        """What the webhook of a monitor that guards this rollout's flag says."""
        known = {"transition": "Triggered", "monitor": "4711", "date": "0", "flags": self.flag}
        return {**known, "cycle": "1", "title": "Download error rate", **changes}

    def alerted(self, **changes: Any) -> requests.Response:
        """Send an alert as Datadog does: again while it is not done, as when the table does not answer in time."""

        def sent() -> requests.Response | None:
            answer = self.stack.post_alert(self.alert(**changes))
            return None if answer.status_code in SENT_AGAIN else answer

        return eventually(sent, f"an alert about {self.name} to be done", instead=self.told)

    def events(self, kind: EventKind) -> list[Any]:
        return [event for event in self.store.events(self.name).values() if event.kind is kind]

    def execution_end(self, execution: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            described: dict[str, Any] = self.stack.machines.describe_execution(executionArn=execution)
            return described if described["status"] != "RUNNING" else None

        return eventually(look, f"the end of {execution}")
