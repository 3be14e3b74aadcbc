"""One run of the demo: the stack, the plan, and a line for each thing that happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape

from local.stack import LocalStack
from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart.evidence.verdict import Verdict
from rampart.rollout.event import Event, EventKind
from rampart.rollout.gate import GateKind
from rampart.rollout.state import DOWN, RolloutState, Status

COMPLAINTS = "Call center complaints"
_PATIENCE = 90.0
"""Seconds that one step can take before the demo gives up."""


class DemoFailedError(Exception):
    """The demo didn't go as expected."""


@dataclass
class Timeline:
    """What a person sees: one line for each thing that happens."""

    console: Console
    started: float = field(default_factory=time.monotonic)

    def say(self, text: str, style: str = "") -> None:
        """Print a line with the seconds since the story began."""
        since = f"[dim]{time.monotonic() - self.started:6.1f}s[/]"
        self.console.print(f"{since}  {escape(text)}", style=style, highlight=False, soft_wrap=True)


_STYLES = {
    EventKind.ROLLED_BACK: "bold red",
    EventKind.ROLLING_BACK: "red",
    EventKind.COMPLETED: "bold green",
    EventKind.ADVANCED: "bold",
    EventKind.DECIDED: "cyan",
    EventKind.RESUMED: "cyan",
    EventKind.ASKED: "yellow",
}


@dataclass
class Demo:
    """One run: the stack, the plan, and everything that was seen."""

    stack: LocalStack
    plan: dict[str, Any]
    timeline: Timeline
    events: list[Event] = field(default_factory=list)
    execution: str = ""
    """The start's, by its ARN."""
    refusal: str = ""
    """The message of a refused start."""

    @property
    def rollout(self) -> str:
        return str(self.plan["rollout"])

    @property
    def flag(self) -> str:
        return str(self.plan["flags"][0])

    def __post_init__(self) -> None:
        self.store = DynamoRolloutStore(self.stack.outputs["TableName"], self.stack.ministack.client("dynamodb"))

    def state(self) -> RolloutState | None:
        """The record; prints every new event."""
        state = self.store.state(self.rollout)  # first: so a record is never seen before the events that led to it
        for event in list(self.store.events(self.rollout).values())[len(self.events) :]:
            self.events.append(event)
            self._tell(event)
        return state

    def _tell(self, event: Event) -> None:
        percent = self.stack.flipper.percentage(self.flag)
        who = "" if event.by == "rampart" or event.by in event.message else f" (by {event.by})"
        message = event.message
        if event.kind is EventKind.VERDICT_CHANGED and message.startswith(Verdict.PASS.value):
            message = Verdict.PASS.value  # the numbers follow at the approval
        notes = event.details.get("notes", ())  # a start's findings are long: each has its own line
        message = message.removesuffix("".join(f"; {note}" for note in notes))
        text = f"{percent:>4g}%  {event.kind.value.replace('_', ' '):<16} {message}{who}"
        self.timeline.say(text, _STYLES.get(event.kind, ""))
        for note in notes:
            self.timeline.say(f"       beforehand       {note}", "dim")

    def wait(self, what: str, until: Callable[[RolloutState], bool], *, while_down: bool = False) -> RolloutState:
        """Wait until the record is as expected; raises DemoFailedError if it doesn't get there.

        An unexpected rollback ends the wait at once, unless it continues `while_down`.
        """
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            state = self.state()
            if state is not None and until(state):
                return state
            if state is not None and state.status in DOWN and not while_down:
                raise DemoFailedError(f"waited for {what}; {_shown(state)}: {self.events[-1].message}")
            self._check_start(state)
            time.sleep(0.1)
        raise DemoFailedError(f"waited {_PATIENCE:g} s for {what}, which never came; {_shown(state)}")

    def _check_start(self, state: RolloutState | None) -> None:
        if state is None:
            ended = self.stack.machines.describe_execution(executionArn=self.execution)
            if ended["status"] == "FAILED":
                raise DemoFailedError(f"the start failed: {ended.get('error')}: {ended.get('cause')}")

    def asked(self, percent: float) -> RolloutState:
        """Wait until people are asked at `percent`, and show the evidence as numbers."""
        state = self.wait(
            f"the approval gate at {percent:g}%",
            lambda s: s.percent == percent and s.gate is not None and s.gate.kind is GateKind.APPROVAL,
        )
        if state.latest is not None:
            for message in state.latest.messages.values():
                self.timeline.say(f"       evidence         {message}", "dim")
        return state

    def approve(self, state: RolloutState) -> None:
        """Approve as a person does: start `decision` with the gate's id."""
        self._decide(
            decision="approve",
            gate=state.gate.id if state.gate else "",
            by="Robin Vale",
            reported={COMPLAINTS: 0},
        )

    def resume(self, stage: int, note: str) -> None:
        """Resume as a person does, and wait until the new attempt has begun."""
        self._decide(decision="resume", stage=stage, by="Robin Vale", note=note)
        self.wait("the new attempt", lambda s: s.status is Status.LIVE, while_down=True)

    def _decide(self, **decision: Any) -> None:  # noqa: ANN401  a decision's fields are JSON
        ended = self.stack.decide(rollout=self.rollout, **decision)
        if ended["status"] != "SUCCEEDED":
            raise DemoFailedError(f"the decision was refused: {ended.get('error')}: {ended.get('cause')}")


def _shown(state: RolloutState | None) -> str:
    """The record in a few words; its task token must not be shown."""
    return "there is no record" if state is None else f"the record says {state.status.value} at {state.percent:g}%"


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    """Wait for an outside event; raises DemoFailedError if it doesn't come."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise DemoFailedError(f"waited {_PATIENCE:g} s for {what}, which never came")
        time.sleep(0.1)
