"""Monitors are asked, not only listened to: one that alerts fails, one that can't speak is no data, never quiet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.evidence.judgement import Judgement, Kind
from rampart.evidence.monitor import (
    NO_DATA_PATIENCE,
    MonitorReading,
    MonitorSilence,
    MonitorTrouble,
    gaps_of,
    judge_monitor,
    unreadable_monitor,
)
from rampart.evidence.verdict import Verdict

NOW = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HEALTHY: dict[str, Any] = {"monitor": 77, "reaches": ("webhook-rampart-letters",), "since": NOW - 100 * HOUR}


def reading(**changes: Any) -> MonitorReading:
    return MonitorReading(**(HEALTHY | changes))


def judged(webhook: str | None = None, data_since: datetime | None = None, **changes: Any) -> Judgement:
    return judge_monitor(reading(**changes), now=NOW, webhook=webhook, data_since=data_since)


@pytest.mark.parametrize("state", ["OK", "Warn", "ok"])
def test_a_monitor_that_is_well_passes_and_says_its_state(state: str) -> None:
    judgement = judged(state=state)
    assert (judgement.name, judgement.kind, judgement.verdict) == ("monitor 77", Kind.MONITOR, Verdict.PASS)
    assert judgement.message == f"monitor 77 is quiet: {state}"


def test_a_monitor_that_alerts_fails_and_says_since_when() -> None:
    judgement = judged(state="Alert", since=NOW - HOUR)
    assert judgement.verdict is Verdict.FAIL
    assert judgement.value == (NOW - HOUR).timestamp()
    assert judgement.message == (
        "monitor 77 has been alerting since 2026-03-10 13:00 UTC; its webhook may not have come"
    )


def test_an_alert_of_unknown_age_is_one() -> None:
    judgement = judged(state="Alert", since=None)
    assert (judgement.verdict, judgement.value) == (Verdict.FAIL, None)
    assert judgement.message == "monitor 77 has been alerting; its webhook may not have come"


SILENT: dict[MonitorTrouble, tuple[dict[str, Any], str]] = {
    MonitorTrouble.MUTED: ({"muted": (MonitorSilence("env:prod"),)}, "is muted (env:prod): unmute it"),
    MonitorTrouble.IN_DOWNTIME: (
        {"downtimes": (MonitorSilence("*", NOW - HOUR, NOW + HOUR),)},
        "is in a downtime (all groups until 2026-03-10 15:00 UTC): end the downtime",
    ),
    MonitorTrouble.DRAFT: ({"is_draft": True}, "is a draft, which notifies no one: publish it"),
    MonitorTrouble.UNKNOWN: ({"exists": False}, "doesn't exist (it may have been deleted): correct its id in the plan"),
    MonitorTrouble.NO_DATA: (
        {"state": "No Data", "since": NOW - 25 * HOUR},
        (
            "has had no data since 2026-03-09 13:00 UTC, longer than 1 day: "
            "correct its query, or start what sends its data"
        ),
    ),
    MonitorTrouble.NOT_JUDGING: (
        {"state": "Skipped", "since": None},
        "is in state 'Skipped', in which it judges nothing: look at it in Datadog",
    ),
    MonitorTrouble.REACHES_NOBODY: (
        {"reaches": ()},
        (
            "doesn't notify @webhook-rampart-… when it alerts: "
            "write {{#is_alert}}@webhook-rampart-…{{/is_alert}} into its message"
        ),
    ),
}


@pytest.mark.parametrize("trouble", SILENT)
def test_a_monitor_that_cannot_speak_is_no_data_and_names_what_to_do(trouble: MonitorTrouble) -> None:
    changes, told = SILENT[trouble]
    judgement = judged(**changes)
    assert judgement.verdict is Verdict.NO_DATA
    assert judgement.message == f"monitor 77 {told}, or override with a note"
    assert [each.trouble for each in gaps_of(reading(**changes), now=NOW)] == [trouble]


def test_every_reason_for_silence_is_told_at_once() -> None:
    judgement = judged(is_draft=True, muted=(MonitorSilence("*"), MonitorSilence("env:prod")))
    assert judgement.message == (
        "monitor 77 is a draft, which notifies no one: publish it; it is muted (all groups, env:prod): unmute it, "
        "or override with a note"
    )


@pytest.mark.parametrize(
    "trouble",
    [t for t in SILENT if t not in (MonitorTrouble.UNKNOWN, MonitorTrouble.NO_DATA, MonitorTrouble.NOT_JUDGING)],
)
def test_an_alert_is_a_fail_whatever_keeps_it_from_being_told(trouble: MonitorTrouble) -> None:
    changes, told = SILENT[trouble]
    judgement = judged(**changes, state="Alert")
    assert judgement.verdict is Verdict.FAIL
    assert judgement.message.endswith(f"its webhook may not have come; it {told.partition(': ')[0]}")


@pytest.mark.parametrize("state", ["Skipped", "Ignored", "Unknown", "", "Fine", "unknown"])
def test_a_state_that_says_neither_well_nor_broken_is_not_quiet(state: str) -> None:
    assert judged(state=state).verdict is Verdict.NO_DATA


# Silences.


@pytest.mark.parametrize("kind", ["muted", "downtimes"])
@pytest.mark.parametrize(
    ("silence", "verdict"),
    [
        (MonitorSilence("*"), Verdict.NO_DATA),
        (MonitorSilence("*", end=NOW + HOUR), Verdict.NO_DATA),
        (MonitorSilence("*", start=NOW), Verdict.NO_DATA),
        (MonitorSilence("*", end=NOW), Verdict.PASS),
        (MonitorSilence("*", start=NOW + HOUR), Verdict.PASS),
        (MonitorSilence("*", NOW - 2 * HOUR, NOW - HOUR), Verdict.PASS),
    ],
)
def test_only_what_silences_now_counts(kind: str, silence: MonitorSilence, verdict: Verdict) -> None:
    changes: dict[str, Any] = {kind: (silence,)}
    assert judged(**changes).verdict is verdict


# Whom it reaches.


@pytest.mark.parametrize(
    ("webhook", "reaches", "verdict"),
    [
        (None, ("webhook-rampart",), Verdict.PASS),
        (None, ("webhook-Rampart-x",), Verdict.PASS),
        (None, ("webhook-pager", "webhook-rampart-x"), Verdict.PASS),
        (None, ("webhook-my-rampart",), Verdict.NO_DATA),
        (None, ("webhook-pager",), Verdict.NO_DATA),
        ("flags", ("webhook-flags",), Verdict.PASS),
        ("flags", ("webhook-flags-2",), Verdict.NO_DATA),
        ("flags", ("webhook-rampart",), Verdict.NO_DATA),
        ("webhook-flags", ("webhook-flags",), Verdict.PASS),
    ],
)
def test_the_message_must_name_this_stacks_webhook(
    webhook: str | None, reaches: tuple[str, ...], verdict: Verdict
) -> None:
    assert judged(webhook=webhook, reaches=reaches).verdict is verdict


def test_whom_it_reaches_instead_is_named() -> None:
    told = judged(webhook="flags", reaches=("webhook-pager",)).message
    assert "notifies @webhook-pager when it alerts, not @webhook-flags" in told


# No data.


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"since": NOW - 24 * HOUR}, Verdict.PASS),
        ({"since": NOW - 24 * HOUR, "no_data_minutes": 10}, Verdict.PASS),
        ({"since": NOW - 25 * HOUR, "no_data_minutes": 10}, Verdict.NO_DATA),
        ({"since": NOW - 47 * HOUR, "no_data_minutes": 48 * 60}, Verdict.PASS),
        ({"since": NOW - 49 * HOUR, "no_data_minutes": 48 * 60}, Verdict.NO_DATA),
        ({"since": None}, Verdict.NO_DATA),
        ({"since": NOW - 999 * HOUR, "data_since": NOW - HOUR}, Verdict.PASS),
        ({"since": NOW - 999 * HOUR, "data_since": NOW - 25 * HOUR}, Verdict.NO_DATA),
        ({"since": NOW - HOUR, "data_since": NOW - 99 * HOUR}, Verdict.PASS),
        ({"since": None, "data_since": NOW - HOUR}, Verdict.PASS),
    ],
)
def test_missing_data_counts_once_it_is_missing_for_longer_than_it_should(
    changes: dict[str, Any], verdict: Verdict
) -> None:
    assert judged(state="No Data", **changes).verdict is verdict


def test_patience_with_missing_data_is_as_long_as_is_said() -> None:
    silent = reading(state="No Data", since=NOW - 2 * HOUR)
    assert judge_monitor(silent, now=NOW, patience=HOUR).verdict is Verdict.NO_DATA
    assert judge_monitor(silent, now=NOW, patience=NO_DATA_PATIENCE).verdict is Verdict.PASS


# Laws.

silences = st.lists(
    st.builds(
        MonitorSilence,
        st.sampled_from(["*", "env:prod"]),
        st.one_of(st.none(), st.integers(-3, 3).map(lambda hours: NOW + hours * HOUR)),
        st.one_of(st.none(), st.integers(-3, 3).map(lambda hours: NOW + hours * HOUR)),
    ),
    max_size=3,
).map(tuple)
readings = st.builds(
    MonitorReading,
    monitor=st.just(77),
    exists=st.booleans(),
    state=st.sampled_from(["OK", "Warn", "Alert", "No Data", "Skipped", "Ignored", "Unknown", "?"]),
    since=st.one_of(st.none(), st.integers(0, 100).map(lambda hours: NOW - hours * HOUR)),
    muted=silences,
    downtimes=silences,
    is_draft=st.booleans(),
    reaches=st.sampled_from([(), ("webhook-rampart",), ("webhook-pager",)]),
)


@given(readings)
def test_no_monitor_passes_that_alerts_or_could_not_tell_of_an_alert(said: MonitorReading) -> None:
    verdict = judge_monitor(said, now=NOW).verdict
    is_silenced = any(each.is_on(NOW) for each in (*said.muted, *said.downtimes))
    if not said.exists:
        assert verdict is Verdict.NO_DATA
    elif said.state == "Alert":
        assert verdict is Verdict.FAIL
    elif is_silenced or said.is_draft or said.reaches != ("webhook-rampart",):
        assert verdict is Verdict.NO_DATA
    elif said.state in ("OK", "Warn"):
        assert verdict is Verdict.PASS


@given(readings)
def test_what_is_not_a_pass_says_why_after_the_monitors_name(said: MonitorReading) -> None:
    judgement = judge_monitor(said, now=NOW)
    assert judgement.message.startswith("monitor 77 ")
    assert (judgement.verdict is Verdict.PASS) is (not gaps_of(said, now=NOW))


def test_a_monitor_that_could_not_be_asked_is_an_error_that_says_why() -> None:
    judgement = unreadable_monitor(77, "Datadog answered 503")
    assert (judgement.name, judgement.kind, judgement.verdict) == ("monitor 77", Kind.MONITOR, Verdict.ERROR)
    assert judgement.message == "monitor 77 could not be read: Datadog answered 503"
