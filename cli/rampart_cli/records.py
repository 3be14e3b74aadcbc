"""What commands read of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rampart.rollout.caller import Caller
    from rampart.rollout.evaluation import Evaluation
    from rampart.rollout.event import Event
    from rampart.rollout.freeze import Freeze
    from rampart.rollout.gate import Gate
    from rampart.rollout.state import RolloutState, Status


class Records(Protocol):
    """The records of rollouts; every method raises StoreError."""

    def watched(self) -> Sequence[str]:
        """Ids of the rollouts that a tick looks at."""

    def unwatched(self, status: Status) -> Sequence[str]:
        """Ids of the rollouts of a status that no tick looks at any more."""

    def state(self, rollout: str) -> RolloutState | None: ...

    def gate(self, rollout: str) -> Gate | None: ...

    def events(self, rollout: str) -> Mapping[str, Event]:
        """Everything that happened, oldest first, by sort key."""

    def evaluations(self, rollout: str, *, newest_first: bool = False) -> Iterator[Evaluation]: ...

    def caller(self, execution: str) -> Caller | None:
        """Who started an execution by AWS's own record, where one has come."""

    def freeze(self) -> Freeze | None:
        """What stops every advance of the stack."""

    def put_freeze(self, freeze: Freeze, event: Event) -> None:
        """Stop every advance; raises ConflictError where a freeze stands already."""

    def lift_freeze(self, freeze: Freeze, event: Event) -> None:
        """Let rollouts advance again; raises ConflictError where this freeze doesn't stand."""

    def plan_document(self, rollout: str, plan_hash: str) -> str | None:
        """The plan as it was submitted, JSON."""
