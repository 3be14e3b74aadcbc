"""What of a plan isn't wired in Datadog, for those who are about to start it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from rampart.finding import Finding, FindingKind, Severity
from rampart_cli.datadog.changes import Action, Change
from rampart_cli.datadog.sync import changes_for, guarding, look
from rampart_cli.datadog.wanted import ThingKind
from rampart_cli.failures import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rampart.plan.model import Plan
    from rampart_cli.datadog.account import Things
    from rampart_cli.datadog.connection import Connection

NOT_WIRED = FindingKind(
    "NotWired",
    "Datadog doesn't hold what the plan needs.",
    "Run `rampart datadog sync` with this plan",
    why="An alert that isn't there, or that calls no one, rolls nothing back.",
    severity=Severity.WARNING,
)
MONITOR_NOT_NAMED = FindingKind(
    "MonitorNotNamed",
    "A monitor that was made for the plan isn't among its `monitors`.",
    "Add it, or run `rampart datadog sync --write`",
    why="A monitor that the plan names is asked at each evaluation, so a muted one or a lost alert is noticed.",
    severity=Severity.WARNING,
)
MONITOR_SPEAKS_ONCE = FindingKind(
    "MonitorSpeaksOnce",
    "A monitor of the plan isn't renotified while it stays in alert.",
    'Set its `renotify_interval` (10 minutes, say) with `renotify_statuses: ["alert"]`',
    why="Datadog gives up on a webhook after five tries; the renotification is what brings a lost alert.",
    severity=Severity.WARNING,
)
WIRING_UNKNOWN = FindingKind(
    "WiringUnknown",
    "Datadog couldn't be asked about the plan's monitors and webhook.",
    "Run `rampart plan check --online` when it answers",
    severity=Severity.WARNING,
)


def wiring_findings(connection: Connection, plan: Plan, alert_url: str | None = None) -> list[Finding]:
    """Everything that isn't wired; raises CommandError when Datadog or a secret can't be read."""
    target = connection.target(plan, alert_url)
    changes = changes_for(plan, target, look(connection.account, plan, target))
    made = changes.ids(guarding(plan, target))
    return [
        *(NOT_WIRED.at(_where(step), _said(step)) for step in changes.to_do),
        *(
            MONITOR_NOT_NAMED.at("monitors", f"monitor {each} was made for this plan, and it isn't named here")
            for each in sorted(set(made) - set(plan.monitors))
        ),
        # Of those that were made here, a difference is told above.
        *_speaking_once(connection.account, sorted(set(plan.monitors) - set(made))),
    ]


def _speaking_once(account: Things, monitors: Iterable[int]) -> Iterator[Finding]:
    """The monitors whose alert is sent once; one that doesn't exist is refused by a start itself."""
    for each in monitors:
        body = account.get(ThingKind.MONITOR, str(each))
        if body is None:
            continue
        options = body.get("options") or {}
        statuses = options.get("renotify_statuses")
        if not options.get("renotify_interval"):
            yield MONITOR_SPEAKS_ONCE.at("monitors", f"monitor {each} isn't renotified while it stays in alert")
        elif statuses and "alert" not in statuses:
            said = ", ".join(map(str, statuses))
            yield MONITOR_SPEAKS_ONCE.at("monitors", f"monitor {each} is renotified for {said}, and not for alert")


def wiring_told(connect: Callable[[], Connection], plan: Plan, alert_url: str | None = None) -> Iterator[Finding]:
    """The same for a start, which must not depend on Datadog: what can't be read is a finding too."""
    try:
        yield from wiring_findings(connect(), plan, alert_url)
    except CommandError as error:
        yield WIRING_UNKNOWN.at("Datadog", str(error), error.fix or "")
    except (ClientError, BotoCoreError) as error:
        yield WIRING_UNKNOWN.at("Datadog", f"AWS can't be asked for Datadog's keys: {error}")


def _where(step: Change) -> str:
    return f"Datadog: {step.kind} {step.id or step.name}"


def _said(step: Change) -> str:
    match step.action:
        case Action.CREATE:
            return f"there is no {step.kind} {step.name!r}"
        case Action.DELETE:
            return f"the {step.kind} {step.name!r} is from an earlier plan"
        case _:
            differing = ", ".join(each.field for each in step.differences)
            return f"the {step.kind} {step.name!r} differs from the plan in {differing}"
