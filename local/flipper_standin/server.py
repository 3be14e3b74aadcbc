"""Flipper's HTTP API (1.4) on top of gates in memory: the same routes, answers, and quirks."""

import base64
import json
import re
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Literal
from urllib.parse import parse_qsl

from local.exchange import HttpAnswer, HttpRefusal, Json, Request
from local.flipper_standin.caches import Caches
from local.flipper_standin.gates import Features, FlagGates, Write, ruby_number
from local.standin import StandIn

DEFAULT_PREFIX = "/flipper/api"
_MORE_INFO = "https://flippercloud.io/docs/api#error-code-reference"
_PERCENTAGE_MESSAGE = "Percentage must be a positive number less than or equal to 100."
Percentages = Literal["percentage_of_actors", "percentage_of_time"]


def _error(status: int, code: int, message: str) -> HttpRefusal:
    return HttpRefusal(status, {"code": code, "message": message, "more_info": _MORE_INFO})


def _accident() -> HttpRefusal:
    """What Rack answers when Flipper's own code raises."""
    return HttpRefusal(500, "Internal Server Error", "text/plain")


def _as_param(value: Json) -> Json:
    """Turn a value of a JSON body into what Flipper sees, which merges it into the query string."""
    if isinstance(value, dict | list):
        return value
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


class FlipperStandIn(StandIn[Features]):
    """Flipper's API at `api`, on top of gates in memory; `flags` maps names to a percentage of actors or None.

    With a `token` or `basic` ("user:password") a request without it gets a 401, as from a host's own middleware. With
    `caches`, reads are answered from copies that may be old.
    """

    name = "flipper"

    def __init__(
        self,
        *,
        flags: Mapping[str, float | None] | None = None,
        port: int = 0,
        prefix: str = DEFAULT_PREFIX,
        token: str | None = None,
        basic: str | None = None,
        groups: Collection[str] = (),
        caches: Caches | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(Features(), port=port, clock=clock)
        self.prefix = prefix.rstrip("/")
        self.groups = frozenset(groups)
        self.caches = caches
        self._accepted = {f"Bearer {token}"} if token else set()
        if basic:
            self._accepted.add("Basic " + base64.b64encode(basic.encode()).decode())
        self._after_write: list[Callable[[str], None]] = []
        self._add_routes()
        self._add_own_controls()
        for flag, percentage in (flags or {}).items():
            self.set_gates(flag, percentage_of_actors=percentage)

    def _add_routes(self) -> None:
        add, feature = self.routes.add, "/features/:flag"
        add("GET", "/features", self._list)
        add("POST", "/features", self._create)
        add("GET", feature, self._read)
        add("DELETE", feature, self._remove)
        add("DELETE", f"{feature}/clear", self._clear)
        add("POST", f"{feature}/boolean", self._open_boolean)
        add("DELETE", f"{feature}/boolean", self._close_boolean)
        for gate in ("percentage_of_actors", "percentage_of_time"):
            add("POST", f"{feature}/{gate}", self._percentage_setter(gate))
            add("DELETE", f"{feature}/{gate}", self._percentage_remover(gate))
        for method, opens in (("POST", True), ("DELETE", False)):
            add(method, f"{feature}/actors", partial(self._change_actors, opens))
            add(method, f"{feature}/groups", partial(self._change_groups, opens))
            add(method, f"{feature}/expression", partial(self._change_expression, opens))
        add("GET", "/actors/:actor", self._check_actor)

    def _add_own_controls(self) -> None:
        add = self.controls.add
        add("GET", "/gates/:flag", lambda _, flag: HttpAnswer(body=vars(self.gates(flag))))
        add("PUT", "/gates/:flag", self._control_gates)
        add("GET", "/writes", lambda _: HttpAnswer(body=self.state.writes))
        add("GET", "/shares/:flag", lambda _, flag: HttpAnswer(body=self.shares(flag)))
        add("POST", "/other-writer", self._control_other_writer)

    # --- in-process inspection and control ---

    @property
    def api(self) -> str:
        """Address of the API, with its prefix."""
        return self.url + self.prefix

    def gates(self, flag: str) -> FlagGates:
        """Show the gates of a flag; KeyError if the flag doesn't exist."""
        return self.state.gates[flag]

    def percentage(self, flag: str) -> float:
        """Show a flag's percentage of actors; no gate is 0."""
        return float(self.gates(flag).percentage_of_actors or 0)

    def set_gates(self, flag: str, **gates: Json) -> None:
        """Set all gates of a flag, as another writer would without Rampart; omitted gates are closed."""
        with self.lock:
            for name in ("percentage_of_actors", "percentage_of_time"):
                if gates.get(name) is not None:
                    gates[name] = str(gates[name])
            if "boolean" in gates:
                gates["boolean"] = "true" if gates["boolean"] else None
            self.state.gates[flag] = FlagGates(**gates)
            self._record(flag, "set by another writer")

    def after_write(self, callback: Callable[[str], None]) -> None:
        """Call `callback(flag)` after every write through the API, such as to simulate another writer."""
        self._after_write.append(callback)

    def other_writer(self, flag: str, percentage: float, *, times: int = 1) -> None:
        """Simulate another writer that sets the flag to `percentage` right after each of its next `times` writes."""
        left = times

        def interfere(written: str) -> None:
            nonlocal left
            if written == flag and left > 0:
                left -= 1
                self.set_gates(flag, percentage_of_actors=percentage)

        self.after_write(interfere)

    def shares(self, flag: str) -> list[tuple[float, float]]:
        """Give the share of traffic on the new path over time: (epoch seconds, 0 to 1), oldest first."""
        with self.lock:
            return [(write["at"], write["share"]) for write in self.state.writes if write["flag"] == flag]

    def _control_gates(self, request: Request, flag: str) -> HttpAnswer:
        self.set_gates(flag, **request.json())
        return HttpAnswer(body=vars(self.gates(flag)))

    def _control_other_writer(self, request: Request) -> HttpAnswer:
        wanted = request.json()
        self.other_writer(wanted["flag"], wanted["percentage"], times=wanted.get("times", 1))
        return HttpAnswer(202, wanted)

    # --- the API ---

    def answer(self, request: Request) -> HttpAnswer:
        """Answer as Flipper behind its host's middleware."""
        if self._accepted and request.headers.get("authorization") not in self._accepted:
            raise HttpRefusal(401, {"message": "no"})
        if not request.path.startswith(self.prefix + "/"):
            raise HttpRefusal(404, {})
        handle, names, known = self.routes.find(request.method, request.path.removeprefix(self.prefix))
        if handle is None:
            raise _accident() if known else HttpRefusal(404, {})
        answer = handle(self._params(request), **names)
        if self.is_write(request) and "flag" in names:
            for callback in self._after_write:
                callback(names["flag"])
        return answer

    @staticmethod
    def _params(request: Request) -> dict[str, Any]:
        """Merge query and body; only an exact JSON content type shows a JSON body, only a form's (or none) a form."""
        params: dict[str, Any] = dict(request.query)
        content_type = request.headers.get("content-type", "")
        if content_type in ("", "application/x-www-form-urlencoded"):
            params |= dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        elif content_type == "application/json" and request.body:
            try:
                params |= {name: _as_param(value) for name, value in request.json().items()}
            except (ValueError, AttributeError) as error:
                raise _accident() from error
        return params

    def _record(self, flag: str, operation: str) -> None:
        if self.caches is not None:
            self.caches.keep(self.state.gates, self.clock())
        gates = self.state.gates.get(flag, FlagGates())
        self.state.writes.append(
            Write(
                at=self.clock(),
                flag=flag,
                operation=operation,
                percentage=gates.percentage_of_actors,
                share=gates.share,
            )
        )

    def _written(self, flag: str, operation: str) -> HttpAnswer:
        self._record(flag, operation)
        return HttpAnswer(body=self._shown(flag, {}))

    def _known(self, flag: str) -> FlagGates:
        """The gates of a flag to write to; creates an unknown flag, as Flipper does."""
        return self.state.gates.setdefault(flag, FlagGates())

    def _seen(self) -> Mapping[str, FlagGates]:
        """The features as a read sees them."""
        gates = self.state.gates
        return gates if self.caches is None else self.caches.seen(gates, self.clock())

    def _shown(
        self, flag: str, params: Mapping[str, Any], seen: Mapping[str, FlagGates] | None = None
    ) -> dict[str, Any]:
        gates = (self.state.gates if seen is None else seen)[flag]
        body: dict[str, Any] = {"key": flag, "state": gates.state}
        if params.get("exclude_gates") != "true":
            body["gates"] = gates.shown(names=params.get("exclude_gate_names") != "true")
        return body

    def _list(self, params: Mapping[str, Any]) -> HttpAnswer:
        seen = self._seen()
        wanted = params["keys"].split(",") if "keys" in params else list(seen)
        return HttpAnswer(body={"features": [self._shown(flag, params, seen) for flag in wanted if flag in seen]})

    def _create(self, params: Mapping[str, Any]) -> HttpAnswer:
        if not params.get("name"):
            raise _error(422, 5, "Required parameter name is missing.")
        self._known(params["name"])
        return self._written(params["name"], "create")

    def _read(self, params: Mapping[str, Any], flag: str) -> HttpAnswer:
        seen = self._seen()
        if flag not in seen:
            raise _error(404, 1, "Feature not found.")
        return HttpAnswer(body=self._shown(flag, params, seen))

    def _remove(self, _: Mapping[str, Any], flag: str) -> HttpAnswer:
        self.state.gates.pop(flag, None)
        self._record(flag, "remove")
        return HttpAnswer(204)

    def _clear(self, _: Mapping[str, Any], flag: str) -> HttpAnswer:
        self.state.gates[flag] = FlagGates()
        self._record(flag, "clear")
        return HttpAnswer(204)

    def _open_boolean(self, _: Mapping[str, Any], flag: str) -> HttpAnswer:
        self.state.gates[flag] = FlagGates(boolean="true")
        return self._written(flag, "enable boolean")

    def _close_boolean(self, _: Mapping[str, Any], flag: str) -> HttpAnswer:
        self.state.gates[flag] = FlagGates()
        return self._written(flag, "disable boolean")

    def _percentage_setter(self, gate: Percentages) -> Callable[..., HttpAnswer]:
        def post(params: Mapping[str, Any], flag: str) -> HttpAnswer:
            text = str(params.get("percentage", ""))
            number = ruby_number(text) if re.search(r"\d", text) else -1
            if not 0 <= number <= 100:
                raise _error(422, 3, _PERCENTAGE_MESSAGE)
            setattr(self._known(flag), gate, str(number))
            return self._written(flag, f"enable {gate} {number}")

        return post

    def _percentage_remover(self, gate: Percentages) -> Callable[..., HttpAnswer]:
        def delete(_: Mapping[str, Any], flag: str) -> HttpAnswer:
            setattr(self._known(flag), gate, "0")
            return self._written(flag, f"disable {gate}")

        return delete

    def _change_actors(self, opens: bool, params: Mapping[str, Any], flag: str) -> HttpAnswer:  # noqa: FBT001 -- by partial
        if not params.get("flipper_id"):
            raise _error(422, 4, "Required parameter flipper_id is missing.")
        _put_or_drop(self._known(flag).actors, params["flipper_id"], put=opens)
        return self._written(flag, "actors")

    def _change_groups(self, opens: bool, params: Mapping[str, Any], flag: str) -> HttpAnswer:  # noqa: FBT001 -- by partial
        name = params.get("name")
        if not name:
            raise _error(422, 5, "Required parameter name is missing.")
        if name not in self.groups and params.get("allow_unregistered_groups") != "true":
            raise _error(404, 2, "Group not registered.")
        _put_or_drop(self._known(flag).groups, name, put=opens)
        return self._written(flag, "groups")

    def _change_expression(self, opens: bool, params: Mapping[str, Any], flag: str) -> HttpAnswer:  # noqa: FBT001 -- by partial
        if opens and (len(params) != 1 or not isinstance(next(iter(params.values())), list)):
            raise _error(422, 7, "Expression is invalid.")
        self._known(flag).expression = dict(params) if opens else None
        return self._written(flag, "expression")

    def _check_actor(self, params: Mapping[str, Any], actor: str) -> HttpAnswer:
        wanted = params["keys"].split(",") if "keys" in params else list(self.state.gates)
        enabled = {flag: self.state.gates.get(flag, FlagGates()).lets_in(flag, actor) for flag in wanted}
        shown = {flag: {"enabled": value} for flag, value in enabled.items()}
        return HttpAnswer(body={"flipper_id": actor, "features": shown})


def _put_or_drop(members: list[str], member: str, *, put: bool) -> None:
    if put and member not in members:
        members.append(member)
    elif not put and member in members:
        members.remove(member)
