"""`rampart approve`, `override`, `rollback`, `resume` and `abandon`: what a person says of a rollout."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from rampart.evidence.verdict import Verdict
from rampart.rollout.gate import DecisionKind, GateKind
from rampart.rollout.state import Status
from rampart.rollout.waiver import LETS_ON, WAIVED
from rampart.words import in_words, percentage, plain, weekday_and_second
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
from rampart_cli.view import waits_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rampart.rollout.gate import Gate
    from rampart.rollout.state import RolloutState
    from rampart_cli.stack import Stack

Reported = Annotated[
    list[str] | None,
    typer.Option("--reported", metavar="CRITERION=NUMBER", help="What you attest, such as 'call center complaints=0'."),
]
GateId = Annotated[
    str | None,
    typer.Option("--gate", metavar="ID", help="The gate you answer; if absent, the open one, after showing it."),
]
Override = Annotated[
    bool, typer.Option("--override", help="Advance although the evidence does not pass; needs --note.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether you mean it.")]
Flags = Annotated[
    list[str] | None,
    typer.Option("--flag", metavar="FLAG", help="Lower this flag even while the table is down; may be repeated."),
]
AtStage = Annotated[
    str, typer.Option("--stage", metavar="STAGE", help="Where to begin: 25%, a stage's name, or its number from 0.")
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
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Answer the open question: the rollout may advance."""
    kind = DecisionKind.OVERRIDE if override else DecisionKind.APPROVE
    _answer(ctx.obj(stack_name), rollout, kind, gate, reported or [], note, by, yes=yes, as_json=as_json)


def override(
    ctx: typer.Context,
    rollout: RolloutName,
    *,
    note: RequiredNote,
    gate: GateId = None,
    reported: Reported = None,
    by: By = None,
    yes: Yes = False,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Advance although the evidence does not pass; waives what was shown, and no more, through the next stage."""
    _answer(
        ctx.obj(stack_name), rollout, DecisionKind.OVERRIDE, gate, reported or [], note, by, yes=yes, as_json=as_json
    )


def rollback(
    ctx: typer.Context,
    rollout: RolloutName,
    *,
    note: RequiredNote,
    flags: Flags = None,
    by: By = None,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Take the flag to 0% now and end the attempt. It is not asked twice."""
    stack: Stack = ctx.obj(stack_name)
    _needs_note(note)
    # Nothing is looked up first: the flag must come down even while the table cannot be read from here.
    decision = Decision(
        rollout=rollout,
        kind=DecisionKind.ROLL_BACK,
        by=who_decides(stack, by),
        note=note,
        flags=tuple(flags or ()),
    )
    say(f"asked for; waiting until the flags of {rollout} are read at 0% …", as_json=as_json)
    try:
        _tell(stack, decision, f"{rollout} was rolled back: its flags were read at 0%", as_json=as_json)
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
        over = f"{rollout} is {state.status.value}, so its flags are not Rampart's any more"
        refused.fix = f"{over}: turn {', '.join(state.plan.flags)} down in Flipper by hand."
    if state.status is not Status.HALTED:
        return refused
    return UnreachableError(
        f"the rollback of {rollout} is recorded, but its flags are NOT yet read at 0%; Rampart keeps trying",
        name="RollingBack",
        fix=f"Turn {', '.join(state.plan.flags)} down in Flipper by hand. See how it stands: rampart status {rollout}",
    )


def resume(
    ctx: typer.Context,
    rollout: RolloutName,
    *,
    stage: AtStage,
    note: Note = "",
    by: By = None,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Start a new attempt of a rolled-back rollout at a stage of your choice."""
    stack: Stack = ctx.obj(stack_name)
    state = stack.state(rollout)
    index = stage_index(stage, state.plan.stages)
    decision = Decision(rollout=rollout, kind=DecisionKind.RESUME, by=who_decides(stack, by), note=note, stage=index)
    done = decide(stack, decision)
    execution = str((done.output or {}).get("execution", ""))
    label = state.plan.stages[index].label
    shown = {**decision.to_input(), "accepted": True, "decision_execution": done.arn, "execution": execution}
    if not wait or not execution:
        told = f"a new attempt of {rollout} begins at {label}, once every check passed: rampart status {rollout}"
        show(shown, words(told), as_json=as_json)
        return
    say(f"a new attempt of {rollout} is started; waiting until the flag is at {label} …", as_json=as_json)
    resumed = wait_for_first_stage(stack, rollout, execution, timeout)
    show(
        shown | {"attempt": resumed.attempt, "percent": resumed.percent},
        words(
            f"attempt {resumed.attempt}: {', '.join(resumed.plan.flags)} read at {percentage(resumed.percent)}", "green"
        ),
        as_json=as_json,
    )


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
    """Take the flag to 0%, end the rollout for good and free its flags."""
    stack: Stack = ctx.obj(stack_name)
    _needs_note(note)
    _confirm(f"End {rollout} for good and take its flags to 0%?", fix="Say so with --yes.", yes=yes, as_json=as_json)
    decision = Decision(rollout=rollout, kind=DecisionKind.ABANDON, by=who_decides(stack, by), note=note)
    _tell(stack, decision, f"{rollout} was abandoned: its flags were read at 0% and are free", as_json=as_json)


def _answer(
    stack: Stack,
    rollout: str,
    kind: DecisionKind,
    gate_id: str | None,
    pairs: list[str],
    note: str,
    by: str | None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    if kind is DecisionKind.OVERRIDE:
        _needs_note(note)
    state = stack.state(rollout)
    reported = parse_reported(pairs, state.reported_criteria)
    gate = stack.records.gate(rollout)
    if gate_id is None:
        question = _open_question(state, gate)
        gate_id = question.id
        if not as_json:
            _show_question(state, question)
        if kind is DecisionKind.APPROVE:
            reported |= _ask_for_reports(state, reported, yes=yes, as_json=as_json)
        named = "Say so with --yes, or name the gate that you answer with --gate."
        _confirm(f"{kind.value.capitalize()}?", fix=named, yes=yes, as_json=as_json)
    decision = Decision(
        rollout=rollout, kind=kind, by=who_decides(stack, by), note=note, gate=gate_id, reported=reported
    )
    try:
        _tell(stack, decision, f"taken: {decision.by} {_said(kind, gate)}; the advance follows", as_json=as_json)
    except RefusedError as refused:
        missing = [name for name in state.reported_criteria if name not in reported]
        if kind is DecisionKind.APPROVE and refused.name == "NotPassing" and missing:
            options = " ".join(f"--reported {shlex.quote(f'{name}=NUMBER')}" for name in missing)
            refused.fix = f"Say what people report: {options}"
        raise


def _said(kind: DecisionKind, gate: Gate | None) -> str:
    """What an answer is, in the record's words: without a fail there is nothing to override, only no proof."""
    if kind is DecisionKind.APPROVE:
        return "approves"
    verdict = gate.question.verdict if gate and gate.question else Verdict.FAIL
    if verdict is Verdict.FAIL:
        return "overrides a failing verdict"
    if verdict in LETS_ON:
        return "approves, whatever people report"
    return f"approves without proof ({in_words(verdict)})"


def _open_question(state: RolloutState, gate: Gate | None) -> Gate:
    asked = state.status is Status.LIVE and state.gate is not None and state.gate.kind is not GateKind.BAKE
    if not asked or gate is None or gate.question is None or gate.answer is not None:
        raise RefusedError(
            f"no one is asked about {state.rollout} now; it waits for: {waits_for(state, gate)}",
            name="NoGate",
            fix=f"See how it stands: rampart status {state.rollout}",
        )
    return gate


def _show_question(state: RolloutState, gate: Gate) -> None:
    out = stderr()
    question = gate.question
    here = percentage(state.percent)
    is_end = state.next_stage == len(state.plan.stages)
    asked = f"finishing at {here}" if is_end else f"{here} → {state.plan.stages[state.next_stage].label}"
    out.print(words(f"{state.rollout}, attempt {state.attempt}: approve {asked}?", "bold"))
    if state.latest is not None:
        told = state.evidence_in_words
        verdicts = state.verdicts | dict.fromkeys(state.waived, WAIVED)
        rows = [(name, verdict_text(verdict), told.get(name, "")) for name, verdict in verdicts.items()]
        out.print(table(("criterion", "verdict", ""), rows))
    if question is not None:
        out.print(Text.assemble("the gate's verdict: ", verdict_text(question.verdict)))
    if gate.lapses is not None:
        out.print(words(f"gate {gate.id}, open until {weekday_and_second(gate.lapses, state.plan.zone)}", "dim"))


def _ask_for_reports(state: RolloutState, given: Mapping[str, float], *, yes: bool, as_json: bool) -> dict[str, float]:
    """Ask a person at a terminal for the numbers that are missing; the machine `decision` refuses them elsewhere."""
    if yes or as_json or not sys.stdin.isatty():
        return {}
    missing = {name: bar for name, bar in state.reported_criteria.items() if name not in given}
    return {
        name: typer.prompt(f"{name} (at most {plain(bar)}), how many?", type=float, err=True)
        for name, bar in missing.items()
    }


def _confirm(question: str, *, fix: str, yes: bool, as_json: bool) -> None:
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise InputError("no one is there to be asked whether this is meant", fix=fix)
    typer.confirm(question, abort=True, err=True)


def _needs_note(note: str) -> None:
    if not note.strip():
        raise InputError("this needs a note that says why", fix='Give one: --note "…"')


def _tell(stack: Stack, decision: Decision, told: str, *, as_json: bool) -> None:
    done = decide(stack, decision)
    shown = {**decision.to_input(), "accepted": True, "decision_execution": done.arn}
    parts = [words(told, "green")]
    if left := left_open(done):
        shown |= {"left_open": left}
        named = "; ".join(f"{flag}: {', '.join(who)}" for flag, who in left.items())
        parts.append(words(f"still open, as hand-picked, for {named}; take them out in Flipper to close it", "yellow"))
    show(shown, *parts, as_json=as_json)
