"""The checks of an installation: each says what it found, and what to do where that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from rampart.errors import SecretUnavailableError
from rampart.words import count, listed, rough_duration
from rampart_cli.doctor.installation import FUNCTIONS, Installation, InvocationError
from rampart_cli.doctor.subscribers import SUBSCRIBE, no_one_is_told

_LATELY = timedelta(hours=24)
_TICKED = timedelta(minutes=10)
"""A tick comes each minute; CloudWatch counts it some minutes later."""
_MOST_SKEW = timedelta(seconds=60)
"""Beyond five minutes AWS refuses every call, and beyond one times in the record mislead."""


class Health(StrEnum):
    """What a check found."""

    OK = "ok"
    WARNING = "warning"
    """Rampart works, and someone should look at this."""
    PROBLEM = "problem"
    UNKNOWN = "unknown"
    """It couldn't be checked, which isn't good news."""


@dataclass(frozen=True, slots=True)
class Examined:
    """One finding of one check."""

    check: str
    health: Health
    told: str
    fix: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {"check": self.check, "health": self.health.value, "message": self.told, "fix": self.fix}


Network = IPv4Network | IPv6Network
Check = Callable[[Installation, datetime], Iterator[Examined]]


def examine(installation: Installation, now: datetime) -> Iterator[Examined]:
    """Run every check, one after the other; one that can't look says so, and the others go on."""
    for name, check in CHECKS.items():
        try:
            yield from check(installation, now)
        except ClientError as error:
            code, operation = error.response["Error"]["Code"], error.operation_name
            yield Examined(name, Health.UNKNOWN, f"AWS answers {code} to {operation}", _MORE_RIGHTS.format(operation))
        except BotoCoreError as error:
            yield Examined(name, Health.UNKNOWN, str(error), "Check the network, and run it again.")
        except KeyError as error:
            yield Examined(name, Health.UNKNOWN, f"the stack has no {error.args[0]}", "Deploy it again: make deploy")


_MORE_RIGHTS = "Get the permission for {} (OperatorsPolicy has it), or let someone who has it run this."


def _stack(installation: Installation, now: datetime) -> Iterator[Examined]:
    del now
    status = installation.status()
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
        yield Examined("stack", Health.OK, f"the stack is {status}")
    elif status == "UPDATE_ROLLBACK_COMPLETE":
        told = "the last deployment failed and was undone; the version before it runs"
        yield Examined("stack", Health.WARNING, told, "See the stack's events in CloudFormation, and deploy it again.")
    elif status.endswith("_IN_PROGRESS"):
        yield Examined(
            "stack", Health.WARNING, f"the stack is {status}", "Wait for the deployment, and run this again."
        )
    else:
        fix = "See the stack's events in CloudFormation, and deploy it again: make deploy"
        yield Examined("stack", Health.PROBLEM, f"the stack is {status}", fix)


def _functions(installation: Installation, now: datetime) -> Iterator[Examined]:
    well = []
    for name in FUNCTIONS:
        facts, called = installation.function(name), name.lower()
        if facts.state in ("Failed", "Pending") or facts.update != "Successful":
            told = f"{called} is {facts.state}, its last update {facts.update}" + (
                f": {facts.why}" if facts.why else ""
            )
            yield Examined("functions", Health.PROBLEM, told, "Deploy the stack again: make deploy")
            continue
        if empty := sorted(key for key in NEEDED & facts.environment.keys() if not facts.environment[key]):
            told = f"{called} has no value for {listed(empty)}"
            yield Examined("functions", Health.PROBLEM, told, "Set the stack's parameters, and deploy it again.")
            continue
        errors, newest = installation.errors(name, now - _LATELY)
        if errors:
            told = f"{called} ended with an error {_times(errors)} in the last 24 hours"
            if newest is not None:
                told += f", last {rough_duration((now - newest.at).total_seconds())} ago: {newest.message}"
            yield Examined("functions", Health.WARNING, told, _see(installation, name))
            continue
        well.append(called)
    if well:
        yield Examined("functions", Health.OK, f"{listed(well)}: no errors in the last 24 hours")


NEEDED = {"TABLE_NAME", "FLIPPER_URL", "FLIPPER_SECRET", "DATADOG_SITE", "DATADOG_SECRET", "ALERT_SECRET"} | {
    "PAGE_TOPIC_ARN",
    "ACT_TOPIC_ARN",
    "KNOW_TOPIC_ARN",
}
"""Environment variables without which a function that has them doesn't work."""


def _times(number: int) -> str:
    return "once" if number == 1 else f"{count(number)} times"


def _see(installation: Installation, function: str) -> str:
    return f"See its log: aws logs tail {installation.log(function)} --since 1d"


def _outside(installation: Installation, now: datetime) -> Iterator[Examined]:
    del now
    try:
        reached = installation.reach()
    except InvocationError as error:
        told = f"prepare can't check Flipper and Datadog: {error}"
        yield Examined("outside", Health.PROBLEM, told, _see(installation, "Prepare"))
        return
    for key, told, fix in _OUTSIDE:
        if key == _OF_A_ROLE and key not in reached:
            continue  # it is read without a role, with the permission that the template gives
        why = reached.get(key)
        if why is None:
            yield Examined("outside", Health.OK, f"the functions reach {told}")
        else:
            yield Examined("outside", Health.PROBLEM, f"the functions can't read {told}: {why}", fix)


_OF_A_ROLE = "cloudwatch"
_OUTSIDE = (
    (
        "flags",
        "Flipper's flags",
        "Check FlipperUrl (its path included), the secret of FlipperSecretName, and the functions' subnets.",
    ),
    (
        "metrics",
        "Datadog's metrics",
        "Check DatadogSite and the secret of DatadogSecretName; its application key needs timeseries_query.",
    ),
    (
        "monitors",
        "Datadog's monitors",
        "Check the secret of DatadogSecretName: its application key needs monitors_read.",
    ),
    (
        _OF_A_ROLE,
        "CloudWatch's metrics",
        "Check CloudWatchRoleArn: the role must trust prepare and evaluate, and allow cloudwatch:GetMetricData.",
    ),
)


def _endpoint(installation: Installation, now: datetime) -> Iterator[Examined]:
    import requests  # late, as everything that costs time

    try:
        token = installation.alert_token()
    except SecretUnavailableError as error:
        yield Examined("endpoint", Health.UNKNOWN, str(error), _MAY_NOT_READ)
        token = None
    test = {
        "transition": "Triggered",
        "monitor": "0",
        "date": str(int(now.timestamp() * 1000)),
        "flags": "rampart_doctor",
        "title": "[TEST] rampart doctor",
    }
    try:
        yield _answered(installation, None, test, 401)
        if token is not None:
            yield _answered(installation, token, test, 200)
    except requests.RequestException as error:
        told = f"the alert endpoint can't be reached from here: {type(error).__name__}"
        yield Examined("endpoint", Health.UNKNOWN, told, f"Check the network to {installation.alert_url()}")


_MAY_NOT_READ = "Get secretsmanager:GetSecretValue on the alert secret, or let someone who has it run this."


def _answered(installation: Installation, token: str | None, test: Mapping[str, str], wanted: int) -> Examined:
    how, status = "without a token" if token is None else "with the token", installation.post(token, test)
    if status == wanted:
        return Examined("endpoint", Health.OK, f"the alert endpoint answers {wanted} to a test notification {how}")
    if status == 403:
        told = "the alert endpoint doesn't let this machine in (403): only AlertSourceRanges may post"
        return Examined("endpoint", Health.UNKNOWN, told, "Run this from an address in AlertSourceRanges.")
    told = f"the alert endpoint answers {status} to a test notification {how}; it should answer {wanted}"
    fix = _REFUSED if status == 401 else _see(installation, "Rollback")
    return Examined("endpoint", Health.PROBLEM, told, fix)


_REFUSED = 'The function knows another token: check AlertSecretName, and that its secret holds {"token": "…"}.'


def _ranges(installation: Installation, now: datetime) -> Iterator[Examined]:
    """Datadog's ranges change a few times a year; an alert from one that is left out is refused for good."""
    import requests  # late, as everything that costs time

    del now
    given = [ip_network(each, strict=False) for each in installation.source_ranges()]
    if any(each.prefixlen == 0 for each in given):
        yield Examined("ranges", Health.OK, "every address may post alerts, and only the token keeps strangers out")
        return
    try:
        published = installation.datadog_ranges()
    except requests.RequestException as error:
        told = f"Datadog's address ranges can't be read from here: {type(error).__name__}"
        yield Examined("ranges", Health.UNKNOWN, told, "Check the network to https://ip-ranges.SITE")
        return
    if left_out := [
        each for each in published if not any(_is_within(ip_network(each, strict=False), one) for one in given)
    ]:
        told = f"alerts from {listed(left_out)} are refused, and Datadog's webhooks come from there"
        fix = f"Set AlertSourceRanges to {','.join(dict.fromkeys([*installation.source_ranges(), *left_out]))}"
        yield Examined("ranges", Health.PROBLEM, told, f"{fix}, and deploy.")
    else:
        told = f"AlertSourceRanges covers all {count(len(published))} of Datadog's ranges"
        yield Examined("ranges", Health.OK, told)


def _is_within(each: Network, other: Network) -> bool:
    return each.version == other.version and each.subnet_of(other)  # type: ignore[arg-type]  # they are of one version


def _schedule(installation: Installation, now: datetime) -> Iterator[Examined]:
    state = installation.schedule()
    if state != "ENABLED":
        told = f"the schedule is {state}: no rollout is being judged"
        yield Examined("schedule", Health.PROBLEM, told, "Enable the rule of evaluate in EventBridge.")
        return
    ticks = installation.calls("Evaluate", now - _TICKED)
    if ticks:
        yield Examined("schedule", Health.OK, f"evaluate ticked {_times(ticks)} in the last 10 minutes")
    elif (age := now - installation.scheduled_since()) < _TICKED:
        told = (
            f"the schedule is on, {rough_duration(max(age.total_seconds(), 0))} old, and no tick has been counted yet"
        )
        yield Examined("schedule", Health.WARNING, told, "Run this again in 10 minutes.")
    else:
        told = "evaluate hasn't ticked in the last 10 minutes, though its schedule is on: no rollout is being judged"
        yield Examined("schedule", Health.PROBLEM, told, _see(installation, "Evaluate"))


def _alarms(installation: Installation, now: datetime) -> Iterator[Examined]:
    found = installation.alarms()
    for each in found:
        if each.state == "ALARM":
            since = f" for {rough_duration((now - each.since).total_seconds())}" if each.since else ""
            told = f"the alarm {each.name} is on{since}: {each.means}"
            yield Examined("alarms", Health.PROBLEM, told, "See the runbook, docs/operating.md, under its name.")
    if not found:
        yield Examined("alarms", Health.PROBLEM, "the stack has no alarms", "Deploy it again: make deploy")
    elif not any(each.state == "ALARM" for each in found):
        yield Examined("alarms", Health.OK, f"none of {len(found)} alarms is on")


def _subscribers(installation: Installation, now: datetime) -> Iterator[Examined]:
    del now
    found = installation.subscribers()
    confirmed = [each for each in found if each.is_confirmed]
    waiting = sorted({each.endpoint for each in found if not each.is_confirmed})
    if untold := no_one_is_told(found):
        yield Examined("subscribers", Health.PROBLEM, untold, SUBSCRIBE)
    else:
        told = f"notices go to {listed(sorted({each.protocol for each in confirmed}))} ({len(confirmed)} confirmed)"
        yield Examined("subscribers", Health.OK, told)
    if waiting:
        told = f"{listed(waiting)} never confirmed and gets no notices"
        yield Examined("subscribers", Health.WARNING, told, "Click the link in AWS's message, or subscribe again.")


def _queues(installation: Installation, now: datetime) -> Iterator[Examined]:
    del now
    dead, undone = installation.waiting("DeadLetters"), installation.waiting("RollbackQueue")
    if dead:
        told = f"{_messages(dead)} in the dead-letter queue: something wasn't done"
        yield Examined("queues", Health.PROBLEM, told, "rampart dead-letters list")
    if undone:
        told = f"{_messages(undone)} in the rollback queue: rollbacks of the last minute, or ones that still fail"
        yield Examined("queues", Health.WARNING, told, "rampart list shows a rollout whose rollback isn't done.")
    if not (dead or undone):
        yield Examined("queues", Health.OK, "no dead letters, and no rollback waits")


def _messages(number: int) -> str:
    return f"{count(number)} {'message is' if number == 1 else 'messages are'}"


def _clock(installation: Installation, now: datetime) -> Iterator[Examined]:
    del now
    ours, theirs = installation.clocks()
    off = abs(ours - theirs)
    side = "ahead of" if ours > theirs else "behind"
    if off <= _MOST_SKEW:
        yield Examined("clock", Health.OK, "this machine's clock agrees with AWS's")
    else:
        told = f"this machine's clock is {rough_duration(off.total_seconds())} {side} AWS's"
        yield Examined("clock", Health.PROBLEM, told, "Set it by NTP; AWS refuses what is five minutes off.")


CHECKS: dict[str, Check] = {
    "stack": _stack,
    "functions": _functions,
    "outside": _outside,
    "schedule": _schedule,
    "alarms": _alarms,
    "subscribers": _subscribers,
    "queues": _queues,
    # After the alarms: its refused test notification counts as a refused alert.
    "endpoint": _endpoint,
    "ranges": _ranges,
    "clock": _clock,
}
"""Every check by its name, in the order in which they run."""
