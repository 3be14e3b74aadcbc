"""Webhooks: their configuration, the text of a notification, and its delivery."""

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from local.datadog_standin.monitors import ORG_ID, Monitor, Transition
from local.exchange import HttpRefusal, Json

TIMEOUT_SECONDS = 15.0
RETRIES = 5
DEFAULT_PAYLOAD = (
    '{"body": "$EVENT_MSG", "last_updated": "$LAST_UPDATED", "event_type": "$EVENT_TYPE", "title": "$EVENT_TITLE", '
    '"date": "$DATE", "org": {"id": "$ORG_ID", "name": "$ORG_NAME"}, "id": "$ID"}'
)
_VARIABLE = re.compile(r"\$(?:TAGS\[(?P<tag>[^\]]*)\]|(?P<name>[A-Z][A-Z0-9_]*))")
_BLOCK = re.compile(r"\{\{([#^])(is_\w+)\}\}((?:(?!\{\{[#^]is_).)*?)\{\{/\2\}\}", re.DOTALL)
_MENTION = re.compile(r"@webhook-([\w.-]*\w)")
_CONDITIONS: dict[Transition, tuple[str, ...]] = {
    Transition.TRIGGERED: ("is_alert",),
    Transition.RE_TRIGGERED: ("is_alert", "is_renotify"),
    Transition.RENOTIFY: ("is_alert", "is_renotify"),
    Transition.WARN: ("is_warning",),
    Transition.RE_WARN: ("is_warning", "is_renotify"),
    Transition.NO_DATA: ("is_no_data",),
    Transition.RE_NO_DATA: ("is_no_data", "is_renotify"),
    Transition.RECOVERED: ("is_recovery", "is_alert_recovery"),
    Transition.WARN_RECOVERED: ("is_recovery", "is_warning_recovery"),
}
_EVENT_TYPE = "query_alert_monitor"


class Webhooks:
    """The webhooks integration's configuration: webhooks and custom variables by name."""

    def __init__(self) -> None:
        self.hooks: dict[str, dict[str, Any]] = {}
        self.variables: dict[str, dict[str, Any]] = {}

    def put_hook(self, body: Json, name: str | None = None) -> dict[str, Any]:
        """Create a webhook, or update (and perhaps rename) the one with this name."""
        blank = {
            "name": "",
            "url": "",
            "payload": DEFAULT_PAYLOAD,
            "custom_headers": None,
            "encode_as": "json",
            "auth_method_id": None,
        }
        return _put(self.hooks, body, name, blank, "Webhook")

    def put_variable(self, body: Json, name: str | None = None) -> dict[str, Any]:
        """Create a custom variable, or update the one with this name; a secret one is never shown again."""
        _put(self.variables, body, name, {"name": "", "value": "", "is_secret": False}, "Custom variable")
        return self.variable(body.get("name", name))

    def hook(self, name: str) -> dict[str, Any]:
        """Show a webhook; a 404 if it doesn't exist."""
        return _found(self.hooks, name, "Webhook")

    def variable(self, name: str) -> dict[str, Any]:
        """Show a custom variable, without its value when it is secret."""
        variable = _found(self.variables, name, "Custom variable")
        return {key: value for key, value in variable.items() if key != "value" or not variable["is_secret"]}

    def delete_hook(self, name: str) -> dict[str, Any]:
        self.hook(name)
        del self.hooks[name]
        return {}

    def delete_variable(self, name: str) -> dict[str, Any]:
        self.variable(name)
        del self.variables[name]
        return {}

    def mentioned(self, message: str, transition: Transition) -> list[dict[str, Any]]:
        """List the webhooks that a monitor's message names for this transition; unknown names reach no one."""
        names = dict.fromkeys(_MENTION.findall(text_for(message, transition)))
        return [self.hooks[name] for name in names if name in self.hooks]


def _found(kept: dict[str, dict[str, Any]], name: str, what: str) -> dict[str, Any]:
    if name not in kept:
        raise HttpRefusal(404, {"errors": [f"{what} does not exist"]})
    return kept[name]


def _put(kept: dict[str, dict[str, Any]], body: Json, name: str | None, blank: Json, what: str) -> dict[str, Any]:
    before = blank if name is None else _found(kept, name, what)
    after = before | {key: value for key, value in body.items() if key in blank}
    if not after["name"]:
        raise HttpRefusal(400, {"errors": ["name: Missing data for required field."]})
    if after["name"] != name and after["name"] in kept:
        raise HttpRefusal(400, {"errors": [f"{what} already exists"]})
    if name is not None:
        del kept[name]
    kept[after["name"]] = after
    return after


def text_for(message: str, transition: Transition) -> str:
    """Keep the parts of a message for a transition: `{{#is_alert}}…{{/is_alert}}`, `{{^is_alert}}…`, nested too."""
    true = _CONDITIONS[transition]
    while match := _BLOCK.search(message):
        kept = match[3] if (match[2] in true) is (match[1] == "#") else ""
        message = message[: match.start()] + kept + message[match.end() :]
    return message


@dataclass(frozen=True)
class MonitorNotice:
    """What a webhook is sent: a monitor's transition at a time (epoch seconds)."""

    monitor: Monitor
    transition: Transition
    at: float
    event_id: int
    test: bool = False

    def variables(self) -> dict[str, str]:
        """Every `$VARIABLE` that Datadog fills in; `TAGS[key]` is filled from the tags."""
        body, milliseconds = self.monitor.body, str(int(self.at * 1000))
        title = f"{'[TEST] ' if self.test else ''}[{self.transition}] {body['name']}"
        kind = next((key for key in _CONDITIONS[self.transition]), "")
        scope = re.search(r"\{([^{}]*)\}", body["query"])
        metric = re.search(r":\s*([A-Za-z][\w.]*)\s*\{", body["query"])
        return {
            "ALERT_TRANSITION": self.transition.value,
            "ALERT_ID": str(body["id"]),
            "ALERT_CYCLE_KEY": self.monitor.cycle,
            "AGGREG_KEY": f"monitor-{body['id']}",
            "ID": str(self.event_id),
            "DATE": milliseconds,
            "LAST_UPDATED": milliseconds,
            "ORG_ID": str(ORG_ID),
            "ORG_NAME": "local",
            "EVENT_TITLE": title,
            "EVENT_MSG": text_for(body["message"], self.transition),
            "EVENT_TYPE": _EVENT_TYPE,
            # tags arrive in lowercase, however they were written
            "TAGS": ", ".join(tag.lower() for tag in [*body["tags"], "monitor"]),
            "ALERT_SCOPE": scope[1] if scope else "*",
            "LINK": f"https://app.datadoghq.com/monitors/{body['id']}",
            "ALERT_METRIC": metric[1] if metric else "",
            "ALERT_QUERY": body["query"],
            "ALERT_STATUS": f"{title}: {body['query']}",
            "ALERT_TITLE": title,
            "ALERT_TYPE": {"is_alert": "error", "is_recovery": "success"}.get(kind, "warning"),
            "ALERT_PRIORITY": f"P{body['priority']}" if body["priority"] else "",
        }


def substitute(template: str, variables: Mapping[str, str], *, in_json: bool) -> str:
    """Fill in `$NAME` and `$TAGS[key]`; an unknown name stays as it is, as at Datadog."""
    tags = dict(tag.partition(":")[::2] for tag in variables.get("TAGS", "").split(", "))

    def value_of(match: re.Match[str]) -> str:
        value = variables.get(match["name"]) if match["name"] else tags.get(match["tag"])
        if value is None:
            return match[0]
        return json.dumps(value)[1:-1] if in_json else value

    return _VARIABLE.sub(value_of, template)


@dataclass
class Attempt:
    """One try: when (epoch seconds), how long it took, and the status or the error."""

    at: float
    seconds: float
    status: int | None
    error: str | None


@dataclass
class Delivery:
    """One notification of one webhook, with all its attempts; headers are left out because they can hold a token."""

    webhook: str
    url: str
    monitor_id: int
    transition: str
    cycle: str
    payload: str
    attempts: list[Attempt] = field(default_factory=list)
    done: bool = False
    """Whether no more tries follow."""
    delivered: bool = False
    """Whether it was answered with a 2xx."""


class Deliverer:
    """Delivers notices as Datadog does, each in its own thread: 15 s timeout, five retries.

    Only a 5xx and a dropped or refused connection are retried; a 4xx and a timeout never.
    """

    def __init__(self, *, retry_seconds: float, clock: Callable[[], float], stopped: threading.Event) -> None:
        self.log: list[Delivery] = []
        self.retry_seconds = retry_seconds
        self.timeout_seconds = TIMEOUT_SECONDS
        self._clock = clock
        self._stopped = stopped
        self._threads: list[threading.Thread] = []

    def wait(self) -> None:
        """Return when no delivery is in progress."""
        for thread in list(self._threads):
            thread.join()

    def shown(self) -> list[dict[str, Any]]:
        """The log as JSON values."""
        return [asdict(delivery) for delivery in self.log]

    def send(self, hook: Mapping[str, Any], notice: MonitorNotice, custom: Mapping[str, str]) -> None:
        """Start one delivery; `custom` are the account's custom variables with their values, secret ones too."""
        variables = {**notice.variables(), **custom}
        body = substitute(hook["payload"] or "", variables, in_json=True)
        if hook["encode_as"] == "form":
            body, content_type = urlencode(json.loads(body)), "application/x-www-form-urlencoded"
        else:
            content_type = "application/json"
        headers = {"Content-Type": content_type, "User-Agent": "Datadog"}
        for name, value in json.loads(hook["custom_headers"] or "{}").items():
            headers[name] = substitute(value, variables, in_json=False)
        delivery = Delivery(
            webhook=hook["name"],
            url=substitute(hook["url"], variables, in_json=False),
            monitor_id=notice.monitor.body["id"],
            transition=notice.transition.value,
            cycle=notice.monitor.cycle,
            payload=body,
        )
        self.log.append(delivery)
        thread = threading.Thread(target=self._deliver, args=(delivery, headers), daemon=True, name="delivery")
        self._threads = [other for other in self._threads if other.is_alive()] + [thread]
        thread.start()

    def _deliver(self, delivery: Delivery, headers: Mapping[str, str]) -> None:
        for _ in range(1 + RETRIES):
            again = self._try(delivery, headers)
            if not again or self._stopped.wait(self.retry_seconds):
                break
        delivery.done = True

    def _try(self, delivery: Delivery, headers: Mapping[str, str]) -> bool:
        """Try once; return whether to try again."""
        status, error, began, at = None, None, time.monotonic(), self._clock()
        try:
            status = self._post(delivery, headers)
        except TimeoutError:
            error = "timed out"
        except (OSError, http.client.HTTPException) as problem:
            error = f"{type(problem).__name__}: {problem}"
        delivery.delivered = status is not None and 200 <= status < 300
        delivery.attempts.append(Attempt(at, time.monotonic() - began, status, error))
        return (status or 0) >= 500 or error not in (None, "timed out")

    def _post(self, delivery: Delivery, headers: Mapping[str, str]) -> int:
        parts = urlsplit(delivery.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=self.timeout_seconds)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", target, body=delivery.payload.encode(), headers=dict(headers))
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()
