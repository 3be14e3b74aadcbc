"""Starting attempts: the execution's name, and waiting until the flag moves or the start is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rampart.rollout.state import DOWN, Status
from rampart.words import counted, day, duration, status_in_words
from rampart_cli.failures import RefusedError, UnreachableError
from rampart_cli.machines import AlreadyStartedError, Execution
from rampart_cli.waiting import ToldWait

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rampart.plan.model import Plan
    from rampart.rollout.state import RolloutState
    from rampart_cli.stack import Stack

_LOOK = "Check status: rampart status "
_MOST_STARTS = 99
"""Refused starts of one and the same plan that are counted through before giving up."""


@dataclass(frozen=True, slots=True)
class Start:
    """A started attempt: its execution, and whether it was started before."""

    execution: str
    repeated: bool = False


def start_rollout(stack: Stack, document: Mapping[str, Any], plan: Plan) -> Start:
    """Start the rollout's execution, under a name made of the plan: a repeat is the same start, not a second one.

    A start that was refused keeps its name for 90 days, so the next one counts on.
    """
    for number in range(1, _MOST_STARTS + 1):
        name = f"{plan.rollout}-{plan.digest[:12]}" + (f"-{number}" if number > 1 else "")
        try:
            return Start(stack.machines.start(stack.rollout_machine, name, document))
        except AlreadyStartedError:
            earlier = stack.machines.describe(stack.machines.arn_of(stack.rollout_machine, name))
            if _stands(stack, earlier, plan):
                return Start(earlier.arn, repeated=True)
    raise RefusedError(f"{plan.rollout} was started and refused {_MOST_STARTS} times", fix="Change the plan's name.")


def _stands(stack: Stack, earlier: Execution, plan: Plan) -> bool:
    """Whether an earlier start of the plan is this one; it was refused otherwise, and the next may begin.

    Raises RefusedError where the rollout ran and is over: the record keeps what became of it.
    """
    state = stack.records.state(plan.rollout)
    if state is None:
        return not earlier.is_over or earlier.succeeded
    if state.status is Status.LIVE:
        return not earlier.is_over or earlier.succeeded or state.execution == earlier.arn
    again = f"Give this run a name of its own, such as {state.rollout}-2."
    resume = f"Go on with it: rampart resume {state.rollout} --stage …; or abandon it and choose another name."
    raise RefusedError(
        f"{state.rollout} was started before and is {status_in_words(state.status)} since {day(state.updated)}",
        name="RolloutExists",
        fix=resume if state.status in DOWN else again,
    )


def wait_for_first_stage(
    stack: Stack, rollout: str, execution: str, limit: float, *, as_json: bool = False
) -> RolloutState:
    """Wait until the attempt's flag was read at its first stage.

    Raises RefusedError with every problem when the start is refused or the attempt ends before, UnreachableError when
    it takes longer than `limit` seconds.
    """
    wait = ToldWait(stack=stack, rollout=rollout, execution=execution, as_json=as_json)
    for _ in wait.looks(limit):
        seen = stack.machines.describe(execution)
        state = stack.records.state(rollout)
        if state is not None and state.execution == execution and state.stage is not None:
            if state.status in DOWN:
                told = f"attempt {state.attempt} was rolled back at once"
                raise RefusedError(told, name="RolledBack", fix=_LOOK + rollout)
            return state
        if seen.is_over and not seen.succeeded:
            raise refusal(stack, seen)
    raise UnreachableError(
        f"{rollout} was started, but is not at its first stage after {duration(limit)}",
        name="StillStarting",
        fix=f"It continues by itself. {_LOOK}{rollout}",
    )


def refusal(stack: Stack, execution: Execution) -> RefusedError:
    """Why an attempt did not begin, with every problem that `prepare` found."""
    problems = stack.machines.refusals(execution.arn)
    if problems:
        many = counted(len(problems), "problem")
        message = f"the start was refused: {many}. No flag was changed."
    else:
        message = execution.cause or f"the attempt ended as {execution.status}"
    return RefusedError(message, name=execution.error or execution.status, problems=problems)
