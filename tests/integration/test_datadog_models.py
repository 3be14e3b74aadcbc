"""What is sent to Datadog, held to the models of its own client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias, cast

import pytest
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.model_utils import ModelComposed, ModelNormal, OpenApiModel
from datadog_api_client.v1.api.dashboards_api import DashboardsApi
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from datadog_api_client.v2.model.apm_metrics_query import ApmMetricsQuery
from datadog_api_client.v2.model.apm_metrics_span_kind import ApmMetricsSpanKind
from datadog_api_client.v2.model.apm_metrics_stat import ApmMetricsStat

from local.datadog_standin import API_KEY, APP_KEY, DatadogStandIn
from rampart.plan.apm_query import ApmRequest, ApmStat, SpanKind
from rampart_cli.datadog.wanted import ThingKind, wanted_of
from tests.integration.test_datadog_sync import PLAN, target_of

Untyped: TypeAlias = Any
ACCOUNT_PARTS = {"org_id", "overall_state_modified", "created_at", "id", "matching_downtimes", "restriction_policy"}
"""What Datadog shows of an account's things, and no one sends."""


def unknown_parts(value: Untyped) -> Iterator[str]:
    """What the client's models don't know, however deep: a value that is none of theirs, a part of another name."""
    if isinstance(value, list):
        for each in value:
            yield from unknown_parts(each)
    elif isinstance(value, ModelComposed):
        instance = cast("Any", value).get_oneof_instance()
        yield from unknown_parts(instance[0] if isinstance(instance, list) else instance)
    elif isinstance(value, OpenApiModel):
        if value._unparsed:
            yield f"{type(value).__name__}: {value}"
        for name, each in getattr(value, "_data_store", {}).items():
            if isinstance(value, ModelNormal) and name not in value.attribute_map and name not in ACCOUNT_PARTS:
                yield f"{type(value).__name__}.{name}"
            yield from unknown_parts(each)


def make(datadog: DatadogStandIn) -> None:
    for each in wanted_of(PLAN, target_of()):
        if each.kind is ThingKind.MONITOR:
            datadog.state.monitors.create(each.body, 0)
        if each.kind is ThingKind.DASHBOARD:
            datadog.state.dashboards.put(each.body, 0)


@pytest.fixture
def datadog() -> Iterator[DatadogStandIn]:
    with DatadogStandIn(tick_seconds=0) as stand_in:
        yield stand_in


@pytest.fixture
def client(datadog: DatadogStandIn) -> Iterator[Untyped]:
    configuration: Untyped = Configuration(host=datadog.url)  # type: ignore[no-untyped-call]  # its constructors have no types
    configuration.api_key = {"apiKeyAuth": API_KEY, "appKeyAuth": APP_KEY}
    with ApiClient(configuration) as api_client:
        yield api_client


BOARDS: Untyped = DashboardsApi
MONITORS: Untyped = MonitorsApi


def test_the_clients_own_models_know_every_part(datadog: DatadogStandIn, client: Untyped) -> None:
    """A misspelled part of a graph would be taken by the stand-in, and refused by Datadog."""
    make(datadog)
    (board,) = datadog.state.dashboards.by_id
    read = [BOARDS(client).get_dashboard(board), *MONITORS(client).list_monitors(monitor_tags="managed_by:rampart")]
    assert len(read) == 3
    assert list(unknown_parts(read)) == []


@pytest.mark.parametrize("part", [{"markerz": []}, {"requests": [{"display": "line"}]}])
def test_a_part_that_the_models_do_not_know_would_be_found(
    datadog: DatadogStandIn, client: Untyped, part: dict[str, Any]
) -> None:
    make(datadog)
    ((number, board),) = datadog.state.dashboards.by_id.items()
    board["widgets"][-1]["definition"] |= part
    assert list(unknown_parts(BOARDS(client).get_dashboard(number)))


def test_apm_metrics_have_the_names_of_datadogs_own_client() -> None:
    """Its distribution is left out: it gives no series of numbers."""
    assert ApmRequest.model_fields.keys() <= ApmMetricsQuery.attribute_map.keys()
    assert {*map(str, ApmStat), "latency_distribution"} == ApmMetricsStat.allowed_values
    assert set(map(str, SpanKind)) == ApmMetricsSpanKind.allowed_values
