"""The parts of one process: real ones, made when first asked for and kept, or those that a test gives in their place.

Imports are late on purpose: a function pays at its cold start only for the parts that it uses.
"""

from __future__ import annotations

import time
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from rampart.adapters.clock import SystemClock
from rampart.entry.settings import (
    AdvanceSettings,
    CalendarSettings,
    DatadogSettings,
    EvaluateSettings,
    EvidenceSettings,
    FlagSettings,
    NotifySettings,
    PrepareSettings,
    RollbackSettings,
    TableSettings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rampart.adapters.cloudwatch import CloudWatchMetricSource
    from rampart.adapters.datadog import DatadogMetricSource
    from rampart.adapters.datadog_api import QueryBudget
    from rampart.adapters.dynamodb import DynamoRolloutStore
    from rampart.adapters.secrets import SecretsManagerSecrets
    from rampart.entry.endpoint import TokenSource
    from rampart.rollout.advance import Advance
    from rampart.rollout.cleanup import LookAfter
    from rampart.rollout.digest import Digest
    from rampart.rollout.evaluate import Evaluate
    from rampart.rollout.freeze import ChangeCalendars
    from rampart.rollout.keeping import LatestAlerts
    from rampart.rollout.notify import Notify
    from rampart.rollout.ports import (
        Clock,
        FlagStore,
        Gates,
        MetricSource,
        PolicySource,
        RollbackQueue,
        RolloutStore,
    )
    from rampart.rollout.prepare import Prepare
    from rampart.rollout.reach import Reach
    from rampart.rollout.request import RollbackRequest
    from rampart.rollout.rollback import RollbackResult


class Parts(TypedDict, total=False):
    """What a test may give in place of the real part of that name."""

    clock: Clock
    store: RolloutStore
    queue: RollbackQueue
    tokens: TokenSource
    rollback: Callable[[RollbackRequest], RollbackResult]
    evaluate: Evaluate
    rollback_settings: RollbackSettings


class Wiring:
    """The use cases and their parts; settings are read from the environment with the part that needs them."""

    def __init__(self, **given: Unpack[Parts]) -> None:
        vars(self).update(given)  # where `cached_property` keeps what it made: a given part is never made

    # Use cases.

    @cached_property
    def prepare(self) -> Prepare:
        from rampart.rollout.prepare import Prepare

        settings = PrepareSettings.from_environment()
        return Prepare(
            store=self.store,
            flags=self._flags(settings),
            # A person waits to learn which query is the bad one, and prefers the rate limit's wait to another start.
            metrics=self._metrics(settings, patience_seconds=20, split_refused=True),
            calendars=_calendars(settings),
            policy=_policy(settings.policy_uri),
            proves_identity=settings.prove_identity == "cloudtrail",
            clock=self.clock,
        )

    @cached_property
    def reach(self) -> Reach:
        from rampart.rollout.reach import Reach

        settings = PrepareSettings.from_environment()
        return Reach(
            flags=self._flags(settings),
            metrics=self._metrics(settings, patience_seconds=5),
            clock=self.clock,
            has_role=bool(settings.cloudwatch_role),
        )

    @cached_property
    def advance(self) -> Advance:
        from rampart.rollout.advance import Advance

        settings = AdvanceSettings.from_environment()
        return Advance(
            store=self.store,
            flags=self._flags(settings),
            metrics=self._datadog(settings, patience_seconds=5),  # its monitors; the state machine tries again
            calendars=_calendars(settings),
            clock=self.clock,
        )

    @cached_property
    def evaluate(self) -> Evaluate:
        from rampart.adapters.queue import LambdaRollbackCaller
        from rampart.rollout.evaluate import Evaluate

        settings = EvaluateSettings.from_environment()
        return Evaluate(
            store=self.store,
            flags=self._flags(settings),
            metrics=self._metrics(settings, patience_seconds=5),  # other rollouts are looked at in the same 50 s
            gates=self._gates(),
            rollback=LambdaRollbackCaller(settings.rollback_function, client("lambda")),
            clock=self.clock,
        )

    @cached_property
    def look_after(self) -> LookAfter:
        from rampart.rollout.cleanup import LookAfter

        settings = EvaluateSettings.from_environment()
        return LookAfter(store=self.store, flags=self._flags(settings), clock=self.clock)

    @cached_property
    def digest(self) -> Digest:
        from rampart.rollout.digest import Digest

        return Digest(store=self.store, clock=self.clock)

    @cached_property
    def rollback(self) -> Callable[[RollbackRequest], RollbackResult]:
        from rampart.adapters.dynamodb import DynamoRolloutStore
        from rampart.rollout.rollback import Rollback

        settings = self.rollback_settings
        return Rollback(
            store=self.store,
            claims=DynamoRolloutStore.impatient(settings.table_name),
            flags=self._flags(settings),
            gates=self._gates(),
            queue=self.queue,
            clock=self.clock,
        )

    @cached_property
    def callers(self) -> DynamoRolloutStore:
        """Where `witness` keeps who started what."""
        return _table()

    @cached_property
    def notify(self) -> Notify:
        from rampart.adapters.announcers import BusAnnouncer, DatadogAnnouncer, TopicAnnouncer
        from rampart.rollout.notice import Level
        from rampart.rollout.notify import Notify

        settings = NotifySettings.from_environment()
        datadog = self.secrets.named(settings.datadog_secret)
        topics = {
            Level.PAGE: settings.page_topic_arn,
            Level.ACT: settings.act_topic_arn,
            Level.KNOW: settings.know_topic_arn,
        }
        return Notify(
            store=_table(),
            announcers=(
                TopicAnnouncer(topics, client("sns")),
                BusAnnouncer(settings.bus_name, client("events")),
                DatadogAnnouncer(settings.datadog_site, datadog, url=settings.datadog_url),
            ),
            clock=self.clock,
            pause=time.sleep,
            runbook=settings.runbook_url,
        )

    # Their parts.

    @cached_property
    def clock(self) -> Clock:
        return SystemClock()

    @cached_property
    def store(self) -> RolloutStore:
        return _table()

    @cached_property
    def queue(self) -> RollbackQueue:
        from rampart.adapters.queue import SqsRollbackQueue

        return SqsRollbackQueue(self.rollback_settings.rollback_queue_url, client("sqs"))

    @cached_property
    def latest(self) -> LatestAlerts:
        """The latest alerts that the queue brought to this process and that aren't done."""
        from rampart.rollout.keeping import LatestAlerts

        return LatestAlerts()

    @cached_property
    def rollback_settings(self) -> RollbackSettings:
        return RollbackSettings.from_environment()

    @cached_property
    def tokens(self) -> TokenSource:
        """The tokens that an alert may carry."""
        from rampart.adapters.secrets import AlertTokens

        return AlertTokens(self.secrets.named(self.rollback_settings.alert_secret))

    @cached_property
    def secrets(self) -> SecretsManagerSecrets:
        """The secrets, each cached with a lifetime of its own."""
        from rampart.adapters.secrets import SecretsManagerSecrets

        # Two secrets and two tries must leave an alert the time to lower its flag.
        return SecretsManagerSecrets(client("secretsmanager", connect_timeout=1, read_timeout=1.5))

    @cached_property
    def budget(self) -> QueryBudget:
        """What Datadog says is left of the organization's queries."""
        from rampart.adapters.datadog_api import QueryBudget

        return QueryBudget()

    def _flags(self, settings: FlagSettings) -> FlagStore:
        from rampart.adapters.flipper import FlipperFlagStore

        return FlipperFlagStore(settings.flipper_url, self.secrets.named(settings.flipper_secret))

    def _metrics(
        self, settings: EvidenceSettings, *, patience_seconds: float, split_refused: bool = False
    ) -> MetricSource:
        from rampart.adapters.evidence_sources import RoutedMetricSource

        def cloudwatch() -> CloudWatchMetricSource:
            from rampart.adapters.cloudwatch import CloudWatchMetricSource

            return CloudWatchMetricSource(_connection(settings.cloudwatch_role), split_refused=split_refused)

        datadog = self._datadog(settings, patience_seconds=patience_seconds, split_refused=split_refused)
        return RoutedMetricSource(datadog, cloudwatch)

    def _datadog(
        self, settings: DatadogSettings, *, patience_seconds: float, split_refused: bool = False
    ) -> DatadogMetricSource:
        from rampart.adapters.datadog import DatadogMetricSource

        return DatadogMetricSource(
            settings.datadog_site,
            self.secrets.named(settings.datadog_secret),
            url=settings.datadog_url,
            patience_seconds=patience_seconds,
            split_refused=split_refused,
            budget=self.budget,
        )

    def _gates(self) -> Gates:
        from rampart.adapters.stepfunctions import StepFunctionsGates

        return StepFunctionsGates(client("stepfunctions"))


def _table() -> DynamoRolloutStore:
    from rampart.adapters.dynamodb import DynamoRolloutStore

    return DynamoRolloutStore(TableSettings.from_environment().table_name, client("dynamodb"))


def _calendars(settings: CalendarSettings) -> ChangeCalendars:
    from rampart.adapters.change_calendars import SsmChangeCalendars
    from rampart.rollout.freeze import NO_CALENDARS

    names = [name.strip() for name in settings.change_calendars.split(",") if name.strip()]
    if not names:
        return NO_CALENDARS
    return SsmChangeCalendars(names, client("ssm", url=settings.change_calendar_url))


def _connection(role: str) -> Callable[[], Any]:
    """What gives a client of CloudWatch: the function's own, or one with a role's permissions."""
    if not role:
        own = client("cloudwatch")
        return lambda: own
    from rampart.adapters.aws_role import AssumedRole

    return AssumedRole(role, lambda: client("sts"), lambda keys: client("cloudwatch", keys=keys))


def _policy(uri: str) -> PolicySource | None:
    if not uri:
        return None
    from rampart.adapters.policy_file import S3Policy

    return S3Policy(uri, client("s3"))


def client(
    service: str,
    *,
    url: str = "",
    connect_timeout: float = 2,
    read_timeout: float = 4,
    keys: Mapping[str, str] = MappingProxyType({}),
) -> Any:  # noqa: ANN401  boto3 makes its clients' classes at run time
    """A boto3 client with one retry, whose timeouts (seconds) fit the shortest function.

    `url` replaces AWS's; `keys` are credentials by boto3's names, if not the function's own.
    """
    import boto3  # costs 300 ms: only where a client is wanted
    from botocore.config import Config

    retries = {"total_max_attempts": 2, "mode": "standard"}
    config = Config(connect_timeout=connect_timeout, read_timeout=read_timeout, retries=retries)  # type: ignore[arg-type]  # a TypedDict that only type checkers know
    return boto3.client(service, config=config, endpoint_url=url or None, **keys)  # type: ignore[call-overload]  # the service's name is not literal
