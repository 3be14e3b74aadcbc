"""Telling people and systems: what each channel is sent, and how it says that it was not told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import Stubber
from moto.sns.models import sns_backends

from local.datadog_standin import API_KEY, APP_KEY, DatadogStandIn
from local.faults import Fault, FaultKind
from rampart.adapters.announcers import BusAnnouncer, DatadogAnnouncer, TopicAnnouncer, subject_of
from rampart.adapters.bus_event import BusEvent
from rampart.errors import AnnouncementError
from rampart.rollout.event import Event, EventKind
from rampart.rollout.notice import Level, Notice, notice_of
from tests.doubles import FixedSecret

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

ID = "claim-letters/EVENT#2026-11-23T20:33:12.123Z#000007.0"
KEYS = FixedSecret({"api_key": API_KEY, "app_key": APP_KEY})
Happened = Callable[..., Event]
LEVELS = (Level.PAGE, Level.ACT, Level.KNOW)


@pytest.fixture
def rolled_back(happened: Happened) -> Event:
    return happened(
        EventKind.ROLLED_BACK,
        percent=0.0,
        stage=1,
        message="letters_web read at 0%: the monitor fired",
        details={"monitor": "42", "left_open": ["actor tester"]},
    )


def notice(event: Event, level: Level = Level.ACT) -> Notice:
    """What people are told about an event, with its level."""
    return replace(notice_of(ID, event, None, None, event.at), level=level)


def test_a_subject_is_what_sns_takes(happened: Happened, rolled_back: Event) -> None:
    assert subject_of(notice(rolled_back)) == "ROLLED BACK to 0%: claim-letters"
    assert subject_of(replace(notice(rolled_back), subject="50% → 0%")) == "50% -> 0%"
    long = subject_of(notice(happened(rollout="r" * 120)))
    assert len(long) == 100
    odd = subject_of(notice(happened(rollout="brieven-één\nBcc: x")))
    assert odd.isascii()
    assert odd.isprintable()


def test_a_topic_is_told_with_attributes_to_filter_by(aws: None, rolled_back: Event) -> None:
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name="rampart")["TopicArn"]
    queue = sqs.create_queue(QueueName="people")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    filter_policy = {"FilterPolicy": json.dumps({"kind": ["rolled_back"]})}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=filter_policy)
    announcer = TopicAnnouncer(dict.fromkeys(LEVELS, topic), sns)
    announcer.announce(notice(rolled_back))
    announcer.announce(notice(rolled_back.model_copy(update={"kind": EventKind.ADVANCED})))
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    (told,) = [json.loads(message["Body"]) for message in messages]
    assert told["Subject"] == "ROLLED BACK to 0%: claim-letters"
    assert told["Message"] == notice(rolled_back).text
    assert told["MessageAttributes"]["level"]["Value"] == "act"


def test_what_needs_no_person_is_no_message_to_people(aws: None, rolled_back: Event) -> None:
    gone = "arn:aws:sns:us-east-1:123456789012:gone"
    TopicAnnouncer(dict.fromkeys(LEVELS, gone), boto3.client("sns")).announce(notice(rolled_back, Level.LOG))


def test_each_level_has_a_topic_of_its_own(aws: None, rolled_back: Event) -> None:
    sns = boto3.client("sns")
    topics = {level: sns.create_topic(Name=level.value)["TopicArn"] for level in LEVELS}
    announcer = TopicAnnouncer(topics, sns)
    for level in LEVELS:
        announcer.announce(notice(rolled_back, level))
    sent = sns_backends["123456789012"]["us-east-1"].topics
    assert [len(sent[topics[level]].sent_notifications) for level in LEVELS] == [1, 1, 1]


def test_a_topic_that_is_gone_was_not_told(aws: None, rolled_back: Event) -> None:
    gone = "arn:aws:sns:us-east-1:123456789012:gone"
    with pytest.raises(AnnouncementError, match=r"topic was not told.*NotFound"):
        TopicAnnouncer(dict.fromkeys(LEVELS, gone), boto3.client("sns")).announce(notice(rolled_back))


def test_a_bus_is_told_the_whole_event(aws: None, rolled_back: Event) -> None:
    events: EventBridgeClient = boto3.client("events")
    told = notice(rolled_back)
    detail = BusEvent.of(told).model_dump_json()
    entry = {
        "Source": "rampart",
        "DetailType": "rolled_back",
        "Detail": detail,
        "EventBusName": "rampart",
        "Time": rolled_back.at,
    }
    with Stubber(events) as stubber:
        answer = {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}
        stubber.add_response("put_events", answer, {"Entries": [entry]})
        BusAnnouncer("rampart", events).announce(notice(rolled_back))
    said = json.loads(detail)
    assert said.items() >= rolled_back.model_dump(mode="json").items()
    assert (said["version"], said["event_id"], said["level"], said["text"]) == (1, ID, "act", told.text)


def test_a_bus_that_did_not_take_an_event_was_not_told(aws: None, rolled_back: Event) -> None:
    """EventBridge answers 200 and says inside that the event failed."""
    events: EventBridgeClient = boto3.client("events")
    with Stubber(events) as stubber:
        answer = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
        stubber.add_response("put_events", answer)
        with pytest.raises(AnnouncementError, match="ThrottlingException"):
            BusAnnouncer("rampart", events).announce(notice(rolled_back))


def test_a_bus_that_refuses_was_not_told(aws: None, rolled_back: Event) -> None:
    events: EventBridgeClient = boto3.client("events")
    with Stubber(events) as stubber:
        stubber.add_client_error("put_events", "AccessDeniedException")
        with pytest.raises(AnnouncementError, match="AccessDeniedException"):
            BusAnnouncer("rampart", events).announce(notice(rolled_back))


def test_datadog_is_told_with_tags_for_its_dashboards(rolled_back: Event) -> None:
    with DatadogStandIn(tick_seconds=0) as datadog:
        DatadogAnnouncer("datadoghq.com", KEYS, url=datadog.url).announce(notice(rolled_back))
        (told,) = [request["body"] for request in datadog.requests if request["path"] == "/api/v1/events"]
    assert told["title"] == "ROLLED BACK to 0%: claim-letters"
    assert {"rollout:claim-letters", "kind:rolled_back"} <= set(told["tags"])
    assert told["alert_type"] == "error"
    assert "letters_web read at 0%" in told["text"]


def test_datadog_is_told_the_percentage_as_a_gauge_for_its_dashboards(rolled_back: Event) -> None:
    with DatadogStandIn(tick_seconds=0) as datadog:
        DatadogAnnouncer("datadoghq.com", KEYS, url=datadog.url).announce(notice(rolled_back))
        (series,) = datadog.state.series.submitted
    assert (series["metric"], series["type"]) == ("rampart.flag.percent", 3)
    assert series["points"] == [{"timestamp": int(rolled_back.at.timestamp()), "value": 0.0}]
    assert "rollout:claim-letters" in series["tags"]


def test_an_event_that_was_not_told_is_told_again_and_never_twice(rolled_back: Event) -> None:
    """A point that comes twice is one point, an event that comes twice is two: so the event goes last."""
    with DatadogStandIn(tick_seconds=0) as datadog:
        announcer = DatadogAnnouncer("datadoghq.com", KEYS, url=datadog.url)
        datadog.faults.add(Fault(kind=FaultKind.STATUS, status=500, path="/api/v2/series", times=1))
        with pytest.raises(AnnouncementError):
            announcer.announce(notice(rolled_back))
        announcer.announce(notice(rolled_back))
        assert len(datadog.state.events.posted) == 1


def test_a_long_event_is_cut_to_what_datadog_takes(happened: Happened) -> None:
    with DatadogStandIn(tick_seconds=0) as datadog:
        long = happened(message="m" * 9000, rollout="r" * 200)
        DatadogAnnouncer("datadoghq.com", KEYS, url=datadog.url).announce(notice(long))
        (told,) = [request["body"] for request in datadog.requests if request["path"] == "/api/v1/events"]
    assert (len(told["title"]), len(told["text"])) == (100, 4000)


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        (EventKind.ADVANCED, "success"),
        (EventKind.STARTED, "info"),
        (EventKind.BLIND, "warning"),
        (EventKind.ROLLING_BACK, "error"),
    ],
)
def test_datadog_shows_how_bad_it_is(happened: Happened, kind: EventKind, shown: str) -> None:
    with DatadogStandIn(tick_seconds=0) as datadog:
        DatadogAnnouncer("datadoghq.com", KEYS, url=datadog.url).announce(notice(happened(kind)))
        assert datadog.requests[-1]["body"]["alert_type"] == shown


@pytest.mark.parametrize("fault", [Fault(kind=FaultKind.STATUS, status=403), Fault(kind=FaultKind.REFUSE)])
def test_a_datadog_that_does_not_take_an_event_was_not_told(rolled_back: Event, fault: Fault) -> None:
    with DatadogStandIn(tick_seconds=0) as datadog:
        datadog.faults.add(fault)
        with pytest.raises(AnnouncementError, match="Datadog was not told"):
            DatadogAnnouncer("datadoghq.com", KEYS, url=datadog.url).announce(notice(rolled_back))
