"""The ports: what the use cases need of the outside, named by role; `rampart.adapters` does them for real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from rampart.evidence.monitor import MonitorReading
from rampart.evidence.series import Measured
from rampart.plan.policy import Policy
from rampart.plan.stage import Member
from rampart.rollout.evaluation import Evaluation
from rampart.rollout.event import Event
from rampart.rollout.flag import FlagReading
from rampart.rollout.freeze import Freeze
from rampart.rollout.gate import Gate
from rampart.rollout.notice import Notice
from rampart.rollout.request import RollbackRequest
from rampart.rollout.state import Claim, RolloutState, Status


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Now, aware, UTC."""


class FlagCloser(Protocol):
    """Where flags are read and lowered; every method raises FlagStoreError when the store cannot be asked."""

    def read(self, flag: str) -> FlagReading:
        """Read a flag's gates; raises UnknownFlagError when there is no such flag."""

    def set_percentage(self, flag: str, percent: float) -> None:
        """Write a flag's percentage of actors; creates a flag that does not exist, so read first."""

    def close_gates(self, flag: str) -> None:
        """Clear every gate of a flag, hand-picked actors and groups included."""

    def close_to(self, flag: str, member: Member) -> None:
        """Let someone in by name no longer."""


class FlagStore(FlagCloser, Protocol):
    """Where flags live: they are let open as well."""

    def open_to(self, flag: str, member: Member) -> None:
        """Let someone in by name; creates a flag that does not exist, so read first."""

    def turn_on(self, flag: str) -> None:
        """Open a flag for every check; the gates that this makes needless are cleared with it."""


class MonitorSource(Protocol):
    """Where monitors say how they are."""

    def read_monitors(self, ids: Sequence[int]) -> Mapping[int, MonitorReading]:
        """What each of these monitors says of itself, in one request where it can be; raises MonitorsUnreadableError.

        Every id has its reading: a monitor that does not exist reads so.
        """


class MetricSource(MonitorSource, Protocol):
    """Where evidence comes from."""

    def read(self, queries: Mapping[str, str], *, start: int, end: int, bucket: int) -> Mapping[str, Measured]:
        """Ask all queries in one request, in buckets of `bucket` seconds over [start, end).

        Never raises: a missing or refused answer comes back as `Unavailable`.
        """


class PolicySource(Protocol):
    """Where the organization's policy is."""

    def policy(self) -> Policy | None:
        """The policy as it is now; None where there is none. Raises PolicyUnreadableError."""


class RolloutStore(Protocol):
    """The records; every method raises StoreError when the store cannot be asked."""

    def watched(self) -> Sequence[str]:
        """Ids of the rollouts that a tick looks at."""

    def unwatched(self, status: Status) -> Sequence[str]:
        """Ids of the rollouts of a status that no tick looks at any more."""

    def state(self, rollout: str) -> RolloutState | None:
        """The record, read consistently."""

    def gate(self, rollout: str) -> Gate | None:
        """The newest gate with its answer, read consistently."""

    def claims(self, flags: Sequence[str]) -> Mapping[str, Claim]:
        """Who holds each flag, read consistently; a flag that no one holds is missing."""

    def freeze(self) -> Freeze | None:
        """What stops every advance of the stack, read consistently."""

    def open(self, state: RolloutState, submitted: str, events: Sequence[Event]) -> None:
        """Begin a rollout: record, plan and the claims of all its flags, or nothing; raises ConflictError."""

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
        """Write what changed, if the record is still at `before.epoch`; raises ConflictError and writes nothing else.

        `answered` names a gate that must hold an answer; `release` frees the flags in the same transaction, and
        `claim` takes them, where no other rollout holds one;
        `unless_frozen` raises FrozenError where a freeze stands at that very moment.
        """

    def note(self, event: Event) -> None:
        """Keep an event that changes no record, such as a start that was refused: there may be no record yet."""


class Gates(Protocol):
    """Where executions wait; every method raises GateError, or GateClosedError when no one waits any more."""

    def succeed(self, token: str, output: Mapping[str, Any]) -> None:
        """Let the execution go on."""

    def fail(self, token: str, error: str, cause: str) -> None:
        """End the wait with an error."""

    def keep_alive(self, token: str) -> None:
        """Tell the execution that someone still watches."""

    def is_running(self, execution: str) -> bool:
        """Whether the execution still runs."""


class RollbackQueue(Protocol):
    """Where a rollback stays until it is done."""

    def put(self, request: RollbackRequest, delay: timedelta) -> None:
        """Keep a request; raises QueueError."""


class RollbackCaller(Protocol):
    """How `evaluate` calls `rollback`."""

    def call(self, request: RollbackRequest) -> None:
        """Ask for a rollback without waiting for it."""


class Announcer(Protocol):
    """One way to tell people or systems."""

    name: str

    def announce(self, notice: Notice) -> None:
        """Tell of one event; raises AnnouncementError."""
