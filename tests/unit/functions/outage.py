"""A day on AWS by a clock that jumps to the next event: ten rollouts, and what calls `rollback` and `evaluate`.

Played are the schedule, Lambda's asynchronous calls with their retries and dead letters, the queue with its delay,
visibility and concurrency, the end of executions, and Datadog, which sends an alert again after a 5xx, and notifies
again while it lasts. The handlers and the use cases are the real ones; their calls take the time that they are given.
"""

from __future__ import annotations

import heapq
import inspect
import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from functions.evaluate import app as evaluate_app
from functions.rollback import app as rollback_app
from rampart.entry.wiring import Wiring
from rampart.rollout.advance import Advance
from rampart.rollout.evaluate import Evaluate
from rampart.rollout.flag import FlagReading
from rampart.rollout.gate import Gate, GateKind
from rampart.rollout.request import RollbackRequest
from rampart.rollout.state import Status
from tests.doubles import Moment
from tests.unit.functions.test_alerts import SETTINGS, TOKEN, Tokens
from tests.unit.rollout.world import PLAN, World

EVENTS = Path(__file__).parents[3] / "events"
ALERT: dict[str, Any] = json.loads((EVENTS / "rollback-alert.json").read_text())
NAMES = tuple(f"letters-{number}" for number in range(10))
VISIBILITY, MOST_RECEIVES = timedelta(seconds=84), 1000
CONCURRENCY = 3
"""The template's default for the queue; a contract test holds it to that."""
LAMBDA_RETRIES = (timedelta(minutes=1), timedelta(minutes=2))
RESENT = 5
RENOTIFIED = timedelta(minutes=30)


class Inline(Executor):
    """A pool that does at once what it is given: the day has ten thousands of calls, and a clock of its own."""

    def __init__(self, max_workers: int = 1) -> None:
        """Take as many workers as there are; none is needed."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 -- raised again where the result is asked for
            done.set_exception(error)
        return done


class Context:
    """What Lambda tells a handler of its call."""

    function_name = "rampart-function"

    def get_remaining_time_in_millis(self) -> int:
        return 50_000


@dataclass
class Queue:
    """The port and the queue behind it; what is put comes back when it is visible and a poller is free."""

    day: Day
    receives: Counter[int] = field(default_factory=Counter)
    waiting: dict[int, str] = field(default_factory=dict)
    in_work: int = 0
    numbers: Any = field(default_factory=itertools.count)

    def put(self, request: RollbackRequest, delay: timedelta) -> None:
        self.day.on_call("queue.put")
        number = next(self.numbers)
        self.waiting[number] = request.model_dump_json(exclude_none=True)
        self.day.seen["most waiting"] = max(self.day.seen["most waiting"], len(self.waiting))
        self.day.later(delay, lambda: self.visible(number))

    def visible(self, number: int) -> None:
        if self.in_work >= CONCURRENCY:
            self.day.later(timedelta(seconds=1), lambda: self.visible(number))
            return
        self.in_work += 1
        self.receives[number] += 1
        attributes = {"ApproximateReceiveCount": str(self.receives[number])}
        message = {"messageId": str(number), "body": self.waiting[number], "attributes": attributes}
        failed, raised = True, False
        try:
            failed = bool(self.day.rollback({"Records": [message]})["batchItemFailures"])
        except Exception:  # noqa: BLE001 -- Lambda leaves the message where it is, whatever it was
            raised = True
        self.day.later(self.day.takes, self.free)
        if not failed and not raised:
            del self.waiting[number]
        elif self.receives[number] >= MOST_RECEIVES:
            del self.waiting[number]
            self.day.seen["dead letters"] += 1
        else:
            self.day.later(VISIBILITY, lambda: self.visible(number))

    def free(self) -> None:
        self.in_work -= 1


@dataclass
class Caller:
    """The port by which `evaluate` calls `rollback`: Lambda's asynchronous call."""

    day: Day

    def call(self, request: RollbackRequest) -> None:
        self.day.asynchronously(json.loads(request.model_dump_json(exclude_none=True)))


@dataclass
class Day:
    """The world, the events to come, and what was counted."""

    world: World = field(default_factory=World)
    takes: timedelta = timedelta(seconds=1)
    """How long one call of `rollback` lasts."""
    seen: Counter[str] = field(default_factory=Counter)
    _events: list[tuple[datetime, int, Callable[[], object]]] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)
    _running: int = 0
    _ended: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        world = self.world
        self.queue = Queue(self)
        world.flags.on_call = lambda call, moment: self.on_call("flipper") if moment is Moment.BEFORE else None
        for port in (world.store, world.gates, world.metrics):
            port.on_call = lambda call, moment: None
        evaluate = Evaluate(
            store=world.store,
            flags=world.flags,
            metrics=world.metrics,
            gates=world.gates,
            rollback=Caller(self),
            clock=world.clock,
        )
        world.queue = self.queue  # type: ignore[assignment]  # the same port
        self.wiring = Wiring(
            clock=world.clock,
            store=world.store,
            queue=self.queue,
            tokens=Tokens(),
            rollback=replace(world.rollback, pool=Inline),
            rollback_settings=SETTINGS,
            evaluate=evaluate,
        )
        for name in NAMES:
            self._begin(name)
        self.later(timedelta(minutes=1), self.tick)

    def on_call(self, call: str) -> None:
        self.seen[call] += 1

    def _begin(self, name: str) -> None:
        """Bring a rollout to its second stage, where it bakes."""
        world, flag = self.world, f"flag-{name}"
        world.flags.put(FlagReading(flag))
        world.gates.running.add(name)
        world.prepare(PLAN | {"rollout": name, "flags": [flag]}, name)
        Advance(store=world.store, flags=world.flags, metrics=world.metrics, clock=world.clock)(
            rollout=name, attempt=1, execution=name, gate=None
        )
        gate = Gate(id=f"{name}-gate", kind=GateKind.BAKE, attempt=1, stage=0, token=name, opened=world.clock.now())
        world.gates.wait(name, name)
        world.store.open_gate(name, name, gate)

    # What happens.

    def later(self, after: timedelta, what: Callable[[], object]) -> None:
        heapq.heappush(self._events, (self.world.clock.now() + after, next(self._numbers), what))

    def go_on(self, for_: timedelta) -> None:
        """Let everything happen that is due until then."""
        end = self.world.clock.now() + for_
        while self._events and self._events[0][0] <= end:
            self.world.clock.at, _, what = heapq.heappop(self._events)
            what()
        self.world.clock.at = end

    def tick(self) -> None:
        self.later(timedelta(minutes=1), self.tick)
        self.seen["ticks"] += 1
        try:
            inspect.unwrap(evaluate_app.lambda_handler)({}, Context(), self.wiring)
        except Exception:  # noqa: BLE001 -- Lambda counts it, and the next tick comes
            self.seen["failed ticks"] += 1

    def rollback(self, event: Mapping[str, Any]) -> Any:
        """Call the function once; the caller waits for what it gives."""
        self.seen["calls"] += 1
        self._running += 1
        self.seen["most at once"] = max(self.seen["most at once"], self._running)
        self.later(self.takes, self._over)
        answer = inspect.unwrap(rollback_app.lambda_handler)(dict(event), Context(), self.wiring)
        self._tell_of_ends()
        return answer

    def _over(self) -> None:
        self._running -= 1

    def _tell_of_ends(self) -> None:
        """An execution whose wait was failed ends, and EventBridge tells `rollback` of it."""
        for execution in self.world.gates.failed.keys() - self._ended:
            self._ended.add(execution)
            self.world.gates.running.discard(execution)
            detail = {"executionArn": execution, "name": execution, "status": "FAILED"}
            event = {"source": "aws.states", "detail": detail | {"input": json.dumps({"rollout": execution})}}
            self.later(timedelta(seconds=2), partial(self.asynchronously, event))

    def asynchronously(self, event: Mapping[str, Any], tries: tuple[timedelta, ...] = LAMBDA_RETRIES) -> None:
        try:
            self.rollback(event)
        except Exception:  # noqa: BLE001 -- Lambda tries any error again, and keeps what it gives up
            if tries:
                self.later(tries[0], lambda: self.asynchronously(event, tries[1:]))
            else:
                self.seen["dead letters"] += 1

    def alert(self, name: str, *, again: int = RESENT) -> None:
        """Datadog's webhook comes for a rollout's flag, and again while the answer is 5xx."""
        body = {**json.loads(ALERT["body"]), "transition": "Triggered", "flags": f"flag-{name}"}
        body |= {"date": str(int(self.world.clock.now().timestamp() * 1000))}
        answer = self.rollback({**ALERT, "headers": {"X-Rampart-Token": TOKEN}, "body": json.dumps(body)})
        self.seen[f"answered {answer['statusCode']}"] += 1
        if answer["statusCode"] >= 500 and again:
            self.later(timedelta(seconds=15), lambda: self.alert(name, again=again - 1))

    def alert_for_a_day(self) -> None:
        """Every rollout's monitor alerts, and notifies again."""
        for number in range(int(timedelta(days=1) / RENOTIFIED)):
            for name in NAMES:
                self.later(number * RENOTIFIED + timedelta(seconds=1), partial(self.alert, name))

    def renew_processes(self, every: timedelta) -> None:
        """Lambda ends processes and begins new ones, which know nothing of what those before them did."""
        self.wiring.rollback.kept.clear()  # type: ignore[attr-defined]  # it is the use case
        vars(self.wiring).pop("latest", None)
        self.later(every, partial(self.renew_processes, every))

    # What became of it.

    @property
    def statuses(self) -> set[Status]:
        return {state.status for state in self.world.store.states.values()}

    @property
    def percentages(self) -> set[float]:
        return {reading.percent for reading in self.world.flags.flags.values()}
