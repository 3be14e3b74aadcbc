"""Sending a person's decision to the state machine `decision`, exactly as the console would."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from rampart.rollout.gate import DecisionKind
from rampart.words import listed
from rampart_cli.failures import InputError, RefusedError
from rampart_cli.machines import Execution, wait_for_end
from rampart_cli.waiting import ToldWait

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rampart.plan.stage import Stage
    from rampart_cli.stack import Stack

_LONGEST_DECISION = 900.0
"""Seconds after which the machine `decision` itself gives up."""
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)\s*%\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person says of a rollout."""

    rollout: str
    kind: DecisionKind
    by: str
    note: str = ""
    gate: str | None = None
    reported: Mapping[str, float] = field(default_factory=dict)
    stage: int | None = None
    flags: tuple[str, ...] = ()
    """What a rollback takes to 0% even while no one can read the rollout's record."""

    def to_input(self) -> dict[str, Any]:
        """The input of the state machine `decision`."""
        said: dict[str, Any] = {"rollout": self.rollout, "gate": self.gate, "decision": self.kind.value, "by": self.by}
        said |= {"note": self.note, "reported": dict(self.reported), "stage": self.stage}
        said |= {"flags": list(self.flags) or None}
        return {name: value for name, value in said.items() if value is not None}


def decide(stack: Stack, decision: Decision, *, as_json: bool = False) -> Execution:
    """Start the decision and wait for its end; raises RefusedError with the machine's own words when it is refused."""
    # A name of its own for each decision: a repeated one asks the record again, which knows what was answered.
    name = f"{decision.kind.value}-{decision.rollout}"[:47] + f"-{uuid4().hex}"
    arn = stack.machines.start(stack.decision_machine, name, decision.to_input())
    lowers = decision.kind in (DecisionKind.ROLL_BACK, DecisionKind.ABANDON)
    wait = ToldWait(stack=stack, rollout=decision.rollout, execution=arn, lowers=lowers, as_json=as_json)
    execution = wait_for_end(stack.machines, arn, wait.looks(_LONGEST_DECISION), _LONGEST_DECISION)
    if not execution.succeeded:
        raise RefusedError(
            execution.cause or f"the decision ended as {execution.status}",
            name=execution.error or execution.status,
            fix=f"Check status: rampart status {decision.rollout}",
        )
    return execution


def left_open(done: Execution) -> dict[str, list[str]]:
    """Hand-picked actors and groups that a rollback left in, by flag; empty where there are none."""
    return dict((done.output or {}).get("left_open") or {})


def parse_reported(pairs: Iterable[str], known: Mapping[str, float]) -> dict[str, float]:
    """Read `criterion=number` pairs; raises InputError for another form, or a criterion that no one reports."""
    reported = {}
    for pair in pairs:
        name, separator, number = (part.strip() for part in pair.rpartition("="))
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if not separator or not name or not 0 <= value < float("inf"):
            raise InputError(f"{pair!r} isn't a report; write it as --reported 'call center complaints=0'")
        name = name if name in known else _as_the_plan_spells(name, known)
        if name not in known:
            names = listed(repr(each) for each in known)
            raise InputError(f"{name!r} isn't a criterion that people report; in this plan: {names}")
        reported[name] = value
    return reported


def _as_the_plan_spells(name: str, known: Iterable[str]) -> str:
    from rampart_cli.document.lexicon import plain_name  # with the reader of pages: 200 ms, only where a name differs

    return next((each for each in known if plain_name(each) == plain_name(name)), name)


def stage_index(wanted: str, stages: Sequence[Stage]) -> int:
    """The index of the stage that `25%`, `group staff`, a name, or a number from 0 means; raises InputError."""
    text = wanted.strip()
    names = [(stage.name or "").casefold() for stage in stages]
    if text.casefold() in filter(None, names):
        return names.index(text.casefold())
    share = _PERCENT.match(text)
    if text.isdecimal() and (other := next((each for each in stages if each.percent == float(text)), None)) is not None:
        numbered = next((stage for index, stage in enumerate(stages) if index == int(text)), other)
        if numbered is not other:
            told = f"{text} could mean {other.label}, or stage number {text}, which is {numbered.label}"
            raise InputError(told, fix=f"Write {text}% for the one, and {_unmistakable(numbered)} for the other.")
    for index, stage in enumerate(stages):
        is_number = text.isdecimal() and (text.lstrip("0") or "0") == str(index)
        is_share = share is not None and float(share[1]) == stage.percent > 0
        if is_share or is_number or text.casefold() == stage.reach.casefold():
            return index
    listed = ", ".join(f"{index}: {stage.label}" for index, stage in enumerate(stages))
    raise InputError(f"there is no stage {wanted!r}; the plan's stages are {listed}")


def _unmistakable(stage: Stage) -> str:
    return stage.name or stage.reach


def who_decides(stack: Stack, by: str | None) -> str:
    """The name to keep with a decision: what was said, or the caller's identity."""
    return by.strip() if by and by.strip() else stack.who()
