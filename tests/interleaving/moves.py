"""What can happen next in a world: every call that arrives, every fault, every repetition, and time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rampart.errors import ConflictError, FlagStoreError, GateClosedError, GateError, StoreError
from rampart.rollout.advance import Advance
from rampart.rollout.evaluate import Evaluate
from rampart.rollout.prepare import Prepare
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.rollback import Rollback
from rampart.rollout.state import CLOSED, GateKind, RolloutState, Status
from rampart.rollout.tick import in_turn
from tests.interleaving.tape import (
    Call,
    Kept,
    Library,
    Node,
    Program,
    Reply,
    Tape,
    TapedClock,
    TapedFlags,
    TapedGates,
    TapedMetrics,
    TapedQueue,
    TapedStore,
)
from tests.interleaving.world import (
    ERRORS,
    FLAG,
    ROLLOUT,
    STEP,
    Execution,
    LateWrite,
    Outside,
    Run,
    World,
    end,
    in_order,
    moment,
    move,
    order,
    request_of,
)

CRASH = "crash"
"""The process ends before or after a call."""
LOST = "lost answer"
"""The call is done and reported as failed."""
REFUSED = "refused"
"""The call is not done and reported as failed."""
LATE = "late write"
"""A write to the flag is given up, and lands later."""
IGNORED = "ignored write"
"""A write to the flag is accepted and forgotten."""
OUTAGE = "outage"
"""A port answers nothing until time goes on; whoever retries gives up before."""
TWICE = "called twice"
"""The state machine loses the answer to its call and calls again while the first run is still under way."""

EVERYTHING = frozenset({CRASH, LOST, REFUSED, LATE, IGNORED, OUTAGE, TWICE})
WRITES = frozenset({"flag.write", "store.commit", "queue.put", "gates.succeed", "gates.fail", "rollback.call"})


class Step(NamedTuple):
    """One thing that happened, for the trace."""

    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Moves:
    """All moves, with the faults that may happen, and with or without ticks."""

    library: Library
    outside: Outside
    faults: frozenset[str]
    ticks: bool
    tries: int
    _advance: type[Advance] = Advance
    _guards: frozenset[str] = field(default=frozenset())

    def of(self, world: World) -> Iterator[tuple[Step, World]]:
        """Every move from a world."""
        for run in dict.fromkeys(world.runs):
            yield from self._go_on(world, run)
        for execution in world.executions:
            yield from self._machine(world, execution)
        for what in world.orders:
            if not world.last or what[0] in ("rollback", "execution ended"):
                yield from self._carry_out(world, what)
        yield from self._bring_from_queue(world)
        for write in dict.fromkeys(world.late):
            yield Step("network", f"a late write of {write.percent:g}% lands"), landed(world, write)
        if world.ticks and not world.last:
            for after in self._start(world._replace(ticks=world.ticks - 1), ("tick",), *self._tick()):
                yield Step("schedule", "a tick"), after
        yield from self._time(world)

    # Runs.

    def _go_on(self, world: World, run: Run) -> Iterator[tuple[Step, World]]:
        call = run.node.call
        if call is None:
            raise AssertionError("a run that ended is not under way")
        port = call.name.split(".")[0]
        who = _name_of(run)
        if port == world.down:
            for after in self._answer(world, run, Reply(error=ERRORS[port])):
                yield Step(who, f"{_show(call)} fails: {port} is down"), after
            return
        changed, reply = self.outside.reply(world, call)
        changed = _asking(changed, run, call, reply)
        for after in self._answer(changed, run, reply):
            yield Step(who, f"{_show(call)} → {_told(reply)}"), after
        if world.faults and not world.last:
            yield from self._faults(world._replace(faults=world.faults - 1), run, call, port)

    def _faults(self, world: World, run: Run, call: Call, port: str) -> Iterator[tuple[Step, World]]:
        who, shown = _name_of(run), _show(call)
        changed, reply = self.outside.reply(world, call)
        changed = _asking(changed, run, call, reply)
        durable = run.caller[0] == "decision"  # a state machine's own task: it does not crash
        if CRASH in self.faults and not durable:
            for after in self._failed(world, run):
                yield Step(who, f"crashes before {shown}"), after
            if any(node.call is None for node in self._settled(run.node.child(reply), world)):
                for after in self._failed(changed, run):
                    yield Step(who, f"{shown} → {_told(reply)}, then crashes"), after
        error = ERRORS.get(port)
        if error is None:
            return
        failed = Reply(error=error)
        if call.name in WRITES and LOST in self.faults:
            for after in self._answer(changed, run, failed):
                yield Step(who, f"{shown} is done, but reported as failed"), after
        if REFUSED in self.faults:
            for after in self._answer(_asking(world, run, call, failed), run, failed):
                yield Step(who, f"{shown} fails"), after
        if OUTAGE in self.faults:
            for after in self._answer(_asking(world, run, call, failed)._replace(down=port), run, failed):
                yield Step(who, f"{shown} fails: from now on {port} is down"), after
        if call.name == "flag.write":
            yield from self._faults_of_writes(world, run, call.args[0])
        if TWICE in self.faults and run.caller[0] == "execution":
            orphan = run._replace(caller=("nobody", run.caller[1]))
            again = _with(_without(world, run), orphan)
            for after in self._restart(again, run):
                yield Step(run.caller[1], f"loses the answer of {run.node.name} and calls it again"), after

    def _faults_of_writes(self, world: World, run: Run, percent: float) -> Iterator[tuple[Step, World]]:
        who = _name_of(run)
        if LATE in self.faults:
            later = world._replace(late=tuple(sorted((*world.late, LateWrite(percent, world.now)))))
            for after in self._answer(later, run, Reply(error=FlagStoreError)):
                yield Step(who, f"gives the write of {percent:g}% up; it will land later"), after
            if CRASH in self.faults:
                for after in self._failed(later, run):
                    yield Step(who, f"crashes while writing {percent:g}%; it will land later"), after
        if IGNORED in self.faults:
            for after in self._answer(world, run, Reply()):
                yield Step(who, f"writes {percent:g}%; it is accepted and forgotten"), after

    def _settled(self, node: Node, world: World) -> tuple[Node, ...]:
        return self.library.settled(node, world.now, moment)

    def _answer(self, world: World, run: Run, reply: Reply) -> Iterator[World]:
        without = _without(world, run)
        for node in self._settled(run.node.child(reply), world):
            yield from self._placed(without, run._replace(node=node))

    def _placed(self, world: World, run: Run) -> Iterator[World]:
        if run.node.call is not None:
            yield _with(world, run)
        elif run.node.result.error is not None:
            yield from self._failed(_with(world, run), run)
        else:
            yield from self._done(world, run)

    def _start(
        self, world: World, caller: tuple[Any, ...], name: str, program: Program, *args: Any, tries: int = 0
    ) -> Iterator[World]:
        for node in self._settled(self.library.start(name, program, *args), world):
            yield from self._placed(world, Run(node, caller, tries))

    def _failed(self, world: World, run: Run) -> Iterator[World]:
        """Whoever called sees an error: it calls again, or gives up."""
        world = _without(world, run)
        if run.caller[0] in ("tick", "nobody", "decision"):
            yield world
        elif run.caller[0] == "queue":
            kept = world if world.last or run.caller[1] in world.queue else _queued(world, run.caller[1])
            yield kept
        elif run.tries < self.tries:
            yield from self._restart(world, run)
        elif run.caller[0] == "execution":
            yield from self._gave_up(world, run)
        else:
            yield world

    def _restart(self, world: World, run: Run) -> Iterator[World]:
        match run.caller:
            case ("alert", _):
                start = self._rollback(self._alert(world))
            case ("person", _, cause):
                start = self._rollback(self._person(world, cause))
            case _:
                start = run.node.again
        yield from self._start(world, run.caller, *start, tries=run.tries + 1)

    def _gave_up(self, world: World, run: Run) -> Iterator[World]:
        execution = _execution(world, run.caller[1])
        if run.node.name == "rollback" or execution.at == "prepare":
            yield end(world, execution)
            return
        yield from self._roll_back(world, execution, "the advance failed")

    def _roll_back(self, world: World, execution: Execution, why: str) -> Iterator[World]:
        """The state `RollBack`."""
        request = self._of_execution(world, execution, why, attempt=execution.attempt)
        world = move(world, Execution(execution.name, execution.attempt, "rollback"))
        world = world._replace(asked=world.asked | {execution.attempt})
        yield from self._start(world, ("execution", execution.name), *self._rollback(request))

    def _done(self, world: World, run: Run) -> Iterator[World]:
        if run.caller[0] != "execution":
            yield world
            return
        execution = _execution(world, run.caller[1])
        outcome = run.node.result.value
        if run.node.name == "rollback":
            yield end(world, execution)
        elif run.node.name == "prepare" and outcome["outcome"] == "ready":
            begun = execution._replace(at="advance", attempt=outcome["attempt"])
            yield from self._advances(world, begun)
        elif outcome["outcome"] in ("advanced", "stale"):
            yield move(world, execution._replace(at="opening bake", gate=None, asked=None))
        elif outcome["outcome"] == "completed":
            yield move(world, Execution(execution.name, execution.attempt, "ended"))
        else:
            yield end(world, execution)

    # Executions.

    def _machine(self, world: World, execution: Execution) -> Iterator[tuple[Step, World]]:
        if execution.at.startswith("opening"):
            opened = self.outside.open_gate(world, execution)
            yield Step(execution.name, f"{execution.at}: {_execution(opened, execution.name).at}"), opened
        elif execution.at == "advance" and not any(
            run.caller == ("execution", execution.name) for run in world.runs
        ):
            for after in self._advances(world, execution):
                yield Step(execution.name, f"calls advance with the answer of {execution.gate}"), after
        elif execution.at == "waiting" and world.last and world.state.status is not Status.LIVE:
            unattended = execution._replace(at="opening bake")  # without heartbeats, or an answer, every gate lapses
            if self.outside.may_open(world, unattended):
                return
            yield Step(execution.name, "its wait lapses, and no gate opens any more"), end(world, unattended)
        elif execution.at == "waiting" and execution.kind is GateKind.APPROVAL and self._has_lapsed(world):
            yield Step(execution.name, "the question lapses"), move(world, execution._replace(at="opening bake"))

    def _has_lapsed(self, world: World) -> bool:
        lapses = world.gate.model.lapses if world.gate else None
        return lapses is not None and lapses <= moment(world.now)

    def _advances(self, world: World, execution: Execution) -> Iterator[World]:
        name, attempt, gate = execution.name, execution.attempt, execution.gate

        def advance(tape: Tape) -> object:
            use_case = self._advance(store=self._store(tape), flags=TapedFlags(tape), clock=TapedClock(tape))
            return use_case(rollout=ROLLOUT, attempt=attempt, execution=name, gate=gate)

        yield from self._start(
            move(world, execution), ("execution", name), "advance", advance, name, attempt, gate
        )

    def _store(self, tape: Tape) -> TapedStore:
        return TapedStore(tape, self._unconditional)

    def _unconditional(self, after: RolloutState) -> bool:
        if "conditional commit after the flag" in self._guards:
            return after.status is Status.LIVE and after.intent is None and after.latest is None
        return "every commit at its epoch" in self._guards

    # What comes from outside.

    def _carry_out(self, world: World, what: tuple[Any, ...]) -> Iterator[tuple[Step, World]]:
        rest = world._replace(orders=tuple(each for each in world.orders if each != what))
        match what:
            case ("alert", number):
                for after in self._start(rest, ("alert", number), *self._rollback(self._alert(world))):
                    yield Step("datadog", "alerts"), after
            case ("person", number, cause):
                asked = rest if rest.state.status in CLOSED else _ask(rest)
                for after in self._start(asked, ("person", number, cause), *self._rollback(self._person(world, cause))):
                    yield Step("a person", f"decides: {cause}"), after
            case ("approve", number):
                yield from self._approve(world, rest, number)
            case ("rollback", request):
                for after in self._start(rest, ("async", "called"), *self._rollback(request)):
                    yield Step("lambda", f"calls rollback: {request.model.reason}"), after
            case ("execution ended", name):
                yield from self._execution_ended(rest, name)
            case ("writer", percent):
                yield Step("another writer", f"sets the flag to {percent:g}%"), rest._replace(percent=percent)
            case ("stage fails",):
                yield Step("the service", "has errors from now on"), rest._replace(errors=1.0)
            case ("stop",):
                for execution in world.executions:
                    if execution.at == "waiting":
                        yield Step("somebody", f"stops {execution.name}"), end(rest, execution)
            case ("accident",):
                for execution in world.executions:
                    if execution.at == "waiting":
                        for after in self._roll_back(rest, execution, "nobody judges any more"):
                            yield Step(execution.name, "goes blind"), after
            case ("resume", stage) if world.state.status is Status.ROLLED_BACK:
                yield from self._resume(rest, stage)

    def _approve(self, world: World, rest: World, number: int) -> Iterator[tuple[Step, World]]:
        gate = world.gate.model if world.gate else None
        if gate is None or gate.kind is not GateKind.APPROVAL:
            return
        me = f"decision-{number}"
        decide = _decision(gate.id, me)
        for after in self._start(rest, ("decision", me), "decision", decide, gate.id, me):
            yield Step("a person", f"approves {gate.id}"), after

    def _execution_ended(self, world: World, name: str) -> Iterator[tuple[Step, World]]:
        known = next((each for each in world.executions if each.name == name), None)
        foreign = Execution(name, 0, "ended")
        request = self._of_execution(world, known or foreign, "the execution ended", attempt=None)
        if known is not None and known.attempt:
            world = world._replace(asked=world.asked | {known.attempt})
        for after in self._start(world, ("async", name), *self._rollback(request)):
            yield Step("eventbridge", f"tells of the end of {name}"), after

    def _resume(self, world: World, stage: int) -> Iterator[tuple[Step, World]]:
        name = "second"
        wish = {"resume": {"rollout": ROLLOUT, "stage": stage, "by": "ana", "decision": "decision-resume"}}

        def prepare(tape: Tape) -> object:
            use_case = Prepare(
                store=self._store(tape), flags=TapedFlags(tape), metrics=TapedMetrics(tape), clock=TapedClock(tape)
            )
            return use_case(wish, name)

        later = move(world._replace(now=world.now + 1), Execution(name, 0, "prepare"))
        for after in self._start(later, ("execution", name), "prepare", prepare, stage):
            yield Step("a person", f"resumes at stage {stage}"), after

    def _bring_from_queue(self, world: World) -> Iterator[tuple[Step, World]]:
        if world.runs:
            return  # a message is hidden for longer than any function runs; what begins later may meet it all the same
        for kept in world.queue:
            request = request_of(kept)
            rest = world._replace(queue=tuple(each for each in world.queue if each is not kept))
            for after in self._start(rest, ("queue", kept), *self._rollback(kept)):
                yield Step("queue", f"brings {request.cause} of attempt {world.state.attempt}"), after

    # Time.

    def _time(self, world: World) -> Iterator[tuple[Step, World]]:
        at_rest = not world.runs and not any(each.at.startswith("opening") for each in world.executions)
        if not at_rest or world.last:
            return
        if world.steps and all(self.ticks and each.sent >= world.now for each in world.late):
            later = world._replace(now=world.now + STEP, steps=world.steps - 1, down="")
            yield Step("time", "goes on"), later
        if not world.late and not self._something_comes(world):
            last = world._replace(now=world.now + STEP, steps=0, ticks=0, down="", last=True)
            for after in self._start(last, ("tick",), *self._tick()) if self.ticks else (last,):
                yield Step("time", "goes on" + (", and a last tick comes" if self.ticks else "")), after

    def _tick(self) -> tuple[Any, ...]:
        def tick(tape: Tape) -> None:
            evaluate = Evaluate(
                store=self._store(tape),
                flags=TapedFlags(tape),
                metrics=TapedMetrics(tape),
                gates=TapedGates(tape),
                rollback=TapedQueue(tape),
                clock=TapedClock(tape),
            )
            for rollout in in_turn(evaluate.store.watched(), evaluate.clock.now()):
                evaluate(rollout)

        return "evaluate", tick

    def _something_comes(self, world: World) -> bool:
        return any(True for what in world.orders for _ in self._carry_out(world, what))

    # Requests.

    def _rollback(self, kept: Kept) -> tuple[Any, ...]:
        def roll_back(tape: Tape) -> object:
            store = self._store(tape)
            use_case = Rollback(
                store=store,
                claims=store,
                flags=TapedFlags(tape),
                gates=TapedGates(tape),
                queue=TapedQueue(tape),
                clock=TapedClock(tape),
                pool=lambda _: tape,
            )
            return use_case(request_of(kept))

        return "rollback", roll_back, kept

    def _alert(self, world: World) -> Kept:
        return self.library.keep(
            RollbackRequest(cause=Cause.ALERT, reason="an alert", flags=(FLAG,), asked_at=moment(world.now))
        )

    def _person(self, world: World, cause: Cause) -> Kept:
        return self.library.keep(
            RollbackRequest(cause=cause, reason="a decision", rollout=ROLLOUT, by="ana", asked_at=moment(world.now))
        )

    def _of_execution(self, world: World, execution: Execution, why: str, *, attempt: int | None) -> Kept:
        return self.library.keep(
            RollbackRequest(
                cause=Cause.EXECUTION,
                reason=why,
                rollout=ROLLOUT,
                attempt=attempt,
                execution=execution.name,
                asked_at=moment(world.now),
            )
        )


def _decision(gate_id: str, me: str) -> Program:
    """`TakeAnswer` and `Answer` of the state machine `decision`, with one repetition of each."""

    def decide(tape: Tape) -> str:
        for call in (("decision.take", gate_id, me), ("gates.succeed", gate_id, tape.library.keep({}))):
            for _ in range(2):
                try:
                    tape.ask(*call)
                except (ConflictError, GateClosedError):
                    return "refused"
                except (StoreError, GateError):
                    continue
                break
        return "taken"

    return decide


def _asking(world: World, run: Run, call: Call, reply: Reply) -> World:
    """Note from when on a rollback counts as asked for: the look at the claims, or the call of the function."""
    if call.name == "rollback.call" and reply.error is None:
        request = call.args[0].model
        return world if request.cause is Cause.RESTORE else world._replace(asked=world.asked | {request.attempt})
    if call.name == "store.claims" and run.caller[0] == "alert" and (reply.error or reply.value):
        return _ask(world)
    return world


def _ask(world: World) -> World:
    return world._replace(asked=world.asked | {world.state.attempt})


def landed(world: World, write: LateWrite) -> World:
    """A late write reaches the flag after all."""
    late = list(world.late)
    late.remove(write)
    return world._replace(percent=write.percent, late=tuple(late))


def _with(world: World, run: Run) -> World:
    return world._replace(runs=tuple(sorted((*world.runs, run), key=_place)))


def _place(run: Run) -> tuple[Any, ...]:
    return run.node.number, run.tries, str(run.caller[0]), str(run.caller[-1])


def _without(world: World, run: Run) -> World:
    runs = list(world.runs)
    runs.remove(run)
    return world._replace(runs=tuple(runs))


def _queued(world: World, kept: Kept) -> World:
    return world._replace(queue=in_order((*world.queue, kept)))


def _execution(world: World, name: str) -> Execution:
    return next(each for each in world.executions if each.name == name)


def _name_of(run: Run) -> str:
    what = run.node.name
    return f"{what} for {run.caller[0]}" if what == "rollback" else what


def _show(call: Call) -> str:
    if call.name == "store.commit":
        after = call.args[1].model
        return f"store.commit({after.status}, {after.percent:g}%, epoch {after.epoch}{_intent(after)})"
    shown = [each.model.get("outcome", "") if isinstance(each, Kept) and isinstance(each.model, dict) else each for each in call.args]
    return f"{call.name}({', '.join(f'{each:g}%' if isinstance(each, float) else str(each) for each in shown)})"


def _intent(state: RolloutState) -> str:
    return f", intent {state.intent.percent:g}%" if state.intent else ""


def _told(reply: Reply) -> str:
    if reply.error is not None:
        return reply.error.__name__
    if isinstance(reply.value, Kept):
        return str(reply.value)
    return "done" if reply.value is None else f"{reply.value}"
