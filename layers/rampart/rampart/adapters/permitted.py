"""HTTP sessions whose requests are sent only while their permit lasts, however late the process comes to send them."""

from __future__ import annotations

from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from requests import Session

    from rampart.adapters.deadline import Permit

PERMIT: ContextVar[Permit] = ContextVar("permit")
"""The permit of the request that this thread makes."""


class _Permitted:
    """Put before a connection's class: asks for the permit where bytes leave, after the secret and the handshakes."""

    def send(self, data: Any) -> None:  # noqa: ANN401  bytes, or what http.client makes of them
        connection: Any = super()
        if self.sock is None:  # type: ignore[attr-defined]  # http.client's connection has it
            self.connect()  # type: ignore[attr-defined]  # before the permit: this may take its time
        with PERMIT.get().sending():
            connection.send(data)


@cache
def _permitted(kind: type) -> type:
    return type(f"Permitted{kind.__name__}", (_Permitted, kind), {})


def permitted_session() -> Session:
    """A session whose connections send only with the thread's `PERMIT`, through proxies too."""
    import requests  # 40 ms: only where a flag is touched
    from requests.adapters import HTTPAdapter

    class PermittedAdapter(HTTPAdapter):
        def get_connection_with_tls_context(self, *args: Any, **also: Any) -> Any:  # noqa: ANN401  urllib3's pool
            pool: Any = super().get_connection_with_tls_context(*args, **also)
            if not issubclass(pool.ConnectionCls, _Permitted):
                pool.ConnectionCls = _permitted(pool.ConnectionCls)
            return pool

    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, PermittedAdapter())
    return session
