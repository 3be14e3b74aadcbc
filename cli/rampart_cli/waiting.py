"""Waiting where a person looks on: why it isn't over after a few seconds, and again whenever that changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from rampart.errors import RampartError
from rampart.rollout.situation import Phase, situation_of
from rampart.words import clock_time
from rampart_cli.console import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rampart.rollout.state import RolloutState
    from rampart_cli.stack import Stack

_LOOK_EVERY = 5.0
"""Seconds until the reason is looked for, and between two such looks."""
_TELL_AGAIN = 60.0
"""Seconds after which an unchanged reason is told once more, so that no one takes the command for dead."""

_UNPROVEN = "AWS hasn't recorded yet who started this, which the plan wants to know; CloudTrail takes a few minutes."
_DOING = dict.fromkeys(("ReadCaller", "KnowCaller", "WaitForCaller"), _UNPROVEN)
"""What a state of an execution means for the person who waits for it."""


@dataclass(slots=True, kw_only=True)
class ToldWait:
    """A wait for what an execution does to a rollout; machines are told nothing."""

    stack: Stack
    rollout: str
    execution: str
    lowers: bool = False
    """Whether it takes the flags to 0%: until that is on record, the record speaks of what was before."""
    as_json: bool = False
    _is_record_readable: bool = field(default=True, init=False)

    def looks(self, limit: float) -> Iterator[None]:
        """One step for each look, for `limit` seconds; in between, people are told why it goes on."""
        seconds = self.stack.patience.seconds
        begun = told_at = seconds()
        look_at, told = begun + _LOOK_EVERY, ""
        for _ in self.stack.patience.looks(limit):
            yield
            now = seconds()
            if self.as_json or now < look_at:
                continue
            look_at, why = now + _LOOK_EVERY, self._why()
            if why and (why != told or now - told_at >= _TELL_AGAIN):
                told, told_at = why, now
                say(f"After {now - begun:.0f} s: {why}", as_json=self.as_json)

    def _why(self) -> str:
        state, failure = self._record(), ""
        try:
            doing = self.stack.machines.doing(self.execution)
        except (ClientError, BotoCoreError):  # only the reason is unknown: the wait itself says so if AWS is gone
            pass
        else:
            failure = doing.failure
            if doing.state in _DOING:
                return _DOING[doing.state]
        if state is not None and state.undone and state.undone in failure:
            failure = ""
        tried = f"The newest try failed: {failure.rstrip('.')}. It is tried again." if failure else ""
        return " ".join(filter(None, (self._stands(state), tried)))

    def _record(self) -> RolloutState | None:
        """The rollout's record; None where there is none, or where it can't be read: then it isn't asked for again."""
        if not self._is_record_readable:
            return None
        try:
            return self.stack.records.state(self.rollout)
        except (RampartError, ClientError, BotoCoreError):
            self._is_record_readable = False
            return None

    def _stands(self, state: RolloutState | None) -> str:
        """Where the rollout stands, as every other surface says it."""
        if not self._is_record_readable:
            return "the record can't be read from here."
        if state is None:
            return ""
        found = situation_of(state, None, self.stack.now())
        if self.lowers and found.phase is not Phase.ROLLING_BACK:
            return "the rollback isn't on record yet."
        if found.phase is not Phase.ROLLING_BACK:
            return f"{found.headline}. {found.why}".strip()
        since = clock_time(found.since, state.plan.zone)
        return f"{found.headline}, since {since}. {found.why} {found.next}"
