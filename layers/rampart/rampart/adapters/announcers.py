"""The ways to tell people and systems of an event: SNS topics, an EventBridge bus, a Datadog event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from rampart.adapters.bus_event import BusEvent
from rampart.adapters.chat import chat_message
from rampart.adapters.datadog_api import DatadogApi, UnansweredError
from rampart.errors import AnnouncementError
from rampart.rollout.event import Event, EventKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datadog_api_client import ApiClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient

    from rampart.adapters.secrets import Secret
    from rampart.rollout.notice import Level, Notice

SOURCE = "rampart"
"""The source of Rampart's events on the bus."""
PERCENT_METRIC = "rampart.flag.percent"
"""The gauge of a rollout's percentage, which dashboards draw."""
_GAUGE = 3
"""Datadog's number for a gauge: https://docs.datadoghq.com/api/latest/metrics/#submit-metrics"""
_LONGEST_SUBJECT = 100
_LONGEST_TITLE = 100
_LONGEST_TEXT = 4000

_ALERT_TYPES = {
    **dict.fromkeys((EventKind.ROLLING_BACK, EventKind.ROLLED_BACK, EventKind.TAKEN_DOWN_AGAIN), "error"),
    **dict.fromkeys(
        (EventKind.DRIFTED, EventKind.BLIND, EventKind.HELD, EventKind.FROZEN, EventKind.UNRECORDED), "warning"
    ),
    **dict.fromkeys(
        (EventKind.ADVANCED, EventKind.COMPLETED, EventKind.SIGHTED, EventKind.RESTORED, EventKind.THAWED), "success"
    ),
}


class TopicAnnouncer:
    """Tells the SNS topic of the notice's level, in words for people, and in a chat application's form for Amazon Q.

    `rollout`, `kind` and `level` are message attributes, to filter by.
    """

    name = "topic"

    def __init__(self, topics: Mapping[Level, str], client: SNSClient) -> None:
        self._topics = topics
        self._client = client

    def announce(self, notice: Notice) -> None:
        """Tell of one event, unless no person needs to hear of it; raises AnnouncementError."""
        if notice.level not in self._topics:
            return
        event, event_id = notice.event, notice.event_id
        attributes = {"rollout": event.rollout, "kind": event.kind.value, "level": notice.level.value}
        attributes["event_id"] = event_id
        try:
            self._client.publish(
                TopicArn=self._topics[notice.level],
                Subject=subject_of(notice),
                # Amazon Q subscribes by https; mail, queues and everything else get the text.
                Message=json.dumps({"default": notice.text, "https": json.dumps(chat_message(notice))}),
                MessageStructure="json",
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

    def announce(self, notice: Notice) -> None:
        """Tell of one event; raises AnnouncementError."""
        event, event_id = notice.event, notice.event_id
        try:
            answer = self._client.put_events(
                Entries=[
                    {
                        "Source": SOURCE,
                        "DetailType": event.kind.value,
                        "Detail": BusEvent.of(notice).model_dump_json(),
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

    def announce(self, notice: Notice) -> None:
        """Tell of one event; raises AnnouncementError."""
        event, event_id = notice.event, notice.event_id
        # No `date_happened`: Datadog refuses times long past, and a late notice is better than none.
        body = {
            "title": _cut(notice.subject, _LONGEST_TITLE),
            "text": _cut(notice.text, _LONGEST_TEXT),
            "tags": [f"rollout:{event.rollout}", f"kind:{event.kind.value}", "managed_by:rampart"],
            "alert_type": _ALERT_TYPES.get(event.kind, "info"),
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


def subject_of(notice: Notice) -> str:
    """The subject as SNS takes it: at most 100 printable ASCII characters."""
    text = notice.subject.replace("→", "->").encode("ascii", "replace").decode()
    return _cut("".join(each if each.isprintable() else " " for each in text), _LONGEST_SUBJECT, "...")


def _cut(text: str, most: int, end: str = "…") -> str:
    return text if len(text) <= most else text[: most - len(end)] + end
