"""The rollouts' records in memory, with the table's conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from rampart.errors import ConflictError, FrozenError, StoreError
from rampart.rollout.caller import Caller
from rampart.rollout.evaluation import Evaluation
from rampart.rollout.event import Event
from rampart.rollout.freeze import Freeze
from rampart.rollout.gate import Answer, Gate, OpenGate
from rampart.rollout.state import Claim, RolloutState, Status
from tests.doubles.calls import OnCall, around, nothing


@dataclass(slots=True)
class MemoryRolloutStore:
    """The records with the table's conditions; `failure` is raised by every call."""

    states: dict[str, RolloutState] = field(default_factory=dict)
    plans: dict[tuple[str, str], str] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    owners: dict[str, Claim] = field(default_factory=dict)
    told: list[Event] = field(default_factory=list)
    """Every event, oldest first."""
    looks: list[Evaluation] = field(default_factory=list)
    """Every evaluation, oldest first."""
    frozen: Freeze | None = None
    callers: dict[str, Caller] = field(default_factory=dict)
    """Who started which execution, by AWS's record."""
    failure: StoreError | None = None
    on_call: OnCall = nothing

    def freeze(self) -> Freeze | None:
        """What stops every advance."""
        with self._call("store.freeze"):
            return self.frozen

    def caller(self, execution: str) -> Caller | None:
        """Who started an execution by AWS's own record, where one has come."""
        with self._call("store.caller"):
            return self.callers.get(execution)

    def put_freeze(self, freeze: Freeze, event: Event) -> None:
        """Stop every advance; raises ConflictError where a freeze stands already."""
        with self._call("store.put_freeze"):
            if self.frozen is not None:
                raise ConflictError("a freeze stands already")
            self.frozen = freeze
            self.told.append(event)

    def lift_freeze(self, freeze: Freeze, event: Event) -> None:
        """Let rollouts advance again; raises ConflictError where this freeze doesn't stand."""
        with self._call("store.lift_freeze"):
            if self.frozen is None or self.frozen.at != freeze.at:
                raise ConflictError("another freeze stands, or none")
            self.frozen = None
            self.told.append(event)

    def watched(self) -> Sequence[str]:
        """Ids of the rollouts that a tick looks at."""
        with self._call("store.watched"):
            return sorted(name for name, state in self.states.items() if state.watched)

    def unwatched(self, status: Status) -> Sequence[str]:
        """Ids of the rollouts of a status that no tick looks at any more."""
        with self._call("store.unwatched"):
            return sorted(name for name, each in self.states.items() if not each.watched and each.status is status)

    def state(self, rollout: str) -> RolloutState | None:
        with self._call("store.state"):
            return self.states.get(rollout)

    def gate(self, rollout: str) -> Gate | None:
        with self._call("store.gate"):
            return self.gates.get(rollout)

    def claims(self, flags: Sequence[str]) -> Mapping[str, Claim]:
        """Who holds each flag; a flag that no one holds is missing."""
        with self._call("store.claims"):
            return {flag: self.owners[flag] for flag in flags if flag in self.owners}

    def open(self, state: RolloutState, submitted: str, events: Sequence[Event]) -> None:
        """Begin a rollout, or nothing; raises ConflictError when its name or one of its flags is taken."""
        with self._call("store.open"):
            flags = state.plan.flags
            if state.rollout in self.states or any(flag in self.owners for flag in flags):
                raise ConflictError(f"{state.rollout}: the name or one of its flags is taken")
            self.states[state.rollout] = state
            self.plans[state.rollout, state.plan_hash] = submitted
            self.owners |= {flag: Claim(flag=flag, rollout=state.rollout, flags=flags) for flag in flags}
            self.told.extend(events)

    def commit(
        self,
        before: RolloutState,
        after: RolloutState,
        *,
        events: Sequence[Event] = (),
        evaluation: Evaluation | None = None,
        answered: str | None = None,
        release: bool = False,
        claim: bool = False,
        unless_frozen: bool = False,
    ) -> None:
        """Write the fields that changed, if the record is still at `before.epoch`; raises ConflictError.

        Raises ValueError when `after` is not the next version of `before`.
        """
        if after.epoch != before.epoch + 1:
            raise ValueError(f"{before.rollout}: epoch {after.epoch} does not follow {before.epoch}")
        with self._call("store.commit"):
            stored = self.states.get(before.rollout)
            if stored is None or stored.epoch != before.epoch:
                raise ConflictError(f"{before.rollout}: the record is not at version {before.epoch} any more")
            if answered is not None and not self._is_answered(before.rollout, answered):
                raise ConflictError(f"{before.rollout}: gate {answered} holds no answer")
            if unless_frozen and self.frozen is not None:
                raise FrozenError(str(self.frozen))
            held = {flag: self.owners.get(flag) for flag in before.plan.flags}
            if release and any(claim is None or claim.rollout != before.rollout for claim in held.values()):
                raise ConflictError(f"{before.rollout}: it does not hold its flags")
            if claim and any(owner is not None and owner.rollout != before.rollout for owner in held.values()):
                raise ConflictError(f"{before.rollout}: one of its flags is another rollout's")
            self.states[before.rollout] = stored.changed(**changes(before, after))
            if claim:
                flags = before.plan.flags
                self.owners |= {flag: Claim(flag=flag, rollout=before.rollout, flags=flags) for flag in flags}
            self.told.extend(events)
            self.looks.extend([evaluation] if evaluation else [])
            for flag in held if release else ():
                del self.owners[flag]

    def note(self, event: Event) -> None:
        """Keep an event that changes no record; raises ConflictError where it is kept already."""
        with self._call("store.note"):
            if event in self.told:
                raise ConflictError("its event is stored already")
            self.told.append(event)

    def open_gate(self, rollout: str, execution: str, gate: Gate, events: Sequence[Event] = ()) -> None:
        """Open a gate as the rollout's machine does; raises ConflictError when the attempt is not at that stage."""
        with self._call("store.open_gate"):
            state = self.states.get(rollout)
            is_open = state is not None and state.status is Status.LIVE and state.execution == execution
            if state is None or not is_open or (state.attempt, state.stage) != (gate.attempt, gate.stage):
                raise ConflictError(f"{rollout}: attempt {gate.attempt} is not live at stage {gate.stage}")
            opened = OpenGate(id=gate.id, kind=gate.kind, token=gate.token, opened=gate.opened)
            self.states[rollout] = state.changed(gate=opened)
            self.gates[rollout] = gate
            self.told.extend(events)

    def answer_gate(self, rollout: str, gate_id: str, answer: Answer) -> None:
        """Take an answer as the decision's machine does; raises ConflictError when the gate is not open for it."""
        with self._call("store.answer_gate"):
            gate = self.gates.get(rollout)
            if gate is None or gate.id != gate_id or (gate.lapses is not None and gate.lapses <= answer.at):
                raise ConflictError(f"{rollout}: gate {gate_id} is not open")
            if gate.answer is not None and gate.answer.execution != answer.execution:
                raise ConflictError(f"{rollout}: gate {gate_id} is answered already")
            self.gates[rollout] = gate.changed(answer=answer)

    def events(self, rollout: str) -> Mapping[str, Event]:
        """Everything that happened, oldest first, by its number."""
        mine = [event for event in self.told if event.rollout == rollout]
        return {str(number): event for number, event in enumerate(mine)}

    def evaluations(self, rollout: str, *, newest_first: bool = False) -> Iterator[Evaluation]:
        """Every evaluation, oldest first unless told otherwise."""
        mine = [evaluation for evaluation in self.looks if evaluation.rollout == rollout]
        return iter(mine[::-1] if newest_first else mine)

    def plan_document(self, rollout: str, plan_hash: str) -> str | None:
        """The plan as it was submitted."""
        return self.plans.get((rollout, plan_hash))

    def _is_answered(self, rollout: str, gate_id: str) -> bool:
        gate = self.gates.get(rollout)
        return gate is not None and gate.id == gate_id and gate.answer is not None

    def _call(self, name: str) -> AbstractContextManager[None]:
        return around(self.on_call, name, self.failure)


def changes(before: RolloutState, after: RolloutState) -> dict[str, Any]:
    """The fields of `after` that differ from `before`, as they are: what a commit writes, and nothing else."""
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in type(after).model_fields}
    return {name: new for name, (old, new) in pairs.items() if new is not old and new != old}
