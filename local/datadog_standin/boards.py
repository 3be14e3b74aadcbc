"""Dashboards and events."""

import random
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.datadog_standin.monitors import moment
from local.exchange import HttpRefusal, Json

_MOST_LISTED = 100
_OLDEST_EVENT_SECONDS = 18 * 3600
_FIRST_EVENT_ID = 8_000_000_000_000_000_123


@dataclass
class Dashboards:
    """The account's dashboards by id."""

    by_id: dict[str, dict[str, Any]] = field(default_factory=dict)

    def get(self, dashboard_id: str) -> dict[str, Any]:
        """Show a dashboard; a 404 if it doesn't exist."""
        if dashboard_id not in self.by_id:
            raise HttpRefusal(404, {"errors": [f"Dashboard with ID {dashboard_id} not found"]})
        return self.by_id[dashboard_id]

    def put(self, body: Json, now: float, dashboard_id: str | None = None) -> dict[str, Any]:
        """Create a dashboard, or replace the one with this id."""
        for required in ("title", "layout_type", "widgets"):
            if required not in body:
                raise HttpRefusal(400, {"errors": [f"{required} is a required property"]})
        created = moment(now) if dashboard_id is None else self.get(dashboard_id)["created_at"]
        key = dashboard_id or "-".join("".join(random.choices(string.ascii_lowercase, k=3)) for _ in range(3))
        slug = re.sub(r"[^a-z0-9-]", "", body["title"].lower().replace(" ", "-"))
        self.by_id[key] = {
            "id": key,
            "title": body["title"],
            "description": body.get("description"),
            "author_handle": "local@example.gov",
            "author_name": None,
            "layout_type": body["layout_type"],
            "url": f"/dashboard/{key}/{slug}",
            "is_read_only": False,
            "template_variables": body.get("template_variables"),
            "widgets": [{"id": random.randrange(10**15, 10**16)} | widget for widget in body["widgets"]],
            "notify_list": body.get("notify_list"),
            "created_at": created,
            "modified_at": moment(now),
            "restricted_roles": [],
        } | ({"tags": body["tags"]} if "tags" in body else {})
        return self.by_id[key]

    def delete(self, dashboard_id: str) -> dict[str, Any]:
        self.get(dashboard_id)
        del self.by_id[dashboard_id]
        return {"deleted_dashboard_id": dashboard_id}

    def listing(self, query: Mapping[str, str]) -> dict[str, Any]:
        """List the dashboards in short form: `count` of them, from `start` on."""
        start = int(query.get("start", 0))
        some = list(self.by_id.values())[start : start + int(query.get("count", _MOST_LISTED))]
        shown = ("id", "title", "description", "author_handle", "layout_type", "url", "created_at", "modified_at")
        return {"dashboards": [{key: board[key] for key in shown} for board in some]}


@dataclass
class Events:
    """The account's event stream, oldest first."""

    posted: list[dict[str, Any]] = field(default_factory=list)

    def next_id(self) -> int:
        """Give the number of the next event."""
        return _FIRST_EVENT_ID + 1007 * len(self.posted)

    def post(self, body: Json, now: float) -> dict[str, Any]:
        """Accept an event; `id` loses its last digits, as a real one does: only `id_str` is exact."""
        for required in ("title", "text"):
            if required not in body:
                raise HttpRefusal(400, {"errors": [f"Missing required attribute: {required}"]})
        happened = body.get("date_happened", int(now))
        if happened < now - _OLDEST_EVENT_SECONDS:
            raise HttpRefusal(400, '{"errors":["Event too far in the past"]}', "text/plain; charset=utf-8")
        number = self.next_id()
        event = {
            "id": number // 1000 * 1000,
            "id_str": str(number),
            "title": body["title"],
            "text": body["text"],
            "date_happened": happened,
            "handle": None,
            "priority": body.get("priority"),
            "related_event_id": body.get("related_event_id"),
            "tags": body.get("tags"),
            "url": f"https://app.datadoghq.com/event/event?id={number}",
        }
        self.posted.append(event | {key: body[key] for key in ("alert_type", "aggregation_key") if key in body})
        return {"status": "ok", "event": event}


@dataclass
class SubmittedSeries:
    """The points that were submitted, as they came."""

    submitted: list[dict[str, Any]] = field(default_factory=list)

    def submit(self, body: Json) -> dict[str, Any]:
        """Accept points of metrics; a 400 where one has no name or no points."""
        for each in body["series"]:
            if not each["metric"] or not each["points"]:
                raise HttpRefusal(400, {"errors": ["Payload is not in the expected format"]})
            self.submitted.append(each)
        return {"errors": []}
