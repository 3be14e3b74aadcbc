"""Monitors on a stand-in of Datadog's API: one request for all of them, and nothing that is unclear reads as quiet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.datadog_standin import API_KEY, APP_KEY, DatadogStandIn, Scenario
from local.datadog_standin.downtimes import mute
from local.faults import Fault, FaultKind, rate_limited
from rampart.absence import AbsenceReason
from rampart.adapters.datadog import DatadogMetricSource
from rampart.adapters.datadog_api import UnansweredError
from rampart.adapters.datadog_monitors import readings_of
from rampart.errors import MonitorsUnreadableError
from rampart.evidence.monitor import MonitorReading, MonitorSilence, judge_monitor
from rampart.evidence.verdict import Verdict
from tests.doubles import FixedSecret

NOW = 1_764_000_000.0
AT = datetime.fromtimestamp(NOW, UTC)
HANDLE = "@webhook-rampart-letters"
Source = Callable[..., DatadogMetricSource]


@pytest.fixture
def datadog() -> Iterator[DatadogStandIn]:
    with DatadogStandIn(Scenario(), tick_seconds=0, clock=lambda: NOW) as stand_in:
        yield stand_in


@pytest.fixture
def source(datadog: DatadogStandIn) -> Source:
    def make(**options: Any) -> DatadogMetricSource:
        secret = FixedSecret({"api_key": API_KEY, "app_key": APP_KEY})
        return DatadogMetricSource("datadoghq.com", secret, url=datadog.url, **options)

    return make


def monitor(datadog: DatadogStandIn, state: str = "OK", **fields: Any) -> int:
    body = {"name": "m", "type": "query alert", "query": "sum(last_5m):sum:letters.errors{env:prod}.as_count() > 8"}
    created: int = datadog.state.monitors.create({**body, "message": HANDLE, **fields}, NOW)["id"]
    datadog.state.monitors.get(created).body["overall_state"] = state
    return created


def requests_of(datadog: DatadogStandIn) -> list[str]:
    return [request["path"] for request in datadog.requests]


# How it asks.


def test_all_monitors_of_a_rollout_are_one_request(source: Source, datadog: DatadogStandIn) -> None:
    states = ["OK", "No Data", "Alert", "Warn"]
    ids = {state: monitor(datadog, state) for state in states}
    monitor(datadog, "Alert")  # another team's
    found = source().read_monitors([ids[state] for state in reversed(states)])
    assert {reading.monitor: reading.state for reading in found.values()} == {ids[state]: state for state in states}
    assert requests_of(datadog) == ["/api/v1/monitor"]
    assert datadog.requests[0]["query"] == {
        "id_offset": str(min(ids.values()) - 1),
        "page_size": "4",
        "with_downtimes": "true",
    }


def test_one_monitor_is_one_request(source: Source, datadog: DatadogStandIn) -> None:
    only = monitor(datadog, "Alert")
    assert source().read_monitors([only])[only].state == "Alert"
    assert requests_of(datadog) == [f"/api/v1/monitor/{only}"]


def test_without_monitors_nothing_is_requested(source: Source, datadog: DatadogStandIn) -> None:
    assert source().read_monitors([]) == {}
    assert requests_of(datadog) == []


def test_an_unlisted_monitor_is_requested_before_it_counts_as_missing(source: Source, datadog: DatadogStandIn) -> None:
    first, gone, last = monitor(datadog), monitor(datadog), monitor(datadog)
    datadog.state.monitors.delete(gone)
    found = source().read_monitors([first, gone, last])
    assert [found[each].exists for each in (first, gone, last)] == [True, False, True]
    assert requests_of(datadog) == ["/api/v1/monitor", f"/api/v1/monitor/{gone}"]


def test_monitors_that_are_far_apart_are_found_nevertheless(source: Source, datadog: DatadogStandIn) -> None:
    first = monitor(datadog)
    monitors = datadog.state.monitors
    for number in range(first + 1, first + 700):
        monitors.by_id[number] = monitors.by_id[first]
    monitors._last_id = 90_000_000
    far = monitor(datadog, "Alert")
    found = source().read_monitors([far, first])
    assert (found[first].state, found[far].state) == ("OK", "Alert")
    assert requests_of(datadog) == ["/api/v1/monitor", f"/api/v1/monitor/{far}"]


@pytest.mark.parametrize("impossible", [0, -5, 2**63, 10**400])
def test_an_id_that_no_monitor_can_have_does_not_exist_and_is_not_asked_for(
    source: Source, datadog: DatadogStandIn, impossible: int
) -> None:
    quiet = monitor(datadog)
    found = source().read_monitors([impossible, quiet])
    assert (found[impossible].exists, found[quiet].exists) == (False, True)
    assert requests_of(datadog) == [f"/api/v1/monitor/{quiet}"]


# What it reads.


def only(source: Source, monitor_id: int) -> MonitorReading:
    """The reading of a monitor, which is the same alone and in a list."""
    alone = source().read_monitors([monitor_id])[monitor_id]
    assert source().read_monitors([monitor_id, monitor_id + 1])[monitor_id] == alone
    return alone


def test_a_healthy_monitor_passes(source: Source, datadog: DatadogStandIn) -> None:
    reading = only(source, monitor(datadog))
    assert reading.reaches == ("webhook-rampart-letters",)
    assert judge_monitor(reading, now=AT).verdict is Verdict.PASS


def test_mutes_and_downtimes_are_read_with_their_scopes_and_ends(source: Source, datadog: DatadogStandIn) -> None:
    muted = monitor(datadog)
    mute(datadog.state.monitors.get(muted).body, {"scope": "env:prod", "end": int(NOW) + 600})
    downtime = {"scope": ["env:prod", "*"], "monitor_id": muted, "start": int(NOW) - 60}
    datadog.state.monitors.downtimes.schedule(downtime, NOW)
    reading = only(source, muted)
    assert reading.muted == (MonitorSilence("env:prod", end=datetime.fromtimestamp(NOW + 600, UTC)),)
    assert reading.downtimes == (MonitorSilence("env:prod,*", start=datetime.fromtimestamp(NOW - 60, UTC)),)
    assert judge_monitor(reading, now=AT).verdict is Verdict.NO_DATA


def test_a_draft_and_what_counts_as_missing_data_are_read(source: Source, datadog: DatadogStandIn) -> None:
    options = {"notify_no_data": True, "no_data_timeframe": 20}
    reading = only(source, monitor(datadog, "No Data", draft_status="draft", options=options))
    assert (reading.is_draft, reading.notify_no_data, reading.no_data_minutes) == (True, True, 20)
    assert reading.since == AT  # it has never changed its state: since it was made


def test_the_last_change_of_state_is_read(source: Source, datadog: DatadogStandIn) -> None:
    alerting = monitor(datadog, "Alert")
    datadog.state.monitors.get(alerting).body["overall_state_modified"] = "2025-11-24T15:06:23+00:00"
    assert only(source, alerting).since == datetime(2025, 11, 24, 15, 6, 23, tzinfo=UTC)


# Answers that cannot be had or read.


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.STATUS, status=403, body={"errors": ["Forbidden"]}),
        Fault(kind=FaultKind.STATUS, status=500),
        Fault(kind=FaultKind.STATUS, status=200, body={"id": 1}),
        Fault(kind=FaultKind.STATUS, status=200, body={"errors": ["hidden"]}),
        Fault(kind=FaultKind.STATUS, status=200, body=[]),
        Fault(kind=FaultKind.STATUS, status=200, body=[1]),
        Fault(kind=FaultKind.STATUS, status=200, body=None),
        Fault(kind=FaultKind.EMPTY_BODY),
        Fault(kind=FaultKind.MALFORMED_BODY),
    ],
)
def test_a_monitor_that_cannot_be_read_is_not_taken_for_quiet(
    source: Source, datadog: DatadogStandIn, fault: Fault, many: bool
) -> None:
    quiet, other = monitor(datadog), monitor(datadog)
    datadog.faults.add(fault)
    with pytest.raises(MonitorsUnreadableError, match=str(quiet)):
        source().read_monitors([quiet, other] if many else [quiet])


def test_a_monitor_that_was_asked_for_too_often_is_told_apart(source: Source, datadog: DatadogStandIn) -> None:
    quiet = monitor(datadog)
    datadog.faults.add(Fault(kind=FaultKind.STATUS, status=429))
    with pytest.raises(MonitorsUnreadableError) as raised:
        source().read_monitors([quiet])
    assert raised.value.reason is AbsenceReason.RATE_LIMITED


def test_a_rate_limit_is_waited_out_as_for_evidence(source: Source, datadog: DatadogStandIn) -> None:
    quiet, other = monitor(datadog), monitor(datadog)
    datadog.faults.add(rate_limited(reset_seconds=3).model_copy(update={"times": 1}))
    paused: list[float] = []
    found = source(patience_seconds=5, pause=paused.append).read_monitors([quiet, other])
    assert (found[quiet].state, paused) == ("OK", [3])


# Bodies, whatever they look like.

GOOD: dict[str, Any] = {"id": 77, "overall_state": "OK", "message": HANDLE, "options": {"silenced": {}}}


def said(**fields: Any) -> MonitorReading:
    return readings_of([77], ask=lambda _: GOOD | fields)[77]


@pytest.mark.parametrize(
    ("until", "end"),
    [
        (None, None),
        (0, None),
        (int(NOW), AT),
        (int(NOW) * 1000, AT),
        (NOW, AT),
        (True, None),
        ("soon", None),
        (AT.isoformat(), AT),
        (AT.replace(tzinfo=None).isoformat(), AT),
        (float("inf"), None),
        (10**400, None),
        (-(10**400), None),
    ],
)
def test_a_mute_without_a_readable_end_does_not_end(until: object, end: datetime | None) -> None:
    assert said(options={"silenced": {"*": until}}).muted == (MonitorSilence("*", end=end),)
    assert said(matching_downtimes=[{"scope": ["*"], "end": until}]).downtimes == (MonitorSilence("*", end=end),)


@pytest.mark.parametrize(
    ("downtime", "scopes"),
    [
        ({"id": 1}, ["*"]),
        ("a downtime", ["*"]),
        ({"scope": "env:prod"}, ["env:prod"]),
        ({"scope": []}, ["*"]),
        ({"scope": ["*"], "active": True}, ["*"]),
        ({"scope": ["*"], "active": False}, []),
        ({"scope": ["*"], "canceled": int(NOW)}, []),
        ({"scope": ["*"], "canceled": None, "active": None}, ["*"]),
    ],
)
def test_a_downtime_counts_unless_it_says_that_it_is_over(downtime: object, scopes: Sequence[str]) -> None:
    assert [each.scope for each in said(matching_downtimes=[downtime]).downtimes] == scopes


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": 78},
        {"id": None},
        {"overall_state": None},
        {"overall_state": 3},
        {"message": 3},
        {"options": []},
        {"options": {"silenced": ["*"]}},
        {"matching_downtimes": {"scope": "*"}},
    ],
)
def test_a_body_of_wrong_types_is_unreadable(wrong: dict[str, Any]) -> None:
    with pytest.raises(MonitorsUnreadableError, match="monitor 77"):
        said(**wrong)


@pytest.mark.parametrize("nothing", [{"message": None}, {"options": None}, {"matching_downtimes": None}])
def test_what_is_not_there_is_nothing(nothing: dict[str, Any]) -> None:
    assert said(**nothing).state == "OK"


def test_a_monitor_that_is_said_to_be_deleted_does_not_exist() -> None:
    assert not said(deleted="2025-11-24T15:06:23+00:00").exists


@pytest.mark.parametrize("minutes", [True, "20", -1, 0, float("nan"), 10**400, [20]])
def test_a_missing_time_frame_stays_missing(minutes: object) -> None:
    assert said(options={"no_data_timeframe": minutes}).no_data_minutes is None


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.just(10**400)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner, max_size=3)),
    max_leaves=6,
)
FIELDS = ["id", "overall_state", "message", "options", "matching_downtimes", "deleted", "created", "draft_status"]
OPTIONS = ["silenced", "no_data_timeframe", "notify_no_data", "on_missing_data"]


@given(
    st.dictionaries(st.sampled_from(FIELDS), json_values),
    st.dictionaries(st.sampled_from(OPTIONS), json_values),
    st.booleans(),
)
def test_any_body_is_read_or_refused_and_judged(fields: dict[str, Any], options: dict[str, Any], many: bool) -> None:
    body = GOOD | {"options": options} | fields
    other = GOOD | {"id": 78}
    try:
        found = readings_of([77, 78] if many else [77], ask=lambda _: [body, other] if many else body)
    except MonitorsUnreadableError:
        return
    judge_monitor(found[77], now=AT)


@given(json_values)
def test_any_answer_is_read_or_refused(answer: object) -> None:
    for ids in ([77], [77, 78]):
        with pytest.raises(MonitorsUnreadableError):
            readings_of(ids, ask=lambda _: answer)


def test_only_datadogs_own_404_says_that_a_monitor_does_not_exist() -> None:
    def refuse(_: object) -> object:
        raise UnansweredError(AbsenceReason.REFUSED_QUERY, "Datadog answered 404", status=404)

    assert not readings_of([77], ask=refuse)[77].exists
    with pytest.raises(MonitorsUnreadableError):  # the list itself is not there: a wrong address
        readings_of([77, 78], ask=refuse)
