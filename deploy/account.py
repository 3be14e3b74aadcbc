"""The account that is asked, held against the one that `samconfig.toml` names, and the stack that is there already."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from deploy.section import Environment, NotReadyError
from rampart.rollout.state import SCHEMA_VERSION


def session_of(section: Environment) -> boto3.Session:
    """A session in the section's account and region; raises NotReadyError where the credentials are for another."""
    session = boto3.Session(region_name=section.region)
    try:
        account = session.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        raise NotReadyError(f"AWS doesn't say whose credentials these are: {error}") from error
    if account != section.account:
        raise NotReadyError(
            f"these credentials are for account {account}, and {section.environment} is in {section.account}; "
            "set AWS_PROFILE, or fix samconfig.toml"
        )
    return session


def stack_of(name: str, session: boto3.Session) -> dict[str, Any] | None:
    """The stack as it is deployed; None where there is none."""
    try:
        described: Any = session.client("cloudformation").describe_stacks(StackName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    stack: dict[str, Any] = described["Stacks"][0]
    return stack


def outputs_of(stack: dict[str, Any]) -> dict[str, str]:
    """A stack's outputs by name."""
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def refuse_downgrade(stack: dict[str, Any] | None) -> None:
    """Raises NotReadyError where the stack stores items that this Rampart would not understand."""
    stored = int(outputs_of(stack).get("ItemsVersion", "1")) if stack is not None else 1
    if stored > SCHEMA_VERSION:
        raise NotReadyError(
            f"the stack stores its records in version {stored}, and this Rampart reads them up to version "
            f"{SCHEMA_VERSION}: rollbacks would fail. Deploy the later Rampart"
        )
