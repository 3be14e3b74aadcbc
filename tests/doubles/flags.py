"""Flags in memory, with Flipper's gates."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from rampart.errors import FlagStoreError, UnknownFlagError
from rampart.plan.stage import Member, MemberKind
from rampart.rollout.flag import FlagReading
from tests.doubles.calls import OnCall, around, nothing


@dataclass(slots=True)
class MemoryFlagStore:
    """Flags with Flipper's gate semantics; `failure` is raised by every call, `ignores_writes` forgets what it took."""

    flags: dict[str, FlagReading] = field(default_factory=dict)
    failure: FlagStoreError | None = None
    ignores_writes: bool = False
    on_call: OnCall = nothing
    history: list[FlagReading] = field(default_factory=list)
    """Every state that a write led to, oldest first."""

    @classmethod
    def at(cls, **percentages: float) -> MemoryFlagStore:
        """Give a store with these flags and their percentages of actors."""
        return cls({flag: FlagReading(flag, percent) for flag, percent in percentages.items()})

    def read(self, flag: str) -> FlagReading:
        """Read a flag's gates; raises UnknownFlagError when there is no such flag."""
        with self._call("flags.read"):
            if flag not in self.flags:
                raise UnknownFlagError(f"there is no flag {flag!r}")
            return self.flags[flag]

    def set_percentage(self, flag: str, percent: float) -> None:
        """Write the percentage of actors; a flag that does not exist is made."""
        with self._call("flags.set_percentage"):
            self._write(replace(self.flags.get(flag, FlagReading(flag)), percent=percent))

    def close_gates(self, flag: str) -> None:
        """Clear every gate, hand-picked actors and groups included."""
        with self._call("flags.close_gates"):
            self._write(FlagReading(flag))

    def open_to(self, flag: str, member: Member) -> None:
        """Let someone in by name; a flag that does not exist is made."""
        with self._call("flags.open_to"):
            self._write(with_member(self.flags.get(flag, FlagReading(flag)), member))

    def close_to(self, flag: str, member: Member) -> None:
        """Let someone in by name no longer."""
        with self._call("flags.close_to"):
            self._write(without_member(self.flags.get(flag, FlagReading(flag)), member))

    def turn_on(self, flag: str) -> None:
        """Open the boolean gate, which clears every other one."""
        with self._call("flags.turn_on"):
            self._write(FlagReading(flag, boolean=True))

    def put(self, reading: FlagReading) -> None:
        """Set a flag as another writer would, behind Rampart's back."""
        self.flags[reading.flag] = reading

    def _write(self, reading: FlagReading) -> None:
        if not self.ignores_writes:
            self.flags[reading.flag] = reading
            self.history.append(reading)

    def _call(self, name: str) -> AbstractContextManager[None]:
        return around(self.on_call, name, self.failure)


def with_member(reading: FlagReading, member: Member) -> FlagReading:
    """The flag with someone let in by name."""
    return _with_members(reading, (*(m for m in reading.members if m != member), member))


def without_member(reading: FlagReading, member: Member) -> FlagReading:
    """The flag with someone let in by name no longer."""
    return _with_members(reading, [each for each in reading.members if each != member])


def _with_members(reading: FlagReading, members: Sequence[Member]) -> FlagReading:
    actors = tuple(each.name for each in members if each.kind is MemberKind.ACTOR)
    return replace(reading, actors=actors, groups=tuple(each.name for each in members if each.kind is MemberKind.GROUP))
