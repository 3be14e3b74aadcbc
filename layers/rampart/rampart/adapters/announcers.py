"""The ways to tell people and systems of an event: an SNS topic, an EventBridge bus, a Datadog event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from rampart.adapters.datadog_api import DatadogApi, UnansweredError
from rampart.errors import AnnouncementError
from rampart.rollout.state import Event, EventKind
from rampart.words import in_words, percentage, second

if TYPE_CHECKING:
    from datadog_api_client import ApiClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient

    from rampart.adapters.secrets import Secret

SOURCE = "rampart"
"""The source of Rampart's events on the bus."""
PERCENT_METRIC = "rampart.flag.percent"
"""The gauge of a rollout's percentage, which dashboards draw."""
_GAUGE = 3
"""Datadog's number for a gauge: https://docs.datadoghq.com/api/latest/metrics/#submit-metrics"""
_LONGEST_SUBJECT = 100
_LONGEST_TITLE = 100
_LONGEST_TEXT = 4000

_BAD = frozenset({EventKind.ROLLING_BACK, EventKind.ROLLED_BACK, EventKind.TAKEN_DOWN_AGAIN})
_WORRYING = frozenset({EventKind.DRIFTED, EventKind.BLIND, EventKind.HELD, EventKind.FROZEN})
_GOOD = frozenset({EventKind.ADVANCED, EventKind.COMPLETED, EventKind.SIGHTED, EventKind.RESTORED, EventKind.THAWED})


class TopicAnnouncer:
    """Tells an SNS topic, in words for people; `rollout` and `kind` are message attributes, to filter by."""

    name = "topic"

    def __init__(self, topic_arn: str, client: SNSClient) -> None:
        self._topic = topic_arn
        self._client = client

    def announce(self, event_id: str, event: Event) -> None:
        """Tell of one event; raises AnnouncementError."""
        attributes = {"rollout": event.rollout, "kind": event.kind.value, "event_id": event_id}
        try:
            self._client.publish(
                TopicArn=self._topic,
                Subject=subject_of(event),
                Message=body_of(event_id, event),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )
        except (ClientError, BotoCoreError) as error:
            raise AnnouncementError(f"the topic was not told about {event_id}: {error}") from error
        except ResponseParserError as error:  # no BotoCoreError; SNS speaks XML, and what stands before it may not
            raise AnnouncementError(f"the topic's answer about {event_id} cannot be understood") from error


class BusAnnouncer:
    """Tells an EventBridge bus: source `rampart`, the event's kind as detail type, the whole event as detail."""

    name = "bus"

    def __init__(self, bus_name: str, client: EventBridgeClient) -> None:
        self._bus = bus_name
        self._client = client

    def announce(self, event_id: str, event: Event) -> None:
        """Tell of one event; raises AnnouncementError."""
        detail = {"event_id": event_id} | event.model_dump(mode="json")
        try:
            answer = self._client.put_events(
                Entries=[
                    {
                        "Source": SOURCE,
                        "DetailType": event.kind.value,
                        "Detail": json.dumps(detail),
                        "EventBusName": self._bus,
                        "Time": event.at,
                    }
                ]
            )
        except (ClientError, BotoCoreError) as error:
            raise AnnouncementError(f"the bus was not told about {event_id}: {error}") from error
        if answer.get("FailedEntryCount") != 0:  # an answer that was garbled has no count
            codes = [entry["ErrorCode"] for entry in answer.get("Entries", []) if "ErrorCode" in entry]
            raise AnnouncementError(f"the bus did not take {event_id}: {', '.join(codes) or 'no reason given'}")


class DatadogAnnouncer:
    """Posts a Datadog event with the tags `rollout:…` and `kind:…`, which dashboards lay over their graphs.

    Where the flag's percentage is known, it goes first, as a point of the gauge `rampart.flag.percent`: a point that
    comes twice is one point, and an event would be two.
    """

    name = "datadog"

    def __init__(self, site: str, secret: Secret, *, url: str = "", deadline_seconds: float = 10.0) -> None:
        self._api = DatadogApi(site, secret, url=url, deadline_seconds=deadline_seconds)

    def announce(self, event_id: str, event: Event) -> None:
        """Tell of one event; raises AnnouncementError."""
        # No `date_happened`: Datadog refuses times long past, and a late notice is better than none.
        body = {
            "title": _cut(title_of(event), _LONGEST_TITLE),
            "text": _cut(body_of(event_id, event), _LONGEST_TEXT),
            "tags": [f"rollout:{event.rollout}", f"kind:{event.kind.value}", "managed_by:rampart"],
            "alert_type": _alert_type(event.kind),
            "aggregation_key": _cut(event.rollout, _LONGEST_TITLE),
            "source_type_name": SOURCE,
        }
        try:
            if event.percent is not None:
                point = _point_of(event, event.percent)
                self._api.call(lambda client: _submit(client, point))
            self._api.call(lambda client: _post(client, body))
        except UnansweredError as error:
            raise AnnouncementError(f"Datadog was not told about {event_id}: {error}") from error


def _post(client: ApiClient, body: object) -> object:
    from datadog_api_client.v1.api.events_api import EventsApi

    api = EventsApi(client)  # type: ignore[no-untyped-call]  # its constructors have no types
    return api.create_event(body=cast("Any", body))  # plain dicts are accepted and checked


def _point_of(event: Event, percent: float) -> dict[str, Any]:
    points = [{"timestamp": int(event.at.timestamp()), "value": float(percent)}]
    tags = [f"rollout:{event.rollout}", "managed_by:rampart"]
    return {"series": [{"metric": PERCENT_METRIC, "type": _GAUGE, "points": points, "tags": tags}]}


def _submit(client: ApiClient, body: object) -> object:
    from datadog_api_client.v2.api.metrics_api import MetricsApi

    api = MetricsApi(client)  # type: ignore[no-untyped-call]  # its constructors have no types
    return api.submit_metrics(body=cast("Any", body))  # plain dicts are accepted and checked


def title_of(event: Event) -> str:
    """One line that says which rollout, and what happened."""
    at = f" at {percentage(event.percent)}" if event.percent is not None else ""
    return f"{event.rollout}: {in_words(event.kind)}{at}"


def subject_of(event: Event) -> str:
    """The title as SNS takes it for a subject: at most 100 printable ASCII characters."""
    text = title_of(event).encode("ascii", "replace").decode()
    return _cut("".join(each if each.isprintable() else " " for each in text), _LONGEST_SUBJECT, "...")


def body_of(event_id: str, event: Event) -> str:
    """What happened, in lines for people."""
    lines = [
        event.message,
        "",
        f"Rollout: {event.rollout}, attempt {event.attempt}",
        f"When: {second(event.at)}",
        f"Who: {event.by}",
    ]
    if event.stage is not None:
        lines.append(f"Stage: {event.stage}")
    details = {name: value for name, value in event.details.items() if name != "notes"}  # the message says them
    lines += [f"{in_words(name).capitalize()}: {_text(value)}" for name, value in details.items()]
    return "\n".join([*lines, f"Event: {event_id}"])


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _alert_type(kind: EventKind) -> str:
    if kind in _BAD:
        return "error"
    if kind in _WORRYING:
        return "warning"
    return "success" if kind in _GOOD else "info"


def _cut(text: str, most: int, end: str = "…") -> str:
    return text if len(text) <= most else text[: most - len(end)] + end
