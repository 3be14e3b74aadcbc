"""Wire the use cases to real parts; clients are made at the first call, never at import, and kept for the next."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

from rampart.adapters.clock import SystemClock
from rampart.adapters.settings import (
    AdvanceSettings,
    CalendarSettings,
    DatadogSettings,
    EvaluateSettings,
    FlagSettings,
    NotifySettings,
    PrepareSettings,
    RollbackSettings,
)

if TYPE_CHECKING:
    from rampart.adapters.datadog import DatadogMetricSource
    from rampart.adapters.dynamodb import DynamoRolloutStore
    from rampart.adapters.flipper import FlipperFlagStore
    from rampart.adapters.secrets import AlertTokens, SecretsManagerSecrets
    from rampart.adapters.stepfunctions import StepFunctionsGates
    from rampart.rollout.advance import Advance
    from rampart.rollout.evaluate import Evaluate
    from rampart.rollout.freeze import ChangeCalendars
    from rampart.rollout.notify import Notify
    from rampart.rollout.ports import PolicySource
    from rampart.rollout.prepare import Prepare
    from rampart.rollout.rollback import Rollback


@cache
def client(service: str, url: str = "") -> Any:  # noqa: ANN401  boto3 makes its clients' classes at run time
    """A boto3 client with timeouts that fit the shortest function (14 s), and one retry; `url` replaces AWS's own."""
    import boto3  # costs 300 ms: only where a client is wanted
    from botocore.config import Config

    patient = Config(connect_timeout=2, read_timeout=4, retries={"total_max_attempts": 2, "mode": "standard"})
    return boto3.client(service, config=patient, endpoint_url=url or None)  # type: ignore[call-overload]  # not literal


@cache
def secrets() -> SecretsManagerSecrets:
    """The secrets, cached for the life of the process with a lifetime of their own."""
    import boto3
    from botocore.config import Config

    from rampart.adapters.secrets import SecretsManagerSecrets

    # Two secrets and two tries must leave an alert the time to lower its flag.
    brisk = Config(connect_timeout=1, read_timeout=1.5, retries={"total_max_attempts": 2, "mode": "standard"})
    return SecretsManagerSecrets(boto3.client("secretsmanager", config=brisk))


@cache
def clock() -> SystemClock:
    return SystemClock()


def alert_tokens() -> AlertTokens:
    """The tokens that an alert may carry."""
    from rampart.adapters.secrets import AlertTokens

    return AlertTokens(secrets().named(rollback_settings().alert_secret))


def _store(table: str) -> DynamoRolloutStore:
    from rampart.adapters.dynamodb import DynamoRolloutStore

    return DynamoRolloutStore(table, client("dynamodb"))


def _gates() -> StepFunctionsGates:
    from rampart.adapters.stepfunctions import StepFunctionsGates

    return StepFunctionsGates(client("stepfunctions"))


def _flags(settings: FlagSettings) -> FlipperFlagStore:
    from rampart.adapters.flipper import FlipperFlagStore

    return FlipperFlagStore(settings.flipper_url, secrets().named(settings.flipper_secret))


def _metrics(settings: DatadogSettings, *, patience_seconds: float, split_refused: bool = False) -> DatadogMetricSource:
    from rampart.adapters.datadog import DatadogMetricSource

    return DatadogMetricSource(
        settings.datadog_site,
        secrets().named(settings.datadog_secret),
        url=settings.datadog_url,
        patience_seconds=patience_seconds,
        split_refused=split_refused,
    )


def _calendars(settings: CalendarSettings) -> ChangeCalendars:
    from rampart.adapters.change_calendars import SsmChangeCalendars
    from rampart.rollout.freeze import NO_CALENDARS

    names = [name.strip() for name in settings.change_calendars.split(",") if name.strip()]
    if not names:
        return NO_CALENDARS
    return SsmChangeCalendars(names, client("ssm", settings.change_calendar_url))


def _policy(uri: str) -> PolicySource | None:
    if not uri:
        return None
    from rampart.adapters.policy_file import S3Policy

    return S3Policy(uri, client("s3"))


@cache
def prepare() -> Prepare:
    from rampart.rollout.prepare import Prepare

    settings = PrepareSettings.from_environment()
    return Prepare(
        store=_store(settings.table_name),
        flags=_flags(settings),
        # A person waits for which query is the bad one, and rather for the rate limit than for another start.
        metrics=_metrics(settings, patience_seconds=20, split_refused=True),
        calendars=_calendars(settings),
        policy=_policy(settings.policy_uri),
        clock=SystemClock(),
    )


@cache
def advance() -> Advance:
    from rampart.rollout.advance import Advance

    settings = AdvanceSettings.from_environment()
    return Advance(
        store=_store(settings.table_name),
        flags=_flags(settings),
        metrics=_metrics(settings, patience_seconds=5),  # the state machine tries again
        calendars=_calendars(settings),
        clock=SystemClock(),
    )


@cache
def evaluate() -> Evaluate:
    from rampart.adapters.queue import LambdaRollbackCaller
    from rampart.rollout.evaluate import Evaluate

    settings = EvaluateSettings.from_environment()
    return Evaluate(
        store=_store(settings.table_name),
        flags=_flags(settings),
        metrics=_metrics(settings, patience_seconds=5),  # other rollouts are looked at in the same 50 s
        gates=_gates(),
        rollback=LambdaRollbackCaller(settings.rollback_function, client("lambda")),
        clock=SystemClock(),
    )


@cache
def rollback_settings() -> RollbackSettings:
    return RollbackSettings.from_environment()


@cache
def rollback() -> Rollback:
    from rampart.adapters.dynamodb import DynamoRolloutStore
    from rampart.adapters.queue import SqsRollbackQueue
    from rampart.rollout.rollback import Rollback

    settings = rollback_settings()
    return Rollback(
        store=_store(settings.table_name),
        claims=DynamoRolloutStore.impatient(settings.table_name),
        flags=_flags(settings),
        gates=_gates(),
        queue=SqsRollbackQueue(settings.rollback_queue_url, client("sqs")),
        clock=SystemClock(),
    )


@cache
def notify() -> Notify:
    from rampart.adapters.announcers import BusAnnouncer, DatadogAnnouncer, TopicAnnouncer
    from rampart.rollout.notify import Notify

    settings = NotifySettings.from_environment()
    return Notify(
        store=_store(settings.table_name),
        announcers=(
            TopicAnnouncer(settings.topic_arn, client("sns")),
            BusAnnouncer(settings.bus_name, client("events")),
            DatadogAnnouncer(settings.datadog_site, secrets().named(settings.datadog_secret), url=settings.datadog_url),
        ),
        clock=SystemClock(),
        pause=time.sleep,
    )
