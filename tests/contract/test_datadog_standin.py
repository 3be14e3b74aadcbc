"""The stand-in of Datadog answers as Datadog does, to plain requests and to the official client."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest
import requests
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.exceptions import ApiException, ForbiddenException
from datadog_api_client.v1.api.authentication_api import AuthenticationApi
from datadog_api_client.v1.api.dashboards_api import DashboardsApi
from datadog_api_client.v1.api.events_api import EventsApi
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from datadog_api_client.v1.api.webhooks_integration_api import WebhooksIntegrationApi
from datadog_api_client.v2.api.metrics_api import MetricsApi

from local.datadog_standin import API_KEY, APP_KEY, DatadogStandIn, Points, Scenario
from local.exchange import Json
from local.faults import Fault, FaultKind
from tests.contract.conftest import ERRORS, KEYS, START, TOTAL, Clock

# --- exchanges ---

STAND_FOR: dict[str, Callable[[Any], bool]] = {
    "<int>": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "<text>": lambda value: isinstance(value, str) and value != "",
    "<time>": lambda value: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", str(value)) is not None,
    "<board>": lambda value: re.fullmatch(r"[a-z]{3}-[a-z]{3}-[a-z]{3}", str(value)) is not None,
}


def alike(expected: Json, actual: Json) -> bool:
    """Whether two JSON values are equal but for what `<int>` and its like stand for."""
    if isinstance(expected, str) and expected in STAND_FOR:
        return STAND_FOR[expected](actual)
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(alike(expected[key], actual[key]) for key in expected)
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(map(alike, expected, actual))
    return bool(expected == actual)


def appeals() -> Scenario:
    tags = {"action": "list"}
    points = [(START + 3, 30.0), (START + 12, 40.0), (START + 55, 25.0)]
    good = Points(metric="appeals.requests", tags=tags | {"status": "200"}, points=points)
    bad = Points(metric="appeals.requests", tags=tags | {"status": "503"}, points=[(START + 15, 2.0)])
    return Scenario(points=[good, bad])


def test_every_exchange_written_from_the_facts_is_answered_as_datadog_answers(
    exchanges: Callable[[str], dict[str, Any]], clock: Clock
) -> None:
    clock.forward(100)
    kept: dict[str, Any] = {}
    keys = {"good": KEYS, "none": {}, "wrong": dict.fromkeys(KEYS, "wrong")}
    with DatadogStandIn(appeals(), tick_seconds=0, clock=clock) as datadog:
        for exchange in exchanges("datadog")["exchanges"]:
            asked, expected = exchange["request"], exchange["response"]
            path = asked["path"]
            for name, value in kept.items():
                path = path.replace(f"{{{name}}}", str(value))
            answer = requests.request(
                asked["method"],
                datadog.url + path,
                json=asked.get("json"),
                headers=keys[asked.get("keys", "good")],
                timeout=10,
            )
            assert answer.status_code == expected["status"], (exchange["note"], answer.text)
            assert answer.headers["Content-Type"] == expected.get("content_type", "application/json"), exchange["note"]
            if expected["status"] == 204:
                assert answer.content == b"", exchange["note"]
                continue
            assert alike(expected["body"], answer.json()), (exchange["note"], answer.json())
            kept |= {name: answer.json()[field] for name, field in exchange.get("keep", {}).items()}


# What differs from account to account and from day to day, and fields that Datadog has added or dropped over the years.
FREE = {"id", "id_str", "org_id", "creator", "author_handle", "author_name", "email", "date_happened"}
FREE |= {"created", "created_at", "modified", "modified_at", "overall_state_modified", "deleted_monitor_id"}
FREE |= {"deleted_dashboard_id"}
COME_AND_GO = {"restriction_policy", "auth_method_id", "is_read_only"}


def differences(expected: Json, actual: Json, at: str = "") -> list[str]:
    """List where an answer departs from a recorded one; ids, times and names of people only have to be there."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        unmatched = (expected.keys() ^ actual.keys()) - COME_AND_GO
        both = [key for key in expected.keys() & actual.keys() if key not in FREE or at.endswith("/unit/0")]
        return [f"{at}: {unmatched}"] * bool(unmatched) + [
            found for key in both for found in differences(expected[key], actual[key], f"{at}/{key}")
        ]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [found for index, pair in pairs for found in differences(*pair, f"{at}/{index}")]
    if at.endswith("/url"):
        expected, actual = (re.sub(r"/dashboard/[^/]+|id=\d+", "", url) for url in (expected, actual))
    return [] if expected == actual else [f"{at}: {expected!r} was recorded, {actual!r} is answered"]


def recorded_world() -> Scenario:
    percent = {"short_name": "%", "id": 17, "plural": "percent", "name": "percent"}
    percent |= {"family": "percentage", "scale_factor": 1.0}
    load = Points(metric="system.cpu.user", points=[(1711391300, 6.368151928283307)], unit=percent)
    usage = [(1711977645, 1.0), (1711977705, 1.0), (1711980225, 87.0)]
    return Scenario(points=[load, Points(metric="datadog.estimated_usage.metrics.custom", points=usage)])


def prepare_for(name: str, interactions: list[dict[str, Any]], datadog: DatadogStandIn) -> dict[str, str]:
    """Put into the account what was there before a recording began; returns recorded ids and what they are here."""
    api = f"{datadog.url}/api/v1/monitor"
    if name.startswith("retry/"):
        for recorded in (each["response"] for each in interactions):
            headers = {key: value for key, value in recorded["headers"].items() if key.startswith("x-ratelimit")}
            fault = Fault(kind=FaultKind.STATUS, status=recorded["status"], times=1, headers=headers)
            datadog.faults.add(fault)
    if name == "monitor/edit_type_change_400_sub":
        body = {"type": "metric alert", "query": "avg(last_5m):avg:system.load.5{*} > 1"}
        return {"74567339": str(requests.post(api, json=body, headers=KEYS, timeout=10).json()["id"])}
    if name == "monitor/list_pagination":
        for interaction in interactions:
            for monitor in json.loads(interaction["response"]["body"]):
                requests.post(api, json=monitor, headers=KEYS, timeout=10).raise_for_status()
    return {}


def test_every_original_recording_is_answered_alike(recordings: Path, clock: Clock) -> None:
    clock.now = 1712000000  # soon after the recorded queries
    files = sorted((recordings / "datadog").glob("*.json"))
    assert files
    for file in files:
        recording = json.loads(file.read_text())
        name, interactions = recording["id"], recording["interactions"]
        with DatadogStandIn(recorded_world(), tick_seconds=0, clock=clock) as datadog:
            ids = prepare_for(name, interactions, datadog)
            for number, interaction in enumerate(interactions):
                replay(f"{name} {number}", interaction, datadog, ids)


def replay(note: str, interaction: dict[str, Any], datadog: DatadogStandIn, ids: dict[str, str]) -> None:
    asked, recorded = interaction["request"], interaction["response"]
    parts = urlsplit(asked["uri"])
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    for before, now in ids.items():
        path = path.replace(before, now)
    answer = requests.request(
        asked["method"],
        datadog.url + path,
        data=asked["body"],
        headers={"Content-Type": "application/json"} | ({} if "403" in note else KEYS),
        timeout=10,
    )
    assert answer.status_code == recorded["status"], (note, answer.text)
    expected_headers = {key.lower(): value for key, value in recorded["headers"].items()}
    assert answer.headers["Content-Type"] == expected_headers["content-type"], note
    if recorded["body"] is None:
        assert answer.content == b"", note
        assert all(answer.headers[key] == expected_headers[key] for key in expected_headers if "ratelimit" in key)
        return
    expected, actual = json.loads(recorded["body"]), answer.json()
    assert differences(expected, actual) == [], note
    if isinstance(actual, dict) and "id" in actual:
        ids[str(expected["id"])] = str(actual["id"])


# --- the official client ---

Untyped: TypeAlias = Any
"""The client's classes take dictionaries for their models and are typed in part only."""
METRICS: Untyped = MetricsApi
MONITORS: Untyped = MonitorsApi
WEBHOOKS: Untyped = WebhooksIntegrationApi
EVENTS: Untyped = EventsApi
DASHBOARDS: Untyped = DashboardsApi
AUTHENTICATION: Untyped = AuthenticationApi


@pytest.fixture
def client(datadog: DatadogStandIn) -> Iterator[Untyped]:
    configuration: Untyped = Configuration(host=datadog.url, request_timeout=(2, 5))  # type: ignore[no-untyped-call]  # its constructors have no types
    configuration.api_key = {"apiKeyAuth": API_KEY, "appKeyAuth": APP_KEY}
    with ApiClient(configuration) as api_client:
        yield api_client


def test_the_official_client_reads_counts(client: Untyped) -> None:
    attributes: dict[str, object] = {
        "from": (START + 100) * 1000,
        "to": (START + 160) * 1000,
        "interval": 10_000,
        "queries": [{"data_source": "metrics", "name": "n", "query": TOTAL}],
        "formulas": [{"formula": "n"}],
    }
    body = {"data": {"type": "timeseries_request", "attributes": attributes}}
    answer = METRICS(client).query_timeseries_data(body)
    assert answer.data.attributes.times.value == [(START + 100 + 10 * bucket) * 1000 for bucket in range(6)]
    attributes["queries"] = [{"data_source": "metrics", "name": "n", "aggregator": "sum", "query": TOTAL}]
    del attributes["interval"]
    scalar = METRICS(client).query_scalar_data({"data": {"type": "scalar_request", "attributes": attributes}})
    total = sum(answer.to_dict()["data"]["attributes"]["values"][0])
    assert scalar.to_dict()["data"]["attributes"]["columns"][0]["values"] == [total]


def test_the_official_client_keeps_monitors_webhooks_events_and_dashboards(
    client: Untyped, datadog: DatadogStandIn
) -> None:
    query = f"sum(last_5m):( {ERRORS} / {TOTAL} ) * 100 > 8"
    monitors = MONITORS(client)
    wanted = {"type": "query alert", "name": "downloads", "query": query, "tags": ["rollout:x"]}
    monitor = monitors.create_monitor(wanted | {"options": {"thresholds": {"critical": 8.0}}})
    assert [each.id for each in monitors.list_monitors(monitor_tags="rollout:x")] == [monitor.id]
    assert [each.id for each in monitors.list_monitors(id_offset=monitor.id - 1, page_size=1)] == [monitor.id]
    assert monitors.get_monitor(monitor.id, with_downtimes=True).matching_downtimes == []
    assert monitors.update_monitor(monitor.id, {"message": "hello"}).message == "hello"
    with pytest.raises(ApiException, match="type change not allowed"):
        monitors.update_monitor(monitor.id, {"type": "composite"})
    assert monitors.delete_monitor(monitor.id).deleted_monitor_id == monitor.id

    webhooks = WEBHOOKS(client)
    webhooks.create_webhooks_integration_custom_variable({"name": "TOKEN", "value": "s", "is_secret": True})
    assert "value" not in webhooks.get_webhooks_integration_custom_variable("TOKEN").to_dict()
    webhooks.create_webhooks_integration({"name": "rampart", "url": "http://127.0.0.1:1/x"})
    assert webhooks.get_webhooks_integration("rampart").url == "http://127.0.0.1:1/x"

    EVENTS(client).create_event({"title": "t", "text": "x", "tags": ["rollout:x"]})
    assert [event["tags"] for event in datadog.state.events.posted] == [["rollout:x"]]

    definition = {"type": "note", "content": "hello"}
    board = {"title": "t", "layout_type": "ordered", "widgets": [{"definition": definition}]}
    made = DASHBOARDS(client).create_dashboard(board)
    assert DASHBOARDS(client).get_dashboard(made.id).title == "t"


def test_the_official_client_understands_refusals(client: Untyped) -> None:
    assert AUTHENTICATION(client).validate().valid is True
    client.configuration.api_key["apiKeyAuth"] = "wrong"
    with pytest.raises(ForbiddenException):
        AUTHENTICATION(client).validate()
