"""Prepare an attempt: check everything that can be checked before the flag moves, claim the flags, pin the plan."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field, ValidationError

from rampart.absence import AbsenceReason
from rampart.errors import (
    ConflictError,
    FlagCredentialsError,
    FlagStoreError,
    MonitorsUnreadableError,
    UnknownFlagError,
)
from rampart.evidence.criteria import Scope
from rampart.evidence.series import Measured, Unavailable
from rampart.model import Model
from rampart.plan.model import Plan, RateSpec, ValueSpec, WhenBlind
from rampart.plan.queries import queries_of
from rampart.rollout.guards import monitor_problems
from rampart.rollout.plan_problems import lint_problems, plan_problems
from rampart.rollout.ports import Clock, FlagStore, MetricSource, RolloutStore
from rampart.rollout.start_problem import StartProblem
from rampart.rollout.state import CLOSED, Event, EventKind, RolloutState, Status
from rampart.rollout.week import notes, power_of, week_problems, weeks_of, with_measured_clumps

HISTORY = timedelta(days=7)
"""How far back a query must have found something, the clump is measured, and the criteria are judged."""
_HOUR = 3600
_LEAST_HEARTBEAT = timedelta(minutes=3)


class Resume(Model):
    """A person's wish to begin a new attempt at a stage (its index, from 0)."""

    rollout: str
    stage: int = Field(ge=0)
    by: str
    note: str = ""
    decision: str


@dataclass(frozen=True, slots=True)
class Ready:
    """An attempt may begin, or has begun already by this very start."""

    rollout: str
    attempt: int
    when_blind: WhenBlind
    heartbeat: timedelta
    """After how long without a look the execution goes blind."""

    @classmethod
    def of(cls, state: RolloutState) -> Ready:
        """The attempt that the record holds."""
        return cls(
            state.rollout, state.attempt, state.plan.when_blind, max(3 * state.plan.look_every, _LEAST_HEARTBEAT)
        )

    def to_wire(self) -> dict[str, Any]:
        """The answer as the state machine `rollout` reads it."""
        return {
            "outcome": "ready",
            "rollout": self.rollout,
            "attempt": self.attempt,
            "when_blind": self.when_blind.value,
            "heartbeat_seconds": int(self.heartbeat.total_seconds()),
        }


@dataclass(frozen=True, slots=True)
class Refused:
    """No attempt may begin; nothing was claimed and no flag was touched."""

    problems: tuple[StartProblem, ...]
    """Everything that was found, at least one."""

    def to_wire(self) -> dict[str, Any]:
        """The answer as the state machine `rollout` reads it, which fails with its error and cause."""
        names = {problem.error for problem in self.problems}
        return {
            "outcome": "refused",
            "error": self.problems[0].error if len(names) == 1 else "StartRefused",
            "cause": "\n".join(f"[{p.error}] {p}" for p in self.problems),
            "problems": [{"error": p.error, "where": p.where, "what": p.what, "mend": p.mend} for p in self.problems],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare:
    """The use case with its ports."""

    store: RolloutStore
    flags: FlagStore
    metrics: MetricSource
    clock: Clock

    def __call__(self, document: Mapping[str, Any], execution: str) -> Ready | Refused:
        """Begin an attempt for `document`, a plan or a resume.

        The outcome is `ready`, or `refused` with every problem that was found; raises StoreError.
        """
        try:
            if isinstance(document, Mapping) and "resume" in document:
                return self._resume(Resume.model_validate(document["resume"]), execution)
            plan = Plan.model_validate(document)
        except ValidationError as error:
            return Refused(tuple(plan_problems(error)))
        return self._start(plan, document, execution)

    def _start(self, plan: Plan, document: Mapping[str, Any], execution: str) -> Ready | Refused:
        now = self.clock.now()
        existing = self.store.state(plan.rollout)
        if existing is not None and existing.execution == execution:
            return Ready.of(existing)  # a repetition of this very start
        problems = [*_name_problems(plan, existing), *_calendar_problems(plan, now)]
        claims = [*self._claim_problems(plan)]
        # Where a flag is another rollout's, or this very one is live, "set it to 0% first" would take that one down.
        ours = not claims and (existing is None or existing.status in CLOSED)
        problems += [*claims, *self._flag_problems(plan, must_be_off=ours)]
        history = self._history(plan, now)
        problems += [*_query_problems(plan, history), *lint_problems(plan), *self._monitor_problems(plan, now)]
        pinned = with_measured_clumps(plan, history)
        weeks = weeks_of(pinned, history)
        problems += week_problems(weeks)
        if problems:
            return Refused(tuple(problems))
        state = RolloutState(
            rollout=plan.rollout,
            status=Status.LIVE,
            plan=pinned,
            plan_hash=plan.digest,
            execution=execution,
            started=now,
            attempt_started=now,
            updated=now,
        )
        noted = notes(pinned, weeks)
        message = "; ".join((f"{plan.title or plan.rollout} starts: {_staircase(plan)}", *noted))
        power = [asdict(each) for each in power_of(pinned, weeks)]
        event = _told(state, now, EventKind.STARTED, message, power=power, notes=noted)
        try:
            self.store.open(state, json.dumps(document, sort_keys=True), [event])
        except ConflictError:
            return self._lost_the_race(plan, execution)
        return Ready.of(state)

    def _lost_the_race(self, plan: Plan, execution: str) -> Ready | Refused:
        """Somebody else opened this rollout or claimed a flag between the check and the write."""
        existing = self.store.state(plan.rollout)
        if existing is not None and existing.execution == execution:
            return Ready.of(existing)
        busy = StartProblem("Busy", "flags", "somebody else held a flag at that moment", "Start again")
        return Refused((*_name_problems(plan, existing), *self._claim_problems(plan)) or (busy,))

    def _resume(self, wish: Resume, execution: str) -> Ready | Refused:
        now = self.clock.now()
        before = self.store.state(wish.rollout)
        if before is None:
            return Refused((_unknown_rollout(wish.rollout),))
        if before.execution == execution:
            return Ready.of(before)
        problems = [*_resume_problems(before, wish)]
        plan = before.plan
        problems = problems or [
            *_calendar_problems(plan, now),
            *self._flag_problems(plan, echoes=before.echoes(now)),
            *self._monitor_problems(plan, now),
        ]
        if problems:
            return Refused(tuple(problems))
        after = before.moved(
            now,
            status=Status.LIVE,
            attempt=before.attempt + 1,
            attempt_started=now,
            execution=execution,
            target=wish.stage,
            standing=None,
            intent=None,
            gate=None,
            overrides=(),
            passed_gate=None,
            drift=None,
            unread_since=None,
            halted_at=None,
            halted_by=None,
            watch_until=None,
            watched=True,
        )
        label = before.plan.stages[wish.stage].label
        message = f"{wish.by} resumes at {label}" + (f": {wish.note}" if wish.note else "")
        event = _told(after, now, EventKind.RESUMED, message, wish.by, decision=wish.decision, note=wish.note)
        try:
            self.store.commit(before, after, events=[event])
        except ConflictError:
            return self._lost_the_resume(wish, execution)
        return Ready.of(after)

    def _lost_the_resume(self, wish: Resume, execution: str) -> Ready | Refused:
        """Somebody else wrote first: perhaps another run of this very resume."""
        current = self.store.state(wish.rollout)
        if current is not None and current.execution == execution:
            return Ready.of(current)
        return Refused((_not_rolled_back(wish.rollout, "somebody else moved it at the same moment; start again"),))

    def _claim_problems(self, plan: Plan) -> Iterator[StartProblem]:
        for flag, claim in self.store.claims(plan.flags).items():
            if claim.rollout != plan.rollout:
                yield StartProblem(
                    "FlagClaimed",
                    f"flags: {flag}",
                    f"the flag belongs to the live rollout {claim.rollout!r}",
                    f"Complete or abandon {claim.rollout!r} first",
                )

    def _flag_problems(
        self, plan: Plan, *, must_be_off: bool = True, echoes: Container[float] = ()
    ) -> Iterator[StartProblem]:
        """What is wrong with the flags; `echoes` are percentages that a cache may still show of Rampart's own time."""
        for flag in plan.flags:
            where = f"flags: {flag}"
            try:
                reading = self.flags.read(flag)
            except UnknownFlagError:
                yield StartProblem("UnknownFlag", where, "there is no such flag", "Create it, or mend its spelling")
            except FlagCredentialsError as error:
                yield StartProblem("FlagCredentialsRefused", where, str(error), "Mend the flag store's secret")
            except FlagStoreError as error:
                yield StartProblem("FlagStoreUnreachable", where, str(error), "Start again when it answers")
            else:
                if reading.open_gates:
                    gates = ", ".join(reading.open_gates)
                    yield StartProblem(
                        "FlagGateOpen",
                        where,
                        f"its {gates} gate is open, so a percentage would change nothing",
                        "Close it first: Rampart moves the percentage of actors only",
                    )
                elif reading.percent > 0 and must_be_off and reading.percent not in echoes:
                    yield StartProblem(
                        "FlagAlreadyOn",
                        where,
                        f"the flag is at {reading.percent:g}%, not at 0%",
                        "Set it to 0% first: a rollout begins where nobody is exposed",
                    )

    def _monitor_problems(self, plan: Plan, now: datetime) -> Iterator[StartProblem]:
        if not plan.monitors:
            return
        try:
            readings = self.metrics.read_monitors(plan.monitors)
        except MonitorsUnreadableError as error:
            _, mend = _UNAVAILABLE.get(error.reason, _UNREADABLE)
            yield StartProblem("MonitorsUnreadable", "monitors", str(error), mend)
            return
        for reading in readings.values():
            yield from monitor_problems(plan, reading, now)

    def _history(self, plan: Plan, now: datetime) -> Mapping[str, Measured]:
        end = int(now.timestamp()) // _HOUR * _HOUR
        return self.metrics.read(queries_of(plan), start=end - int(HISTORY.total_seconds()), end=end, bucket=_HOUR)


def _name_problems(plan: Plan, existing: RolloutState | None) -> Iterator[StartProblem]:
    if existing is None:
        return
    if existing.status in CLOSED:
        mend = f"Give this run a name of its own, such as {plan.rollout}-2"
    elif existing.status is Status.LIVE:
        mend = "It runs already: look at its status, or abandon it and choose another name"
    else:
        mend = "Resume it, or abandon it and choose another name"
    since = f"{existing.updated:%Y-%m-%d}"
    yield StartProblem("RolloutExists", "rollout", f"{plan.rollout!r} is {existing.status.value} since {since}", mend)


def _calendar_problems(plan: Plan, now: datetime) -> Iterator[StartProblem]:
    # The first stage's approval is the start itself, so a start obeys the calendar as every advance does.
    if not plan.calendar.is_open(now, plan.zone):
        opens = plan.calendar.next_opening(now, plan.zone)
        yield StartProblem(
            "CalendarClosed", "calendar", "no advance may happen now", f"Start again from {opens:%Y-%m-%d %H:%M %Z} on"
        )


def _query_problems(plan: Plan, history: Mapping[str, Measured]) -> Iterator[StartProblem]:
    for key, measured in history.items():
        name, part = key.rsplit("/", 1)
        where = f"criteria.{name}.{part}"
        if isinstance(measured, Unavailable):
            error, mend = _UNAVAILABLE.get(measured.reason, _UNREADABLE)
            yield StartProblem(error, where, measured.detail, mend)
        elif _must_find_something(plan, name, part) and not any(v is not None for _, v in measured.points):
            yield StartProblem(
                "QueryFindsNothing",
                where,
                f"the query found nothing in the last {HISTORY.days} days",
                "Mend the metric's name and tags: a metric without data can never pass",
            )


def _must_find_something(plan: Plan, name: str, part: str) -> bool:
    spec = plan.criteria[name]
    if isinstance(spec, RateSpec):
        # A healthy service may have no error series, and a cohort has no requests while the flag is at 0%.
        return part == "total" and spec.scope is Scope.EVERYONE
    return isinstance(spec, ValueSpec)


_UNREADABLE = ("MetricsUnreadable", "Start again when Datadog answers")
_UNAVAILABLE: Mapping[AbsenceReason | None, tuple[str, str]] = {
    AbsenceReason.REFUSED_QUERY: ("QueryRefused", "Mend the query: Datadog does not accept it"),
    AbsenceReason.REFUSED_CREDENTIALS: ("DatadogCredentialsRefused", "Mend Datadog's secret: API key, application key"),
    AbsenceReason.RATE_LIMITED: ("DatadogRateLimited", "Start again when the limit is over"),
}


def _resume_problems(before: RolloutState, wish: Resume) -> Iterator[StartProblem]:
    if before.status is not Status.ROLLED_BACK:
        yield _not_rolled_back(wish.rollout, f"it is {before.status.value}")
    elif wish.stage >= len(before.plan.stages):
        yield StartProblem(
            "UnknownStage",
            "stage",
            f"there is no stage {wish.stage}",
            f"Stages go from 0 to {len(before.plan.stages) - 1}",
        )


def _unknown_rollout(rollout: str) -> StartProblem:
    return StartProblem("UnknownRollout", "rollout", f"there is no rollout {rollout!r}", "Mend its name")


def _not_rolled_back(rollout: str, why: str) -> StartProblem:
    return StartProblem(
        "NotRolledBack", "rollout", f"{rollout!r} cannot be resumed: {why}", "Only a rolled-back rollout can be resumed"
    )


def _staircase(plan: Plan) -> str:
    return " → ".join(f"{stage.percent:g}%" for stage in plan.stages)


def _told(state: RolloutState, now: datetime, kind: EventKind, message: str, by: str = "", **details: object) -> Event:
    pinned = {"plan_hash": state.plan_hash, "execution": state.execution}
    return state.event(now, kind, message, by=by or state.plan.owner, **pinned, **details)
