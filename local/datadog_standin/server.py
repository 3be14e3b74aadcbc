"""The Datadog API: its routes, keys, and rate limit, on top of a scripted world and a stateful account."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from local.datadog_standin.boards import Dashboards, Events, SubmittedSeries
from local.datadog_standin.downtimes import Downtimes, mute, unmute
from local.datadog_standin.expression import QueryError
from local.datadog_standin.monitors import Monitor, Monitors, Transition, validate
from local.datadog_standin.reading import MetricReader
from local.datadog_standin.scenario import Scenario, Shares
from local.datadog_standin.webhooks import Deliverer, MonitorNotice, Webhooks
from local.exchange import Handle, HttpAnswer, HttpRefusal, Request
from local.flipper_standin import FlipperStandIn
from local.standin import StandIn, control

API_KEY = "local-api-key"
APP_KEY = "local-application-key"
QUERIES_PER_HOUR = 1600
_HOUR_SECONDS = 3600
_WEBHOOKS = "/api/v1/integration/webhooks/configuration"
_V1_QUERY_CONTACTS = {
    "statuspage": "http://status.datadoghq.com",
    "twitter": "http://twitter.com/datadogops",
    "email": "support@datadoghq.com",
}
_NEED_NO_APP_KEY = ("/api/v1/validate", "/api/v1/events", "/api/v2/series")


@dataclass
class Account:
    """Everything that requests can change."""

    monitors: Monitors = field(default_factory=Monitors)
    webhooks: Webhooks = field(default_factory=Webhooks)
    dashboards: Dashboards = field(default_factory=Dashboards)
    events: Events = field(default_factory=Events)
    series: SubmittedSeries = field(default_factory=SubmittedSeries)


class RateLimit:
    """The limit of metric queries an hour, for the whole organization."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self.limit = limit
        self.used = 0
        self._clock = clock
        self._ends = 0.0

    def take(self) -> tuple[bool, dict[str, str]]:
        """Count one query: whether it is within the limit, and the headers that say how many are left."""
        now = self._clock()
        if now >= self._ends:
            self.used, self._ends = 0, now + _HOUR_SECONDS
        allowed = self.used < self.limit
        self.used += allowed
        return allowed, {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Name": "query_timeseries",
            "X-RateLimit-Period": str(_HOUR_SECONDS),
            "X-RateLimit-Remaining": str(self.limit - self.used),
            "X-RateLimit-Reset": str(max(1, round(self._ends - now))),
        }


class DatadogStandIn(StandIn[Account]):
    """Datadog at `url`, whose metrics follow the flags of `flipper`: a stand-in in this process, or another's address.

    Monitors are looked at every `tick_seconds` (0: only by `tick()`); a minute of their windows, delays and renotify
    intervals lasts `minute_seconds`; a delivery is tried again after `retry_seconds`.
    """

    name = "datadog"

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        flipper: FlipperStandIn | str | None = None,
        port: int = 0,
        api_key: str = API_KEY,
        app_key: str = APP_KEY,
        tick_seconds: float = 1.0,
        minute_seconds: float = 60.0,
        retry_seconds: float = 60.0,
        queries_per_hour: int = QUERIES_PER_HOUR,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(Account(), port=port, clock=clock)
        self.reader = MetricReader(scenario or Scenario(), self._shares)
        self.rate_limit = RateLimit(queries_per_hour, clock)
        self.deliverer = Deliverer(retry_seconds=retry_seconds, clock=clock, stopped=self.stopped)
        self.tick_seconds = tick_seconds
        self.minute_seconds = minute_seconds
        self._flipper = flipper
        self._last_shares: dict[str, Shares] = {}
        self._keys = (api_key, app_key)
        self._add_routes()
        self._add_own_controls()

    # --- the closed loop ---

    @property
    def scenario(self) -> Scenario:
        """The running script; assign another to run that one."""
        return self.reader.scenario

    @scenario.setter
    def scenario(self, scenario: Scenario) -> None:
        self.reader.scenario = scenario

    def change(self, name: str, *, at: float | None = None, **values: float) -> None:
        """Give a traffic or gauge new values, from now or `at` on: `change("download", new_error_rate=0.3)`."""
        with self.lock:
            self.scenario.change(name, self.clock() if at is None else at, **values)

    def _shares(self, flag: str) -> Shares:
        """Read the flag's share over time; while Flipper's stand-in is down, the last known share holds."""
        if isinstance(self._flipper, FlipperStandIn):
            return self._flipper.shares(flag)
        if self._flipper is not None:
            try:
                self._last_shares[flag] = control(self._flipper, "GET", f"/shares/{flag}")
            except OSError:
                return self._last_shares.get(flag, [])
        return self._last_shares.get(flag, [])

    # --- monitors and webhooks ---

    def __enter__(self) -> Self:
        super().__enter__()
        if self.tick_seconds:
            threading.Thread(target=self._tick_on, daemon=True, name="monitors").start()
        return self

    def _tick_on(self) -> None:
        while not self.stopped.wait(self.tick_seconds):
            self.tick()

    def tick(self) -> None:
        """Evaluate every monitor once, and start the resulting deliveries."""
        with self.lock:
            for monitor, transition in self.state.monitors.look(self.reader, self.clock(), self.minute_seconds):
                self._notify(monitor, transition, test=False)

    def notify(self, monitor_id: int, transition: Transition, *, test: bool = False) -> None:
        """Send a notification by hand: a test (with `[TEST]` in its title), a repeat, or one out of order."""
        with self.lock:
            self._notify(self.state.monitors.get(monitor_id), transition, test=test)

    def _notify(self, monitor: Monitor, transition: Transition, *, test: bool) -> None:
        webhooks = self.state.webhooks
        notice = MonitorNotice(monitor, transition, self.clock(), self.state.events.next_id(), test)
        custom = {name: variable["value"] for name, variable in webhooks.variables.items()}
        for hook in webhooks.mentioned(monitor.body["message"], transition):
            self.deliverer.send(hook, notice, custom)

    # --- control from other processes ---

    def _add_own_controls(self) -> None:
        add = self.controls.add
        add("GET", "/scenario", lambda _: HttpAnswer(body=self.scenario.model_dump(mode="json")))
        add("PUT", "/scenario", self._control_scenario)
        add("PATCH", "/scenario", self._control_scenario)
        add("POST", "/change", self._control_change)
        add("POST", "/tick", self._control_tick)
        add("GET", "/deliveries", lambda _: HttpAnswer(body=self.deliverer.shown()))
        add("GET", "/monitors", lambda _: HttpAnswer(body=self.state.monitors.listing({}, self.clock())))
        add("POST", "/monitors/:monitor/notify", self._control_notify)
        add("GET", "/events", lambda _: HttpAnswer(body=self.state.events.posted))

    def _control_scenario(self, request: Request) -> HttpAnswer:
        before = self.scenario.model_dump() if request.method == "PATCH" else {}
        self.scenario = Scenario.model_validate(before | request.json())
        return HttpAnswer(body=self.scenario.model_dump(mode="json"))

    def _control_change(self, request: Request) -> HttpAnswer:
        self.change(**request.json())
        return HttpAnswer(body=self.scenario.model_dump(mode="json"))

    def _control_tick(self, _: Request) -> HttpAnswer:
        self.tick()
        return HttpAnswer(204)

    def _control_notify(self, request: Request, monitor: str) -> HttpAnswer:
        wanted = request.json()
        self.notify(int(monitor), Transition(wanted["transition"]), test=wanted.get("test", False))
        return HttpAnswer(202, wanted)

    # --- the API ---

    def is_write(self, request: Request) -> bool:
        """Whether a request changes the account; a query is a POST that does not."""
        return super().is_write(request) and "/query/" not in request.path

    def answer(self, request: Request) -> HttpAnswer:
        """Answer as Datadog: keys first, then the query limit, then the route."""
        self._check_keys(request)
        headers: dict[str, str] = {}
        if request.path.startswith("/api/v2/query/"):
            allowed, headers = self.rate_limit.take()
            if not allowed:
                return HttpAnswer(429, {"errors": ["Too many requests"]}, headers=headers)
        handle, names, known = self.routes.find(request.method, request.path)
        if handle is None:
            raise HttpRefusal(405 if known else 404, {"errors": ["Method not allowed" if known else "Not found"]})
        answer = self._handled(handle, request, names)
        return replace(answer, headers={**answer.headers, **headers})

    @staticmethod
    def _handled(handle: Handle, request: Request, names: dict[str, str]) -> HttpAnswer:
        try:
            return handle(request, **names)
        except HttpRefusal as refusal:
            return refusal.answer
        except QueryError as error:
            return HttpAnswer(400, {"errors": [str(error)]})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return HttpAnswer(400, {"errors": [f"Invalid request: {type(error).__name__}: {error}"]})

    def _check_keys(self, request: Request) -> None:
        api_key, app_key = request.headers.get("dd-api-key"), request.headers.get("dd-application-key")
        if request.path == "/api/v1/validate" and not api_key:
            raise HttpRefusal(403, {"errors": ["API key required"]})
        if api_key == self._keys[0] and (request.path in _NEED_NO_APP_KEY or app_key == self._keys[1]):
            return
        refused: dict[str, Any] = {"errors": ["Forbidden"]}
        if request.path == "/api/v1/query":
            refused = {"status": "error", "code": 403, **refused, **_V1_QUERY_CONTACTS}
        raise HttpRefusal(403, refused)

    def _add_routes(self) -> None:
        add = self.routes.add
        add("GET", "/api/v1/validate", lambda _: HttpAnswer(body={"valid": True}))
        add("POST", "/api/v2/query/timeseries", lambda asked: self.reader.timeseries(asked.json(), self.clock()))
        add("POST", "/api/v2/query/scalar", lambda asked: self.reader.scalar(asked.json(), self.clock()))
        add("POST", "/api/v1/events", lambda asked: HttpAnswer(202, self.state.events.post(asked.json(), self.clock())))
        add("POST", "/api/v2/series", lambda asked: HttpAnswer(202, self.state.series.submit(asked.json())))
        self._add_monitor_routes()
        self._add_webhook_routes()
        self._add_dashboard_routes()

    def _add_monitor_routes(self) -> None:
        add, one = self.routes.add, "/api/v1/monitor/:monitor"
        add("POST", "/api/v1/monitor/validate", _validated)
        add("POST", f"{one}/validate", lambda asked, monitor: _validated(asked))  # noqa: ARG005 -- named by the route
        add("GET", "/api/v1/monitor", lambda asked: HttpAnswer(body=self._monitors.listing(asked.query, self.clock())))
        add(
            "POST",
            "/api/v1/monitor",
            lambda asked: HttpAnswer(body=self.state.monitors.create(asked.json(), self.clock())),
        )
        add("GET", one, self._show_monitor)
        add("PUT", one, self._edit_monitor)
        add("DELETE", one, lambda _, monitor: HttpAnswer(body=self._monitors.delete(int(monitor))))
        add("POST", f"{one}/mute", lambda asked, monitor: HttpAnswer(body=mute(self._body(monitor), asked.json())))
        add("POST", f"{one}/unmute", lambda asked, monitor: HttpAnswer(body=unmute(self._body(monitor), asked.json())))
        downtime = "/api/v1/downtime/:downtime"
        add("POST", "/api/v1/downtime", self._schedule_downtime)
        add("GET", downtime, lambda _, downtime: HttpAnswer(body=self._downtimes.shown(int(downtime), self.clock())))
        add("DELETE", downtime, self._cancel_downtime)

    @property
    def _monitors(self) -> Monitors:
        return self.state.monitors

    @property
    def _downtimes(self) -> Downtimes:
        return self.state.monitors.downtimes

    def _body(self, monitor: str) -> dict[str, Any]:
        return self._monitors.get(int(monitor)).body

    def _schedule_downtime(self, request: Request) -> HttpAnswer:
        return HttpAnswer(body=self._downtimes.schedule(request.json(), self.clock()))

    def _cancel_downtime(self, _: Request, downtime: str) -> HttpAnswer:
        self._downtimes.cancel(int(downtime), self.clock())
        return HttpAnswer(204)

    def _show_monitor(self, request: Request, monitor: str) -> HttpAnswer:
        return HttpAnswer(body=self._monitors.show(int(monitor), request.query, self.clock()))

    def _edit_monitor(self, request: Request, monitor: str) -> HttpAnswer:
        return HttpAnswer(body=self.state.monitors.edit(int(monitor), request.json(), self.clock()))

    def _add_webhook_routes(self) -> None:
        add, hooks, variables = self.routes.add, f"{_WEBHOOKS}/webhooks", f"{_WEBHOOKS}/custom-variables"
        add("POST", hooks, lambda asked: HttpAnswer(201, self._webhooks.put_hook(asked.json())))
        add("GET", f"{hooks}/:name", lambda _, name: HttpAnswer(body=self._webhooks.hook(name)))
        add("PUT", f"{hooks}/:name", lambda asked, name: HttpAnswer(body=self._webhooks.put_hook(asked.json(), name)))
        add("DELETE", f"{hooks}/:name", lambda _, name: HttpAnswer(body=self._webhooks.delete_hook(name)))
        add("POST", variables, lambda asked: HttpAnswer(201, self._webhooks.put_variable(asked.json())))
        add("GET", f"{variables}/:name", lambda _, name: HttpAnswer(body=self._webhooks.variable(name)))
        add(
            "PUT",
            f"{variables}/:name",
            lambda asked, name: HttpAnswer(body=self._webhooks.put_variable(asked.json(), name)),
        )
        add("DELETE", f"{variables}/:name", lambda _, name: HttpAnswer(body=self._webhooks.delete_variable(name)))

    @property
    def _webhooks(self) -> Webhooks:
        return self.state.webhooks

    def _add_dashboard_routes(self) -> None:
        add, one = self.routes.add, "/api/v1/dashboard/:board"
        add("GET", "/api/v1/dashboard", lambda asked: HttpAnswer(body=self.state.dashboards.listing(asked.query)))
        add("POST", "/api/v1/dashboard", self._put_dashboard)
        add("GET", one, lambda _, board: HttpAnswer(body=self.state.dashboards.get(board)))
        add("PUT", one, self._put_dashboard)
        add("DELETE", one, lambda _, board: HttpAnswer(body=self.state.dashboards.delete(board)))

    def _put_dashboard(self, request: Request, board: str | None = None) -> HttpAnswer:
        return HttpAnswer(body=self.state.dashboards.put(request.json(), self.clock(), board))


def _validated(request: Request) -> HttpAnswer:
    validate(request.json())
    return HttpAnswer(body={})
