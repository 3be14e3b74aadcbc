"""An installation as AWS describes it: plain data for the checks, read only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol

from rampart.adapters.secrets import AlertTokens, SecretsManagerSecrets
from rampart_cli.answered import ANSWERED
from rampart_cli.described import parameters_of
from rampart_cli.doctor.subscribers import TOPICS, Subscriber

if TYPE_CHECKING:
    import boto3

FUNCTIONS = ("Prepare", "Advance", "Evaluate", "Rollback", "Notify")
"""The stack's functions, as the template names them before `Function`."""
_SCHEDULE = "EvaluateFunctionEveryMinute"
_MOST_LINES = 200
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """How Lambda describes a function."""

    state: str
    """Active, Inactive, Pending or Failed."""
    why: str
    """Why it is in that state, where Lambda says."""
    update: str
    """Successful, Failed or InProgress."""
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LoggedError:
    at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Alarm:
    name: str
    state: str
    """OK, ALARM or INSUFFICIENT_DATA."""
    means: str
    since: datetime | None


class Installation(Protocol):
    """What the checks ask; each question raises botocore's errors, and `post` requests' own."""

    def status(self) -> str:
        """The stack's status in CloudFormation."""

    def function(self, name: str) -> FunctionFacts: ...

    def errors(self, name: str, since: datetime) -> tuple[int, LoggedError | None]:
        """How many calls of a function ended with an error, and the newest error in its log."""

    def calls(self, name: str, since: datetime) -> int:
        """How often a function was called."""

    def log(self, name: str) -> str:
        """The name of a function's log group."""

    def reach(self) -> Mapping[str, str | None]:
        """What keeps Flipper and Datadog from answering `prepare`, in words, or None; raises InvocationError."""

    def schedule(self) -> str:
        """The state of the schedule that ticks: ENABLED or DISABLED."""

    def scheduled_since(self) -> datetime:
        """When CloudFormation last made or changed that schedule."""

    def alarms(self) -> Sequence[Alarm]: ...

    def subscribers(self) -> Sequence[Subscriber]: ...

    def waiting(self, queue: str) -> int:
        """Messages in a queue, `DeadLetters` or `RollbackQueue`."""

    def alert_token(self) -> str:
        """The token of the alert endpoint; raises SecretUnavailableError."""

    def alert_url(self) -> str: ...

    def source_ranges(self) -> Sequence[str]:
        """The address ranges that may post alerts."""

    def datadog_ranges(self) -> Sequence[str]:
        """The ranges that Datadog's webhooks come from, as it publishes them; raises requests' errors."""

    def post(self, token: str | None, body: Mapping[str, str]) -> int:
        """The status with which the alert endpoint answers."""

    def clocks(self) -> tuple[datetime, datetime]:
        """This machine's time and AWS's, at one moment."""


class InvocationError(Exception):
    """A function was called and failed; the message is what it raised."""


@dataclass(frozen=True, slots=True)
class AwsInstallation:
    """An installation, asked of AWS."""

    session: boto3.Session
    described: Mapping[str, Any]
    """What CloudFormation says of the stack."""
    summaries: Mapping[str, Mapping[str, Any]]
    """What CloudFormation says of each of the stack's resources, by its name in the template."""
    outputs: Mapping[str, str]
    url: str | None = None
    """Another address of the alert endpoint than the stack's."""

    @classmethod
    def of(
        cls, session: boto3.Session, described: Mapping[str, Any], outputs: Mapping[str, str], url: str | None = None
    ) -> AwsInstallation:
        """The installation of a stack; asks for its resources."""
        return cls(session, described, summaries_of(session, described), outputs, url)

    @property
    def resources(self) -> Mapping[str, str]:
        """The stack's resources: physical ids by their names in the template."""
        return {name: each.get("PhysicalResourceId", "") for name, each in self.summaries.items()}

    def status(self) -> str:
        return str(self.described["StackStatus"])

    def function(self, name: str) -> FunctionFacts:
        told: Mapping[str, Any] = self.session.client("lambda").get_function_configuration(
            FunctionName=self._function(name)
        )
        return FunctionFacts(
            state=told.get("State", "Active"),
            why=told.get("StateReason", "") or told.get("LastUpdateStatusReason", ""),
            update=told.get("LastUpdateStatus", "Successful"),
            environment=told.get("Environment", {}).get("Variables", {}),
        )

    def errors(self, name: str, since: datetime) -> tuple[int, LoggedError | None]:
        number = self._count("Errors", name, since)
        return number, self._newest_error(name, since) if number else None

    def calls(self, name: str, since: datetime) -> int:
        return self._count("Invocations", name, since)

    def log(self, name: str) -> str:
        return self.resources[f"{name}Logs"]

    def reach(self) -> Mapping[str, str | None]:
        answer = self.session.client("lambda").invoke(FunctionName=self._called("Prepare"), Payload=b'{"reach": true}')
        said = json.loads(answer["Payload"].read() or b"{}")
        if "FunctionError" in answer:
            raise InvocationError(str(said.get("errorMessage", answer["FunctionError"])))
        return {name: said.get(name) for name in ("flags", "metrics", "monitors")}

    def schedule(self) -> str:
        rule = self.session.client("events").describe_rule(Name=self.resources[_SCHEDULE])
        return str(rule["State"])

    def scheduled_since(self) -> datetime:
        changed: datetime = self.summaries[_SCHEDULE]["LastUpdatedTimestamp"]
        return changed

    def alarms(self) -> Sequence[Alarm]:
        named = sorted(id_ for name, id_ in self.resources.items() if name.endswith("Alarm"))
        pages = self.session.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNames=named)
        return [
            Alarm(
                each["AlarmName"],
                each["StateValue"],
                each.get("AlarmDescription", ""),
                each.get("StateUpdatedTimestamp"),
            )
            for page in pages
            for each in page["MetricAlarms"]
        ]

    def subscribers(self) -> Sequence[Subscriber]:
        return subscribers_of(self.session, self.outputs)

    def waiting(self, queue: str) -> int:
        sqs = self.session.client("sqs")
        told: Mapping[Any, str] = sqs.get_queue_attributes(QueueUrl=self.resources[queue], AttributeNames=["All"])[
            "Attributes"
        ]
        return sum(int(told.get(f"ApproximateNumberOfMessages{which}", 0)) for which in ("", "NotVisible", "Delayed"))

    def alert_token(self) -> str:
        secrets = SecretsManagerSecrets(self.session.client("secretsmanager"))
        return AlertTokens(secrets.named(self._parameter("AlertSecretName") or "rampart/alerts")).current()[0]

    def alert_url(self) -> str:
        return self.url or self.outputs["AlertUrl"]

    def post(self, token: str | None, body: Mapping[str, str]) -> int:
        import requests  # late, as everything that costs time

        headers = {} if token is None else {"X-Rampart-Token": token}
        url, seconds = self.alert_url(), _PATIENCE_SECONDS
        answer = requests.post(url, json=body, headers=headers, timeout=seconds, allow_redirects=False)
        status: int = answer.status_code
        return status

    def source_ranges(self) -> Sequence[str]:
        return parameters_of(self.described)["AlertSourceRanges"].split(",")

    def datadog_ranges(self) -> Sequence[str]:
        """https://docs.datadoghq.com/api/latest/ip-ranges/."""
        import requests  # late, as everything that costs time

        answer = requests.get(f"https://ip-ranges.{self._parameter('DatadogSite')}", timeout=_PATIENCE_SECONDS)
        answer.raise_for_status()
        try:
            return [str(each) for each in answer.json()["webhooks"]["prefixes_ipv4"]]
        except (KeyError, TypeError) as error:
            raise requests.exceptions.InvalidJSONError("it isn't Datadog's list of ranges") from error

    def clocks(self) -> tuple[datetime, datetime]:
        told = self.session.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]["date"]
        return datetime.now(UTC), parsedate_to_datetime(told)

    def _parameter(self, name: str) -> str:
        """What the stack was given as a parameter."""
        return parameters_of(self.described).get(name, "")

    def _called(self, name: str) -> str:
        """What callers of a function name: its alias."""
        return self.resources[f"{name}FunctionAliaslive"]

    def _function(self, name: str) -> str:
        return self.resources[f"{name}Function"]

    def _count(self, metric: str, name: str, since: datetime) -> int:
        now = datetime.now(UTC)
        told = self.session.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": self._function(name)}],
            StartTime=since,
            EndTime=now + timedelta(minutes=1),
            Period=300,
            Statistics=["Sum"],
        )
        return round(sum(each["Sum"] for each in told["Datapoints"]))

    def _newest_error(self, name: str, since: datetime) -> LoggedError | None:
        pages = (
            self.session.client("logs")
            .get_paginator("filter_log_events")
            .paginate(
                logGroupName=self.log(name),
                startTime=int(since.timestamp() * 1000),
                filterPattern='{ $.level = "ERROR" || $.log_level = "ERROR" }',
                PaginationConfig={"MaxItems": _MOST_LINES},
            )
        )
        found = [error for page in pages for each in page["events"] if (error := _error_in(each)) is not None]
        return max(found, key=lambda error: error.at, default=None)


def summaries_of(session: boto3.Session, described: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What CloudFormation says of each of a stack's resources, by its name in the template."""
    pages = session.client("cloudformation").get_paginator("list_stack_resources")
    return {
        each["LogicalResourceId"]: each
        for page in pages.paginate(StackName=described["StackName"])
        for each in page["StackResourceSummaries"]
    }


def lines_of_log(session: boto3.Session, group: str, since: datetime) -> Iterator[tuple[datetime, str]]:
    """The lines of a log that are alerts' answers, oldest first.

    CloudWatch picks them; what picks no lines gives all of them.
    """
    pages = session.client("logs").get_paginator("filter_log_events")
    for page in pages.paginate(
        logGroupName=group, startTime=int(since.timestamp() * 1000), filterPattern=f'{{ $.message = "{ANSWERED}" }}'
    ):
        for each in page["events"]:
            yield datetime.fromtimestamp(each["timestamp"] / 1000, UTC), each["message"]


def subscribers_of(session: boto3.Session, outputs: Mapping[str, str]) -> list[Subscriber]:
    """Who gets a stack's notices; an address that never confirmed gets none."""
    pages = session.client("sns").get_paginator("list_subscriptions_by_topic")
    return [
        Subscriber(each["Protocol"], each.get("Endpoint", ""), each["SubscriptionArn"].startswith("arn:"), topic)
        for topic in TOPICS
        for page in pages.paginate(TopicArn=outputs[f"{topic}Arn"])
        for each in page["Subscriptions"]
    ]


def _error_in(line: Mapping[str, Any]) -> LoggedError | None:
    """The error that a line of a function's log holds, as Powertools or Lambda writes it."""
    try:
        said = json.loads(line["message"])
    except ValueError:
        return None
    if not isinstance(said, dict) or "ERROR" not in (said.get("level"), said.get("log_level")):
        return None
    words = said.get("exception_name") or said.get("errorType")
    message = str(said.get("errorMessage") or said.get("message") or "")
    at = datetime.fromtimestamp(line["timestamp"] / 1000, UTC)
    return LoggedError(at, ": ".join(str(part) for part in (words, message) if part))
