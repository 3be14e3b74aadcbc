"""What a bake gate is answered with once the hold is over: go on alone, or ask a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rampart.evidence.verdict import Verdict
from rampart.rollout.gate import DecisionKind, Question
from rampart.rollout.permission import advances_alone, is_hold_over
from rampart.rollout.situation import Situation, asked_about
from rampart.rollout.state import RolloutState
from rampart.rollout.waiver import LETS_ON
from rampart.words import plain, timestamp

ADVANCE: Final[dict[str, Any]] = {"outcome": "advance"}
"""What a bake gate is answered with where no one must be asked."""
SIGHTED: Final[dict[str, Any]] = {"outcome": "sighted"}
"""What a blind gate is answered with when evaluations are back."""


def bound_of(at_most: float) -> str:
    """Within what a reported number passes."""
    return f"must be {'0' if at_most == 0 else f'at most {plain(at_most)}'}"


def reported_at_approval(at_most: float) -> str:
    """What a criterion asks for that only people can report."""
    return f"reported at approval; {bound_of(at_most)}"


@dataclass(frozen=True, slots=True)
class Asking:
    """What a person is asked, as the approval gate shows and keeps it."""

    question: Question
    evidence: dict[str, str]
    """What the evaluation says of each criterion, in words."""
    next: str
    """The stage that is asked about, or the rollout's end."""
    decision: DecisionKind
    lapses: datetime
    seconds: int
    """How long the question stands, from now."""
    situation: Situation
    """Where the rollout stands with this question open, as every surface says it."""

    def to_wire(self) -> dict[str, Any]:
        """The gate's answer as the state machine `rollout` reads it."""
        asked = self.question.model_dump(mode="json")
        asked["shown"] = {n: s.model_dump(mode="json", exclude_defaults=True) for n, s in self.question.shown.items()}
        return {
            "outcome": "ask",
            "verdict": asked["verdict"],
            "evaluation": asked["evaluation"],
            "question": asked,
            "evidence": self.evidence,
            "next": self.next,
            "decision": self.decision.value,
            "reported": dict.fromkeys(self.question.reported, "how many?"),
            "lapses": timestamp(self.lapses),
            "seconds": self.seconds,
            "now": {"headline": self.situation.headline, "why": self.situation.why, "next": self.situation.next},
        }


def may_ask(state: RolloutState, now: datetime) -> bool:
    """Whether the hold is over and the calendar is open; a drift, or a flag that can't be read, holds in any case."""
    if not is_hold_over(state, now) or state.drift is not None or state.unread_since is not None:
        return False
    if state.stop is not None and now < state.stop.until:
        return False
    return state.is_at_end or state.plan.calendar.is_open(now, state.plan.zone)


def answer_of(state: RolloutState, now: datetime) -> dict[str, Any]:
    """The bake gate's answer: go on alone, or what to ask a person, with the evidence in words."""
    if state.effective_verdict is Verdict.PASS and advances_alone(state):
        return ADVANCE
    return asking(state, now).to_wire()


def asking(state: RolloutState, now: datetime) -> Asking:
    """What to ask a person about the newest evaluation."""
    verdict, waived = state.effective_verdict, state.waived
    unmet = tuple(n for n, v in state.verdicts.items() if v is not Verdict.PASS and n not in waived)
    question = Question(
        evaluation=state.latest.id if state.latest else "",
        verdict=verdict,
        unmet=unmet,
        shown={name: state.shown(name) for name in unmet},
        waived=tuple(sorted(waived)),
        reported=state.reported_criteria,
    )
    # The end raises nothing, so it may be answered at any hour.
    closes = None if state.is_at_end else state.plan.calendar.closes(now, state.plan.zone)
    lapses = now.astimezone(UTC) + state.plan.approval_lapses
    lapses = min(lapses, closes) if closes else lapses
    return Asking(
        question=question,
        evidence=state.evidence_in_words,
        next="completion" if state.is_at_end else state.plan.stages[state.next_stage].label,
        decision=DecisionKind.APPROVE if verdict in LETS_ON else DecisionKind.OVERRIDE,
        lapses=lapses,
        seconds=max(1, int((lapses - now).total_seconds())),
        situation=asked_about(state, question, now, lapses, now),
    )
