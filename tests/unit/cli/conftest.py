"""A stack of fakes for the command line: the records in memory, and machines that do what a test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from rampart.errors import SecretUnavailableError
from rampart.evidence.verdict import Verdict
from rampart.finding import Finding
from rampart.plan.model import Plan
from rampart.rollout.event import Event, EventKind
from rampart.rollout.gate import Gate, GateKind, OpenGate, Question
from rampart.rollout.state import Latest, RolloutState, Status
from rampart_cli.datadog.account import Body
from rampart_cli.datadog.connection import Connection
from rampart_cli.datadog.wanted import ThingKind
from rampart_cli.doctor.installation import (
    FUNCTIONS,
    Alarm,
    FunctionFacts,
    InvocationError,
    LoggedError,
)
from rampart_cli.doctor.subscribers import TOPICS, Subscriber
from rampart_cli.failures import CommandError
from rampart_cli.machines import AlreadyStartedError, Doing, Execution, Patience
from rampart_cli.main import main
from rampart_cli.stack import Stack
from tests.doubles import MemoryRolloutStore
from tests.records import record

NOON = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:rampart-rollout"

PLAN: dict[str, Any] = {
    "rollout": "letters",
    "title": "Letters from the new source",
    "owner": "letters-team",
    "flags": ["letters_new_source"],
    "timezone": "America/New_York",
    "traffic": "400/hour",
    "criteria": {
        "download error rate": {
            "kind": "rate",
            "errors": "sum:errors{*}.as_count()",
            "total": "sum:requests{*}.as_count()",
            "below": "8%",
            "scope": "cohort",
        },
        "complaints": {"kind": "reported", "at_most": 0},
    },
    "stages": [
        {"name": "Canary", "percent": 1, "hold": "4d"},
        {"percent": 25, "hold": "1 business day"},
        {"percent": 100, "hold": "1w"},
    ],
}

TOKEN = "the-token-of-the-endpoint"


@dataclass(slots=True)
class MemoryAccount:
    """A Datadog account in memory; a secret's value is kept apart, as no one is shown it again."""

    things: dict[ThingKind, dict[str, Body]] = field(default_factory=lambda: {kind: {} for kind in ThingKind})
    values: dict[str, str] = field(default_factory=dict)

    def monitors(self, tags: Sequence[str]) -> list[Body]:
        return [each for each in self.things[ThingKind.MONITOR].values() if set(tags) <= set(each["tags"])]

    def dashboards(self) -> Iterator[Body]:
        return iter(self.things[ThingKind.DASHBOARD].values())

    def get(self, kind: ThingKind, key: str) -> Body | None:
        return self.things[kind].get(key)

    def create(self, kind: ThingKind, body: Mapping[str, Any]) -> Body:
        made = dict(body)
        if kind in (ThingKind.MONITOR, ThingKind.DASHBOARD):
            made["id"] = 100 + len(self.things[kind])
        return self._keep(kind, str(made.get("id", made.get("name"))), made)

    def update(self, kind: ThingKind, key: str, body: Mapping[str, Any]) -> Body:
        return self._keep(kind, key, {**self.things[kind][key], **body})

    def delete(self, kind: ThingKind, key: str) -> None:
        del self.things[kind][key]

    def _keep(self, kind: ThingKind, key: str, body: Body) -> Body:
        if "value" in body:
            self.values[key] = body.pop("value")
        self.things[kind][key] = body
        return body


@dataclass(slots=True)
class FakeMachines:
    """Keeps what was started; `script` says how each execution stands, `running` where it says nothing."""

    started: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    script: Callable[[str], Execution] | None = None
    problems: list[Finding] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    """Names that executions had that are over."""
    at: Doing = field(default_factory=Doing)

    def start(self, machine: str, name: str, document: Mapping[str, Any]) -> str:
        if name in self.taken:
            raise AlreadyStartedError(name)
        self.started.append((machine, name, document))
        return self.arn_of(machine, name)

    def arn_of(self, machine: str, name: str) -> str:
        return f"{machine}:{name}"

    def describe(self, arn: str) -> Execution:
        return self.script(arn) if self.script else Execution(arn, "RUNNING")

    def refusals(self, arn: str) -> list[Finding]:
        return self.problems

    def doing(self, arn: str) -> Doing:
        return self.at

    @property
    def input(self) -> Mapping[str, Any]:
        """The input of the only execution that was started."""
        ((_, _, document),) = self.started
        return document


@dataclass(slots=True)
class Ticking:
    """Time that passes only while someone waits; `each` happens at every wait."""

    at: float = 0.0
    each: Callable[[], None] = lambda: None

    def pause(self, seconds: float) -> None:
        self.at += seconds
        self.each()

    def seconds(self) -> float:
        return self.at


def everyone_listens() -> list[Subscriber]:
    return [Subscriber("email", "team@example.gov", is_confirmed=True, topic=topic) for topic in TOPICS]


@dataclass(slots=True)
class FakeInstallation:
    """An installation in which all is well, but for what a test changes."""

    stack_status: str = "UPDATE_COMPLETE"
    functions: dict[str, FunctionFacts] = field(
        default_factory=lambda: {name: FunctionFacts("Active", "", "Successful", {}) for name in FUNCTIONS}
    )
    failed: dict[str, tuple[int, LoggedError | None]] = field(default_factory=dict)
    ticks: int = 10
    unreached: dict[str, str] = field(default_factory=dict)
    unprepared: str | None = None
    state_of_schedule: str = "ENABLED"
    scheduled: datetime = NOON - timedelta(days=30)
    alarmed: list[Alarm] = field(default_factory=lambda: [Alarm("rampart-Alarm", "OK", "something is wrong", NOON)])
    subscribed: list[Subscriber] = field(default_factory=everyone_listens)
    queued: dict[str, int] = field(default_factory=dict)
    token: str | None = TOKEN
    answers: dict[bool, int | Exception] = field(default_factory=lambda: {False: 401, True: 200})
    """What the endpoint answers without and with the token."""
    ranges: Sequence[str] = ("3.228.26.0/25", "3.228.27.7/32")
    """Who may post alerts."""
    published: Sequence[str] | Exception = ("3.228.26.16/32", "3.228.27.7/32")
    """Where Datadog says that its webhooks come from."""
    ahead: timedelta = timedelta(0)
    failure: Exception | None = None
    """What AWS answers to every question about the stack's alarms."""

    def status(self) -> str:
        return self.stack_status

    def function(self, name: str) -> FunctionFacts:
        return self.functions[name]

    def errors(self, name: str, since: datetime) -> tuple[int, LoggedError | None]:
        assert since == NOON - timedelta(days=1)
        return self.failed.get(name, (0, None))

    def calls(self, name: str, since: datetime) -> int:
        assert (name, since) == ("Evaluate", NOON - timedelta(minutes=10))
        return self.ticks

    def log(self, name: str) -> str:
        return f"/aws/lambda/rampart-{name.lower()}"

    def reach(self) -> Mapping[str, str | None]:
        if self.unprepared:
            raise InvocationError(self.unprepared)
        return {name: self.unreached.get(name) for name in ("flags", "metrics", "monitors")} | self.unreached

    def schedule(self) -> str:
        return self.state_of_schedule

    def scheduled_since(self) -> datetime:
        return self.scheduled

    def alarms(self) -> Sequence[Alarm]:
        if self.failure is not None:
            raise self.failure
        return self.alarmed

    def subscribers(self) -> Sequence[Subscriber]:
        return self.subscribed

    def waiting(self, queue: str) -> int:
        return self.queued.get(queue, 0)

    def alert_token(self) -> str:
        if self.token is None:
            raise SecretUnavailableError("secret 'rampart/alerts' cannot be read: AccessDeniedException")
        return self.token

    def alert_url(self) -> str:
        return "https://api.example.gov/alerts/datadog"

    def source_ranges(self) -> Sequence[str]:
        return self.ranges

    def datadog_ranges(self) -> Sequence[str]:
        if isinstance(self.published, Exception):
            raise self.published
        return self.published

    def post(self, token: str | None, body: Mapping[str, str]) -> int:
        assert body["title"].startswith("[TEST]")
        assert token in (None, TOKEN)
        answer = self.answers[token is not None]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def clocks(self) -> tuple[datetime, datetime]:
        return NOON + self.ahead, NOON


@dataclass(slots=True)
class Terminal:
    """The command line on a stack of fakes: `run` gives exit code, what came on stdout, and on stderr."""

    capsys: pytest.CaptureFixture[str]
    records: MemoryRolloutStore = field(default_factory=MemoryRolloutStore)
    machines: FakeMachines = field(default_factory=FakeMachines)
    time: Ticking = field(default_factory=Ticking)
    asked_for: list[str] = field(default_factory=list)
    """Names of the stacks that were looked for."""
    failure: Exception | None = None
    account: MemoryAccount = field(default_factory=MemoryAccount)
    no_datadog: CommandError | None = None
    installation: FakeInstallation = field(default_factory=FakeInstallation)
    no_subscribers: Exception | None = None
    logged: list[tuple[datetime, str]] = field(default_factory=list)
    """Lines of the log of `rollback`."""

    def datadog(self) -> Connection:
        if self.no_datadog is not None:
            raise self.no_datadog
        return Connection(
            account=self.account,
            site="ddog-gov.com",
            stack="us-gov-west-1/123456789012/rampart",
            alert_url="https://api.example.gov/alerts/datadog",
            token_version=lambda: "v1",
            token=lambda: TOKEN,
        )

    def connect(self, name: str) -> Stack:
        self.asked_for.append(name)
        if self.failure is not None:
            raise self.failure
        return Stack(
            name=name,
            records=self.records,
            machines=self.machines,
            rollout_machine="rollout",
            decision_machine="decision",
            dead_letters=self._no_letters,
            datadog=self.datadog,
            installation=lambda _: self.installation,
            subscribers=self._subscribed,
            log_lines=lambda name, since: (each for each in self.logged if each[0] >= since and name == "Rollback"),
            who=lambda: "caller-of-aws",
            patience=Patience(pause=self.time.pause, seconds=self.time.seconds),
            now=lambda: NOON,
        )

    def _subscribed(self) -> Sequence[Subscriber]:
        if self.no_subscribers is not None:
            raise self.no_subscribers
        return self.installation.subscribers()

    def _no_letters(self) -> NoReturn:
        raise AssertionError("dead letters are tested on a queue")

    def run(self, *arguments: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = main(arguments, connect=self.connect)
        seen = self.capsys.readouterr()
        return int(code), seen.out, seen.err

    def run_json(self, *arguments: str) -> tuple[int, Any]:
        code, out, _ = self.run(*arguments, "--json")
        return code, json.loads(out)

    def decisions_end(
        self, status: str = "SUCCEEDED", *, error: str = "", cause: str = "", output: Mapping[str, Any] | None = None
    ) -> None:
        self.machines.script = lambda arn: Execution(arn, status, error, cause, output)


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("RAMPART_BY", "RAMPART_STACK", "RAMPART_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return Terminal(capsys)


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(PLAN, sort_keys=False))
    return path


def live(**changes: Any) -> RolloutState:
    """A rollout that bakes at its canary with a passing look."""
    message = "download error rate 5% (20 of 400) is below 8%"
    known: dict[str, Any] = {
        "rollout": "letters",
        "status": Status.LIVE,
        "plan": Plan.model_validate(PLAN),
        "plan_hash": "0123456789abcdef" * 4,
        "execution": f"{EXECUTION}:first",
        "stage": 0,
        "percent": 1.0,
        "stage_started": NOON - timedelta(days=4),
        "hold_ends": NOON,
        "gate": OpenGate(id="a1-s0-bake", kind=GateKind.BAKE, token="secret-token", opened=NOON - timedelta(days=4)),
        "latest": Latest(
            id="2026-03-04T16:59:00.000Z",
            at=NOON - timedelta(minutes=1),
            verdict=Verdict.PASS,
            verdicts={"download error rate": Verdict.PASS},
            messages={"download error rate": message},
        ),
        "started": NOON - timedelta(days=4),
        "attempt_started": NOON - timedelta(days=4),
        "updated": NOON,
    }
    return record(**known | changes)


def asked(verdict: Verdict = Verdict.PASS) -> tuple[RolloutState, Gate]:
    """A rollout whose hold is over, and the gate at which a person is asked."""
    gate = Gate(
        id="a1-s0-1a2b",
        kind=GateKind.APPROVAL,
        attempt=1,
        stage=0,
        token="secret-token",
        opened=NOON,
        lapses=NOON + timedelta(hours=4),
        question=Question(
            evaluation="2026-03-04T16:59:00.000Z",
            verdict=verdict,
            unmet=() if verdict is Verdict.PASS else ("download error rate",),
            reported={"complaints": 0.0},
        ),
    )
    opened = OpenGate(id=gate.id, kind=gate.kind, token=gate.token, opened=gate.opened)
    return live(gate=opened), gate


def event(kind: EventKind, message: str, **changes: object) -> Event:
    """One event of the rollout."""
    return Event(at=NOON, kind=kind, rollout="letters", attempt=1, stage=0, percent=1.0, message=message).model_copy(
        update=changes
    )
