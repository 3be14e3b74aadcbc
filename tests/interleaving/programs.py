"""The use cases, and the state machine `decision`, as programs on a tape; each with the name and arguments it has."""

from __future__ import annotations

from typing import Any

from rampart.errors import ConflictError, GateClosedError, GateError, StoreError
from rampart.rollout.advance import Advance
from rampart.rollout.evaluate import Evaluate
from rampart.rollout.gate import DecisionKind
from rampart.rollout.prepare import Prepare
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.rollback import Rollback
from rampart.rollout.tick import in_turn
from tests.interleaving.ports import TapedClock, TapedFlags, TapedGates, TapedMetrics, TapedQueue, TapedStore
from tests.interleaving.tape import Kept, Tape
from tests.interleaving.world import FIRST_OF_TWO, FLAG, ROLLOUT, Execution, World, moment, request_of

Start = tuple[Any, ...]
"""Name, program and arguments."""


def advance(execution: Execution) -> Start:
    """`advance`, as the state machine `rollout` calls it."""

    def program(tape: Tape) -> object:
        use_case = Advance(
            store=TapedStore(tape), flags=TapedFlags(tape), metrics=TapedMetrics(tape), clock=TapedClock(tape)
        )
        return use_case(
            rollout=ROLLOUT, attempt=execution.attempt, execution=execution.name, gate=execution.gate
        ).to_wire()

    return "advance", program, execution.name, execution.attempt, execution.gate


def prepare(execution: str, stage: int) -> Start:
    """`prepare` for a resume at a stage."""
    wish = {"resume": {"rollout": ROLLOUT, "stage": stage, "by": "ana", "decision": "decision-resume"}}

    def program(tape: Tape) -> object:
        use_case = Prepare(
            store=TapedStore(tape), flags=TapedFlags(tape), metrics=TapedMetrics(tape), clock=TapedClock(tape)
        )
        return use_case(wish, execution).to_wire()

    return "prepare", program, execution, stage


def tick() -> Start:
    """`evaluate`, as the schedule calls it."""

    def program(tape: Tape) -> None:
        evaluate = Evaluate(
            store=TapedStore(tape),
            flags=TapedFlags(tape),
            metrics=TapedMetrics(tape),
            gates=TapedGates(tape),
            rollback=TapedQueue(tape),
            clock=TapedClock(tape),
        )
        for rollout in in_turn(evaluate.store.watched(), evaluate.clock.now()):
            evaluate(rollout)

    return "evaluate", program


def rollback(request: Kept) -> Start:
    """`rollback` with a request."""

    def program(tape: Tape) -> object:
        store = TapedStore(tape)
        use_case = Rollback(
            store=store,
            claims=store,
            flags=TapedFlags(tape),
            gates=TapedGates(tape),
            queue=TapedQueue(tape),
            clock=TapedClock(tape),
            pool=lambda _: tape,
        )
        return use_case(request_of(request))

    return "rollback", program, request


def decision(gate: str, me: str, kind: DecisionKind, person: str) -> Start:
    """`TakeFirst`, `TakeAnswer` and `Answer` of the state machine `decision`, each repeated once.

    `person` is who it is by AWS's record, where the plan asks for two.
    """

    def program(tape: Tape) -> str:
        for call in (("decision.take", gate, me, kind, person), ("gates.succeed", gate, tape.library.keep({}))):
            for _ in range(2):
                try:
                    if tape.ask(*call) == FIRST_OF_TWO:
                        return FIRST_OF_TWO
                except (ConflictError, GateClosedError):
                    return "refused"
                except (StoreError, GateError):
                    continue
                break
        return "taken"

    return "decision", program, gate, me, kind, person


def alert(world: World) -> RollbackRequest:
    """What the alert's endpoint makes of a Datadog alert."""
    return RollbackRequest(cause=Cause.ALERT, reason="an alert", flags=(FLAG,), asked_at=moment(world.now))


def decided(world: World, cause: Cause) -> RollbackRequest:
    """What the state machine `decision` asks for a person."""
    return RollbackRequest(cause=cause, reason="a decision", rollout=ROLLOUT, by="ana", asked_at=moment(world.now))


def ended(world: World, execution: Execution, why: str, attempt: int | None = None) -> RollbackRequest:
    """What the end of an execution asks for, or the state `RollBack`, which knows its attempt."""
    return RollbackRequest(
        cause=Cause.EXECUTION,
        reason=why,
        rollout=ROLLOUT,
        attempt=attempt,
        execution=execution.name,
        asked_at=moment(world.now),
    )
