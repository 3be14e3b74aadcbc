"""What can happen next in a world: every call that arrives, every fault, every repetition, and time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from rampart.errors import FlagStoreError
from rampart.rollout.gate import DecisionKind, GateKind
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.state import CLOSED, Status
from tests.interleaving import programs
from tests.interleaving.outside import ERRORS, Outside
from tests.interleaving.tape import Call, Library, Node, Reply
from tests.interleaving.world import (
    STEP,
    Execution,
    Fault,
    FlagWrite,
    LateWrite,
    Run,
    World,
    end,
    frozen,
    landed,
    moment,
    move,
    request_of,
)

_ANOTHER = 10
"""Decisions from this number on are another person's."""
WRITES = frozenset({"flag.write", "store.commit", "queue.put", "gates.succeed", "gates.fail", "rollback.call"})
TRIES = 1
"""How often anyone who calls calls again; as often as there are faults, so that one try meets none."""
_UNASKED = frozenset({"rollback", "execution ended"})
"""What comes without a person or a monitor, and so after the last tick too."""


class Step(NamedTuple):
    """One thing that happened, for the trace: who, and what with its parts."""

    who: object
    what: str
    parts: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.who}: {self.what.format(*self.parts)}"


Moved = Iterator[tuple[Step, World]]


@dataclass(frozen=True, slots=True)
class Moves:
    """All moves, with the faults that may happen, and with or without ticks."""

    library: Library
    outside: Outside
    faults: frozenset[Fault]
    where: frozenset[str]
    """The ports whose calls may go wrong."""
    ticks: bool

    def of(self, world: World) -> Moved:
        """Every move from a world."""
        for run in dict.fromkeys(world.runs):
            yield from self._go_on(world, run)
        for execution in world.executions:
            yield from self._machine(world, execution)
        for what in world.orders:
            if not world.last or what[0] in _UNASKED:
                yield from self._carry_out(world, what)
        if not world.runs:  # a message stays hidden for longer than any run that was under way when it was put
            yield from self._bring_from_queue(world)
        for write in dict.fromkeys(world.late):
            yield Step("network", "a late write of {} lands", (write.what,)), landed(world, write)
        yield from self._time(world)

    # A run's next call.

    def _go_on(self, world: World, run: Run) -> Moved:
        call = run.node.call
        if call is None:
            raise AssertionError("a run that ended is not under way")
        port = call.name.partition(".")[0]
        if port == world.down:
            for after in self._answer(world, run, Reply(error=ERRORS[port])):
                yield Step(run, "{} fails: {} is down", (call, port)), after
            return
        changed, reply = self.outside.reply(world, call)
        changed = _asked(changed, run, call, reply)
        for after in self._answer(changed, run, reply):
            yield Step(run, "{} → {}", (call, reply)), after
        if world.faults and not world.last and port in self.where:
            fewer = world.faults - 1
            yield from self._crash(world._replace(faults=fewer), changed._replace(faults=fewer), run, reply)
            yield from self._fail(world._replace(faults=fewer), changed._replace(faults=fewer), run, call, port)

    def _crash(self, before: World, done: World, run: Run, reply: Reply) -> Moved:
        if Fault.CRASH not in self.faults or run.caller[0] == "decision":  # a state machine does not crash
            return
        for after in self._failed(before, run):
            yield Step(run, "crashes before {}", (run.node.call,)), after
        # After any but the last call, a crash is the one before the next call.
        if any(node.call is None for node in self._settled(run.node.child(reply), done)):
            for after in self._failed(done, run):
                yield Step(run, "{} → {}, then crashes", (run.node.call, reply)), after

    def _fail(self, before: World, done: World, run: Run, call: Call, port: str) -> Moved:
        failed = Reply(error=ERRORS[port])
        if Fault.LOST in self.faults and call.name in WRITES:
            for after in self._answer(done, run, failed):
                yield Step(run, "{} is done, but reported as failed", (call,)), after
        asked = _asked(before, run, call, failed)
        if Fault.REFUSED in self.faults:
            for after in self._answer(asked, run, failed):
                yield Step(run, "{} fails", (call,)), after
        if Fault.OUTAGE in self.faults:
            for after in self._answer(asked._replace(down=port), run, failed):
                yield Step(run, "{} fails: {} is down from now on", (call, port)), after
        if call.name == "flag.write":
            yield from self._fail_write(before, run, call.args[0])
        if Fault.TWICE in self.faults and run.caller[0] == "execution":
            orphan = _with(before, run._replace(caller=("no one",)), instead_of=run)
            for after in self._start(orphan, run.caller, run.node.again, tries=run.tries + 1):
                yield Step(run.caller[1], "loses the answer of {}, and calls again", (run.node.name,)), after

    def _fail_write(self, world: World, run: Run, what: FlagWrite) -> Moved:
        if Fault.LATE in self.faults:
            later = world._replace(late=tuple(sorted((*world.late, LateWrite(what, world.now)), key=str)))
            for after in self._answer(later, run, Reply(error=FlagStoreError)):
                yield Step(run, "gives up writing {}, which will land later", (what,)), after
        if Fault.IGNORED in self.faults:
            for after in self._answer(world, run, Reply()):
                yield Step(run, "writes {}, which is accepted and forgotten", (what,)), after

    def _answer(self, world: World, run: Run, reply: Reply) -> Iterator[World]:
        for node in self._settled(run.node.child(reply), world):
            later = run._replace(node=node)
            if node.call is not None:
                yield _with(world, later, instead_of=run)
            else:
                yield from self._ended(_without(world, run), later)

    def _settled(self, node: Node, world: World) -> tuple[Node, ...]:
        return self.library.settled(node, world.now, moment)

    # The beginning and the end of a run.

    def _start(self, world: World, caller: tuple[Any, ...], start: programs.Start, tries: int = 0) -> Iterator[World]:
        for node in self._settled(self.library.start(*start), world):
            yield _with(world, Run(node, caller, tries))

    def _failed(self, world: World, run: Run) -> Iterator[World]:
        yield from self._called_again(_without(world, run), run)

    def _ended(self, world: World, run: Run) -> Iterator[World]:
        if run.node.result.error is not None:
            yield from self._called_again(world, run)
        elif run.caller[0] == "execution":
            yield from self._machine_goes_on(world, run)
        else:
            yield world

    def _called_again(self, world: World, run: Run) -> Iterator[World]:
        """Anyone who called sees an error: it calls again, or gives up."""
        match run.caller:
            case ("tick" | "no one" | "decision", *_):
                yield world
            case ("queue", kept):
                yield world if world.last else self.outside.put(world, kept)
            case _ if run.tries < TRIES:
                yield from self._start(world, run.caller, self._again(world, run), tries=run.tries + 1)
            case ("execution", name):
                execution = _execution(world, name)
                if run.node.name == "advance":
                    yield from self._roll_back(world, execution, "the advance failed")
                else:
                    yield end(world, execution)
            case _:
                yield world

    def _again(self, world: World, run: Run) -> programs.Start:
        if (
            run.caller[0] == "alert"
        ):  # Datadog's next alert is a new one; a decision keeps the time at which it was said
            return self._rollback(programs.alert(world))
        return run.node.again

    def _rollback(self, request: RollbackRequest) -> programs.Start:
        return programs.rollback(self.library.keep(request))

    # The state machine `rollout`.

    def _machine_goes_on(self, world: World, run: Run) -> Iterator[World]:
        execution = _execution(world, run.caller[1])
        outcome = "rolled back" if run.node.name == "rollback" else run.node.result.value["outcome"]
        match outcome:
            case "ready":
                attempt = run.node.result.value["attempt"]
                yield from self._advance(world, execution._replace(attempt=attempt))
            case "advanced" | "stale":
                yield move(world, execution._replace(at="opening bake", gate=None, asked=None))
            case "completed":
                yield move(world, Execution(execution.name, execution.attempt, "ended"))
            case _:
                yield end(world, execution)

    def _advance(self, world: World, execution: Execution) -> Iterator[World]:
        advancing = execution._replace(at="advancing")
        yield from self._start(move(world, advancing), ("execution", execution.name), programs.advance(execution))

    def _roll_back(self, world: World, execution: Execution, why: str) -> Iterator[World]:
        """The state `RollBack`."""
        request = programs.ended(world, execution, why, execution.attempt)
        world = move(world, Execution(execution.name, execution.attempt, "rolling back"))
        world = world._replace(asked=world.asked | {execution.attempt})
        yield from self._start(world, ("execution", execution.name), self._rollback(request))

    def _machine(self, world: World, execution: Execution) -> Moved:
        match execution.at:
            case "opening bake" | "opening approval":
                opened = self.outside.open_gate(world, execution)
                now_at = _execution(opened, execution.name).at
                yield Step(execution.name, "{} → {}", (execution.at, now_at)), opened
            case "advance":
                for after in self._advance(world, execution):
                    yield Step(execution.name, "calls advance with the answer of {}", (execution.gate,)), after
            case "waiting" if world.last and world.state.status is not Status.LIVE:
                # No heartbeat and no answer comes any more: the wait lapses, and leads to the next gate.
                if not self.outside.may_open(world, execution):
                    yield Step(execution.name, "its wait lapses, and no gate opens any more"), end(world, execution)
            case "waiting" if execution.kind is GateKind.APPROVAL and _has_lapsed(world):
                yield Step(execution.name, "the question lapses"), move(world, execution._replace(at="opening bake"))

    # What comes from outside.

    def _carry_out(self, world: World, what: tuple[Any, ...]) -> Moved:
        rest = world._replace(orders=tuple(each for each in world.orders if each != what))
        match what:
            case ("alert", _):
                for after in self._start(rest, what, self._rollback(programs.alert(world))):
                    yield Step("datadog", "alerts"), after
            case ("person", _, cause):
                takes_back = rest.state.status is Status.COMPLETED and cause is Cause.PERSON
                asked = _ask(rest) if takes_back or rest.state.status not in CLOSED else rest
                for after in self._start(asked, what, self._rollback(programs.decided(world, cause))):
                    yield Step("a person", "decides: {}", (cause,)), after
            case ("rollback", request):
                for after in self._start(rest, ("async",), programs.rollback(request)):
                    yield Step("lambda", "calls {}", (request,)), after
            case ("execution ended", name):
                yield from self._execution_ended(rest, name)
            case ("writer", percent):
                written = rest._replace(percent=percent, raised=_must_be_told(world), turned_down=_down(world, percent))
                yield Step("another writer", "sets the flag to {:g}%", (percent,)), written
            case ("stage fails",):
                yield Step("the service", "has errors from now on"), rest._replace(errors=1.0)
            case _:
                yield from self._decide(rest, *what)

    def _decide(self, world: World, what: str, number: int) -> Moved:
        """What needs a gate, a waiting execution or a rolled-back rollout."""
        gate = world.gate.model if world.gate else None
        waiting = [each for each in world.executions if each.at == "waiting"]
        match what:
            case "approve" | "override" if gate is not None and gate.kind is GateKind.APPROVAL:
                person = "ana" if number < _ANOTHER else "ben"
                decision = programs.decision(gate.id, f"decision-{number}", DecisionKind(what), person)
                for after in self._start(world, ("decision", number), decision):
                    yield Step("a person", "answers {} with {}", (gate.id, what)), after
            case "resume" if world.state.status is Status.ROLLED_BACK:
                resumed = move(world._replace(now=world.now + 1), Execution("second", 0, "preparing"))
                for after in self._start(resumed, ("execution", "second"), programs.prepare("second", number)):
                    yield Step("a person", "resumes at stage {}", (number,)), after
            case "freeze":
                yield Step("a person", "stops every advance"), frozen(world)
            case "thaw" if world.frozen:
                yield Step("a person", "lets rollouts advance again"), world._replace(frozen=False, ceiling=None)
            case "stop" if waiting:
                yield Step("someone", "stops {}", (waiting[0].name,)), end(world, waiting[0])
            case "go blind" if waiting:
                for after in self._roll_back(world, waiting[0], "no one judges any more"):
                    yield Step(waiting[0].name, "goes blind"), after

    def _execution_ended(self, world: World, name: str) -> Moved:
        execution = next((each for each in world.executions if each.name == name), Execution(name, 0, "ended"))
        if execution.attempt:
            world = world._replace(asked=world.asked | {execution.attempt})
        request = programs.ended(world, execution, "the execution ended")
        for after in self._start(world, ("async",), self._rollback(request)):
            yield Step("eventbridge", "tells of the end of {}", (name,)), after

    def _bring_from_queue(self, world: World) -> Moved:
        for kept in world.queue:
            rest = world._replace(queue=tuple(each for each in world.queue if each is not kept))
            for after in self._start(rest, ("queue", kept), programs.rollback(kept)):
                yield Step("queue", "brings {}", (kept,)), after

    # Time.

    def _time(self, world: World) -> Moved:
        if world.last:
            return
        if world.ticks:
            for after in self._start(world._replace(ticks=world.ticks - 1), ("tick",), programs.tick()):
                yield Step("schedule", "a tick"), after
        if world.runs or any(each.at.startswith(("opening", "advance")) for each in world.executions):
            return  # no run is as long as a step of time
        later = world._replace(now=world.now + STEP, down="")
        # Without ticks, an intent must stand for as long as anything may land; with them, they see what lands later.
        if world.steps and all(self.ticks and write.sent == world.now for write in world.late):
            yield Step("time", "goes on"), later._replace(steps=world.steps - 1)
        if not world.late and not self._something_comes(world):
            last = later._replace(steps=0, ticks=0, last=True)
            for after in self._start(last, ("tick",), programs.tick()) if self.ticks else (last,):
                yield Step("time", "goes on, and the last tick comes" if self.ticks else "goes on"), after

    def _something_comes(self, world: World) -> bool:
        return any(True for what in world.orders for _ in self._carry_out(world, what))


def _asked(world: World, run: Run, call: Call, reply: Reply) -> World:
    """Note from when on a rollback counts as asked for: the alert's look at the claims, or the call of `rollback`."""
    if call.name == "rollback.call" and reply.error is None:
        request = request_of(call.args[0])
        return world if request.cause is Cause.RESTORE else world._replace(asked=world.asked | {request.attempt or 0})
    if call.name == "store.claims" and run.caller[0] == "alert" and (reply.error or reply.value):
        return _ask(world)
    return world


def _must_be_told(world: World) -> bool:
    """Whether people must hear of a flag that is raised now; an alert lowers it without looking at what it lowers."""
    alerted = any(run.caller[0] == "alert" for run in world.runs) or any(what[0] == "alert" for what in world.orders)
    return world.state.status is Status.ROLLED_BACK and not world.faults and not alerted


def _down(world: World, percent: float) -> float | None:
    """What the flag is lowered to, if no advance is under way that may have looked at it before."""
    advances = any(run.node.name == "advance" for run in world.runs) or world.late
    return percent if percent < world.percent and not advances else world.turned_down


def _ask(world: World) -> World:
    return world._replace(asked=world.asked | {world.state.attempt})


def _has_lapsed(world: World) -> bool:
    lapses = world.gate.model.lapses if world.gate else None
    return lapses is not None and lapses <= moment(world.now)


def _with(world: World, run: Run, instead_of: Run | None = None) -> World:
    runs = [*world.runs, run]
    if instead_of is not None:
        runs.remove(instead_of)
    runs.sort(key=_place)
    return world._replace(runs=tuple(runs))


def _place(run: Run) -> tuple[Any, ...]:
    return run.node.number, run.tries, str(run.caller)


def _without(world: World, run: Run) -> World:
    runs = list(world.runs)
    runs.remove(run)
    return world._replace(runs=tuple(runs))


def _execution(world: World, name: str) -> Execution:
    return next(each for each in world.executions if each.name == name)
