"""The base of both stand-ins: an HTTP server with faults, a request log, control routes, and shutdown."""

import json
import os
import signal
import socket
import struct
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Generic, Self, TypeAlias, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import ValidationError

from local.exchange import HttpAnswer, HttpRefusal, Json, Request, Routes
from local.faults import Fault, FaultKind, Faults

CONTROL = "/_control"
State = TypeVar("State")
_Connection: TypeAlias = socket.socket | tuple[bytes, socket.socket]  # as socketserver's types have it
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_PARENT_LOOK_SECONDS = 0.25


class _Server(ThreadingHTTPServer):
    """Serves one stand-in, and can break every connection that it has."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, stand_in: "StandIn[Any]", port: int) -> None:
        self.stand_in = stand_in
        self.connections: set[socket.socket] = set()
        self.dropped: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def shutdown_request(self, request: _Connection) -> None:
        """Close a connection: with a reset if it was dropped, cleanly otherwise."""
        if not isinstance(request, socket.socket) or request not in self.dropped:
            return super().shutdown_request(request)
        self.dropped.discard(request)
        request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        return request.close()

    def handle_error(self, request: _Connection, client_address: object) -> None:
        """Ignore a client that disconnected; anything else is a bug in the stand-in."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def break_connections(self) -> None:
        """Cut every connection, so that no client keeps talking to a server that is down."""
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                self.connections.discard(connection)


class _Handler(BaseHTTPRequestHandler):
    """Carries requests to the stand-in and its answers back, with the faults at the connection level."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # header and body leave together
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the overridden method's
        """Keep quiet: the request log is the stand-in's own."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
        )
        self.server.stand_in.serve(request, self)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 -- http.server looks them up by these names

    def send(self, answer: HttpAnswer, *, cut: bool = False, over_seconds: float = 0.0) -> None:
        """Send an answer; only half of its body if `cut`, byte by byte if it should take `over_seconds`."""
        payload = answer.payload()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        if answer.status != 204:  # a 204 has no length
            self.send_header("Content-Length", str(len(payload)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if cut:
            self.wfile.write(payload[: len(payload) // 2])
            self.wfile.flush()
            return self.drop()
        if not over_seconds:
            self.wfile.write(payload)
            return None
        for byte in payload:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.stand_in.stopped.wait(over_seconds / len(payload)):
                return self.drop()
        return None

    def drop(self) -> None:
        """Reset the connection."""
        self.close_connection = True
        self.server.dropped.add(self.connection)


class StandIn(Generic[State]):
    """An outside system on a free port of 127.0.0.1, in a thread of this process; use it with `with`.

    Subclasses fill `routes` and keep all that a request may change in `state`: a lie or a stale read swaps it.
    """

    name = "stand-in"

    def __init__(self, state: State, *, port: int = 0, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.faults = Faults()
        self.requests: list[dict[str, Any]] = []
        """Every request but control's: at, method, path, query, body, status (None when dropped), fault."""
        self.stopped = threading.Event()
        self.lock = threading.RLock()
        self.state = state
        self.before_last_write = deepcopy(state)
        self.routes = Routes()
        self.controls = Routes()
        self._port = port
        self._server: _Server | None = None
        self._add_controls()

    def _add_controls(self) -> None:
        add = self.controls.add
        add("GET", "/faults", lambda _: HttpAnswer(body=self.faults.listing()))
        add("POST", "/faults", self._control_fault)
        add("DELETE", "/faults", self._control_clear_faults)
        add("GET", "/requests", lambda _: HttpAnswer(body=list(self.requests)))
        add("DELETE", "/requests", self._control_clear_requests)
        add("POST", "/down", self._control_down)

    # --- life ---

    @property
    def url(self) -> str:
        """Address of the stand-in, without a path."""
        return f"http://127.0.0.1:{self._port}"

    def up(self) -> None:
        """Listen: on a free port the first time, on the same one after `down`."""
        self._server = _Server(self, self._port)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name=self.name).start()

    def down(self) -> None:
        """Stop listening and break every connection: new connections are refused."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            server.break_connections()

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stopped.set()
        self.down()

    # --- answering ---

    def serve(self, request: Request, wire: _Handler) -> None:
        """Answer one request, with the fault that is due."""
        if request.path.startswith(CONTROL + "/"):
            return wire.send(self._control(request))
        fault = self.faults.take(request.method, request.path)
        answer = self._disturbed(request, fault)
        self._note(request, answer, fault)
        kind = fault.kind if fault else None
        if answer is None or kind is FaultKind.LOST_ANSWER:
            return wire.drop()
        return wire.send(
            answer,
            cut=kind is FaultKind.RESET_MID_BODY,
            over_seconds=fault.seconds if fault and kind is FaultKind.TRICKLE else 0.0,
        )

    def _disturbed(self, request: Request, fault: Fault | None) -> HttpAnswer | None:
        """Do the request as the fault allows; None for no answer."""
        if fault is None:
            return self._perform(request)
        if fault.kind in (FaultKind.HANG, FaultKind.DELAY):
            self.stopped.wait(fault.seconds)
        if fault.kind in (FaultKind.REFUSE, FaultKind.HANG):
            return None
        if fault.kind is FaultKind.STATUS:
            return HttpAnswer(fault.status, fault.body, headers=fault.headers)
        if fault.kind is FaultKind.LIE:
            return self._perform_and_forget(request)
        if fault.kind is FaultKind.STALE_READ:
            return self._perform_on(self.before_last_write, request)
        answer = self._perform(request)
        if fault.kind is FaultKind.MALFORMED_BODY:
            text = answer.payload().decode()
            return HttpAnswer(answer.status, text[: len(text) // 2] + "<", answer.content_type, answer.headers)
        if fault.kind is FaultKind.EMPTY_BODY:
            return HttpAnswer(answer.status, None, answer.content_type, answer.headers)
        return answer

    def _perform(self, request: Request) -> HttpAnswer:
        with self.lock:
            if self.is_write(request):
                self.before_last_write = deepcopy(self.state)
            try:
                return self.answer(request)
            except HttpRefusal as refusal:
                return refusal.answer

    def _perform_and_forget(self, request: Request) -> HttpAnswer:
        with self.lock:
            kept = self.before_last_write
            try:
                return self._perform_on(self.state, request)
            finally:
                self.before_last_write = kept

    def _perform_on(self, state: State, request: Request) -> HttpAnswer:
        with self.lock:
            real, self.state = self.state, deepcopy(state)
            try:
                return self._perform(request)
            finally:
                self.state = real

    def is_write(self, request: Request) -> bool:
        """Whether a request is meant to change something."""
        return request.method != "GET"

    def answer(self, request: Request) -> HttpAnswer:
        """Answer one request; called with the lock held."""
        raise NotImplementedError

    def _note(self, request: Request, answer: HttpAnswer | None, fault: Fault | None) -> None:
        try:
            body = request.json() if request.body else None
        except ValueError:
            body = request.body.decode(errors="replace")
        self.requests.append(
            {
                "at": self.clock(),
                "method": request.method,
                "path": request.path,
                "query": dict(request.query),
                "body": body,
                "status": answer.status if answer else None,
                "fault": fault.kind.value if fault else None,
            }
        )

    # --- control ---

    def _control(self, request: Request) -> HttpAnswer:
        handle, names, _ = self.controls.find(request.method, request.path.removeprefix(CONTROL))
        if handle is None:
            return HttpAnswer(404, {"errors": [f"no control {request.method} {request.path}"]})
        try:
            with self.lock:
                return handle(request, **names)
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            return HttpAnswer(400, {"errors": [f"{type(error).__name__}: {error}"]})

    def _control_fault(self, request: Request) -> HttpAnswer:
        self.faults.add(Fault.model_validate(request.json()))
        return HttpAnswer(201, self.faults.listing())

    def _control_clear_faults(self, _: Request) -> HttpAnswer:
        self.faults.clear()
        return HttpAnswer(204)

    def _control_clear_requests(self, _: Request) -> HttpAnswer:
        self.requests.clear()
        return HttpAnswer(204)

    def _control_down(self, request: Request) -> HttpAnswer:
        seconds = float(request.json()["seconds"])
        threading.Thread(target=self._be_away, args=(seconds,), daemon=True).start()
        return HttpAnswer(202, {"seconds": seconds})

    def _be_away(self, seconds: float) -> None:
        self.stopped.wait(0.05)  # lets the answer to the control request leave
        self.down()
        if not self.stopped.wait(seconds):
            self.up()


def control(url: str, method: str, path: str, body: Json = None) -> Json:
    """Call a control route of a stand-in in another process, such as `control(url, "POST", "/faults", {...})`.

    Raises urllib.error.HTTPError for a refused call, OSError if the stand-in isn't running.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + CONTROL + path, data=data, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def run_as_process(stand_in: StandIn[Any], **facts: str) -> None:
    """Serve until the parent process dies or a signal asks to stop; first prints one JSON line with the address."""
    parent = os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stand_in.stopped.set())
    with stand_in:
        line = {"name": stand_in.name, "url": stand_in.url, "pid": os.getpid()}
        line |= {key: value.format(url=stand_in.url) for key, value in facts.items()}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        while os.getppid() == parent and not stand_in.stopped.wait(_PARENT_LOOK_SECONDS):
            pass
