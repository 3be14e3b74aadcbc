"""Systems Manager's change calendars, asked by the real client; the stand-in is held to the service's own model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from local.calendar_standin import CalendarStandIn
from local.faults import Fault, FaultKind
from rampart.adapters.change_calendars import SsmChangeCalendars
from rampart.errors import CalendarsUnreadableError

ONE, TWO = ("arn:aws-us-gov:ssm:us-gov-west-1:123456789012:document/" + name for name in ("freeze", "holidays"))
QUICK = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)


@pytest.fixture
def systems_manager() -> Iterator[CalendarStandIn]:
    with CalendarStandIn(ONE, TWO) as stand_in:
        yield stand_in


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, systems_manager: CalendarStandIn) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")
    return boto3.client("ssm", endpoint_url=systems_manager.url, region_name="us-gov-west-1", config=QUICK)


def test_open_calendars_close_nothing_and_are_asked_at_once(client: Any, systems_manager: CalendarStandIn) -> None:
    assert SsmChangeCalendars([ONE, TWO], client).closed() is None
    assert [request["body"]["CalendarNames"] for request in systems_manager.requests] == [[ONE, TWO]]


def test_a_closed_calendar_is_named_with_the_time_it_opens(client: Any, systems_manager: CalendarStandIn) -> None:
    systems_manager.close(TWO, until=LATER.timestamp())
    closure = SsmChangeCalendars([ONE, TWO], client).closed()
    assert closure is not None
    assert (closure.why, closure.opens) == ("the change calendar holidays is closed", LATER)


def test_of_several_closed_calendars_the_last_one_to_open_counts(client: Any, systems_manager: CalendarStandIn) -> None:
    systems_manager.close(ONE, until=LATER.timestamp() - 60)
    systems_manager.close(TWO, until=LATER.timestamp())
    closure = SsmChangeCalendars([ONE, TWO], client).closed()
    assert closure is not None
    assert (closure.why, closure.opens) == ("the change calendars freeze, holidays are closed", LATER)


def test_a_calendar_that_is_over_is_open(client: Any, systems_manager: CalendarStandIn) -> None:
    systems_manager.close(ONE, until=LATER.timestamp() - 86400)
    assert SsmChangeCalendars([ONE], client).closed() is None


def test_a_calendar_that_says_no_time_is_closed_all_the_same(client: Any) -> None:
    with Stubber(client) as stubber:
        for _ in range(2):
            stubber.add_response("get_calendar_state", {"State": "CLOSED"}, {"CalendarNames": [ONE]})
        closure = SsmChangeCalendars([ONE], client).closed()
    assert closure is not None
    assert closure.opens is None


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.REFUSE),
        Fault(kind=FaultKind.HANG, seconds=3),
        Fault(kind=FaultKind.STATUS, status=400, body={"__type": "AccessDeniedException"}),
        Fault(kind=FaultKind.STATUS, status=500),
        Fault(kind=FaultKind.EMPTY_BODY),
        Fault(kind=FaultKind.MALFORMED_BODY),
    ],
    ids=lambda fault: str(fault.kind),
)
def test_calendars_that_do_not_answer_are_not_taken_for_open(
    client: Any, systems_manager: CalendarStandIn, fault: Fault
) -> None:
    systems_manager.faults.add(fault)
    with pytest.raises(CalendarsUnreadableError):
        SsmChangeCalendars([ONE], client).closed()


def test_a_calendar_that_does_not_exist_is_an_error_in_words(client: Any) -> None:
    with pytest.raises(CalendarsUnreadableError, match="InvalidDocument"):
        SsmChangeCalendars([ONE + "-gone"], client).closed()


@pytest.mark.parametrize("is_closed", [False, True])
def test_the_stand_in_answers_as_the_services_model_has_it(
    client: Any, systems_manager: CalendarStandIn, is_closed: bool
) -> None:
    if is_closed:
        systems_manager.close(ONE, until=LATER.timestamp())
    answer = client.get_calendar_state(CalendarNames=[ONE])
    members = client.meta.service_model.operation_model("GetCalendarState").output_shape.members
    said = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    assert said.keys() <= members.keys()
    assert said["State"] in members["State"].enum
    assert ("NextTransitionTime" in said) is is_closed


def test_the_stand_in_refuses_as_the_services_model_has_it(client: Any) -> None:
    errors = {shape.name for shape in client.meta.service_model.operation_model("GetCalendarState").error_shapes}
    with pytest.raises(client.exceptions.InvalidDocument):
        client.get_calendar_state(CalendarNames=["unknown"])
    assert "InvalidDocument" in errors
