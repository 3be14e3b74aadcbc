"""What a rollout needs in Datadog, in the form in which Datadog is told: variable, webhook, monitors, dashboard.

Only the fields that are here belong to Rampart; whatever else people set on these things stays as they set it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rampart.words import plain
from rampart_cli.datadog.dashboard import dashboard_of
from rampart_cli.datadog.guards import guards_of
from rampart_cli.datadog.target import criterion_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rampart.plan.model import Plan
    from rampart_cli.datadog.guards import Guard
    from rampart_cli.datadog.target import Target

TOKEN_HEADER, OWNER_HEADER, VERSION_HEADER = "X-Rampart-Token", "X-Rampart-Made-For", "X-Rampart-Token-Version"
_DELAY_SECONDS = 60
"""The newest minute isn't complete yet: a rate of its half would be wrong."""
_RENOTIFY_MINUTES = 10
"""How long a lost alert stays lost: the monitor alerts again while the fault lasts."""
_SILENCE_MINUTES = 24 * 60
"""A service that no one uses at night has had a whole day by then, as Rampart's own patience."""


class ThingKind(StrEnum):
    """What there is in Datadog."""

    VARIABLE = "variable"
    """The webhook's custom variable with the token, secret."""
    WEBHOOK = "webhook"
    """The webhook that posts alerts to the stack."""
    MONITOR = "monitor"
    """One for each criterion that is measured."""
    DASHBOARD = "dashboard"
    """The rollout on one page."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing that the plan needs; `key` says which one of its kind, and no two have the same."""

    kind: ThingKind
    key: str
    body: Mapping[str, Any]


def wanted_of(plan: Plan, target: Target) -> list[Wanted]:
    """Everything that the plan needs, in the order in which it can be made."""
    return [
        Wanted(ThingKind.VARIABLE, target.variable, {"name": target.variable, "is_secret": True}),
        Wanted(ThingKind.WEBHOOK, target.webhook, _webhook(plan, target)),
        *_monitors(plan, target),
        Wanted(ThingKind.DASHBOARD, target.rollout, dashboard_of(plan, target)),
    ]


def alert_payload(flags: str) -> dict[str, str]:
    """What the webhook posts; the title is last, since people write it, and from there it can't change the others."""
    return {
        "transition": "$ALERT_TRANSITION",
        "monitor": "$ALERT_ID",
        "date": "$DATE",
        "flags": flags,
        "cycle": "$ALERT_CYCLE_KEY",
        "title": "$EVENT_TITLE",
    }


def _webhook(plan: Plan, target: Target) -> dict[str, Any]:
    headers = {
        TOKEN_HEADER: f"${target.variable}",
        OWNER_HEADER: target.owner,
        VERSION_HEADER: target.token_version,
    }
    return {
        "name": target.webhook,
        "url": target.alert_url,
        "encode_as": "json",
        "custom_headers": json.dumps(headers),
        "payload": json.dumps(alert_payload(",".join(plan.flags))),
    }


def _monitors(plan: Plan, target: Target) -> Iterator[Wanted]:
    guards = dict(guards_of(plan))
    tags = criterion_tags(guards)
    for name, guard in guards.items():
        body = {
            "name": inert(f"[Rampart] {target.rollout}: {name}"),
            "type": guard.type.value,
            "query": guard.query,
            "message": _message(name, guard, plan, target),
            "tags": [*target.tags, tags[name]],
            "options": _options(guard),
        }
        yield Wanted(ThingKind.MONITOR, tags[name], body)


def _options(guard: Guard) -> dict[str, Any]:
    recovery = None if guard.recovery is None else float(plain(guard.recovery))
    shared = {
        "thresholds": {"critical": float(plain(guard.bar)), "critical_recovery": recovery},
        "renotify_interval": _RENOTIFY_MINUTES,
        "renotify_statuses": ["alert"],
    }
    if guard.variables:
        silence = "show_and_notify_no_data" if guard.silence_is_a_fault else "default"
        return shared | {"variables": guard.variables, "on_missing_data": silence}
    return shared | {
        "require_full_window": guard.needs_full_window,
        "evaluation_delay": _DELAY_SECONDS,
        "notify_no_data": guard.silence_is_a_fault,
        "no_data_timeframe": _SILENCE_MINUTES if guard.silence_is_a_fault else None,
    }


def _message(name: str, guard: Guard, plan: Plan, target: Target) -> str:
    flags = inert(", ".join(plan.flags))
    does = guard.spares or f"Rampart sets {flags} to 0%: @webhook-{target.webhook}"
    return "\n".join(
        [
            f"{inert(name)} must stay {guard.bar_text}, says the plan of {target.rollout} ({inert(plan.owner)}).",
            f"{{{{#is_alert}}}}{does}{{{{/is_alert}}}}",
            "Made by `rampart datadog sync`, which undoes changes of the name, query, message, and thresholds.",
        ]
    )


def inert(text: str) -> str:
    """People's text where Datadog reads handles and templates: it notifies no one, and opens no block."""
    return text.replace("@", "(at)").replace("{{", "{ {").replace("}}", "} }")
