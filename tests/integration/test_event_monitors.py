"""Monitors for what is counted in logs, spans, or APM metrics: made with the real client, judged by the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.v1.api.dashboards_api import DashboardsApi
from datadog_api_client.v1.api.monitors_api import MonitorsApi

from local.datadog_standin import API_KEY, APP_KEY, DatadogStandIn, Points
from rampart.adapters.datadog_api import DatadogApi
from rampart.plan.model import Plan
from rampart_cli.datadog.account import DatadogAccount
from rampart_cli.datadog.changes import Action
from rampart_cli.datadog.sync import SyncSteps, apply, changes_for, guarding, look
from rampart_cli.datadog.wanted import ThingKind
from tests.doubles import FixedSecret
from tests.integration.test_datadog_models import unknown_parts
from tests.integration.test_datadog_sync import TOKEN, plan_with, target_of

NOW = 1_764_000_000.0
NEW, OLD = "service:letters @provider:new", "service:letters @provider:old"
CLOUDWATCH = {"cloudwatch": {"namespace": "Letters", "metric": "Requests"}}


def rate(errors: Any, total: Any, **changes: Any) -> dict[str, Any]:
    known = {"kind": "rate", "errors": errors, "total": total, "below": "8%", "scope": "cohort"}
    return known | changes


def logs_rate(**changes: Any) -> dict[str, Any]:
    return rate({"logs": {"search": f"{NEW} status:error", "index": "main"}}, {"logs": NEW}, **changes)


def comparison(source: str) -> dict[str, Any]:
    searches = {"errors": f"{NEW} status:error", "total": NEW}
    searches |= {"control_errors": f"{OLD} status:error", "control_total": OLD}
    counts = {part: {source: search} for part, search in searches.items()}
    return {"kind": "compare", **counts, "at_most": "1.5x", "ignore_below": "1%", "baseline": "0.3%"}


def apm(stat: str, **more: str) -> dict[str, Any]:
    return {"apm_metrics": {"stat": stat, "service": "letters", "query_filter": "env:prod", **more}}


def plan(criterion: dict[str, Any]) -> Plan:
    return plan_with(criteria={"it": criterion})


@pytest.fixture
def datadog() -> Iterator[DatadogStandIn]:
    with DatadogStandIn(tick_seconds=0, clock=lambda: NOW) as stand_in:
        yield stand_in


@pytest.fixture
def account(datadog: DatadogStandIn) -> DatadogAccount:
    return DatadogAccount(DatadogApi("", FixedSecret({"api_key": API_KEY, "app_key": APP_KEY}), url=datadog.url))


def changes(account: DatadogAccount, written: Plan) -> SyncSteps:
    target = target_of(written)
    return changes_for(written, target, look(account, written, target))


def synced(account: DatadogAccount, criterion: dict[str, Any]) -> SyncSteps:
    return apply(account, changes(account, plan(criterion)), TOKEN)


def monitor(datadog: DatadogStandIn) -> dict[str, Any]:
    ((_, only),) = datadog.state.monitors.by_id.items()
    return only.body


def counted(datadog: DatadogStandIn, source: str, provider: str, requests: int, errors: int) -> None:
    """So many events of a path, two minutes ago."""
    tags = {"service": "letters", "provider": provider}
    at = int(NOW) - 120
    for status, number in (("ok", requests - errors), ("error", errors)):
        points = {"metric": source, "tags": tags | {"status": status}, "points": [[at, number]]}
        datadog.scenario.points.append(Points.model_validate(points))


def test_a_rate_in_logs_has_a_log_monitor(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    synced(account, logs_rate())
    made = monitor(datadog)
    assert (made["type"], made["query"]) == ("log alert", 'formula("( errors / total ) * 100").last("1440m") > 8')
    assert made["options"]["variables"] == [
        {
            "data_source": "logs",
            "name": name,
            "search": {"query": search},
            "indexes": [index],
            "compute": {"aggregation": "count"},
            "group_by": [],
        }
        for name, search, index in (("errors", f"{NEW} status:error", "main"), ("total", NEW, "*"))
    ]


@pytest.mark.parametrize(("source", "kind"), [("logs", "log alert"), ("spans", "trace-analytics alert")])
def test_a_comparison_of_events_has_a_monitor_of_its_source(
    account: DatadogAccount, datadog: DatadogStandIn, source: str, kind: str
) -> None:
    synced(account, comparison(source))
    made = monitor(datadog)
    assert made["type"] == kind
    ratio = "( errors / total ) / clamp_min(( control_errors / control_total ), 0.006666666667)"
    assert made["query"].startswith(f'formula("{ratio}").last(')


@pytest.mark.parametrize("source", ["logs", "spans"])
@pytest.mark.parametrize(("errors", "state"), [(0, "OK"), (20, "OK"), (60, "Alert")])
def test_the_monitor_alerts_when_the_new_path_fails_more(
    account: DatadogAccount, datadog: DatadogStandIn, source: str, errors: int, state: str
) -> None:
    """At 1.5 times the old path's 2%, the bar is 3% here."""
    counted(datadog, source, "new", 1000, errors)
    counted(datadog, source, "old", 1000, 20)
    synced(account, comparison(source))
    datadog.tick()
    assert monitor(datadog)["overall_state"] == state


def test_a_count_of_events_has_a_monitor(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    counted(datadog, "logs", "new", 3, 1)
    synced(account, {"kind": "count", "query": {"logs": f"{NEW} status:error"}, "at_most": 0})
    datadog.tick()
    assert monitor(datadog)["query"] == 'formula("count").last("5m") > 0'
    assert monitor(datadog)["overall_state"] == "Alert"


@pytest.mark.parametrize(
    "criterion", [logs_rate(), comparison("spans"), logs_rate(scope="everyone", baseline="0.3%")], ids=str
)
def test_datadogs_own_models_know_every_part(
    account: DatadogAccount, datadog: DatadogStandIn, criterion: dict[str, Any]
) -> None:
    synced(account, criterion)
    configuration: Any = Configuration(host=datadog.url)  # type: ignore[no-untyped-call]  # its constructors have no types
    configuration.api_key = {"apiKeyAuth": API_KEY, "appKeyAuth": APP_KEY}
    with ApiClient(configuration) as client:
        boards: Any = DashboardsApi(client)  # type: ignore[no-untyped-call]  # as above
        monitors: Any = MonitorsApi(client)  # type: ignore[no-untyped-call]  # as above
        (board,) = datadog.state.dashboards.by_id
        read = [boards.get_dashboard(board), *monitors.list_monitors()]
        assert len(read) == 2
        assert list(unknown_parts(read)) == []


def test_a_second_sync_changes_nothing(account: DatadogAccount) -> None:
    synced(account, comparison("logs"))
    assert changes(account, plan(comparison("logs"))).to_do == ()


def test_a_criterion_that_moves_to_another_source_gets_another_monitor(
    account: DatadogAccount, datadog: DatadogStandIn
) -> None:
    """A monitor's type can't be changed."""
    synced(account, rate("sum:errors{*}.as_count()", "sum:requests{*}.as_count()"))
    former = monitor(datadog)["id"]
    done = synced(account, logs_rate())
    assert [step.action for step in done.to_do if step.kind is ThingKind.MONITOR] == [Action.DELETE, Action.CREATE]
    made = monitor(datadog)
    assert made["type"] == "log alert"
    assert made["id"] != former
    assert done.ids(guarding(plan(logs_rate()), target_of(plan(logs_rate())))) == [made["id"]]


def test_apm_metrics_are_guarded_by_their_trace_metric(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    named = {"operation_name": "rack.request", "resource_name": "Letters#Download"}
    synced(account, rate(apm("errors", **named), apm("hits", **named)))
    scope = "{service:letters,resource_name:letters_download,env:prod}"
    made = monitor(datadog)
    assert made["type"] == "query alert"
    assert made["query"] == (
        f"sum(last_1440m):( sum:trace.rack.request.errors{scope}.as_count() / "
        f"sum:trace.rack.request.hits{scope}.as_count() ) * 100 > 8"
    )


@pytest.mark.parametrize(
    ("criterion", "words"),
    [
        (rate(CLOUDWATCH, CLOUDWATCH), "it is counted in CloudWatch: make an alarm there"),
        (rate(apm("errors"), apm("hits")), "it needs `operation_name`"),
        (rate(apm("errors", span_kind="server"), apm("hits", span_kind="server")), "it needs `operation_name`"),
        (
            comparison("logs") | {"control_errors": "sum:e{*}.as_count()", "control_total": "sum:t{*}.as_count()"},
            "it is counted in several sources",
        ),
        ({"kind": "value", "query": {"logs": NEW}, "above": 5}, "it looks at a number of events as a value"),
    ],
)
def test_what_no_monitor_can_guard_is_said_with_what_to_do(
    account: DatadogAccount, criterion: dict[str, Any], words: str
) -> None:
    planned = changes(account, plan(criterion))
    assert [step for step in planned.steps if step.kind is ThingKind.MONITOR] == []
    (note,) = planned.notes
    assert note.startswith(words)
