"""Judge what a monitor says of itself: what it should have pushed, and whether it could push at all.

A monitor tells of an alert by its webhook, once. A webhook that is lost, a monitor that is muted, in a downtime, a
draft, deleted, or that notifies someone else, is silent, and silence looks like health: so monitors are asked too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rampart.evidence.judgement import Judgement, Kind
from rampart.evidence.verdict import Verdict
from rampart.words import duration, moment

NO_DATA_PATIENCE = timedelta(hours=24)
"""How long any monitor may be without data: a service that no one uses at night has had a whole day by then."""
USUAL_WEBHOOK = "rampart"
"""What the names of this stack's webhooks begin with, where a plan names none, as `rampart datadog sync` makes them."""
_PREFIX = "webhook-"


class MonitorTrouble(StrEnum):
    """Why a monitor does not guard."""

    ALERTING = "alerting"
    """It is red: what it guards is broken, and its webhook may be lost."""
    UNKNOWN = "unknown"
    """There is no such monitor; it may have been deleted."""
    DRAFT = "draft"
    """It is a draft, which notifies no one."""
    MUTED = "muted"
    """It is muted: it judges, and notifies no one."""
    IN_DOWNTIME = "in_downtime"
    """A downtime is on: it judges and notifies no one, not even later, once the downtime is over."""
    NO_DATA = "no_data"
    """It has had nothing to judge for longer than it should."""
    NOT_JUDGING = "not_judging"
    """It is in a state that says neither well nor broken."""
    REACHES_NOBODY = "reaches_nobody"
    """Its message names no webhook of this stack where an alert reaches it."""


@dataclass(frozen=True, slots=True)
class MonitorSilence:
    """A mute or a downtime of a monitor: what it silences, and when."""

    scope: str
    """Which groups of the monitor, such as `env:prod`; `*` is all of them."""
    start: datetime | None = None
    """None where no one said: then it has begun."""
    end: datetime | None = None
    """None where it does not end by itself, or no one said when."""

    def is_on(self, now: datetime) -> bool:
        """Whether it silences at a moment."""
        return (self.start is None or self.start <= now) and (self.end is None or now < self.end)

    def __str__(self) -> str:
        what = "all groups" if self.scope == "*" else self.scope
        return what if self.end is None else f"{what} until {moment(int(self.end.timestamp()))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorReading:
    """What a monitor said of itself when it was asked; a monitor that does not exist says that only."""

    monitor: int
    exists: bool = True
    state: str = "OK"
    """Datadog's overall state: OK, Alert, Warn, No Data, Skipped, Ignored, Unknown; of several groups the worst."""
    since: datetime | None = None
    """Since when it is in that state, where known."""
    muted: tuple[MonitorSilence, ...] = ()
    """Its mutes, over or not."""
    downtimes: tuple[MonitorSilence, ...] = ()
    """The downtimes that match it, over or not."""
    is_draft: bool = False
    reaches: tuple[str, ...] = ()
    """The webhook handles that an alert's notification reaches, such as `webhook-rampart-letters`."""
    notify_no_data: bool = False
    """Whether its owners say that missing data is a fault."""
    no_data_minutes: int | None = None
    """How long it may be without data before it says so."""


@dataclass(frozen=True, slots=True)
class GuardGap:
    """One reason why a monitor does not guard, in words that go on after its name, and what to do."""

    trouble: MonitorTrouble
    what: str
    fix: str


def gaps_of(
    reading: MonitorReading,
    *,
    now: datetime,
    webhook: str | None = None,
    patience: timedelta = NO_DATA_PATIENCE,
    data_since: datetime | None = None,
) -> tuple[GuardGap, ...]:
    """Every reason why a monitor does not guard, the worst first.

    `webhook` is the name of this stack's webhook; without one any whose name begins with `rampart` counts. Missing data
    is a reason after `patience`, or after the monitor's own time frame where that is longer, counted from the
    monitor's last change of state and from `data_since`, before which no data was to be expected.
    """
    if not reading.exists:
        return (
            GuardGap(MonitorTrouble.UNKNOWN, "doesn't exist (it may have been deleted)", "correct its id in the plan"),
        )
    return (
        *_of_state(reading, now, max(patience, timedelta(minutes=reading.no_data_minutes or 0)), data_since),
        *_of_silence(reading, now),
        *_of_message(reading, webhook),
    )


def judge_monitor(
    reading: MonitorReading,
    *,
    now: datetime,
    webhook: str | None = None,
    patience: timedelta = NO_DATA_PATIENCE,
    data_since: datetime | None = None,
) -> Judgement:
    """Judge a monitor: fail while it alerts, no data while it cannot speak, else pass; arguments as `gaps_of`.

    `value` is the time since when it alerts, in epoch seconds, where known.
    """
    gaps = gaps_of(reading, now=now, webhook=webhook, patience=patience, data_since=data_since)
    if gaps and gaps[0].trouble is MonitorTrouble.ALERTING:
        since = None if reading.since is None else reading.since.timestamp()
        mute = [f"it {each.what}" for each in gaps[1:]]
        told = "; ".join([gaps[0].what, "its webhook may not have come", *mute])
        return _judged(reading.monitor, Verdict.FAIL, told, since)
    if gaps:
        told = "; it ".join(f"{each.what}: {each.fix}" for each in gaps)
        return _judged(reading.monitor, Verdict.NO_DATA, f"{told}, or override with a note")
    return _judged(reading.monitor, Verdict.PASS, f"is quiet: {reading.state}")


def unreadable_monitor(monitor: int, why: str) -> Judgement:
    """The judgement of a monitor that could not be asked."""
    return _judged(monitor, Verdict.ERROR, f"could not be read: {why}")


def _judged(monitor: int, verdict: Verdict, told: str, value: float | None = None) -> Judgement:
    name = name_of(monitor)
    return Judgement(name=name, kind=Kind.MONITOR, verdict=verdict, message=f"{name} {told}", bar=0.0, value=value)


def name_of(monitor: int) -> str:
    """What a monitor's judgement is called."""
    return f"monitor {monitor}"


def _of_state(
    reading: MonitorReading, now: datetime, patience: timedelta, data_since: datetime | None
) -> Iterator[GuardGap]:
    known = "" if reading.since is None else f" since {moment(reading.since)}"
    match reading.state.casefold():
        case "ok" | "warn":
            return
        case "alert":
            yield GuardGap(MonitorTrouble.ALERTING, f"has been alerting{known}", "find out what broke")
        case "no data":
            # A monitor of which no one knows when it fell silent may have been so forever.
            starts = [at for at in (reading.since, data_since) if at is not None]
            if not starts or now - max(starts) > patience:
                what = f"has had no data{known}, longer than {duration(patience)}"
                yield GuardGap(MonitorTrouble.NO_DATA, what, "correct its query, or start what sends its data")
        case _:
            what = f"is in state {reading.state!r}{known}, in which it judges nothing"
            yield GuardGap(MonitorTrouble.NOT_JUDGING, what, "look at it in Datadog")


def _of_silence(reading: MonitorReading, now: datetime) -> Iterator[GuardGap]:
    if reading.is_draft:
        yield GuardGap(MonitorTrouble.DRAFT, "is a draft, which notifies no one", "publish it")
    if muted := _on(reading.muted, now):
        yield GuardGap(MonitorTrouble.MUTED, f"is muted ({muted})", "unmute it")
    if downtimes := _on(reading.downtimes, now):
        yield GuardGap(MonitorTrouble.IN_DOWNTIME, f"is in a downtime ({downtimes})", "end the downtime")


def _on(silences: tuple[MonitorSilence, ...], now: datetime) -> str:
    return ", ".join(str(each) for each in silences if each.is_on(now))


def _of_message(reading: MonitorReading, webhook: str | None) -> Iterator[GuardGap]:
    if any(_is_ours(handle, webhook) for handle in reading.reaches):
        return
    wanted = f"@{_PREFIX}{webhook or USUAL_WEBHOOK + '-…'}"
    others = ", ".join(f"@{handle}" for handle in reading.reaches)
    what = f"notifies {others} when it alerts, not {wanted}" if others else f"doesn't notify {wanted} when it alerts"
    yield GuardGap(
        MonitorTrouble.REACHES_NOBODY, what, f"write {{{{#is_alert}}}}{wanted}{{{{/is_alert}}}} into its message"
    )


def _is_ours(handle: str, webhook: str | None) -> bool:
    name = handle.removeprefix(_PREFIX)
    return name.casefold().startswith(USUAL_WEBHOOK) if webhook is None else webhook in (name, handle)
