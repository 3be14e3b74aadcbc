"""One cell of the fault matrix: a function meets a failing system, and meets it again when it is well."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import boto3

from local.flipper_standin import FlipperStandIn
from local.standin import StandIn
from rampart.adapters import items
from rampart.adapters.announcers import BusAnnouncer, DatadogAnnouncer, TopicAnnouncer
from rampart.adapters.change_calendars import SsmChangeCalendars
from rampart.adapters.datadog import DatadogMetricSource
from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart.adapters.flipper import FlipperFlagStore, Timeouts
from rampart.adapters.policy_file import S3Policy
from rampart.adapters.queue import LambdaRollbackCaller, SqsRollbackQueue
from rampart.adapters.secrets import AlertTokens, Secret, SecretsManagerSecrets
from rampart.adapters.stepfunctions import StepFunctionsGates
from rampart.entry.endpoint import AlertEndpoint
from rampart.errors import RampartError
from rampart.evidence.verdict import Verdict
from rampart.rollout.advance import Advance
from rampart.rollout.evaluate import Evaluate
from rampart.rollout.event import Event, EventKind
from rampart.rollout.freeze import ChangeCalendars
from rampart.rollout.gate import GateKind
from rampart.rollout.notice import Level
from rampart.rollout.notify import LEASE, Notify
from rampart.rollout.ports import (
    Announcer,
    FlagStore,
    Gates,
    MetricSource,
    PolicySource,
    RollbackCaller,
    RollbackQueue,
)
from rampart.rollout.prepare import Prepare
from rampart.rollout.rollback import Rollback
from tests.doubles import FixedSecret, MemoryAnnouncer
from tests.faults.outside import HASTE_SECONDS, PATIENCE_SECONDS, SECRET, Outside, client_of, failing
from tests.table import create_table
from tests.unit.rollout.world import EXECUTION, FLAG, PLAN, ROLLOUT, World

FUNCTIONS: dict[str, Sequence[str]] = {
    "prepare": ("Flipper", "Datadog", "DynamoDB", "Secrets Manager", "Systems Manager", "S3"),
    "advance": ("Flipper", "Datadog", "DynamoDB", "Secrets Manager", "Systems Manager"),
    "evaluate": ("Flipper", "Datadog", "DynamoDB", "Step Functions", "Lambda", "Secrets Manager"),
    "rollback": ("Flipper", "DynamoDB", "Step Functions", "SQS", "Secrets Manager"),
    "notify": ("DynamoDB", "SNS", "EventBridge", "Datadog", "Secrets Manager"),
}
"""Every function, and each system that it meets."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a cell came to, in the words of the table."""

    outcome: str
    flag: str
    kept: str
    told: str
    afterwards: str


@dataclass(slots=True)
class Parts:
    """What the use cases are made of."""

    store: DynamoRolloutStore
    claims: DynamoRolloutStore
    flags: FlagStore
    metrics: MetricSource
    gates: Gates
    queue: RollbackQueue
    caller: RollbackCaller
    tokens: AlertTokens
    calendars: ChangeCalendars
    policy: PolicySource | None
    announcers: list[Announcer]


@dataclass
class Scene:
    """A world at the moment when a function is called: its table in moto, its flag in the stand-in of Flipper."""

    outside: Outside
    flipper: FlipperStandIn
    world: World = field(default_factory=World)
    table: str = field(default_factory=lambda: f"rampart-{uuid.uuid4()}")
    answered: list[str | None] = field(default_factory=list)
    """The fault of each request that the failing system was done with when the function came back."""

    def __post_init__(self) -> None:
        self.direct = DynamoRolloutStore(self.table, boto3.client("dynamodb"))
        self.announcers = [MemoryAnnouncer(name) for name in ("topic", "bus", "datadog")]

    def set(self) -> None:
        """Put what the world in memory came to into the table and into Flipper."""
        client = boto3.client("dynamodb")
        create_table(client, self.table)
        memory = self.world.store
        found = [items.rollout_key(name, "STATE") | items.state_attributes(s) for name, s in memory.states.items()]
        found += [items.claim_attributes(claim) for claim in memory.owners.values()]
        found += [_gate_attributes(self.world, name) for name in memory.gates]
        for each in found:
            client.put_item(TableName=self.table, Item=items.to_item(each))
        self.flipper.set_gates(FLAG, percentage_of_actors=self.world.flags.flags[FLAG].percent)

    def well(self) -> Parts:
        """Parts that all meet systems that are well."""
        return Parts(
            store=self.direct,
            claims=self.direct,
            flags=FlipperFlagStore(self.flipper.api, FixedSecret(SECRET)),
            metrics=self.world.metrics,
            gates=self.world.gates,
            queue=self.world.queue,
            caller=self.world.queue,
            tokens=AlertTokens(FixedSecret(SECRET)),
            calendars=self.world.calendars,
            policy=None,
            announcers=list(self.announcers),
        )

    def meeting(self, system: str, fault: str) -> Parts:
        """Parts of which those that meet `system` do so on the wire, where it fails."""
        parts, fixed = self.well(), FixedSecret(SECRET)
        deadline = HASTE_SECONDS if fault in ("hang", "slow trickle") else PATIENCE_SECONDS

        def client(service: str) -> Any:
            return client_of(service, self.outside, fault)

        match system:
            case "Flipper":
                return replace(
                    parts,
                    flags=FlipperFlagStore(self.flipper.api, fixed, timeouts=Timeouts(deadline, deadline, deadline)),
                )
            case "Datadog":
                return self._with_datadog(parts, fixed, deadline)
            case "DynamoDB":
                store = DynamoRolloutStore(self.table, client("dynamodb"))
                claims = DynamoRolloutStore(self.table, client("dynamodb"), claims_within=timedelta(seconds=0.2))
                return replace(parts, store=store, claims=claims)
            case "Step Functions":
                return replace(parts, gates=StepFunctionsGates(client("stepfunctions")))
            case "SQS":
                return replace(parts, queue=SqsRollbackQueue(self.outside.url, client("sqs")))
            case "Lambda":
                return replace(parts, caller=LambdaRollbackCaller("rollback", client("lambda")))
            case "SNS" | "EventBridge":
                return self._with_channel(parts, system, client)
            case "Systems Manager" | "S3":
                return self._with_change_control(parts, system, client)
        secret = SecretsManagerSecrets(client("secretsmanager")).named("rampart")
        flags = FlipperFlagStore(self.flipper.api, secret)
        return replace(
            self._with_datadog(parts, secret, deadline), flags=flags, metrics=parts.metrics, tokens=AlertTokens(secret)
        )

    @staticmethod
    def _with_channel(parts: Parts, system: str, client: Callable[[str], Any]) -> Parts:
        topic, bus, datadog = parts.announcers
        if system == "SNS":
            topic = TopicAnnouncer({Level.KNOW: "arn:aws:sns:us-east-1:1:rampart"}, client("sns"))
        else:
            bus = BusAnnouncer("rampart", client("events"))
        return replace(parts, announcers=[topic, bus, datadog])

    @staticmethod
    def _with_change_control(parts: Parts, system: str, client: Callable[[str], Any]) -> Parts:
        if system == "S3":
            return replace(parts, policy=S3Policy("s3://policies/policy.yaml", client("s3")))
        return replace(parts, calendars=SsmChangeCalendars(["arn:aws:ssm:us-east-1:1:document/c"], client("ssm")))

    def _with_datadog(self, parts: Parts, secret: Secret, deadline: float) -> Parts:
        metrics = DatadogMetricSource("datadoghq.com", secret, url=self.outside.url, deadline_seconds=deadline)
        told = DatadogAnnouncer("datadoghq.com", secret, url=self.outside.url, deadline_seconds=deadline)
        return replace(parts, metrics=metrics, announcers=[*parts.announcers[:2], told])

    # What became of it.

    @property
    def percent(self) -> float:
        return self.flipper.percentage(FLAG)

    def kept(self) -> str:
        state = self.direct.state(ROLLOUT)
        if state is None:
            return "nothing"
        verdict = f", verdict {state.latest.verdict.value}" if state.latest else ""
        asked = ", its request" if self.world.queue.waiting else ""
        return f"{state.status.value} at {state.percent:g}%{', intent' if state.intent else ''}{verdict}{asked}"

    def told(self) -> list[str]:
        return [event.kind.value for event in self.direct.events(ROLLOUT).values()]


def _gate_attributes(world: World, rollout: str) -> dict[str, Any]:
    """A gate and its answer as the state machines write them."""
    gate = world.store.gates[rollout]
    known = {name: getattr(gate, name) for name in ("id", "kind", "attempt", "stage", "token", "opened", "lapses")}
    found = {name: value for name, value in known.items() if value is not None} | items.rollout_key(rollout, "GATE")
    if gate.question:
        found["question"] = gate.question.model_dump_json()
    if gate.answer:
        found["answer"] = {**gate.answer.model_dump(), "reported": json.dumps(gate.answer.reported)}
    return found


@dataclass(frozen=True)
class Play:
    """How a function is brought to its moment, called, and called again by anyone who calls it."""

    arrange: Callable[[Scene, str], None]
    call: Callable[[Scene, Parts], str]
    wait: timedelta = timedelta(0)
    """The time until it is called again."""


def _at_gate(scene: Scene, system: str) -> None:
    """The hold at the canary is over and its bake gate is open."""
    scene.world.climb(0)
    if system == "Lambda":
        scene.world.measure(Verdict.FAIL)
    scene.world.open_gate(GateKind.BAKE)
    scene.world.clock.at = scene.world.standing.hold_ends


def _prepare(scene: Scene, parts: Parts) -> str:
    use_case = Prepare(
        store=parts.store,
        flags=parts.flags,
        metrics=parts.metrics,
        calendars=parts.calendars,
        policy=parts.policy,
        clock=scene.world.clock,
    )
    outcome = use_case(PLAN, EXECUTION).to_wire()
    return f"refused: {outcome['error']}" if outcome["outcome"] == "refused" else str(outcome["outcome"])


def _advance(scene: Scene, parts: Parts) -> str:
    use_case = Advance(
        store=parts.store,
        flags=parts.flags,
        metrics=parts.metrics,
        calendars=parts.calendars,
        clock=scene.world.clock,
    )
    gate = scene.world.store.gates[ROLLOUT].id
    return use_case(rollout=ROLLOUT, attempt=1, execution=EXECUTION, gate=gate).outcome.value


def _evaluate(scene: Scene, parts: Parts) -> str:
    use_case = Evaluate(
        store=parts.store,
        flags=parts.flags,
        metrics=parts.metrics,
        gates=parts.gates,
        rollback=parts.caller,
        clock=scene.world.clock,
    )
    look = use_case(ROLLOUT)
    did = (
        ", ".join(each.partition(":")[0] if "not answered" in each else each for each in look.did) or "gate left alone"
    )
    return f"{look.verdict.value if look.verdict else 'not judged'}; {did}"


def _roll_back(scene: Scene, parts: Parts) -> str:
    rollback = Rollback(
        store=parts.store,
        claims=parts.claims,
        flags=parts.flags,
        gates=parts.gates,
        queue=parts.queue,
        clock=scene.world.clock,
    )
    endpoint = AlertEndpoint(tokens=parts.tokens, rollback=rollback, clock=scene.world.clock, max_age_seconds=900)
    alert = {"transition": "Triggered", "monitor": "4711", "flags": FLAG}
    answer = endpoint({"headers": {"X-Rampart-Token": SECRET["token"]}, "body": json.dumps(alert)})
    return f"answers {answer['statusCode']}"


def _notify(scene: Scene, parts: Parts) -> str:
    use_case = Notify(store=parts.store, announcers=parts.announcers, clock=scene.world.clock, pause=lambda _: None)
    [(sort_key, event)] = scene.direct.events(ROLLOUT).items()
    told = use_case(sort_key, event)
    return f"told {', '.join(told) or 'no one new'}"


def _with_an_event(scene: Scene, system: str) -> None:
    scene.world.climb(0)
    scene.set()
    state = scene.world.state
    event = Event(
        at=scene.world.clock.now(), kind=EventKind.DRIFTED, rollout=ROLLOUT, attempt=1, message="the flag is elsewhere"
    )
    scene.direct.commit(state, state.moved(scene.world.clock.now()), events=[event])


def _set(arrange: Callable[[World], object]) -> Callable[[Scene, str], None]:
    def arranged(scene: Scene, system: str) -> None:
        arrange(scene.world)
        scene.set()

    return arranged


def _asked_and_approved(scene: Scene, system: str) -> None:
    """At the canary, with an approval; a plan with monitors asks Datadog before the step."""
    scene.world.climb(0, **({"monitors": [77]} if system == "Datadog" else {}))
    scene.world.approved()
    scene.set()


def _up(world: World) -> None:
    world.climb(1)
    world.open_gate(GateKind.BAKE)


def _hold_over(scene: Scene, system: str) -> None:
    _at_gate(scene, system)
    scene.set()


PLAYS = {
    "prepare": Play(_set(lambda world: world.gates.running.add(EXECUTION)), _prepare),
    "advance": Play(_asked_and_approved, _advance),
    "evaluate": Play(_hold_over, _evaluate, timedelta(minutes=5)),
    "rollback": Play(_set(_up), _roll_back, timedelta(minutes=1)),
    "notify": Play(_with_an_event, _notify, LEASE),
}


def play(function: str, system: str, fault: str, outside: Outside, flipper: FlipperStandIn) -> tuple[Result, Scene]:
    """Call a function while a system fails, and once more when it is well; what both came to."""
    scene, how = Scene(outside, flipper), PLAYS[function]
    how.arrange(scene, system)
    before = Counter(scene.told())
    failing_system: StandIn[Any] = flipper if system == "Flipper" else outside
    failing_system.requests.clear()
    with failing(failing_system, fault):
        outcome = _said(how.call, scene, scene.meeting(system, fault))
        scene.answered = [request["fault"] for request in failing_system.requests]
    told = Counter(scene.told()) - before
    result = Result(
        outcome=outcome,
        flag=f"{scene.percent:g}%",
        kept=scene.kept(),
        told=", ".join(told.elements()) or "nothing new",
        afterwards="",
    )
    scene.world.clock.move(how.wait)
    again = _said(how.call, scene, scene.well())
    return replace(result, afterwards=f"{again}; flag at {scene.percent:g}%"), scene


def _said(call: Callable[[Scene, Parts], str], scene: Scene, parts: Parts) -> str:
    try:
        return call(scene, parts)
    except RampartError as error:
        return f"fails: {type(error).__name__}"


@contextmanager
def systems() -> Iterator[tuple[Outside, FlipperStandIn]]:
    """The outside that fails, and Flipper."""
    with Outside() as outside, FlipperStandIn(flags={FLAG: 0}, token=SECRET["token"]) as flipper:
        yield outside, flipper
