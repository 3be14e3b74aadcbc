"""What answers the calls of the use cases, with the conditions of the real parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rampart.errors import (
    ConflictError,
    FlagStoreError,
    FrozenError,
    GateClosedError,
    GateError,
    QueueError,
    RampartError,
    StoreError,
)
from rampart.evidence.verdict import Verdict
from rampart.plan.model import Plan
from rampart.rollout.event import EventKind
from rampart.rollout.gate import Answer, DecisionKind, FirstApproval, Gate, GateKind, OpenGate, Question
from rampart.rollout.state import RolloutState, Status
from rampart.rollout.waiver import LETS_ON
from tests.doubles import changes
from tests.interleaving.tape import Call, Kept, Library, Reply
from tests.interleaving.world import (
    FIRST_OF_TWO,
    ROLLOUT,
    Execution,
    World,
    end,
    height_at,
    in_order,
    moment,
    move,
    order,
    request_of,
    written,
)

ERRORS: dict[str, type[RampartError]] = {
    "flag": FlagStoreError,
    "store": StoreError,
    "gates": GateError,
    "queue": QueueError,
    "rollback": QueueError,
}
"""What a use case sees of an accident, by port."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What answers calls, with the conditions of the real parts."""

    library: Library
    plan: Plan
    _committed: dict[Any, Kept] = field(default_factory=dict)

    def reply(self, world: World, call: Call) -> tuple[World, Reply]:
        """The world after a call that arrives, and its answer."""
        name, args = call
        match name:
            case "flag.write":
                return written(world, args[0]), Reply()
            case "store.commit":
                return self._commit(world, *args)
            case "store.note":
                return world, Reply()
            case "decision.take":
                return self._take(world, *args)
            case "queue.put":
                return self.put(world, args[0]), Reply()
            case "rollback.call":
                return order(world, ("rollback", args[0])), Reply()
        return self._of_gates(world, name, *args) if args else (world, Reply(self._read(world, name)))

    def _read(self, world: World, name: str) -> Any:
        return {
            "flag.read": world.reading,
            "store.state": world.record,
            "store.gate": world.gate,
            "store.claims": ROLLOUT if world.claimed else "",
            "store.freeze": world.frozen,
            "store.watched": (ROLLOUT,) if self.is_watched(world.state) else (),
            "metrics.read": world.errors,
        }[name]

    def is_watched(self, state: RolloutState) -> bool:
        """Whether the sparse index holds the record."""
        return state.watched

    def put(self, world: World, request: Kept) -> World:
        """The queue keeps a request."""
        return world if request in world.queue else world._replace(queue=in_order((*world.queue, request)))

    # The table.

    def _commit(
        self,
        world: World,
        before: Kept,
        after: Kept,
        told: tuple[tuple[Any, ...], ...],
        answered: str | None,
        claims: tuple[bool, bool],
        at_epoch: bool,
        unless_frozen: bool,
    ) -> tuple[World, Reply]:
        release, claim = claims
        if unless_frozen and world.frozen:
            return world, Reply(error=FrozenError)
        holds = world.state.epoch == before.model.epoch or not at_epoch
        if not (holds and (world.claimed or not release) and self.is_answered(world, answered)):
            return world, Reply(error=ConflictError)
        key = (world.record, before, after)
        record = self._committed.get(key)
        if record is None:
            # Without its condition, a commit is a plain write of the whole record.
            written = changes(before.model, after.model) if at_epoch else dict(after.model)
            update = written | {"epoch": world.state.epoch + 1}
            record = self._committed[key] = self.library.keep(world.state.model_copy(update=update))
        log = world.log + tuple(event for event in told if event[0] in _LOGGED)
        world = world._replace(record=record, log=log, claimed=(world.claimed or claim) and not release)
        return (self._resumed(world) if after.model.attempt > before.model.attempt else world), Reply()

    def _resumed(self, world: World) -> World:
        state = world.state
        asked = any(run.caller[0] in ("alert", "person") for run in world.runs)
        asked |= any(request_of(kept).asked_at >= state.attempt_started for kept in world.queue)  # at this very moment
        excused = world.excused | {state.attempt} if asked else world.excused
        return world._replace(approved=max(world.approved, height_at(self.plan, state.target)), excused=excused)

    def is_answered(self, world: World, gate: str | None) -> bool:
        """Whether the gate that a commit names, if it does, holds an answer."""
        if gate is None:
            return True
        return world.gate is not None and world.gate.model.id == gate and world.gate.model.answer is not None

    def _take(self, world: World, gate_id: str, me: str, kind: DecisionKind, person: str) -> tuple[World, Reply]:
        """`TakeFirst` or `TakeAnswer` of the state machine `decision`."""
        gate: Gate | None = world.gate.model if world.gate else None
        if gate is None or gate.id != gate_id or gate.kind is not GateKind.APPROVAL or gate.question is None:
            return world, Reply(error=ConflictError)
        if gate.answer is not None and gate.answer.execution == me:
            return world, Reply()  # refused as a repetition, the machine finds its own answer there and goes on
        lapsed = gate.lapses is not None and gate.lapses <= moment(world.now)
        allowed = gate.question.verdict in LETS_ON or kind is DecisionKind.OVERRIDE
        if lapsed or not self.is_free(gate, me) or not allowed or not self.is_awaited(world.state, gate_id):
            return world, Reply(error=ConflictError)
        if self.plan.approvals > 1:
            if gate.first is not None and gate.first.execution == me:
                return world, Reply(FIRST_OF_TWO)
            if gate.first is not None and not self.is_another(gate.first, person):
                return world, Reply(error=ConflictError)
            if gate.first is None:
                first = FirstApproval(by="ana", person=person, execution=me, at=moment(world.now))
                kept = self.library.keep(gate.model_copy(update={"first": first}))
                return world._replace(gate=kept, people=(*world.people, (gate_id, person))), Reply(FIRST_OF_TWO)
        answer = Answer(decision=kind, by="ana", person=person, execution=me, at=moment(world.now))
        seen = [shown.limit for shown in gate.question.shown.values() if shown.verdict is Verdict.FAIL]
        waived = max([limit for limit in (world.waived, *seen) if limit is not None], default=None)
        return (
            world._replace(
                gate=self.library.keep(gate.model_copy(update={"answer": answer})),
                approved=max(world.approved, height_at(self.plan, gate.stage + 1)),
                answered=(*world.answered, gate_id),
                people=(*world.people, (gate_id, person)),
                unawaited=world.unawaited or world.state.status is not Status.LIVE,
                waived=waived if kind is DecisionKind.OVERRIDE else world.waived,
            ),
            Reply(),
        )

    def is_another(self, first: FirstApproval, person: str) -> bool:
        """Whether a second approval is another person's."""
        return first.person != person

    def is_free(self, gate: Gate, me: str) -> bool:
        """Whether a decision may answer a gate: no one else did."""
        return gate.answer is None or gate.answer.execution == me

    def is_awaited(self, state: RolloutState, gate_id: str) -> bool:
        """Whether the rollout waits at a gate: an answer anywhere else would be recorded, and never counted."""
        return state.status is Status.LIVE and state.gate is not None and state.gate.id == gate_id

    def may_open(self, world: World, execution: Execution) -> bool:
        """The condition of the transaction that opens a gate."""
        state = world.state
        is_mine = (state.attempt, state.execution) == (execution.attempt, execution.name)
        return is_mine and state.status is Status.LIVE

    def open_gate(self, world: World, execution: Execution) -> World:
        """`Bake` or `AwaitApproval`: one transaction that opens the gate, or the end of the execution."""
        if not self.may_open(world, execution):
            return end(world, execution)
        state = world.state
        number = execution.gates + 1
        gate_id = f"a{execution.attempt}-g{number}"
        kind = GateKind.BAKE if execution.at == "opening bake" else GateKind.APPROVAL
        opened = OpenGate(id=gate_id, kind=kind, token=gate_id, opened=moment(world.now))
        asked = execution.asked.model if execution.asked and kind is GateKind.APPROVAL else None
        gate = Gate(
            id=gate_id,
            kind=kind,
            attempt=execution.attempt,
            stage=state.stage or 0,
            token=gate_id,
            opened=opened.opened,
            lapses=datetime.fromisoformat(asked["lapses"]) if asked else None,
            question=Question.model_validate(asked["question"]) if asked else None,
        )
        waiting = execution._replace(at="waiting", gate=gate_id, kind=kind, gates=number)
        return move(
            world._replace(
                record=self.library.keep(state.model_copy(update={"gate": opened})), gate=self.library.keep(gate)
            ),
            waiting,
        )

    # The executions.

    def _of_gates(self, world: World, name: str, who: str, *args: Any) -> tuple[World, Reply]:
        if name == "gates.is_running":
            return world, Reply(any(each.name == who and each.at != "ended" for each in world.executions))
        waiting = next((each for each in world.executions if each.at == "waiting" and each.gate == who), None)
        if waiting is None:
            return world, Reply(error=GateClosedError)
        match name:
            case "gates.fail":
                return end(world, waiting), Reply()
            case "gates.succeed" if waiting.kind is GateKind.APPROVAL or args[0].model["outcome"] == "advance":
                return move(world, waiting._replace(at="advance")), Reply()
            case "gates.succeed":
                return move(world, waiting._replace(at="opening approval", asked=args[0])), Reply()
        return world, Reply()  # kept alive


_LOGGED = frozenset(
    {
        EventKind.ADVANCED,
        EventKind.COMPLETED,
        EventKind.RESUMED,
        EventKind.ROLLED_BACK,
        EventKind.TAKEN_DOWN_AGAIN,
        EventKind.ABANDONED,
    }
)
