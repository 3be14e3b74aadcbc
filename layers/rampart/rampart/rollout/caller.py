"""Who started an execution, as AWS itself recorded it: no one who starts one can write that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rampart.model import Model

_SSO_ROLE = "AWSReservedSSO_"
"""How IAM Identity Center names the roles that people take on; it sets the session's name to the user's name."""


class Caller(Model):
    """The identity behind one execution."""

    execution: str
    arn: str
    """What CloudTrail calls the caller."""
    person: str | None = None
    """The one person, or the one thing, that this must have been; None where it doesn't tell people apart."""
    at: datetime


def person_of(identity: Mapping[str, Any]) -> str | None:
    """The person behind a CloudTrail `userIdentity`; two that differ are two people.

    The name of a role's session is chosen by those who take the role on, so it counts only where AWS sets it: by
    IAM Identity Center. Of any other role only the source identity tells people apart, which the trust policy can
    demand and no one can change later; without it all who take the role on count as one.
    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
    """
    context = _map(identity.get("sessionContext"))
    issuer = _map(context.get("sessionIssuer"))
    kind, arn = identity.get("type"), _text(identity.get("arn"))
    if source := _text(context.get("sourceIdentity")):
        return source
    if kind == "AssumedRole":
        role, _, session = (arn or "").partition(":assumed-role/")[2].partition("/")
        return session if role.startswith(_SSO_ROLE) and session else _text(issuer.get("arn"))
    if kind == "IdentityCenterUser":
        return _text(_map(identity.get("onBehalfOf")).get("userId"))
    return arn if kind in ("IAMUser", "Root") else _text(issuer.get("arn"))


def caller_of(event: Mapping[str, Any]) -> Caller | None:
    """The caller by an EventBridge event of CloudTrail about `StartExecution`; None where it started nothing."""
    detail = _map(event.get("detail"))
    identity = _map(detail.get("userIdentity"))
    execution = _text(_map(detail.get("responseElements")).get("executionArn"))
    if execution is None or detail.get("errorCode"):
        return None
    arn = _text(identity.get("arn")) or _text(identity.get("principalId")) or "unknown"
    at = datetime.fromisoformat(str(detail.get("eventTime")))
    return Caller(execution=execution, arn=arn, person=person_of(identity), at=at)


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
