"""What the report says of acts and judgements, in one cell of a table each; the same words on every page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rampart.evidence.judgement import Kind
from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.words import count, in_words, moment, percent, plain, rough_percent, times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rampart.rollout.event import Event

NONE = "-"
"""Stands where there is no value."""
_DECISIONS = {
    "approve": "approved the advance",
    "override": "overrode the evidence",
    "roll_back": "rolled back",
    "resume": "resumed",
    "abandon": "abandoned",
}
_OVERRIDES: dict[str, str] = {
    Verdict.PASS: "overrode what people reported",
    Verdict.INCONCLUSIVE: "approved without proof",
    Verdict.NO_DATA: "approved without data",
    Verdict.ERROR: "approved though the evidence could not be read",
}
"""What an override is when the evidence did not fail: there was nothing to override."""
_ACTS = {
    EventKind.STARTED: "started the rollout",
    EventKind.ROLLED_BACK: "rolled back",
    EventKind.TAKEN_DOWN_AGAIN: "taken down again",
    EventKind.RESUMED: "resumed",
    EventKind.COMPLETED: "complete",
    EventKind.ABANDONED: "abandoned",
}


def act(event: Event) -> str:
    """What someone or something did; an advance without proof is told apart from one against the evidence."""
    if event.kind is EventKind.DECIDED:
        decision = str(event.details.get("decision"))
        if decision == "override":
            return _OVERRIDES.get(str(event.details.get("verdict")), _DECISIONS[decision])
        return _DECISIONS.get(decision, "decided")
    return _ACTS.get(event.kind, in_words(event.kind))


def is_act(event: Event) -> bool:
    """Whether it is a moment to mark: people decided, or the flag was taken down."""
    return event.kind is EventKind.DECIDED or event.kind in _ACTS


def why(event: Event) -> str:
    """The reason that an act gives: a note or a rollback's reason; empty where it gives none."""
    return str(event.details.get("note") or event.details.get("reason") or "")


def number(judgement: Mapping[str, Any], value: float | None) -> str:
    """A value in its criterion's own unit; a dash where there is none. A monitor's is the time since when it alerts."""
    if value is None:
        return NONE
    if judgement["kind"] == Kind.MONITOR:
        return moment(int(value))
    if judgement["kind"] == Kind.COMPARE:
        return times(value, near=judgement["bar"])
    return percent(value, near=judgement["bar"]) if judgement["kind"] == Kind.RATE else plain(round(value, 6))


def counts(judgement: Mapping[str, Any]) -> str:
    """What a rate was made of: `12 of 5,831`, and its control's where it has one; empty for what isn't a rate."""
    if not judgement.get("requests") or judgement.get("errors") is None:
        return ""
    if judgement["kind"] != Kind.COMPARE:
        return f"{count(judgement['errors'])} of {count(judgement['requests'])}"
    own, control = rates(judgement)
    counted = (
        f"{count(judgement[f'{side}errors'])} of {count(judgement[f'{side}requests'])}" for side in ("", "control_")
    )
    return " against ".join(f"{rough_percent(rate)} ({of})" for rate, of in zip((own, control), counted, strict=True))


def rates(judgement: Mapping[str, Any]) -> tuple[float, float]:
    """The rates of the flag's own path and of its control in a comparison that was judged, fractions."""
    own, control = (judgement[f"{side}errors"] / judgement[f"{side}requests"] for side in ("", "control_"))
    return own, control


def interval(judgement: Mapping[str, Any]) -> str:
    """The interval of a rate: `0.1% to 0.4%`; a dash where there is none."""
    limits = judgement.get("interval")
    if not limits:
        return NONE
    return f"{number(judgement, limits[0])} to {number(judgement, limits[1])}"
