"""The protocol's guards, each with what takes it away: a condition that always holds, or a step that is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from rampart.rollout import advance as advance_module
from rampart.rollout import climb as climb_module
from rampart.rollout import concern as concern_module
from rampart.rollout import permission as permission_module
from rampart.rollout import rollback as rollback_module
from rampart.rollout import rollback_record as record_module
from rampart.rollout.advance import Advance, AdvanceOutcome, AdvanceResult
from rampart.rollout.concern import Concern
from rampart.rollout.evaluate import Evaluate, EvaluateResult
from rampart.rollout.flag import FlagReading
from rampart.rollout.ports import FlagStore
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.rollback import Rollback
from rampart.rollout.state import Intent, RolloutState, Status
from rampart.rollout.waiver import Shown
from tests.interleaving.outside import Outside
from tests.interleaving.ports import TapedStore
from tests.interleaving.tape import Kept
from tests.interleaving.world import World

Change = tuple[object, str, object]
"""What is changed, in whom, into what."""


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard: what goes wrong without it, in which scenario; a redundant one is found by none."""

    name: str
    changes: Sequence[Change]
    found_by: str | None = None
    goes_wrong: str = ""

    def taken_away(self) -> AbstractContextManager[object]:
        """The time in which the guard is not there."""
        stack = ExitStack()
        for target, attribute, replacement in self.changes:
            stack.enter_context(patch.object(target, attribute, replacement))
        return stack


def _always(*_: object, **__: object) -> bool:
    return True


def _never(*_: object, **__: object) -> bool:
    return False


def _nothing(*_: object, **__: object) -> None:
    return None


def _only_written(flags: FlagStore, names: Sequence[str], *_: object) -> tuple[FlagReading, ...]:
    for name in names:
        flags.set_percentage(name, 0)
    return tuple(FlagReading(name) for name in names)


def _raised_unread(self: Any, state: RolloutState, intent: Intent) -> Any:
    for flag in state.plan.flags:
        self.flags.set_percentage(flag, intent.percent)
    return self._commit(state, intent)


def _climbed_unseen(flags: FlagStore, state: RolloutState, intent: Intent, now: datetime) -> None:
    for flag in state.plan.flags:
        flags.set_percentage(flag, intent.percent)
        climb_module._confirm(flags.read(flag), intent, is_end=False)


def _halted_and_left(self: Advance, state: RolloutState | None, attempt: int, *_: object, **__: object) -> Any:
    return AdvanceResult(AdvanceOutcome.HALTED, attempt)


_halted: Callable[..., Any] = Advance._halted
_call: Callable[..., None] = Evaluate._call
_record_of: Callable[..., Any] = record_module.halted
_commit: Callable[..., None] = TapedStore.commit
_watch: Callable[..., Any] = Evaluate._watch


def _halted_with_any_intent(self: Advance, state: RolloutState | None, *args: Any, mine: Intent | None = None) -> Any:
    return _halted(self, state, *args, mine=state.intent if state else mine)


def _halted_at_once(before: RolloutState, *args: Any, **also: Any) -> Any:
    return _record_of(before.changed(cut_off=None), *args, **also)


def _as_read_at_first(self: Rollback, state: RolloutState, lowered: Any) -> Any:
    return lowered


def _lowered_unseen(self: Rollback, state: RolloutState, request: RollbackRequest) -> Any:
    return Concern(state.plan.flags, (state.rollout,))


def _called_while_it_is_new(self: Evaluate, state: RolloutState, cause: Cause, reason: str, **also: Any) -> None:
    if cause is not Cause.EVIDENCE or (state.latest is not None and state.latest.at == self.clock.now()):
        _call(self, state, cause, reason, **also)


def _unless_the_flag_was_raised(self: TapedStore, before: RolloutState, after: RolloutState) -> bool:
    return before.intent is None or after.intent is not None or after.status is not Status.LIVE


def _unanswered(self: TapedStore, before: RolloutState, after: RolloutState, **also: Any) -> None:
    _commit(self, before, after, **{**also, "answered": None})


def _although_frozen(self: TapedStore, before: RolloutState, after: RolloutState, **also: Any) -> None:
    _commit(self, before, after, **{**also, "unless_frozen": False})


def _while_live(self: Outside, state: RolloutState) -> bool:
    return state.watched and state.status is Status.LIVE


def _lost(self: Outside, world: World, request: Kept) -> World:
    return world


def _without_finishing(self: Evaluate, state: RolloutState) -> Any:
    return _watch(self, state) if state.status is not Status.HALTED else EvaluateResult(state.rollout, ())


GUARDS = (
    Guard(
        "a gate opens only while the attempt is live at its stage",
        [(Outside, "may_open", _always)],
        "an alert meets an approval",
        "its execution goes on",
    ),
    Guard(
        "a gate takes one answer",
        [(Outside, "is_free", _always)],
        "an alert meets two approvals",
        "two answers were taken",
    ),
    Guard(
        "a second approval is another person's",
        [(Outside, "is_another", _always), (permission_module, "_too_few", _nothing)],
        "two people approve, one of them twice",
        "it advanced with the approval of 1",
    ),
    Guard(
        "an answer counts only where the rollout waits",
        [(Outside, "is_awaited", _always)],
        "an alert meets an approval",
        "an answer was recorded, and the rollout was over",
    ),
    Guard(
        "an advance is recorded only if the record is as it was",
        [(TapedStore, "is_conditional", _unless_the_flag_was_raised)],
        "the queue is down when an alert meets an advance",
        "a rollback was asked for",
    ),
    Guard(
        "every commit holds only at its epoch",
        [(TapedStore, "is_conditional", _never)],
        "an alert meets an approval",
        "done and told twice",
    ),
    Guard(
        '"rolled back" is not said while an intent is open',
        [(record_module, "INTENT_EXPIRES", timedelta(0))],
        "an alert meets an approval",
        '"rolled back" was said',
    ),
    Guard(
        "the flag is read once more when the record is known",
        [(Rollback, "_confirmed", _as_read_at_first)],
        "an alert meets an approval",
        '"rolled back" was said',
    ),
    Guard(
        "an advance takes back its own intent only",
        [(Advance, "_halted", _halted_with_any_intent)],
        "a write of an advance that an alert meets lands late",
        '"rolled back" was said',
    ),
    Guard(
        "an advance that was begun again counts as in flight",
        [(record_module, "halted", _halted_at_once)],
        "a write of an advance that an alert meets lands late",
        '"rolled back" was said',
    ),
    Guard(
        "the queue keeps a request until it is done",
        [(Outside, "put", _lost)],
        "the table is down when the alert comes, and an approval after it",
        "a rollback was asked for",
    ),
    Guard(
        "the end of an execution is believed only if it is the record's",
        [(concern_module, "is_believed", _always), (rollback_module, "is_believed", _always)],
        "the end of a refused start meets an approval",
        "no one asked for it",
    ),
    Guard(
        "the index keeps what is halted or rolled back",
        [(Outside, "is_watched", _while_live)],
        "a write of an advance lands late, even after time went on",
        "at the end",
    ),
    Guard(
        "a tick finishes what is halted",
        [(Evaluate, "_watch", _without_finishing)],
        "the queue is down when an alert meets an advance",
        "at the end",
    ),
    Guard(
        "a rollback reads the flag back",
        [(rollback_module, "lower", _only_written), (Rollback, "_confirmed", _as_read_at_first)],
        "a write to the flag is accepted and forgotten",
        '"rolled back" was said',
    ),
    Guard(
        "an advance reads the flag back",
        [(Advance, "_raise_flags", _raised_unread)],
        "a write of an advance is accepted and forgotten",
        "the record says",
    ),
    Guard(
        "a failing stage asks for its rollback at each tick",
        [(Evaluate, "_call", _called_while_it_is_new)],
        "the stage fails, and the tick that sees it is cut off",
        "the stage fails, no one waived that, and the rollout is live",
    ),
    Guard(
        "a tick checks that the execution still runs",
        [(Evaluate, "_check_execution", lambda *_: ())],
        "someone stops the execution, and no one is told",
        "its execution does not",
    ),
    Guard(
        "a repetition for an attempt that is over does nothing",
        [(concern_module, "is_past", _never), (rollback_module, "is_past", _never)],
        "a resume meets what is left of the attempt before",
        "no one asked for it",
    ),
    Guard(
        "a rolled-back flag is read before it is lowered again",
        [(Rollback, "_look", _lowered_unseen)],
        "another writer raises a rolled-back flag before the end of its execution is told",
        "no one was told",
    ),
    Guard(
        "an advance begins only while nothing is frozen",
        [(TapedStore, "commit", _although_frozen)],
        "a freeze meets an approval",
        "every advance was stopped",
    ),
    Guard(
        "an advance reads the flag before it writes",
        [(advance_module, "climb", _climbed_unseen)],
        "someone lowers the flag before an approval is acted on",
        "an advance raised it",
    ),
    Guard(
        "the record holds whom an advance may have let in by name",
        [(RolloutState, "openings", property(lambda state: state.opened))],
        "an alert meets an opening for staff",
        '"rolled back" was said',
    ),
    Guard(
        "a waiver covers what was seen",
        [(Shown, "covers", _always)],
        "what was not proven is overridden, and the next stage fails",
        "no one waived that",
    ),
    Guard("an advance that finds itself halted lowers the flag", [(Advance, "_halted", _halted_and_left)]),
    Guard("a repetition of a recorded advance is its end", [(advance_module, "_is_done", _never)]),
    Guard("an advance is committed only with its gate's answer", [(TapedStore, "commit", _unanswered)]),
    Guard("no one is asked while every advance is frozen", [(Evaluate, "_frozen", _nothing)]),
    Guard("a rollback fails the token", [(Rollback, "_end_wait", _nothing)]),
)
