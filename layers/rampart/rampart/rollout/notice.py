"""What people are told about an event: a subject that says what, which and from where to where, and what to do next."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from rampart.rollout.commands import buttons_for, commands_for
from rampart.rollout.event import Event, EventKind
from rampart.rollout.freeze import UNTIL_THAWED
from rampart.rollout.gate import DecisionKind, Gate
from rampart.rollout.question import reported_at_approval
from rampart.rollout.situation import Act, Phase, Situation, Urgency, situation_of
from rampart.rollout.state import RolloutState
from rampart.words import in_words, percentage, second


class Level(StrEnum):
    """Who must hear of it, as subscriptions filter by it."""

    PAGE = "page"
    """Users may be exposed, and only a person can help."""
    ACT = "act"
    """It waits for a person."""
    KNOW = "know"
    """Worth a message; nothing is needed."""
    LOG = "log"
    """For systems and dashboards only: no message to people."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One event as people are told about it; the subject may hold any character."""

    event_id: str
    event: Event
    level: Level
    subject: str
    text: str
    next_steps: tuple[str, ...] = ()
    """What a person can do, each with its command."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What programs read of it, by names in the form that chat applications know: `Rollout`, `Stage`, `Approve`."""


def notice_of(
    event_id: str, event: Event, state: RolloutState | None, gate: Gate | None, now: datetime, runbook: str = ""
) -> Notice:
    """The notice of an event, with where the rollout stands at `now`; no record leaves what the event itself says.

    `runbook` is where the team reads it; what needs a person links to its section there.
    """
    found = None if state is None else situation_of(state, gate, now)
    known = {event.rollout, event.by, *(state.plan.flags if state else ())}
    lines = [_sentence(event.message, known)]
    if event.kind is EventKind.REFUSED:
        again = "resume ROLLOUT --stage STAGE --note WHY" if _is_resume(event) else "start PLAN.yaml"
        again = again.replace("ROLLOUT", event.rollout)
        lines += ["", f"Nothing changed. Fix that, then try again: rampart {again}"]
    if event.kind is EventKind.FROZEN:
        lines += [UNTIL_THAWED]
    steps = _next_steps(state, gate, found)
    level, facts = _level(event, found), _facts(event, state, gate, found)
    lines += _present(state, found, steps)
    if runbook and level in (Level.ACT, Level.PAGE):
        lines += [f"Runbook: {runbook}#{section_of(found)}"]
    lines += ["", *_footer(event_id, event, state)]
    return Notice(event_id, event, level, _subject(event, state, found), "\n".join(lines), steps, facts)


# The level.

_LEVELS = {
    EventKind.REFUSED: Level.ACT,
    EventKind.ASKED: Level.ACT,
    EventKind.ROLLED_BACK: Level.ACT,
    EventKind.UNRECORDED: Level.ACT,
    EventKind.TAKEN_DOWN_AGAIN: Level.ACT,
    EventKind.DRIFTED: Level.ACT,
    EventKind.HELD: Level.ACT,
    EventKind.ROLLING_BACK: Level.PAGE,
    EventKind.BLIND: Level.PAGE,
    EventKind.VERDICT_CHANGED: Level.LOG,
}
_AT_LEAST = {Urgency.NONE: Level.LOG, Urgency.ACT: Level.ACT, Urgency.PAGE: Level.PAGE}


def _level(event: Event, found: Situation | None) -> Level:
    """The level of the kind of event; a changed verdict matters as much as where it leaves the rollout."""
    if event.kind is EventKind.VERDICT_CHANGED and found is not None:
        return Level.ACT if found.phase is Phase.FAILING else Level.LOG
    if event.kind is EventKind.DRIFTED and found is not None and found.phase is not Phase.UNREAD:
        return Level.ACT if found.urgency is not Urgency.NONE else Level.KNOW
    if event.kind is EventKind.DRIFTED and found is not None:
        return Level.PAGE
    return _LEVELS.get(event.kind, Level.KNOW)


# The subject.


def _subject(event: Event, state: RolloutState | None, found: Situation | None) -> str:
    """What happened, from where to where, and to which rollout."""
    said = event.details
    title = (state.plan.title if state else "") or str(said.get("summary") or said.get("flags", event.rollout))
    at = _at(event, state)
    was = _reach_of(event.stage, state) or at
    match event.kind:
        case EventKind.ASKED:
            asks = "OVERRIDE?" if found is not None and Act.OVERRIDE in found.acts else "APPROVE?"
            return f"{asks} {title} {_step(event, state)}"
        case EventKind.REFUSED:
            return f"{'NOT RESUMED' if _is_resume(event) else 'NOT STARTED'}: {title}"
        case EventKind.ROLLED_BACK:
            return f"ROLLED BACK {was} → 0%: {title}" if was and was != "0%" else f"ROLLED BACK to 0%: {title}"
        case EventKind.ROLLING_BACK:
            return f"ROLLING BACK from {was}, not verified at 0% yet: {title}"
        case EventKind.RESUMED:
            target = state.plan.stages[state.target].label if state else at
            return f"Resumed at {target}: {title}"
        case EventKind.DRIFTED if state is not None and state.drift is None and state.unread_since is None:
            return f"Back at {at}: {title}"
        case EventKind.DRIFTED if state is not None and state.unread_since is not None:
            return f"CAN'T READ THE FLAG, held at {at}: {title}"
        case EventKind.CLEANUP:
            return f"{'Cleaned up' if state and state.remains and state.remains.gone else 'To clean up'}: {title}"
        case EventKind.DECIDED:
            did = "Overridden" if said.get("decision") == DecisionKind.OVERRIDE else "Approved"
            first = " (first of two)" if said.get("first") else ""
            return f"{did} by {event.by}{first}: {title} {_step(event, state)}"
    form = _SUBJECTS.get(event.kind) if at else None
    return f"{form.format(at=at) if form else in_words(event.kind).capitalize()}: {title}"


def _is_resume(event: Event) -> bool:
    """Whether it was a resume that was refused."""
    return event.message.startswith("resume")


def _at(event: Event, state: RolloutState | None) -> str:
    """Where the event found or left the flags."""
    if event.percent is None:
        return ""
    stage = None if state is None or event.stage is None else state.plan.stages[event.stage]
    is_as_planned = stage is not None and stage.exposure == event.percent and event.kind not in _DOWN
    return stage.reach if stage and is_as_planned else percentage(event.percent)


_DOWN = frozenset({EventKind.ROLLED_BACK, EventKind.TAKEN_DOWN_AGAIN, EventKind.ABANDONED, EventKind.REFUSED})

_SUBJECTS = {
    EventKind.STARTED: "Started",
    EventKind.ADVANCED: "Advanced to {at}",
    EventKind.VERDICT_CHANGED: "Evidence changed at {at}",
    EventKind.TRIED_OUT: "Tried-out evidence changed at {at}",
    EventKind.HELD: "HELD at {at}",
    EventKind.DRIFTED: "CHANGED OUTSIDE RAMPART at {at}",
    EventKind.RESTORED: "Restored to {at}",
    EventKind.TAKEN_DOWN_AGAIN: "RAISED OUTSIDE RAMPART, back at 0%",
    EventKind.BLIND: "CAN'T JUDGE, held at {at}",
    EventKind.SIGHTED: "Evaluations are back at {at}",
    EventKind.COMPLETED: "Complete at {at}",
    EventKind.ABANDONED: "Abandoned",
}


def _reach_of(stage: int | None, state: RolloutState | None) -> str:
    return "" if stage is None or state is None else state.plan.stages[stage].reach


def _step(event: Event, state: RolloutState | None) -> str:
    """The step that a question is about."""
    if state is None or event.stage is None:
        return "to the next stage"
    here, later = _reach_of(event.stage, state), state.plan.stages[event.stage + 1 :]
    return f"{here} → {later[0].label}" if later else f"finishing at {here}"


# The text.


def _present(state: RolloutState | None, found: Situation | None, steps: tuple[str, ...]) -> Iterator[str]:
    """Where the rollout stands now, what its evidence says, and what a person can do."""
    if state is None or found is None:
        return
    yield from ("", f"Now: {found.headline}.")
    yield from (text for text in (found.why, found.next) if text)
    more = {n: said for n, said in state.evidence_in_words.items() if said not in found.why}
    if found.phase is Phase.ASKING:
        asked = [f"- {name}: {reported_at_approval(bar)}" for name, bar in state.reported_criteria.items()]
        asked = [*(f"- {verdict_of(name, state)}: {said}" for name, said in more.items()), *asked]
        yield from ("", *asked) if asked else ()
    if steps:
        yield from ("", *steps)
    yield from ("", f"Console: {console_link(state.execution)}")


_SECTIONS = {
    Phase.ROLLING_BACK: "rolling-back-does-not-become-rolled-back",
    Phase.ASKING: "questions-and-answers",
    Phase.APPROVED: "questions-and-answers",
    Phase.FAILING: "evidence",
    Phase.UNJUDGED: "evidence",
    Phase.BLIND: "evidence",
}


def section_of(found: Situation | None) -> str:
    """The runbook's section for where a rollout stands, as its heading's anchor."""
    return "by-symptom" if found is None else _SECTIONS.get(found.phase, "by-the-words-on-the-screen")


def _next_steps(state: RolloutState | None, gate: Gate | None, found: Situation | None) -> tuple[str, ...]:
    if state is None or found is None:
        return ()
    commands = commands_for(state, gate, found)
    return tuple(f"{_VERBS[act]}: {command}" for act, command in zip(found.acts, commands, strict=bool(commands)))


def _facts(event: Event, state: RolloutState | None, gate: Gate | None, found: Situation | None) -> dict[str, str]:
    facts = {"Rollout": event.rollout, "Kind": event.kind.value, "At": _at(event, state)}
    if state is not None and found is not None:
        facts |= {"Title": state.plan.title or state.rollout, "Owner": state.plan.owner, "Now": found.headline}
        facts |= {"Console": console_link(state.execution)} | buttons_for(state, gate, found)
    return {name: value for name, value in facts.items() if value}


def verdict_of(name: str, state: RolloutState) -> str:
    """A criterion's newest verdict as people are told about it."""
    if name in state.tried_out:
        return f"{in_words(state.tried_out[name])}, only tried out"
    return "waived" if name in state.waived else in_words(state.verdicts.get(name, "no_data"))


def _footer(event_id: str, event: Event, state: RolloutState | None) -> Iterator[str]:
    zone = UTC if state is None else state.plan.zone
    attempt = f", attempt {event.attempt}" if event.attempt else ""
    owner = f", owner {state.plan.owner}" if state else ""
    yield f"{event.rollout}{attempt}{owner}"
    yield f"{second(event.at, zone)} by {event.by}"
    yield f"Event {event_id}"


_CONSOLES = {
    "aws": "{region}.console.aws.amazon.com",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-cn": "console.amazonaws.cn",
}


def console_link(execution: str) -> str:
    """Where the AWS console shows an execution, by its ARN and in its own partition."""
    _, partition, _, region, *_ = f"{execution}::::".split(":")
    host = _CONSOLES.get(partition, _CONSOLES["aws"]).format(region=region)
    return f"https://{host}/states/home?region={region}#/v2/executions/details/{execution}"


_VERBS = {
    Act.APPROVE: "Approve",
    Act.OVERRIDE: "Override",
    Act.ROLL_BACK: "Roll back",
    Act.RESUME: "Resume",
    Act.ABANDON: "Abandon",
}


def _sentence(text: str, names: Collection[str]) -> str:
    """A message as a sentence of its own; a name that it begins with keeps its case."""
    first = text.partition(" ")[0]
    is_name = any(text.startswith(name) for name in names) or not first.strip(":;,").isalpha()
    return (text if is_name else text[:1].upper() + text[1:]) + ("" if text.endswith((".", "?", "!")) else ".")
