"""Who it was, by CloudTrail's own record: two names must be two people, or they count as one."""

from __future__ import annotations

from typing import Any

import pytest

from rampart.rollout.caller import caller_of, person_of

ROLE = {"type": "Role", "arn": "arn:aws:iam::1:role/approvers"}


@pytest.mark.parametrize(
    ("identity", "person"),
    [
        ({"type": "IAMUser", "arn": "arn:aws:iam::1:user/robin"}, "arn:aws:iam::1:user/robin"),
        ({"type": "Root", "arn": "arn:aws:iam::1:root"}, "arn:aws:iam::1:root"),
        (
            {
                "type": "AssumedRole",
                "arn": "arn:aws-us-gov:sts::1:assumed-role/AWSReservedSSO_Approve_0a/robin.vale@agency.gov",
                "sessionContext": {"sessionIssuer": ROLE},
            },
            "robin.vale@agency.gov",
        ),
        (
            {
                "type": "AssumedRole",
                "arn": "arn:aws:sts::1:assumed-role/approvers/x",
                "sessionContext": {"sessionIssuer": ROLE, "sourceIdentity": "robin"},
            },
            "robin",
        ),
        ({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "u-1"}}, "u-1"),
        ({"type": "AWSService", "invokedBy": "events.amazonaws.com"}, None),
        ({"type": "AssumedRole", "sessionContext": None}, None),
        ({}, None),
    ],
)
def test_a_person_is_who_aws_says(identity: dict[str, Any], person: str | None) -> None:
    assert person_of(identity) == person


def test_two_sessions_of_one_role_are_one_person(caplog: pytest.LogCaptureFixture) -> None:
    """Those who take a role on choose their session's name: it proves nothing."""
    sessions = [
        {"type": "AssumedRole", "arn": f"arn:aws:sts::1:assumed-role/approvers/{name}", "sessionContext": context}
        for name in ("ann", "ben")
        for context in [{"sessionIssuer": ROLE}]
    ]
    assert {person_of(each) for each in sessions} == {"arn:aws:iam::1:role/approvers"}


EVENT: dict[str, Any] = {
    "source": "aws.states",
    "detail-type": "AWS API Call via CloudTrail",
    "detail": {
        "eventSource": "states.amazonaws.com",
        "eventName": "StartExecution",
        "eventTime": "2026-03-10T15:04:05Z",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::1:user/robin"},
        "requestParameters": {"stateMachineArn": "arn:machine", "input": "HIDDEN_DUE_TO_SECURITY_REASONS"},
        "responseElements": {"executionArn": "arn:execution:7", "startDate": "Mar 10, 2026, 3:04:05 PM"},
    },
}


def test_an_event_tells_who_started_which_execution() -> None:
    caller = caller_of(EVENT)
    assert caller is not None
    assert (caller.execution, caller.person) == ("arn:execution:7", "arn:aws:iam::1:user/robin")
    assert caller.at.isoformat() == "2026-03-10T15:04:05+00:00"


@pytest.mark.parametrize("changes", [{"errorCode": "AccessDenied"}, {"responseElements": None}])
def test_a_start_that_was_refused_started_nothing(changes: dict[str, Any]) -> None:
    assert caller_of(EVENT | {"detail": EVENT["detail"] | changes}) is None
