"""The way to Datadog that a stack knows: its site, its keys, its endpoint for alerts, and that endpoint's token."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from rampart.adapters.datadog_api import DatadogApi
from rampart.adapters.secrets import AlertTokens, SecretsManagerSecrets
from rampart.errors import SecretUnavailableError
from rampart_cli.datadog.account import DatadogAccount, Things
from rampart_cli.datadog.target import Target
from rampart_cli.described import parameters_of
from rampart_cli.failures import RefusedError, UnreachableError

if TYPE_CHECKING:
    import boto3

    from rampart.plan.model import Plan

_CURRENT = "AWSCURRENT"
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A stack's way to Datadog."""

    account: Things
    site: str
    stack: str
    """The stack as `region/account/name`."""
    alert_url: str
    token_version: Callable[[], str]
    """Which version of the alert secret is current; raises CommandError."""
    token: Callable[[], str]
    """The token itself, which goes to Datadog and nowhere else; raises CommandError."""

    def target(self, plan: Plan, alert_url: str | None = None) -> Target:
        """What a plan's rollout is in this stack; `alert_url` is another address of the same endpoint."""
        return Target.of(
            plan, stack=self.stack, alert_url=alert_url or self.alert_url, token_version=self.token_version()
        )


def connection_of(session: boto3.Session, described: Mapping[str, Any], outputs: Mapping[str, str]) -> Connection:
    """The connection of a stack that CloudFormation described; nothing is read before it is used."""
    given = parameters_of(described)
    missing = sorted({"DatadogSite", "DatadogSecretName", "AlertSecretName"} - given.keys())
    missing += [] if "AlertUrl" in outputs else ["AlertUrl"]
    if missing:
        raise UnreachableError(
            f"the stack says nothing of {', '.join(missing)}",
            name="NotRampart",
            fix="Deploy it again with `make deploy`, or name Rampart's stack with --stack.",
        )
    client = session.client("secretsmanager")
    secrets = SecretsManagerSecrets(client)
    keys = _KeysOfEnvironment() if _KeysOfEnvironment.are_set() else secrets.named(given["DatadogSecretName"])
    api = DatadogApi(given["DatadogSite"], keys, url=given.get("DatadogUrl", ""), deadline_seconds=_PATIENCE_SECONDS)
    alerts = given["AlertSecretName"]
    return Connection(
        account=DatadogAccount(api),
        site=given["DatadogSite"],
        stack=_name_of(described["StackId"]),
        alert_url=outputs["AlertUrl"],
        token_version=lambda: _version(client, alerts),
        token=lambda: _token(secrets, alerts),
    )


class _KeysOfEnvironment:
    """A person's own keys of Datadog, where they are set; the names are Datadog's."""

    @staticmethod
    def are_set() -> bool:
        """Whether both are there."""
        return bool(os.environ.get("DD_API_KEY") and os.environ.get("DD_APP_KEY"))

    def __call__(self) -> Mapping[str, Any]:
        """Give the keys."""
        return {"api_key": os.environ["DD_API_KEY"], "app_key": os.environ["DD_APP_KEY"]}

    refresh = __call__


def _name_of(arn: str) -> str:
    """`region/account/name` of `arn:aws:cloudformation:region:account:stack/name/id`."""
    _, _, _, region, account, resource = arn.split(":", 5)
    return f"{region}/{account}/{resource.split('/')[1]}"


def _version(client: Any, name: str) -> str:  # noqa: ANN401 -- a boto3 client
    try:
        stages: Mapping[str, list[str]] = client.describe_secret(SecretId=name).get("VersionIdsToStages", {})
    except ClientError as error:
        raise _unreadable(f"secret {name!r} cannot be described: {error.response['Error']['Code']}", name) from error
    current = [version for version, labels in stages.items() if _CURRENT in labels]
    if not current:
        raise _unreadable(f"secret {name!r} has no current version", name)
    return current[0]


def _token(secrets: SecretsManagerSecrets, name: str) -> str:
    try:
        return AlertTokens(secrets.named(name)).current()[0]
    except SecretUnavailableError as error:
        raise _unreadable(str(error), name) from error


def _unreadable(said: str, name: str) -> RefusedError:
    fix = f"Get secretsmanager:DescribeSecret and GetSecretValue on {name!r}, or let someone who has them run this."
    return RefusedError(said, name="SecretUnreadable", fix=fix)
