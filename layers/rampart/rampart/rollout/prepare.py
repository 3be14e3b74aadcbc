"""Prepare an attempt: check everything that can be checked before the flag moves, claim the flags, pin the plan."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping
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
    PolicyUnreadableError,
    UnknownFlagError,
)
from rampart.evidence.criteria import Scope
from rampart.evidence.series import Measured, Unavailable
from rampart.finding import Finding, FindingKind
from rampart.model import Model
from rampart.plan.criterion import CompareSpec, RateSpec, ValueSpec
from rampart.plan.model import Plan, WhenBlind
from rampart.plan.policy import Policy
from rampart.plan.problems import problems_of
from rampart.plan.queries import queries_of, query_findings
from rampart.rollout import refusals
from rampart.rollout.event import Event, EventKind
from rampart.rollout.freeze import NO_CALENDARS, ChangeCalendars, stop_of
from rampart.rollout.guards import monitor_problems
from rampart.rollout.ports import Clock, FlagStore, MetricSource, PolicySource, RolloutStore
from rampart.rollout.refused import refused_event, rollout_named_in, told_of
from rampart.rollout.state import CLOSED, RolloutState, Status
from rampart.rollout.week import notes, power_of, week_problems, weeks_of, with_measured_clumps
from rampart.words import day, moment, percentage

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
        heartbeat = max(3 * state.plan.look_every, _LEAST_HEARTBEAT)
        return cls(state.rollout, state.attempt, state.plan.when_blind, heartbeat)

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
    """No attempt may begin; no flag was changed, and none is held."""

    problems: tuple[Finding, ...]
    """Everything that was found, at least one."""
    error: str | None = None
    """What all of them are called, where their own codes say less."""

    def to_wire(self) -> dict[str, Any]:
        """The answer as the state machine `rollout` reads it, which fails with its error and cause."""
        codes, told = {problem.code for problem in self.problems}, told_of(self.problems)
        return {
            "outcome": "refused",
            "error": self.error or (self.problems[0].code if len(codes) == 1 else "StartRefused"),
            "cause": "\n".join(f"[{problem.code}] {problem}" for problem in told),
            "problems": [problem.to_wire() for problem in told],
        }


def _refused(plan: Plan, problems: Iterable[Finding]) -> Refused:
    return Refused(tuple(problem.in_zone(plan.zone) for problem in problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare:
    """The use case with its ports."""

    store: RolloutStore
    flags: FlagStore
    metrics: MetricSource
    calendars: ChangeCalendars = NO_CALENDARS
    proves_identity: bool = False
    """Whether the stack is told by AWS who starts executions."""
    policy: PolicySource | None = None
    """None where the organization has no policy."""
    clock: Clock

    def __call__(self, document: Mapping[str, Any], execution: str) -> Ready | Refused:
        """Begin an attempt for `document`, a plan or a resume.

        The outcome is `ready`, or `refused` with every problem that was found, which people are told about; raises
        StoreError.
        """
        answer = self._answer(document, execution)
        if isinstance(answer, Refused) and (rollout := rollout_named_in(document)) is not None:
            state, now = self.store.state(rollout), self.clock.now()
            self.store.note(refused_event(answer.problems, rollout, state, document, execution, now))
        return answer

    def _answer(self, document: Mapping[str, Any], execution: str) -> Ready | Refused:
        is_resume = isinstance(document, Mapping) and "resume" in document
        try:
            if is_resume:
                return self._resume(Resume.model_validate(document["resume"]), execution)
            plan = Plan.model_validate(document)
        except ValidationError as error:
            return Refused(tuple(problems_of(error, Resume if is_resume else Plan)), refusals.INVALID_PLAN)
        return self._start(plan, document, execution)

    def _start(self, plan: Plan, document: Mapping[str, Any], execution: str) -> Ready | Refused:
        now = self.clock.now()
        existing = self.store.state(plan.rollout)
        if existing is not None and existing.execution == execution:
            return Ready.of(existing)  # a repetition of this very start
        problems = [*_name_problems(plan, existing), *_calendar_problems(plan, now), *self._stops(now)]
        claims = [*self._claim_problems(plan)]
        # Where a flag is another rollout's, or this very one is live, "set it to 0% first" would take that one down.
        ours = not claims and (existing is None or existing.status in CLOSED)
        problems += [*claims, *self._flag_problems(plan, must_be_off=ours)]
        if plan.needs_identity and not self.proves_identity:
            problems.append(refusals.IDENTITY_UNPROVEN.at("approvals" if plan.approvals > 1 else "not_by", ""))
        policy = self._policy()
        problems += [policy] if isinstance(policy, Finding) else policy.findings(plan) if policy else []
        history = self._history(plan, now)
        problems += [*_query_problems(plan, history), *query_findings(plan), *self._monitor_problems(plan, now)]
        pinned = with_measured_clumps(plan, history)
        weeks = weeks_of(pinned, history)
        problems += week_problems(pinned, weeks)
        if problems:
            return _refused(plan, problems)
        state = RolloutState(
            rollout=plan.rollout,
            status=Status.LIVE,
            plan=pinned,
            plan_hash=plan.digest,
            execution=execution,
            begun_by=execution,
            started=now,
            attempt_started=now,
            updated=now,
        )
        noted = notes(pinned, weeks)
        staircase = " → ".join(stage.reach for stage in plan.stages)
        message = "; ".join((f"{plan.title or plan.rollout} starts: {staircase}", *noted))
        power = [asdict(each) for each in power_of(pinned, weeks)]
        held_to = None if policy is None or isinstance(policy, Finding) else {policy.policy: policy.digest}
        event = _told(state, now, EventKind.STARTED, message, power=power, notes=noted, policy=held_to)
        try:
            self.store.open(state, json.dumps(document, sort_keys=True), [event])
        except ConflictError:
            return self._lost_the_race(plan, execution)
        return Ready.of(state)

    def _lost_the_race(self, plan: Plan, execution: str) -> Ready | Refused:
        """Someone else opened this rollout or claimed a flag between the check and the write."""
        existing = self.store.state(plan.rollout)
        if existing is not None and existing.execution == execution:
            return Ready.of(existing)
        busy = refusals.BUSY.at("flags", "someone else held a flag at that moment")
        return Refused((*_name_problems(plan, existing), *self._claim_problems(plan)) or (busy,))

    def _resume(self, wish: Resume, execution: str) -> Ready | Refused:
        now = self.clock.now()
        before = self.store.state(wish.rollout)
        if before is None:
            return Refused((refusals.UNKNOWN_ROLLOUT.at("rollout", f"there is no rollout {wish.rollout!r}"),))
        if before.execution == execution:
            return Ready.of(before)
        plan = before.plan
        problems = [*_resume_problems(before, wish)] or [
            *_calendar_problems(plan, now),
            *self._stops(now),
            *self._flag_problems(plan, echoes=before.echoes(now)),
            *self._monitor_problems(plan, now),
        ]
        if problems:
            return _refused(plan, problems)
        after = before.moved(
            now,
            status=Status.LIVE,
            attempt=before.attempt + 1,
            attempt_started=now,
            execution=execution,
            begun_by=wish.decision,
            target=wish.stage,
            standing=None,
            intent=None,
            gate=None,
            overrides=(),
            passed_gate=None,
            drift=None,
            stop=None,
            unread_since=None,
            read_at=None,
            halted_at=None,
            halted_by=None,
            undone=None,
            reminded_at=None,
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
        """Someone else wrote first: perhaps another run of this very resume."""
        current = self.store.state(wish.rollout)
        if current is not None and current.execution == execution:
            return Ready.of(current)
        return Refused((_not_rolled_back(wish.rollout, "someone else moved it at the same moment; start again"),))

    def _policy(self) -> Policy | Finding | None:
        """What the organization asks of plans, or why no one knows; a resumed plan was held to it at its start."""
        try:
            return self.policy.policy() if self.policy is not None else None
        except PolicyUnreadableError as error:
            return refusals.POLICY_UNREADABLE.at("stack", str(error))

    def _stops(self, now: datetime) -> Iterator[Finding]:
        """What stops every start of the stack, whatever the plan says."""
        freeze = self.store.freeze()
        if freeze is not None:
            yield refusals.FROZEN.at("stack", str(freeze))
        stop = stop_of(self.calendars, now)
        if stop is not None:
            yield refusals.CHANGES_CLOSED.at("stack", stop.why)

    def _claim_problems(self, plan: Plan) -> Iterator[Finding]:
        for flag, claim in self.store.claims(plan.flags).items():
            if claim.rollout != plan.rollout:
                other = repr(claim.rollout)
                told, fix = f"the flag belongs to the rollout {other}", f"Complete or abandon {other} first"
                yield refusals.FLAG_CLAIMED.at(f"flags: {flag}", told, fix)

    def _flag_problems(
        self, plan: Plan, *, must_be_off: bool = True, echoes: Container[float] = ()
    ) -> Iterator[Finding]:
        """What is wrong with the flags; `echoes` are percentages that a cache may still show of Rampart's own time."""
        for flag in plan.flags:
            where = f"flags: {flag}"
            try:
                reading = self.flags.read(flag)
            except UnknownFlagError:
                yield refusals.UNKNOWN_FLAG.at(where, "there is no such flag")
            except FlagCredentialsError as error:
                yield refusals.FLAG_CREDENTIALS.at(where, str(error))
            except FlagStoreError as error:
                yield refusals.FLAG_STORE.at(where, str(error))
            else:
                if reading.open_gates:
                    told = f"its {', '.join(reading.open_gates)} gate is open, so a percentage would change nothing"
                    yield refusals.FLAG_GATE_OPEN.at(where, told)
                elif reading.percent > 0 and must_be_off and reading.percent not in echoes:
                    yield refusals.FLAG_ALREADY_ON.at(where, f"the flag is at {percentage(reading.percent)}, not at 0%")

    def _monitor_problems(self, plan: Plan, now: datetime) -> Iterator[Finding]:
        if not plan.monitors:
            return
        try:
            readings = self.metrics.read_monitors(plan.monitors)
        except MonitorsUnreadableError as error:
            yield refusals.MONITORS_UNREADABLE.at(
                "monitors", str(error), refusals.FIX_OF_MONITORS.get(error.reason, "")
            )
            return
        for reading in readings.values():
            yield from monitor_problems(plan, reading, now)

    def _history(self, plan: Plan, now: datetime) -> Mapping[str, Measured]:
        end = int(now.timestamp()) // _HOUR * _HOUR
        return self.metrics.read(queries_of(plan), start=end - int(HISTORY.total_seconds()), end=end, bucket=_HOUR)


def _name_problems(plan: Plan, existing: RolloutState | None) -> Iterator[Finding]:
    if existing is None:
        return
    if existing.status in CLOSED:
        fix = f"Give this run a name of its own, such as {plan.rollout}-2"
    elif existing.status is Status.LIVE:
        fix = "It runs already: look at its status, or abandon it and choose another name"
    else:
        fix = "Resume it, or abandon it and choose another name"
    since = day(existing.updated)
    yield refusals.ROLLOUT_EXISTS.at("rollout", f"{plan.rollout!r} is {existing.status.value} since {since}", fix)


def _calendar_problems(plan: Plan, now: datetime) -> Iterator[Finding]:
    # The first stage's approval is the start itself, so a start obeys the calendar as every advance does.
    if not plan.calendar.is_open(now, plan.zone):
        fix = f"Start again from {moment(plan.calendar.next_opening(now, plan.zone), plan.zone)} on"
        yield refusals.CALENDAR_CLOSED.at("calendar", "no advance may happen now", fix)


def _query_problems(plan: Plan, history: Mapping[str, Measured]) -> Iterator[Finding]:
    for key, measured in history.items():
        name, part = key.rsplit("/", 1)
        where = f"criteria.{name}.{part}"
        if isinstance(measured, Unavailable):
            yield _UNAVAILABLE.get(measured.reason, refusals.METRICS_UNREADABLE).at(where, measured.detail)
        elif _must_find_something(plan, name, part) and not any(v is not None for _, v in measured.points):
            yield refusals.QUERY_FINDS_NOTHING.at(where, f"the query found nothing in the last {HISTORY.days} days")


def _must_find_something(plan: Plan, name: str, part: str) -> bool:
    spec = plan.criteria[name]
    if isinstance(spec, RateSpec):
        # A healthy service may have no error series, and a cohort has no requests while the flag is at 0%.
        return part == "total" and spec.scope is Scope.EVERYONE
    if isinstance(spec, CompareSpec):
        return part == "control_total"
    return isinstance(spec, ValueSpec)


_UNAVAILABLE: Mapping[AbsenceReason | None, FindingKind] = {
    AbsenceReason.REFUSED_QUERY: refusals.QUERY_REFUSED,
    AbsenceReason.REFUSED_CREDENTIALS: refusals.METRICS_CREDENTIALS,
    AbsenceReason.RATE_LIMITED: refusals.METRICS_RATE_LIMITED,
}


def _resume_problems(before: RolloutState, wish: Resume) -> Iterator[Finding]:
    if before.status is not Status.ROLLED_BACK:
        yield _not_rolled_back(wish.rollout, f"it is {before.status.value}")
    elif wish.stage >= len(before.plan.stages):
        fix = f"Stages go from 0 to {len(before.plan.stages) - 1}"
        yield refusals.UNKNOWN_STAGE.at("stage", f"there is no stage {wish.stage}", fix)


def _not_rolled_back(rollout: str, why: str) -> Finding:
    return refusals.NOT_ROLLED_BACK.at("rollout", f"{rollout!r} cannot be resumed: {why}")


def _told(state: RolloutState, now: datetime, kind: EventKind, message: str, by: str = "", **details: object) -> Event:
    pinned = {"plan_hash": state.plan_hash, "execution": state.execution}
    return state.event(now, kind, message, by=by or state.plan.owner, **pinned, **details)
