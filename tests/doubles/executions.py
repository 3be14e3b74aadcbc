"""Executions that wait, and requests for rollbacks that wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from rampart.errors import GateClosedError, QueueError
from rampart.rollout.request import RollbackRequest
from tests.doubles.calls import OnCall, around, nothing


@dataclass(slots=True)
class MemoryGates:
    """Executions that run, and the tokens they wait on; a token is closed by its answer or by its execution's end."""

    waiting: dict[str, str] = field(default_factory=dict)
    """The execution that waits, by token."""
    running: set[str] = field(default_factory=set)
    succeeded: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Error and cause by token."""
    kept_alive: list[str] = field(default_factory=list)
    failure: Exception | None = None
    on_call: OnCall = nothing

    def wait(self, token: str, execution: str) -> None:
        """Let an execution wait at a token."""
        self.waiting[token] = execution
        self.running.add(execution)

    def stop(self, execution: str) -> None:
        """End an execution from outside; no one waits at its tokens any more."""
        self.running.discard(execution)
        self.waiting = {token: waits for token, waits in self.waiting.items() if waits != execution}

    def succeed(self, token: str, output: Mapping[str, Any]) -> None:
        """Let the execution go on."""
        with self._call("gates.succeed", token):
            self.succeeded[token] = output
            del self.waiting[token]

    def fail(self, token: str, error: str, cause: str) -> None:
        """End the wait with an error."""
        with self._call("gates.fail", token):
            self.failed[token] = (error, cause)
            del self.waiting[token]

    def keep_alive(self, token: str) -> None:
        """Tell the execution that someone still watches."""
        with self._call("gates.keep_alive", token):
            self.kept_alive.append(token)

    def is_running(self, execution: str) -> bool:
        with self._call("gates.is_running"):
            return execution in self.running

    @contextmanager
    def _call(self, name: str, token: str | None = None) -> Iterator[None]:
        with around(self.on_call, name, self.failure):
            if token is not None and token not in self.waiting:
                raise GateClosedError("no one waits at that gate any more")
            yield


@dataclass(slots=True)
class MemoryRollbackQueue:
    """Requests that wait, with the delay each was put with, and those called for at once."""

    waiting: list[tuple[RollbackRequest, timedelta]] = field(default_factory=list)
    called: list[RollbackRequest] = field(default_factory=list)
    failure: QueueError | None = None
    on_call: OnCall = nothing

    def put(self, request: RollbackRequest, delay: timedelta) -> None:
        with around(self.on_call, "queue.put", self.failure):
            self.waiting.append((request, delay))

    def call(self, request: RollbackRequest) -> None:
        """Keep a request that is wanted at once: the queue stands for the caller of `rollback` too."""
        with around(self.on_call, "rollback.call", self.failure):
            self.called.append(request)
