"""The deployed stack: what CloudFormation says of it, and the parts that commands ask."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from rampart.words import listed
from rampart_cli.described import parameters_of
from rampart_cli.failures import InputError, RefusedError, UnreachableError, not_aws
from rampart_cli.machines import Machines, Patience, StepFunctionsMachines

if TYPE_CHECKING:
    import boto3

    from rampart.rollout.state import RolloutState
    from rampart_cli.datadog.connection import Connection
    from rampart_cli.dead_letters import DeadLetters
    from rampart_cli.doctor.installation import Installation
    from rampart_cli.doctor.subscribers import Subscriber
    from rampart_cli.records import Records


@dataclass(frozen=True, kw_only=True)
class Stack:
    name: str
    records: Records
    machines: Machines
    rollout_machine: str
    decision_machine: str
    dead_letters: Callable[[], DeadLetters]
    datadog: Callable[[], Connection]
    installation: Callable[[str | None], Installation]
    """What `rampart doctor` looks at; an address of the alert endpoint other than the stack's may be given."""
    subscribers: Callable[[], Sequence[Subscriber]]
    """Who is subscribed to the stack's notices; raises botocore's errors."""
    log_lines: Callable[[str, datetime], Iterator[tuple[datetime, str]]]
    """The lines of a function's log since some time, oldest first; raises botocore's errors."""
    who: Callable[[], str]
    """Who calls, by AWS's account."""
    site: str = ""
    """Datadog's site, as the stack was deployed with it."""
    patience: Patience = field(default_factory=Patience)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def state(self, rollout: str) -> RolloutState:
        """The record of a rollout; raises RefusedError when there is none."""
        from rampart.rollout.event import EventKind  # with the plan's model, 150 ms that `--help` need not pay

        state = self.records.state(rollout)
        if state is not None:
            return state
        refused = [each for each in self.records.events(rollout).values() if each.kind is EventKind.REFUSED]
        if refused:
            raise RefusedError(
                f"{rollout} hasn't started: {refused[-1].message}",
                name="StartRefused",
                fix=f"Fix that, and start it again. Every try: rampart events {rollout}",
            )
        known = listed(each.rollout for each in self.open_rollouts())
        raise RefusedError(
            f"there is no rollout {rollout!r} in the stack {self.name!r}",
            name="UnknownRollout",
            fix=f"Fix its name (live or waiting now: {known}), or name another stack with --stack.",
        )

    def open_rollouts(self) -> list[RolloutState]:
        """Every rollout that is live or waits for a person, however long ago it was rolled back."""
        from rampart.rollout.state import CLOSED, Status  # late, as above

        names = [*self.records.watched(), *self.records.unwatched(Status.ROLLED_BACK)]
        return [each for each in self._states(names) if each.status not in CLOSED]

    def finished_rollouts(self) -> list[RolloutState]:
        """Every rollout that was completed or abandoned."""
        from rampart.rollout.state import CLOSED  # late, as above

        names = [*self.records.watched(), *(name for status in CLOSED for name in self.records.unwatched(status))]
        return [each for each in self._states(names) if each.status in CLOSED]

    def _states(self, names: Iterable[str]) -> Iterator[RolloutState]:
        found = (self.records.state(name) for name in dict.fromkeys(names))
        return (each for each in found if each is not None)


Connect = Callable[[str], Stack]
"""Finds a stack by its name."""


def connect(
    name: str, session: boto3.Session | None = None, *, profile: str | None = None, region: str | None = None
) -> Stack:
    """Find a deployed stack; credentials, region and endpoints are found as the AWS command line finds them.

    A profile or region that is given comes before those of the environment.

    Raises InputError for an empty name or an invalid endpoint, UnreachableError when there is no such stack,
    and botocore's errors when AWS cannot be asked.
    """
    import boto3  # costs 300 ms: commands that ask no one do not pay it

    from rampart.adapters.dynamodb import DynamoRolloutStore

    if not name.strip():
        raise InputError("the stack has no name", fix="Name it with --stack or RAMPART_STACK.")
    session = session or boto3.Session(profile_name=profile, region_name=region or _region_of_environment())
    described = _described(session, name)
    outputs = _outputs(described, name)
    return Stack(
        name=name,
        records=DynamoRolloutStore(outputs["TableName"], session.client("dynamodb")),
        machines=StepFunctionsMachines(session.client("stepfunctions")),
        rollout_machine=outputs["RolloutMachine"],
        decision_machine=outputs["DecisionMachine"],
        dead_letters=lambda: _dead_letters(session, outputs),
        datadog=lambda: _datadog(session, described, outputs),
        installation=lambda url: _installation(session, described, outputs, url),
        subscribers=lambda: _subscribers(session, outputs),
        log_lines=lambda function, since: _log_lines(session, described, function, since),
        who=lambda: _who(session),
        site=parameters_of(described).get("DatadogSite", ""),
    )


def _region_of_environment() -> str | None:
    """What AWS_REGION says: the AWS command line looks at it first, boto3 at AWS_DEFAULT_REGION alone."""
    return os.environ.get("AWS_REGION") or None


def _described(session: boto3.Session, name: str) -> Mapping[str, Any]:
    try:
        described: Mapping[str, Any] = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except (KeyError, IndexError) as error:  # botocore takes a page of HTML for an answer that says nothing
        raise not_aws() from error
    except ValueError as error:  # botocore's word for an endpoint that isn't a URL
        raise InputError(
            f"AWS has no such address: {error}",
            name="WrongEndpoint",
            fix="Write AWS_ENDPOINT_URL whole, such as https://host:port, or leave it out.",
        ) from error
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise UnreachableError(
            f"there is no stack {name!r} in {session.region_name}",
            name="UnknownStack",
            fix="Name it with --stack, or another account or region with --profile and --region.",
        ) from error
    return described


def _outputs(found: Mapping[str, Any], name: str) -> dict[str, str]:
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    missing = sorted({"TableName", "RolloutMachine", "DecisionMachine"} - outputs.keys())
    if missing:
        raise UnreachableError(
            f"the stack {name!r} is {found['StackStatus']} and has no output {', '.join(missing)}",
            name="NotRampart",
            fix="Deploy it whole with `make deploy`, or name Rampart's stack with --stack.",
        )
    return outputs


def _dead_letters(session: boto3.Session, outputs: Mapping[str, str]) -> DeadLetters:
    from rampart_cli.dead_letters import DeadLetters

    return DeadLetters(
        queue_url=outputs["DeadLettersUrl"],
        rollback_function=outputs["RollbackFunction"],
        sqs=session.client("sqs"),
        functions=session.client("lambda"),
    )


def _datadog(session: boto3.Session, described: Mapping[str, Any], outputs: Mapping[str, str]) -> Connection:
    from rampart_cli.datadog.connection import connection_of

    return connection_of(session, described, outputs)


def _installation(
    session: boto3.Session, described: Mapping[str, Any], outputs: Mapping[str, str], url: str | None
) -> Installation:
    from rampart_cli.doctor.installation import AwsInstallation

    return AwsInstallation.of(session, described, outputs, url)


def _subscribers(session: boto3.Session, outputs: Mapping[str, str]) -> Sequence[Subscriber]:
    from rampart_cli.doctor.installation import subscribers_of

    return subscribers_of(session, outputs)


def _log_lines(
    session: boto3.Session, described: Mapping[str, Any], function: str, since: datetime
) -> Iterator[tuple[datetime, str]]:
    from rampart_cli.doctor.installation import lines_of_log, summaries_of

    group = summaries_of(session, described)[f"{function}Logs"]["PhysicalResourceId"]
    return lines_of_log(session, group, since)


def _who(session: boto3.Session) -> str:
    """The caller's name: of an assumed role its session, which single sign-on fills with the person's name."""
    arn: Any = session.client("sts").get_caller_identity()["Arn"]
    return str(arn).rsplit("/", 1)[-1].rsplit(":", 1)[-1]
