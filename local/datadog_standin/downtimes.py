"""What silences a monitor that keeps evaluating: mutes, downtimes, and drafts."""

from collections.abc import Mapping
from typing import Any

from local.exchange import HttpRefusal, Json

_ORG_ID = 1
_GIVEN = ("message", "monitor_id", "monitor_tags", "mute_first_recovery_notification", "recurrence", "timezone")


class Downtimes:
    """The downtimes of the account, by id; times are epoch seconds."""

    def __init__(self) -> None:
        self.by_id: dict[int, dict[str, Any]] = {}
        self._last_id = 1_000

    def schedule(self, body: Json, now: float) -> dict[str, Any]:
        """Begin a downtime now or at `start`, until `end` or until it is canceled; 400 without a scope."""
        if not body.get("scope"):
            raise HttpRefusal(400, {"errors": ["Invalid scope: a downtime needs one"]})
        self._last_id += 1
        start = int(body.get("start") or now)
        shown = {
            "recurrence": None,
            "end": None if body.get("end") is None else int(body["end"]),
            "monitor_tags": ["*"],
            "child_id": None,
            "canceled": None,
            "monitor_id": None,
            "mute_first_recovery_notification": False,
            "created": int(now),
            "org_id": _ORG_ID,
            "modified": int(now),
            "disabled": False,
            "start": start,
            "creator_id": 1,
            "parent_id": None,
            "timezone": "UTC",
            "scope": scopes_of(body["scope"]),
            "message": None,
            "downtime_type": 2,
            "id": self._last_id,
            "updater_id": None,
        } | {name: body[name] for name in _GIVEN if name in body}
        self.by_id[self._last_id] = shown
        return self.shown(self._last_id, now)

    def shown(self, downtime_id: int, now: float) -> dict[str, Any]:
        """Show a downtime; a 404 if it doesn't exist."""
        if downtime_id not in self.by_id:
            raise HttpRefusal(404, {"errors": ["Downtime not found"]})
        downtime = self.by_id[downtime_id]
        return downtime | {"active": _is_on(downtime, now)}

    def cancel(self, downtime_id: int, now: float) -> None:
        """End a downtime now."""
        self.shown(downtime_id, now)
        self.by_id[downtime_id]["canceled"] = int(now)

    def matching(self, monitor: Mapping[str, Any], now: float) -> list[dict[str, Any]]:
        """List the active ones that match a monitor, as its body shows them."""
        return [
            {name: downtime[name] for name in ("id", "monitor_id", "start", "end", "scope")} | {"active": True}
            for downtime in self.by_id.values()
            if _is_on(downtime, now) and _matches(downtime, monitor)
        ]


def mute(monitor: dict[str, Any], body: Json) -> dict[str, Any]:
    """Mute a scope of a monitor, or all of it, forever or until `end`."""
    monitor["options"]["silenced"][body.get("scope") or "*"] = body.get("end")
    return monitor


def unmute(monitor: dict[str, Any], body: Json) -> dict[str, Any]:
    """Unmute a scope of a monitor, or everything with `all_scopes`."""
    silenced = monitor["options"]["silenced"]
    if body.get("all_scopes"):
        silenced.clear()
    else:
        silenced.pop(body.get("scope") or "*", None)
    return monitor


def is_silent(monitor: Mapping[str, Any], downtimes: Downtimes, now: float) -> bool:
    """Whether a monitor notifies no one: a draft, muted, or in a downtime."""
    mutes = monitor["options"]["silenced"].items()
    is_muted = any(_covers(scopes_of(scope), monitor) and (not end or now < end) for scope, end in mutes)
    return monitor.get("draft_status") == "draft" or is_muted or bool(downtimes.matching(monitor, now))


def scopes_of(scope: Json) -> list[str]:
    """The tags of a scope, given as a list or as comma-separated text."""
    return [str(each) for each in scope] if isinstance(scope, list) else str(scope).split(",")


def _is_on(downtime: Mapping[str, Any], now: float) -> bool:
    ends = downtime["end"]
    return downtime["canceled"] is None and downtime["start"] <= now and (ends is None or now < ends)


def _matches(downtime: Mapping[str, Any], monitor: Mapping[str, Any]) -> bool:
    wanted, tags = downtime["monitor_id"], set(downtime["monitor_tags"]) - {"*"}
    is_meant = wanted == monitor["id"] if wanted is not None else tags <= set(monitor["tags"])
    return is_meant and _covers(downtime["scope"], monitor)


def _covers(scopes: list[str], monitor: Mapping[str, Any]) -> bool:
    """Whether a scope is all, or appears in the monitor's query; monitors have no groups here."""
    return all(scope == "*" or scope in monitor["query"] for scope in scopes)
