"""Make Datadog hold what a plan needs: look, compare, do. What wasn't made here for this rollout is never touched."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rampart.evidence.handles import webhooks_notified
from rampart_cli.datadog.changes import Action, Change, FieldDifference, change_to, removal_of
from rampart_cli.datadog.dashboard import mark_of
from rampart_cli.datadog.guards import guards_of
from rampart_cli.datadog.sources import MonitorType, unguarded
from rampart_cli.datadog.target import CRITERION, criterion_tags, usual_webhook
from rampart_cli.datadog.wanted import OWNER_HEADER, TOKEN_HEADER, VERSION_HEADER, ThingKind, wanted_of
from rampart_cli.failures import RefusedError

if TYPE_CHECKING:
    from rampart.plan.model import Plan
    from rampart_cli.datadog.account import Body, Things
    from rampart_cli.datadog.target import Target
    from rampart_cli.datadog.wanted import Wanted

_HANDLE = "webhook-"


@dataclass(frozen=True, slots=True)
class Look:
    """What there is in Datadog of a rollout, and what looks like it and isn't its own."""

    monitors: Mapping[str, Body]
    """By the tag of the criterion."""
    dashboard: Body | None
    webhooks: Mapping[str, Body]
    """Every webhook that was made for this rollout, or that the plan names, by name."""
    variable: Body | None
    copies: tuple[str, ...] = ()
    """Things that someone copied from the rollout's own, in words."""


@dataclass(frozen=True, slots=True)
class SyncSteps:
    """What has to happen, in the order in which it can, and what people should know."""

    steps: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    done: dict[str, str] = field(default_factory=dict)
    """The ids of what was made, by name."""

    @property
    def to_do(self) -> tuple[Change, ...]:
        """The steps that change something."""
        return tuple(step for step in self.steps if step.action is not Action.KEEP)

    def ids(self, names: Iterable[str]) -> list[int]:
        """The ids of the monitors of these names, as far as they are known."""
        known = {step.name: step.id for step in self.steps if step.kind is ThingKind.MONITOR} | self.done
        return sorted(int(known[name]) for name in names if known.get(name))


def look(account: Things, plan: Plan, target: Target) -> Look:
    """Ask Datadog what it has of a rollout."""
    monitors, copies = _by_criterion(account.monitors(target.tags))
    boards = sorted(
        (each for each in account.dashboards() if mark_of(target) in str(each.get("description") or "")),
        key=lambda each: (str(each.get("created_at")), str(each["id"])),
    )
    copies += [f"the dashboard {each['id']} is a copy of this rollout's" for each in boards[1:]]
    return Look(
        monitors=monitors,
        dashboard=account.get(ThingKind.DASHBOARD, str(boards[0]["id"])) if boards else None,
        webhooks=dict(_webhooks(account, plan, target, monitors.values())),
        variable=account.get(ThingKind.VARIABLE, target.variable),
        copies=tuple(copies),
    )


def _by_criterion(found: Sequence[Body]) -> tuple[dict[str, Body], list[str]]:
    """The monitors by the tag of their criterion: of several the oldest, since a copy keeps its original's tags."""
    oldest: dict[str, Body] = {}
    copies: list[str] = []
    for body in sorted(found, key=lambda each: int(each["id"])):
        tags = [str(tag).lower() for tag in body.get("tags", ())]
        for tag in (tag for tag in tags if tag.startswith(CRITERION)):
            if tag in oldest:
                copies.append(
                    f"monitor {body['id']} has the tags of monitor {oldest[tag]['id']}, as a copy of it would"
                )
            oldest.setdefault(tag, body)
    return oldest, copies


def _webhooks(account: Things, plan: Plan, target: Target, monitors: Iterable[Body]) -> Iterator[tuple[str, Body]]:
    """Datadog lists no webhooks: a former name is known from the monitors that call it."""
    called = [h.removeprefix(_HANDLE) for each in monitors for h in webhooks_notified(str(each.get("message") or ""))]
    for name in dict.fromkeys([target.webhook, usual_webhook(plan), *called]):
        body = account.get(ThingKind.WEBHOOK, name)
        if body is not None and (name == target.webhook or owner_of(body) == target.owner):
            yield name, body


def owner_of(webhook: Mapping[str, Any]) -> str | None:
    """For whom a webhook was made; None where a person made it."""
    owner = _headers(webhook).get(OWNER_HEADER)
    return owner if isinstance(owner, str) else None


def _headers(webhook: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        read = json.loads(webhook.get("custom_headers") or "{}")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def changes_for(plan: Plan, target: Target, found: Look) -> SyncSteps:
    """What makes Datadog hold what the plan needs; raises RefusedError where that would touch what isn't its own."""
    wanted, steps, notes = wanted_of(plan, target), list[Change](), list(_copy_notes(found))
    notes += [f"{name} {why}" for name, spec in plan.criteria.items() if (why := unguarded(spec))]
    there = found.webhooks.get(target.webhook)
    by_hand = there is not None and owner_of(there) != target.owner
    if there is not None and by_hand:
        needed = next(each for each in wanted if each.kind is ThingKind.WEBHOOK)
        _check_theirs(needed, there, target)
        notes.append(f"the webhook {target.webhook} wasn't made here; it does what the plan needs, and stays as it is")
    for each in wanted:
        if each.kind in (ThingKind.VARIABLE, ThingKind.WEBHOOK) and by_hand:
            continue
        steps += _steps(each, found, target)
    keys = {each.key for each in wanted}
    steps += [removal_of(ThingKind.MONITOR, body) for tag, body in found.monitors.items() if tag not in keys]
    steps += [removal_of(ThingKind.WEBHOOK, body) for name, body in found.webhooks.items() if name != target.webhook]
    if by_hand and found.variable is not None:
        steps.append(removal_of(ThingKind.VARIABLE, found.variable))
    return SyncSteps(tuple(steps), tuple(notes))


def _steps(wanted: Wanted, found: Look, target: Target) -> Iterator[Change]:
    """What has to happen to one thing; a monitor of another type makes room, since its type can't be changed."""
    there = found.monitors.get(wanted.key) if wanted.kind is ThingKind.MONITOR else None
    if there is None or _type_of(there) == wanted.body["type"]:
        yield _step(wanted, found, target)
        return
    yield removal_of(ThingKind.MONITOR, there)
    yield change_to(wanted, None)


def _type_of(monitor: Body) -> str:
    """The type of a monitor; one that looks at metrics has two names."""
    return MonitorType.METRIC.value if monitor.get("type") == "metric alert" else str(monitor.get("type"))


def _step(wanted: Wanted, found: Look, target: Target) -> Change:
    match wanted.kind:
        case ThingKind.VARIABLE:
            return _variable_step(wanted, found, target)
        case ThingKind.WEBHOOK:
            return change_to(wanted, found.webhooks.get(target.webhook))
        case ThingKind.MONITOR:
            return change_to(wanted, found.monitors.get(wanted.key))
        case ThingKind.DASHBOARD:
            return change_to(wanted, found.dashboard)


def _variable_step(wanted: Wanted, found: Look, target: Target) -> Change:
    """Datadog never shows a secret again: that it is the right one is known from the version the webhook names."""
    step = change_to(wanted, found.variable)
    there = found.webhooks.get(target.webhook)
    version = _headers(there).get(VERSION_HEADER) if there is not None else None
    if step.action is not Action.CREATE and version != target.token_version:
        told = f"(version {version or 'unknown'})", f"(version {target.token_version})"
        step = replace(step, action=Action.UPDATE, differences=(FieldDifference("value", *told),), body=wanted.body)
    return step


def _check_theirs(needed: Wanted, there: Body, target: Target) -> None:
    """Whether a webhook that someone else made does what is needed; raises RefusedError where it doesn't."""
    ours = replace(needed, body={each: needed.body[each] for each in ("name", "url", "payload")})
    change = change_to(ours, there)
    token = _headers(there).get(TOKEN_HEADER)
    owner = owner_of(there)
    if owner is None and change.action is Action.KEEP and token:
        return
    whose = f"was made for {owner}" if owner else "wasn't made by `rampart datadog sync`"
    wrong = [f"its {each.field} is {each.before}, not {each.after}" for each in change.differences]
    wrong += [] if token else [f"it sends no header {TOKEN_HEADER}"]
    raise RefusedError(
        f"the webhook {target.webhook} {whose}" + (f": {'; '.join(wrong)}" if wrong else ""),
        name="WebhookIsAnothers",
        fix="Name another webhook in the plan (`webhook: rampart-…`), or rename or remove that one in Datadog.",
    )


def removals(found: Look, target: Target) -> SyncSteps:
    """What takes away everything that was made for this rollout and nothing else, callers before what they call."""
    steps = [removal_of(ThingKind.MONITOR, body) for body in found.monitors.values()]
    steps += [removal_of(ThingKind.DASHBOARD, found.dashboard)] if found.dashboard is not None else []
    ours = [body for body in found.webhooks.values() if owner_of(body) == target.owner]
    steps += [removal_of(ThingKind.WEBHOOK, body) for body in ours]
    steps += [removal_of(ThingKind.VARIABLE, found.variable)] if found.variable is not None else []
    return SyncSteps(tuple(steps), tuple(_copy_notes(found)))


def _copy_notes(found: Look) -> Iterator[str]:
    return (f"{copy}; it stays as it is" for copy in found.copies)


def apply(account: Things, changes: SyncSteps, token: str = "") -> SyncSteps:
    """Do what has to be done, in order; what was made before something failed stays, and a second run goes on."""
    for step in changes.to_do:
        if step.action is Action.DELETE:
            account.delete(step.kind, step.id)
            continue
        secret = {"value": token} if step.kind is ThingKind.VARIABLE else {}
        body = {**(step.body or {}), **secret}
        if step.action is Action.UPDATE:
            account.update(step.kind, step.id, body)
        else:
            made = account.create(step.kind, body)
            if "id" in made:
                changes.done[step.name] = str(made["id"])
    return changes


def guarding(plan: Plan, target: Target) -> list[str]:
    """The names of the monitors that roll back, which belong into the plan's `monitors`."""
    guards = dict(guards_of(plan))
    tags = criterion_tags(guards)
    rolling_back = {tags[name] for name, guard in guards.items() if guard.spares is None}
    return [
        str(each.body["name"])
        for each in wanted_of(plan, target)
        if each.kind is ThingKind.MONITOR and each.key in rolling_back
    ]
