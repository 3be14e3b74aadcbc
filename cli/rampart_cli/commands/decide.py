"""`rampart approve`, `override`, `rollback`, `resume` and `abandon`: what a person says of a rollout."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from rampart.rollout.gate import DecisionKind, GateKind
from rampart.rollout.question import bound_of
from rampart.rollout.situation import situation_of
from rampart.rollout.state import Status
from rampart.words import weekday_and_second
from rampart_cli.advancing import wait_for_advance
from rampart_cli.by_hand import by_hand_otherwise
from rampart_cli.completion import complete_gate, complete_stage
from rampart_cli.console import say, show, stderr, table, verdict_text, words
from rampart_cli.decisions import Decision, decide, left_open, parse_reported, stage_index, who_decides
from rampart_cli.failures import CommandError, InputError, RefusedError, UnreachableError
from rampart_cli.options import (
    DEFAULT_STACK,
    DEFAULT_TIMEOUT,
    AsJson,
    By,
    Note,
    RequiredNote,
    RolloutName,
    StackName,
    Timeout,
    Wait,
)
from rampart_cli.starting import wait_for_first_stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rampart.rollout.gate import Gate
    from rampart.rollout.state import RolloutState
    from rampart_cli.stack import Stack

Reported = Annotated[
    list[str] | None,
    typer.Option(
        "--reported",
        metavar="CRITERION=NUMBER",
        help="What you attest, such as 'call center complaints=0'; may be repeated.",
    ),
]
GateId = Annotated[
    str | None,
    typer.Option(
        "--gate",
        metavar="ID",
        help="The gate to answer; default: the open one, after showing it.",
        autocompletion=complete_gate,
    ),
]
Override = Annotated[
    bool, typer.Option("--override", help="Advance even though the evidence doesn't pass; requires --note.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Skip the confirmation.")]
Flags = Annotated[
    list[str] | None,
    typer.Option("--flag", metavar="FLAG", help="Lower this flag even while the table is down; may be repeated."),
]
AtStage = Annotated[
    str,
    typer.Option(
        "--stage",
        metavar="STAGE",
        help="Where to begin: 25%, a stage's name, or its number from 0.",
        autocompletion=complete_stage,
    ),
]


def approve(
    ctx: typer.Context,
    rollout: RolloutName,
    *,
    gate: GateId = None,
    reported: Reported = None,
    override: Override = False,
    note: Note = "",
    by: By = None,
    yes: Yes = False,
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Approve the open question, and wait until the flag is at the next stage (verified)."""
    kind = DecisionKind.OVERRIDE if override else DecisionKind.APPROVE
    said = Decision(rollout=rollout, kind=kind, by=by or "", note=note, gate=gate)
    _answer(ctx.obj(stack_name), said, reported, _Terms(yes=yes, as_json=as_json, limit=timeout if wait else None))


def override(
    ctx: typer.Context,
    rollout: RolloutName,
    *,
    note: RequiredNote,
    gate: GateId = None,
    reported: Reported = None,
    by: By = None,
    yes: Yes = False,
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Advance even though the evidence doesn't pass. Waives what was shown, and no more, through the next stage."""
    said = Decision(rollout=rollout, kind=DecisionKind.OVERRIDE, by=by or "", note=note, gate=gate)
    _answer(ctx.obj(stack_name), said, reported, _Terms(yes=yes, as_json=as_json, limit=timeout if wait else None))


def rollback(
    ctx: typer.Context,
    rollout: RolloutName,
    *,
    note: Note = "",
    flags: Flags = None,
    by: By = None,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Set the flag to 0% now and end the attempt. Runs without confirmation."""
    with by_hand_otherwise(flags or ()):
        stack: Stack = ctx.obj(stack_name)
        # Nothing is looked up first: the flag must come down even while the table cannot be read from here.
        decision = Decision(
            rollout=rollout,
            kind=DecisionKind.ROLL_BACK,
            by=who_decides(stack, by),
            note=note.strip() or "no reason given",  # in a hurry, no one should have to think of one
            flags=tuple(flags or ()),
        )
        told = f"Rollback of {rollout} requested; waiting for Flipper to confirm 0%. Ctrl-C is safe: it continues."
        say(told, as_json=as_json)
        try:
            _tell(stack, decision, f"{rollout} is rolled back: its flags are at 0% (verified)", as_json=as_json)
        except RefusedError as refused:
            raise _not_yet(stack, rollout, refused) from refused


def _not_yet(stack: Stack, rollout: str, refused: RefusedError) -> CommandError:
    """What to say where a rollback is recorded and Rampart goes on with it, though the decision has given up."""
    try:
        state = stack.state(rollout)
    except CommandError as unknown:
        refused.fix = unknown.fix
        return refused
    if state.status in (Status.COMPLETED, Status.ABANDONED):
        over = f"{rollout} is {state.status.value}, so Rampart no longer manages its flags"
        refused.fix = f"{over}: set {', '.join(state.plan.flags)} to 0% in Flipper by hand, or roll back what has them."
    if state.status is not Status.HALTED:
        return refused
    why = f" ({state.undone})" if state.undone else ""
    return UnreachableError(
        f"the rollback of {rollout} is recorded, but its flags are NOT verified at 0% yet{why}; Rampart keeps trying",
        name="RollingBack",
        fix=f"Set {', '.join(state.plan.flags)} to 0% in Flipper by hand. Check status: rampart status {rollout}",
    )


def resume(
    ctx: typer.Context,
    rollout: RolloutName,
    *,
    stage: AtStage,
    note: Note = "",
    by: By = None,
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Start a new attempt of a rolled-back rollout at a stage of your choice."""
    stack: Stack = ctx.obj(stack_name)
    state = stack.state(rollout)
    index = stage_index(stage, state.plan.stages)
    decision = Decision(rollout=rollout, kind=DecisionKind.RESUME, by=who_decides(stack, by), note=note, stage=index)
    done = decide(stack, decision, as_json=as_json)
    execution = str((done.output or {}).get("execution", ""))
    label = state.plan.stages[index].label
    shown = {**decision.to_input(), "accepted": True, "decision_execution": done.arn, "execution": execution}
    told = words(f"A new attempt of {rollout} was requested at {label}. Check status: rampart status {rollout}")
    if wait and execution:
        say(f"A new attempt of {rollout} was requested; waiting until the flag is at {label} …", as_json=as_json)
        resumed = wait_for_first_stage(stack, rollout, execution, timeout, as_json=as_json)
        shown |= {"attempt": resumed.attempt, "percent": resumed.percent}
        told = words(f"Attempt {resumed.attempt}: {_went_on(resumed)}", "green")
    show(shown, told, as_json=as_json)


def abandon(
    ctx: typer.Context,
    rollout: RolloutName,
    *,
    note: RequiredNote,
    by: By = None,
    yes: Yes = False,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Set the flag to 0%, end the rollout permanently, and free its flags."""
    stack: Stack = ctx.obj(stack_name)
    _needs_note(note)
    _confirm(f"End {rollout} for good and set its flags to 0%?", fix="Pass --yes to confirm.", yes=yes, as_json=as_json)
    decision = Decision(rollout=rollout, kind=DecisionKind.ABANDON, by=who_decides(stack, by), note=note)
    told = f"{rollout} is abandoned: its flags are at 0%; another rollout may use them"
    say(
        f"End of {rollout} requested; waiting for Flipper to confirm 0%. Ctrl-C is safe: it continues.", as_json=as_json
    )
    _tell(stack, decision, told, as_json=as_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """How an answer is given: whether to confirm, what to write, and for how many seconds to wait for what follows."""

    yes: bool
    as_json: bool
    limit: float | None


def _answer(stack: Stack, said: Decision, pairs: list[str] | None, terms: _Terms) -> None:
    """Take an answer to the open question, of which gate and name of the person may be missing."""
    if said.kind is DecisionKind.OVERRIDE:
        _needs_note(said.note)
    state, gate = stack.state(said.rollout), stack.records.gate(said.rollout)
    reported, gate_id = parse_reported(pairs or (), state.reported_criteria), said.gate
    if gate_id is None:
        question = _open_question(stack, state, gate)
        gate_id = question.id
        if not terms.as_json:
            _show_question(stack, state, question)
        if said.kind is DecisionKind.APPROVE:
            reported |= _ask_for_reports(state, reported, terms)
        named = "Pass --yes to confirm, or name the gate that you answer with --gate."
        _confirm(f"{said.kind.value.capitalize()}?", fix=named, yes=terms.yes, as_json=terms.as_json)
    decision = replace(said, by=who_decides(stack, said.by), gate=gate_id, reported=reported)
    try:
        done = decide(stack, decision, as_json=terms.as_json)
    except RefusedError as refused:
        missing = [name for name in state.reported_criteria if name not in reported]
        if said.kind is DecisionKind.APPROVE and refused.name == "NotPassing" and missing:
            options = " ".join(f"--reported {shlex.quote(f'{name}=NUMBER')}" for name in missing)
            refused.fix = f"Say what people report: {options}"
        raise
    shown = {**decision.to_input(), "accepted": True, "decision_execution": done.arn}
    output = done.output or {}
    recorded = f"Recorded: {output.get('said') or f'{decision.by} answers ({said.kind.value})'}"
    if output.get("approvals") == 1:  # of two
        again = shlex.join(["rampart", "approve", said.rollout, "--gate", gate_id])
        first = words(f"{recorded}, as the first of two. Another person must approve too: {again}")
        show(shown | {"approvals": 1, "of": 2}, first, as_json=terms.as_json)
        return
    told = words(f"{recorded}. Check status: rampart status {said.rollout}")
    if terms.limit is not None:
        say(f"{recorded}; waiting until the flag is at the next stage …", as_json=terms.as_json)
        after = wait_for_advance(stack, state, gate_id, terms.limit, as_json=terms.as_json)
        shown |= {"status": after.status.value, "stage": after.stage, "percent": after.percent}
        told = words(_went_on(after), "green")
    show(shown, told, as_json=terms.as_json)


def _went_on(state: RolloutState) -> str:
    flags = ", ".join(state.plan.flags)
    if state.status is Status.COMPLETED:
        return f"{state.rollout} is complete: {flags} stays {state.at}."
    return f"{flags} is {state.at} (verified)."


def _open_question(stack: Stack, state: RolloutState, gate: Gate | None) -> Gate:
    asked = state.status is Status.LIVE and state.gate is not None and state.gate.kind is not GateKind.BAKE
    if not asked or gate is None or gate.question is None or gate.answer is not None:
        headline = situation_of(state, gate, stack.now(), stack.records.freeze()).headline
        raise RefusedError(
            f"{state.rollout} has no open approval. {headline}.",
            name="NoGate",
            fix=f"Check status: rampart status {state.rollout}",
        )
    return gate


def _show_question(stack: Stack, state: RolloutState, gate: Gate) -> None:
    out = stderr()
    found = situation_of(state, gate, stack.now(), stack.records.freeze())
    out.print(words(f"{state.rollout}, attempt {state.attempt}. {found.headline}", "bold"))
    if state.latest is not None:
        told = state.evidence_in_words
        rows = [(name, verdict_text(verdict), told.get(name, "")) for name, verdict in state.verdicts_shown.items()]
        out.print(table(("criterion", "verdict", ""), rows))
    if found.why:
        out.print(words(found.why))
    if gate.lapses is not None:
        out.print(words(f"gate {gate.id}, open until {weekday_and_second(gate.lapses, state.plan.zone)}", "dim"))


def _ask_for_reports(state: RolloutState, given: Mapping[str, float], terms: _Terms) -> dict[str, float]:
    """Ask a person at a terminal for the numbers that are missing; the machine `decision` refuses them elsewhere."""
    if terms.yes or terms.as_json or not sys.stdin.isatty():
        return {}
    missing = {name: bar for name, bar in state.reported_criteria.items() if name not in given}
    return {name: typer.prompt(f"{name} ({bound_of(bar)})", type=float, err=True) for name, bar in missing.items()}


def _confirm(question: str, *, fix: str, yes: bool, as_json: bool) -> None:
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise InputError("can't ask for confirmation: this isn't a terminal", fix=fix)
    typer.confirm(question, abort=True, err=True)


def _needs_note(note: str) -> None:
    if not note.strip():
        raise InputError("this needs a note that says why", fix='Give one: --note "…"')


def _tell(stack: Stack, decision: Decision, told: str, *, as_json: bool) -> None:
    done = decide(stack, decision, as_json=as_json)
    shown = {**decision.to_input(), "accepted": True, "decision_execution": done.arn}
    parts = [words(told, "green")]
    if left := left_open(done):
        shown |= {"left_open": left}
        named = "; ".join(f"{flag}: {', '.join(who)}" for flag, who in left.items())
        parts.append(words(f"still open, as hand-picked, for {named}; take them out in Flipper to close it", "yellow"))
    show(shown, *parts, as_json=as_json)
