"""Whether a plan's monitors guard a rollout: at its start, at each look, and again before a step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rampart.errors import MonitorsUnreadableError
from rampart.evidence.criteria import Scope
from rampart.evidence.judgement import Judgement
from rampart.evidence.monitor import MonitorReading, MonitorTrouble, gaps_of, judge_monitor, unreadable_monitor
from rampart.finding import Finding, FindingKind
from rampart.plan.criterion import CompareSpec, RateSpec
from rampart.plan.model import Plan
from rampart.rollout import refusals
from rampart.rollout.ports import MonitorSource

_REFUSALS: Mapping[MonitorTrouble, FindingKind] = {
    MonitorTrouble.ALERTING: refusals.MONITOR_ALERTING,
    MonitorTrouble.UNKNOWN: refusals.UNKNOWN_MONITOR,
    MonitorTrouble.DRAFT: refusals.MONITOR_IS_DRAFT,
    MonitorTrouble.MUTED: refusals.MONITOR_MUTED,
    MonitorTrouble.IN_DOWNTIME: refusals.MONITOR_IN_DOWNTIME,
    MonitorTrouble.NO_DATA: refusals.MONITOR_HAS_NO_DATA,
    MonitorTrouble.NOT_JUDGING: refusals.MONITOR_NOT_JUDGING,
    MonitorTrouble.REACHES_NOBODY: refusals.MONITOR_REACHES_NOBODY,
}


@dataclass(frozen=True, slots=True)
class NobodyToAsk:
    """Stands for a monitor source where none was given: whatever names monitors is refused, never let through."""

    def read_monitors(self, ids: Sequence[int]) -> Mapping[int, MonitorReading]:
        """Raise MonitorsUnreadableError."""
        raise MonitorsUnreadableError(f"there is no metric source to ask about {len(ids)} monitors")


NOBODY_TO_ASK = NobodyToAsk()


def judge_monitors(source: MonitorSource, plan: Plan, now: datetime, *, since: datetime | None) -> list[Judgement]:
    """Ask all monitors of a plan in one request and judge them; `since` is when the flag was raised to its stage."""
    if not plan.monitors:
        return []
    try:
        readings = source.read_monitors(plan.monitors)
    except MonitorsUnreadableError as error:
        return [unreadable_monitor(monitor, str(error)) for monitor in plan.monitors]
    judged = (
        judge_monitor(readings[monitor], now=now, webhook=plan.webhook, data_since=since) for monitor in plan.monitors
    )
    return [each.in_zone(plan.zone) for each in judged]


def monitor_problems(plan: Plan, reading: MonitorReading, now: datetime) -> Iterator[Finding]:
    """Every reason why a monitor keeps a rollout from starting or resuming, the worst first.

    A start wants more than a look does: a monitor that warns could not tell a new fault from the old one either.
    """
    where = f"monitors: {reading.monitor}"
    if reading.exists and reading.state.casefold() == "warn":
        yield refusals.MONITOR_ALERTING.at(where, "it is already in state 'Warn'")
    for gap in gaps_of(reading, now=now, webhook=plan.webhook):
        if gap.trouble is MonitorTrouble.NO_DATA and _may_lack_data(plan, reading):
            continue
        fix = "" if gap.trouble is MonitorTrouble.ALERTING else gap.fix[:1].upper() + gap.fix[1:]
        yield _REFUSALS[gap.trouble].at(where, f"it {gap.what}", fix)


def _may_lack_data(plan: Plan, reading: MonitorReading) -> bool:
    """Whether a monitor may have nothing to judge before the start: no one is in a cohort while the flag is at 0%.

    Unless its owners say that missing data is a fault.
    """
    has_cohort = any(
        isinstance(spec, CompareSpec) or (isinstance(spec, RateSpec) and spec.scope is Scope.COHORT)
        for spec in plan.criteria.values()
    )
    return has_cohort and not reading.notify_no_data
