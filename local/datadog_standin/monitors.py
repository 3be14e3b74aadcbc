"""Monitors: stored as the API shows them, evaluated in every tick, and moved between their states."""

import math
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from local.datadog_standin.downtimes import Downtimes, is_silent
from local.datadog_standin.expression import (
    Leaf,
    Node,
    QueryError,
    Variable,
    leaves,
    parse,
    parse_events,
    substituted,
)
from local.datadog_standin.reading import MetricReader
from local.exchange import HttpRefusal, Json

ORG_ID = 1
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 2592000}
_WINDOWED = re.compile(r"\s*(?P<aggregator>avg|sum|min|max)\((?:last|current)_(?P<n>\d+)(?P<unit>mo|[smhdw])\)\s*:")
_COMPARED = re.compile(r"(?P<body>.*[^<>=])(?P<sign>>=|<=|>|<)\s*(?P<bar>-?\d+(?:\.\d+)?)\s*", re.DOTALL)
_EDITABLE = ("name", "message", "tags", "query", "priority", "restricted_roles", "draft_status")
_PAGE_SIZE, _LARGEST_PAGE = 100, 1000
_DEFAULT_OPTIONS = {"notify_no_data": False, "notify_audit": False, "include_tags": True}
METRIC_TYPE = "query alert"
EVENT_TYPES = {"log alert": "logs", "trace-analytics alert": "spans"}
"""The types that count events, each with its source."""
_FORMULA = re.compile(r"""\s*formula\("(?P<formula>[^"]*)"\)\s*\.last\("(?P<n>\d+)(?P<unit>[mhd])"\)\s*""")


class MonitorState(StrEnum):
    """What a monitor says about its metric, in the API's words."""

    OK = "OK"
    """Within its thresholds."""
    WARN = "Warn"
    """Beyond the warning threshold."""
    ALERT = "Alert"
    """Beyond the critical threshold."""
    NO_DATA = "No Data"
    """Nothing was measured."""


class Transition(StrEnum):
    """What a notification is about, as `$ALERT_TRANSITION` has it."""

    TRIGGERED = "Triggered"
    """The alert began."""
    RE_TRIGGERED = "Re-Triggered"
    """The alert is still active after the renotify interval."""
    WARN = "Warn"
    """The warning began."""
    RE_WARN = "Re-Warn"
    """The warning is still active after the renotify interval."""
    NO_DATA = "No Data"
    """The metric stopped."""
    RE_NO_DATA = "Re-No Data"
    """The metric is still missing after the renotify interval."""
    RECOVERED = "Recovered"
    """The monitor recovered."""
    WARN_RECOVERED = "Warn Recovered"
    """A warning is over (sent by hand only)."""
    RENOTIFY = "Renotify"
    """A repeat (sent by hand only)."""


_BEGUN = {
    MonitorState.OK: Transition.RECOVERED,
    MonitorState.ALERT: Transition.TRIGGERED,
    MonitorState.WARN: Transition.WARN,
    MonitorState.NO_DATA: Transition.NO_DATA,
}
_AGAIN = {
    MonitorState.ALERT: Transition.RE_TRIGGERED,
    MonitorState.WARN: Transition.RE_WARN,
    MonitorState.NO_DATA: Transition.RE_NO_DATA,
}


class MonitorQuery(NamedTuple):
    """`sum(last_5m): expression > 8`, parsed."""

    aggregator: str
    window_seconds: int
    node: Node
    sign: str
    bar: float

    def beyond(self, value: float, bar: float) -> bool:
        """Whether a value is on the wrong side of a bar."""
        return {">": value > bar, ">=": value >= bar, "<": value < bar, "<=": value <= bar}[self.sign]


@dataclass
class Monitor:
    """One monitor: its body in the API, and the last notification."""

    body: dict[str, Any]
    told: MonitorState = MonitorState.OK
    told_at: float = 0.0
    cycle: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Key of the alert cycle, from the trigger to the recovery."""

    @property
    def state(self) -> MonitorState:
        """Give the state that the API shows."""
        return MonitorState(self.body["overall_state"])


def moment(at: float) -> str:
    """Write a time as Datadog does, from epoch seconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")


def parse_monitor_query(text: str, minute: float = 60) -> MonitorQuery:
    """Parse a metric monitor's query, whose minutes last `minute` seconds; raises QueryError in the API's words."""
    compared = _compared(text)
    windowed = _WINDOWED.match(compared["body"])
    if windowed is None:
        raise QueryError(f"unable to parse the time window of {text}")
    length = int(windowed["n"]) * _SECONDS[windowed["unit"]]
    seconds = length if windowed["unit"] == "s" else max(1, round(length / 60 * minute))
    node = parse(compared["body"][windowed.end() :])
    return MonitorQuery(windowed["aggregator"], seconds, node, compared["sign"], float(compared["bar"]))


def parse_event_query(text: str, variables: Json, source: str, minute: float = 60) -> MonitorQuery:
    """Parse a formula over searches; raises QueryError in the API's words."""
    compared = _compared(text)
    written = _FORMULA.fullmatch(compared["body"])
    if written is None:
        raise QueryError(f"this stand-in knows formulas of {source} only: {text}")
    named: dict[Leaf, Node] = {Variable(str(each.get("name"))): _searched(each, source) for each in variables or []}
    node = parse(written["formula"])
    for leaf in leaves(node):
        if leaf not in named:
            raise QueryError(f"Invalid formula '{written['formula']}': no variable has the name '{leaf}'")
    seconds = max(1, round(int(written["n"]) * _SECONDS[written["unit"]] / 60 * minute))
    return MonitorQuery("sum", seconds, substituted(node, named), compared["sign"], float(compared["bar"]))


def _searched(variable: Mapping[str, Any], source: str) -> Node:
    if variable.get("data_source") != source or variable.get("compute", {}).get("aggregation") != "count":
        raise QueryError(f"this stand-in counts {source} here, and nothing else")
    return parse_events(source, str(variable.get("search", {}).get("query", "*")))


def query_of(body: Mapping[str, Any], minute: float = 60) -> MonitorQuery:
    """Parse the query of a monitor that is judged here; raises QueryError."""
    source = EVENT_TYPES.get(str(body.get("type")))
    if source is None:
        return parse_monitor_query(str(body["query"]), minute)
    return parse_event_query(str(body["query"]), body.get("options", {}).get("variables"), source, minute)


def _compared(text: str) -> re.Match[str]:
    """Split a query of any type at its comparison."""
    compared = _COMPARED.fullmatch(text)
    if compared is None:
        raise QueryError("invalid operator specified: ")
    return compared


def validate(body: Json) -> None:
    """Refuse a monitor whose query can't be parsed, with the API's 400."""
    query, kind = str(body.get("query", "")), body.get("type", METRIC_TYPE)
    is_formula = kind in EVENT_TYPES and query.lstrip().startswith("formula(")
    try:
        if kind in (METRIC_TYPE, "metric alert") or is_formula:
            query_of({**body, "query": query})
        else:
            _compared(query)
    except QueryError as error:
        message = f"The value provided for parameter 'query' is invalid: {error}"
        raise HttpRefusal(400, {"errors": [message]}) from error


class Monitors:
    """All monitors of the account, by id."""

    def __init__(self) -> None:
        self.by_id: dict[int, Monitor] = {}
        self.downtimes = Downtimes()
        self._last_id = 100_000

    def get(self, monitor_id: int) -> Monitor:
        """Look up a monitor; a 404 if it doesn't exist."""
        if monitor_id not in self.by_id:
            raise HttpRefusal(404, {"errors": ["Monitor not found"]})
        return self.by_id[monitor_id]

    def create(self, body: Json, now: float) -> dict[str, Any]:
        """Create a new monitor each time: creation isn't idempotent."""
        validate(body)
        kind = METRIC_TYPE if body["type"] == "metric alert" else body["type"]
        self._last_id += 1
        shown = {
            "id": self._last_id,
            "org_id": ORG_ID,
            "type": kind,
            "name": body.get("name", ""),
            "message": body.get("message", ""),
            "tags": body.get("tags", []),
            "query": body["query"],
            "options": _options(body.get("options", {}), kind, new=True),
            "multi": _is_multi(body["query"]),
            "created_at": int(now) * 1000,
            "created": moment(now),
            "modified": moment(now),
            "deleted": None,
            "restricted_roles": body.get("restricted_roles"),
            "priority": body.get("priority"),
            "restriction_policy": None,
            "overall_state_modified": None,
            "overall_state": MonitorState.NO_DATA.value,
            "creator": {"name": None, "handle": "local@example.gov", "email": "local@example.gov", "id": 1},
        }
        if "draft_status" in body:  # in preview: accounts without it don't show it
            shown["draft_status"] = body["draft_status"]
        self.by_id[shown["id"]] = Monitor(shown)
        return shown

    def edit(self, monitor_id: int, body: Json, now: float) -> dict[str, Any]:
        """Update the given fields; options are replaced as a whole, and the type stays."""
        shown = self.get(monitor_id).body
        if body.get("type", shown["type"]) not in (
            shown["type"],
            "metric alert" if shown["type"] == METRIC_TYPE else "",
        ):
            raise HttpRefusal(400, {"errors": ["Monitor type change not allowed"]})
        known = {"query": shown["query"], "type": shown["type"], "options": shown["options"]}
        validate(known | {key: body[key] for key in ("query", "options") if key in body})
        shown.update({key: body[key] for key in _EDITABLE if key in body})
        if "options" in body:
            shown["options"] = _options(body["options"], shown["type"], new=False)
        shown["multi"] = _is_multi(shown["query"])
        shown["modified"] = moment(now)
        return {key: value for key, value in shown.items() if key != "creator"}

    def delete(self, monitor_id: int) -> dict[str, Any]:
        self.get(monitor_id)
        del self.by_id[monitor_id]
        return {"deleted_monitor_id": monitor_id}

    def show(self, monitor_id: int, query: Mapping[str, str], now: float) -> dict[str, Any]:
        """Show one monitor, with its downtimes if requested."""
        body = self.get(monitor_id).body
        return body | self._downtimes(body, now) if _wants_downtimes(query) else body

    def listing(self, query: Mapping[str, str], now: float) -> list[dict[str, Any]]:
        """List monitors by id, filtered by `name`, `monitor_tags` and `tags` (those of the query's scope).

        Page by page where `page` is given; where `id_offset` is, the first `page_size` of those with an id above it.
        """
        found = [
            monitor.body
            | (self._downtimes(monitor.body, now) if _wants_downtimes(query) else {"matching_downtimes": []})
            for number, monitor in sorted(self.by_id.items())
            if number > int(query.get("id_offset", 0))
            and query.get("name", "").lower() in monitor.body["name"].lower()
            and set(_listed(query.get("monitor_tags"))) <= set(monitor.body["tags"])
            and all(tag in monitor.body["query"] for tag in _listed(query.get("tags")))
        ]
        if "page" not in query and not ("id_offset" in query and "page_size" in query):
            return found
        size = int(query.get("page_size", _PAGE_SIZE))
        if size > _LARGEST_PAGE:
            raise HttpRefusal(400, {"errors": [f"page_size is at most {_LARGEST_PAGE}"]})
        start = int(query.get("page", 0)) * size
        return found[start : start + size]

    def _downtimes(self, body: Mapping[str, Any], now: float) -> dict[str, Any]:
        return {"matching_downtimes": self.downtimes.matching(body, now)}

    def look(self, reader: MetricReader, now: float, minute: float) -> Iterator[tuple[Monitor, Transition]]:
        """Evaluate every metric monitor once: update its state, and yield the notifications to send."""
        for monitor in self.by_id.values():
            is_formula = monitor.body["query"].lstrip().startswith("formula(")
            if monitor.body["type"] != METRIC_TYPE and not (monitor.body["type"] in EVENT_TYPES and is_formula):
                continue
            state = _state_now(monitor, reader, now, minute)
            if state is None:
                continue
            if state is not monitor.state:
                monitor.body["overall_state"] = state.value
                monitor.body["overall_state_modified"] = moment(now)
            transition = _due(monitor, state, now, minute)
            if transition is not None:
                if monitor.told is MonitorState.OK:
                    monitor.cycle = uuid.uuid4().hex
                monitor.told, monitor.told_at = state, now
                # What happens while a monitor is silenced isn't sent later either.
                if not is_silent(monitor.body, self.downtimes, now):
                    yield monitor, transition


def _state_now(monitor: Monitor, reader: MetricReader, now: float, minute: float) -> MonitorState | None:
    """Judge the window that ends `evaluation_delay` ago; None when a full window is required and incomplete."""
    options, query = monitor.body["options"], query_of(monitor.body, minute)
    end = math.floor(now - (options.get("evaluation_delay") or 0) / 60 * minute)
    start = end - query.window_seconds
    value = reader.measure(query.node, query.aggregator, start, end, now)
    if value is None:
        return MonitorState.NO_DATA
    if options.get("require_full_window"):
        first = reader.first_second(query.node, start, end, now)
        if first is None or first > start + query.window_seconds / 5:
            return None
    thresholds = options.get("thresholds") or {}
    recovery = thresholds.get("critical_recovery")
    is_over = monitor.state is not MonitorState.ALERT or recovery is None or not query.beyond(value, recovery)
    if query.beyond(value, thresholds.get("critical", query.bar)) or not is_over:
        return MonitorState.ALERT
    warning = thresholds.get("warning")
    return MonitorState.WARN if warning is not None and query.beyond(value, warning) else MonitorState.OK


def _due(monitor: Monitor, state: MonitorState, now: float, minute: float) -> Transition | None:
    """Decide what to notify about a state: a change, or a repeat after the renotify interval."""
    options = monitor.body["options"]
    tells_silence = options.get("notify_no_data") or options.get("on_missing_data") == "show_and_notify_no_data"
    if state is MonitorState.NO_DATA and not tells_silence:
        return None
    if state is not monitor.told:
        return _BEGUN[state]
    interval = options.get("renotify_interval")
    statuses = options.get("renotify_statuses") or ["alert", "warn", "no data"]
    if not interval or state.value.lower() not in statuses or now - monitor.told_at < interval * minute:
        return None
    return _AGAIN[state]


def _options(given: Json, kind: str, *, new: bool) -> dict[str, Any]:
    options = dict(given)
    if "thresholds" in options:
        options["thresholds"] = {key: float(bar) for key, bar in options["thresholds"].items() if bar is not None}
    defaults: dict[str, Any] = dict(_DEFAULT_OPTIONS)
    if kind == "log alert":
        defaults["groupby_simple_monitor"] = False
    elif new:
        defaults["new_host_delay"] = 300
    return defaults | {"silenced": {}} | options


def _is_multi(query: str) -> bool:
    return re.search(r"\bby\s*\{|\.by\(", query) is not None


def _wants_downtimes(query: Mapping[str, str]) -> bool:
    return query.get("with_downtimes", "").lower() == "true"


def _listed(text: str | None) -> list[str]:
    return [part for part in (text or "").split(",") if part]
