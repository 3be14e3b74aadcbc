"""What is stored of a rollout, and the story that it tells: its visits to stages, its rollbacks, its decisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EVERY_ROLLOUT, EventKind
from rampart.rollout.gate import DecisionKind
from rampart.rollout.state import CLOSED, Status
from rampart.rollout.waiver import WAIVED
from rampart_cli.people import with_people
from rampart_cli.report.cells import is_act

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from rampart.plan.model import Plan
    from rampart.rollout.evaluation import Evaluation
    from rampart.rollout.event import Event
    from rampart.rollout.state import RolloutState
    from rampart_cli.records import Records


class Ending(StrEnum):
    """How a visit to a stage ended."""

    ADVANCED = "advanced"
    """The next stage began."""
    ROLLED_BACK = "rolled_back"
    """The flag went to 0%."""
    COMPLETED = "completed"
    """It was the last stage."""
    ABANDONED = "abandoned"
    """A person ended the rollout."""
    GOING_ON = "going_on"
    """The flag is there now."""


@dataclass(slots=True, kw_only=True)
class Visit:
    """One stay of one attempt at one stage, with everything that was judged and decided there."""

    attempt: int
    stage: int
    label: str
    percent: float
    began: datetime
    ended: datetime | None = None
    ending: Ending = Ending.GOING_ON
    looks: list[Evaluation] = field(default_factory=list)
    decisions: list[Event] = field(default_factory=list)
    rollback: Event | None = None
    waived_now: frozenset[str] = frozenset()
    """The criteria that an earlier override covers in this stay, while it goes on."""

    def holds(self, evaluation: Evaluation) -> bool:
        """Whether an evaluation judged this stay."""
        same = (evaluation.attempt, evaluation.stage) == (self.attempt, self.stage)
        return same and self.began <= evaluation.at and (self.ended is None or evaluation.at <= self.ended)

    @property
    def judgements(self) -> list[Mapping[str, Any]]:
        """The newest judgement of each criterion; what people let be reads `waived`."""
        newest = self.looks[-1].judgements if self.looks else ()
        return [self._as_decided(judgement) for judgement in newest]

    def _as_decided(self, judgement: Mapping[str, Any]) -> Mapping[str, Any]:
        name, verdict = judgement["name"], judgement["verdict"]
        is_waived = verdict != Verdict.PASS and (name in self.waived_now or self._let_be(name, verdict))
        return {**judgement, "verdict": WAIVED} if is_waived else judgement

    def _let_be(self, name: str, verdict: str) -> bool:
        """Whether someone let a criterion be; a fail only who was shown one, or no one knows what they were shown."""
        events = [event for event in self.decisions if name in _waived_by(event)]
        return any(verdict != Verdict.FAIL or self._shown(name, event) in {Verdict.FAIL, None} for event in events)

    def _shown(self, name: str, event: Event) -> str | None:
        """What the evaluation that a decision answered said of a criterion; None where it is not kept."""
        looks = (look for look in self.looks if look.id == event.details.get("evaluation"))
        return next((each["verdict"] for look in looks for each in look.judgements if each["name"] == name), None)

    @property
    def reported(self) -> dict[str, float]:
        """What people attested in this stay."""
        return {name: value for event in self.decisions for name, value in event.details.get("reported", {}).items()}


@dataclass(frozen=True, slots=True)
class CriterionEvaluation:
    """One evaluation of one criterion."""

    at: datetime
    visit: Visit
    judgement: Mapping[str, Any]


@dataclass(frozen=True)
class RolloutHistory:
    """Everything that is kept of one rollout, and what follows from it; pure."""

    state: RolloutState
    events: tuple[Event, ...]
    evaluations: tuple[Evaluation, ...]
    submitted: str | None = None
    """The plan as it was submitted, JSON."""
    freezes: tuple[Event, ...] = ()
    """When every advance of the stack was stopped and let go again, while the rollout lasted."""
    site: str = ""
    """Datadog's site, for links to its pages; empty where it isn't known."""

    @property
    def plan(self) -> Plan:
        return self.state.plan

    @property
    def everything(self) -> tuple[Event, ...]:
        """All that happened, oldest first, freezes among it."""
        return tuple(sorted((*self.events, *self.freezes), key=lambda event: event.at))

    @cached_property
    def visits(self) -> tuple[Visit, ...]:
        """The stays at stages, oldest first."""
        visits = tuple(_visits(self.plan, self.events))
        for evaluation in self.evaluations:
            visit = next((each for each in reversed(visits) if each.holds(evaluation)), None)
            if visit is not None:
                visit.looks.append(evaluation)
        if visits and self.state.status is Status.LIVE and visits[-1].stage == self.state.stage:
            visits[-1].waived_now = self.state.waived
        return visits

    @cached_property
    def staircase(self) -> tuple[tuple[datetime, float], ...]:
        """The percentage over time, as others set it, too: each point holds until the next.

        The last one is the newest thing known.
        """
        steps = [(e.at, percent) for e in self.events if (percent := _moved_to(e)) is not None]
        last = steps[-1][1] if steps else 0.0
        return (*steps, (max([self.known_until, *(at for at, _ in steps)]), last))

    @property
    def known_until(self) -> datetime:
        """The newest moment that anything is known of."""
        return max([self.state.updated, *(e.at for e in self.events[-1:]), *(e.at for e in self.evaluations[-1:])])

    @property
    def ended(self) -> datetime:
        """When a rollout that is over was completed or abandoned; of any other, the newest that is known of it.

        Rampart looks after a completed rollout's flags a while longer, which isn't part of it.
        """
        if self.state.status not in CLOSED:
            return self.known_until
        ends = [e.at for e in self.events if e.kind in {EventKind.COMPLETED, EventKind.ABANDONED}]
        return ends[-1] if ends else self.known_until

    @property
    def rollbacks(self) -> tuple[Event, ...]:
        """Every time the flag was taken to 0%."""
        return tuple(e for e in self.events if e.kind in {EventKind.ROLLED_BACK, EventKind.TAKEN_DOWN_AGAIN})

    @property
    def acts(self) -> tuple[Event, ...]:
        """What people decided and what took the flag down: the moments to mark."""
        return tuple(filter(is_act, self.events))

    def looks_at(self, criterion: str) -> list[CriterionEvaluation]:
        """Every evaluation of one criterion, oldest first."""
        return [
            CriterionEvaluation(evaluation.at, visit, judgement)
            for visit in self.visits
            for evaluation in visit.looks
            for judgement in evaluation.judgements
            if judgement["name"] == criterion
        ]


_MOVES = frozenset(
    {
        EventKind.STARTED,
        EventKind.ADVANCED,
        EventKind.ROLLING_BACK,
        EventKind.ROLLED_BACK,
        EventKind.TAKEN_DOWN_AGAIN,
        EventKind.RESTORED,
        EventKind.RESUMED,
    }
)


def _moved_to(event: Event) -> float | None:
    """What an event left the flags at, or found them at; None where it says nothing about that."""
    if event.kind is EventKind.DRIFTED:
        reads: float | None = event.details.get("reads")
        return reads
    return event.percent if event.kind in _MOVES else None


def _waived_by(event: Event) -> tuple[str, ...]:
    """What a decision let be: what it overrode, and what an earlier override covered."""
    overridden = event.details.get("unmet", ()) if event.details.get("decision") == DecisionKind.OVERRIDE else ()
    return (*overridden, *event.details.get("waived", ()))


def gather(records: Records, state: RolloutState, site: str = "") -> RolloutHistory:
    """Read everything that is kept of a rollout; raises StoreError."""
    return RolloutHistory(
        state=state,
        events=tuple(with_people(records, records.events(state.rollout)).values()),
        evaluations=tuple(records.evaluations(state.rollout)),
        submitted=records.plan_document(state.rollout, state.plan_hash),
        freezes=tuple(_during(state, records.events(EVERY_ROLLOUT).values())),
        site=site,
    )


def _during(state: RolloutState, events: Iterable[Event]) -> Iterable[Event]:
    return (e for e in events if e.at >= state.started and (state.status not in CLOSED or e.at <= state.updated))


def _visits(plan: Plan, events: Iterable[Event]) -> Iterable[Visit]:
    here: Visit | None = None
    for event in events:
        if event.kind is EventKind.ADVANCED and event.stage is not None and event.percent is not None:
            if here is not None:
                yield _close(here, Ending.ADVANCED, event)
            here = Visit(
                attempt=event.attempt,
                stage=event.stage,
                label=plan.stages[event.stage].label,
                percent=event.percent,
                began=event.at,
            )
        elif here is None:
            continue
        elif event.kind is EventKind.DECIDED:
            here.decisions.append(event)
        elif event.kind in _ENDINGS:
            here = _end(here, event)
            if here.ending is not Ending.GOING_ON and event.kind is not EventKind.ROLLING_BACK:
                yield here
                here = None
    if here is not None:
        yield here


_ENDINGS = {
    EventKind.ROLLING_BACK: Ending.ROLLED_BACK,
    EventKind.ROLLED_BACK: Ending.ROLLED_BACK,
    EventKind.COMPLETED: Ending.COMPLETED,
    EventKind.ABANDONED: Ending.ABANDONED,
}


def _end(visit: Visit, event: Event) -> Visit:
    """End a visit; a rollback that took several events began with the first and is told by the last."""
    if visit.ended is None:
        _close(visit, _ENDINGS[event.kind], event)
    if _ENDINGS[event.kind] is Ending.ROLLED_BACK:
        visit.rollback = event
    return visit


def _close(visit: Visit, ending: Ending, event: Event) -> Visit:
    visit.ended, visit.ending = event.at, ending
    return visit
