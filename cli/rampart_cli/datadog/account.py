"""A Datadog account, as far as a rollout's things go: what is there, and how it is made, changed and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import quote

from rampart.absence import AbsenceReason
from rampart.adapters.datadog_api import DatadogApi, UnansweredError
from rampart_cli.datadog.wanted import ThingKind
from rampart_cli.failures import CommandError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from datadog_api_client import ApiClient

_PAGE = 100
_MOST_PAGES = 100
_PLAIN_SITES = ("datadoghq.com", "datadoghq.eu", "ddog-gov.com")
"""The sites whose pages are at `app.`; those of all others are at the site's own name."""

Body = dict[str, Any]


class Things(Protocol):
    """A Datadog account; every method raises CommandError when Datadog can't be asked or refuses."""

    def monitors(self, tags: Sequence[str]) -> list[Body]:
        """All monitors that carry all of these tags."""

    def dashboards(self) -> Iterator[Body]:
        """All dashboards in short form: id, title, description, created_at."""

    def get(self, kind: ThingKind, key: str) -> Body | None:
        """One thing by its id, or by its name where it has no id; None where there is none."""

    def create(self, kind: ThingKind, body: Mapping[str, Any]) -> Body:
        """Make a thing."""

    def update(self, kind: ThingKind, key: str, body: Mapping[str, Any]) -> Body:
        """Change a thing."""

    def delete(self, kind: ThingKind, key: str) -> None:
        """Remove a thing; one that is gone already is removed."""


class DatadogAccount:
    """The account that the keys of a DatadogApi open."""

    def __init__(self, api: DatadogApi) -> None:
        self._api = api

    def monitors(self, tags: Sequence[str]) -> list[Body]:
        """All monitors that carry all of these tags, whatever else Datadog lists."""
        found: list[Body] = []
        for page in range(_MOST_PAGES):
            asked = {"monitor_tags": ",".join(tags), "page": page, "page_size": _PAGE}
            answer = self._call("read monitors", _asking(_monitors, "list_monitors", asked))
            found += answer
            if len(answer) < _PAGE:
                break
        return [each for each in found if set(tags) <= {str(tag).lower() for tag in each.get("tags", ())}]

    def dashboards(self) -> Iterator[Body]:
        """All dashboards in short form."""
        for page in range(_MOST_PAGES):
            asked = {"count": _PAGE, "start": page * _PAGE}
            answer = self._call("read dashboards", _asking(_dashboards, "list_dashboards", asked))
            listed = answer.get("dashboards", [])
            yield from listed
            if len(listed) < _PAGE:
                return

    def get(self, kind: ThingKind, key: str) -> Body | None:
        """One thing; None where Datadog says that there is none."""
        try:
            return cast("Body", self._api.call(lambda client: _READ[kind](client)(_key(kind, key))))
        except UnansweredError as error:
            if error.status == 404:
                return None
            raise _in_words(f"read the {kind} {key}", error) from error

    def create(self, kind: ThingKind, body: Mapping[str, Any]) -> Body:
        """Make a thing."""
        name = body.get("name", body.get("title"))
        return cast("Body", self._call(f"make the {kind} {name!r}", lambda client: _CREATE[kind](client)(dict(body))))

    def update(self, kind: ThingKind, key: str, body: Mapping[str, Any]) -> Body:
        """Change a thing."""
        return cast(
            "Body",
            self._call(f"change the {kind} {key}", lambda client: _UPDATE[kind](client)(_key(kind, key), dict(body))),
        )

    def delete(self, kind: ThingKind, key: str) -> None:
        """Remove a thing; one that is gone already is removed."""
        try:
            self._api.call(lambda client: _DELETE[kind](client)(_key(kind, key)))
        except UnansweredError as error:
            if error.status != 404:
                raise _in_words(f"remove the {kind} {key}", error) from error

    def _call(self, doing: str, ask: Callable[[ApiClient], object]) -> Any:  # noqa: ANN401 -- it is JSON
        try:
            return self._api.call(ask)
        except UnansweredError as error:
            raise _in_words(doing, error) from error


def page_of(site: str, path: str) -> str:
    """The address of a page for people, such as a dashboard's."""
    host = f"app.{site}" if site in _PLAIN_SITES else site
    return f"https://{host}/{path.lstrip('/')}"


def _key(kind: ThingKind, key: str) -> Any:  # noqa: ANN401 -- the client wants a monitor's id as a number
    return int(key) if kind is ThingKind.MONITOR else quote(key, safe="") if kind is ThingKind.DASHBOARD else key


def _in_words(doing: str, error: UnansweredError) -> CommandError:
    said = f"Datadog can't be asked to {doing}: {error}"
    if error.reason is AbsenceReason.REFUSED_CREDENTIALS:
        fix = (
            "Give the application key the rights to read and write monitors, dashboards, and the webhooks integration, "
            "or set DD_API_KEY and DD_APP_KEY to keys of your own."
        )
        return RefusedError(said, name="DatadogCredentialsRefused", fix=fix)
    if error.reason is AbsenceReason.REFUSED_QUERY:
        return RefusedError(said, name="DatadogRefused", fix="Fix what Datadog says is wrong, and run it again.")
    return UnreachableError(said, name="DatadogUnreachable", fix="Run it again: what is done already stays done.")


def _asking(api: Callable[[ApiClient], Any], method: str, asked: Mapping[str, object]) -> Callable[[ApiClient], object]:
    return lambda client: getattr(api(client), method)(**asked)


# The client's classes have no types; each answers with the unread response, which DatadogApi reads.


def _monitors(client: ApiClient) -> Any:  # noqa: ANN401 -- untyped
    from datadog_api_client.v1.api.monitors_api import MonitorsApi

    return MonitorsApi(client)  # type: ignore[no-untyped-call]  # its constructors are untyped


def _dashboards(client: ApiClient) -> Any:  # noqa: ANN401 -- untyped
    from datadog_api_client.v1.api.dashboards_api import DashboardsApi

    return DashboardsApi(client)  # type: ignore[no-untyped-call]  # its constructors are untyped


def _webhooks(client: ApiClient) -> Any:  # noqa: ANN401 -- untyped
    from datadog_api_client.v1.api.webhooks_integration_api import WebhooksIntegrationApi

    return WebhooksIntegrationApi(client)  # type: ignore[no-untyped-call]  # its constructors are untyped


_READ: Mapping[ThingKind, Callable[[ApiClient], Callable[..., object]]] = {
    ThingKind.VARIABLE: lambda client: _webhooks(client).get_webhooks_integration_custom_variable,
    ThingKind.WEBHOOK: lambda client: _webhooks(client).get_webhooks_integration,
    ThingKind.MONITOR: lambda client: _monitors(client).get_monitor,
    ThingKind.DASHBOARD: lambda client: _dashboards(client).get_dashboard,
}
_CREATE: Mapping[ThingKind, Callable[[ApiClient], Callable[..., object]]] = {
    ThingKind.VARIABLE: lambda client: _webhooks(client).create_webhooks_integration_custom_variable,
    ThingKind.WEBHOOK: lambda client: _webhooks(client).create_webhooks_integration,
    ThingKind.MONITOR: lambda client: _monitors(client).create_monitor,
    ThingKind.DASHBOARD: lambda client: _dashboards(client).create_dashboard,
}
_UPDATE: Mapping[ThingKind, Callable[[ApiClient], Callable[..., object]]] = {
    ThingKind.VARIABLE: lambda client: _webhooks(client).update_webhooks_integration_custom_variable,
    ThingKind.WEBHOOK: lambda client: _webhooks(client).update_webhooks_integration,
    ThingKind.MONITOR: lambda client: _monitors(client).update_monitor,
    ThingKind.DASHBOARD: lambda client: _dashboards(client).update_dashboard,
}
_DELETE: Mapping[ThingKind, Callable[[ApiClient], Callable[..., object]]] = {
    ThingKind.VARIABLE: lambda client: _webhooks(client).delete_webhooks_integration_custom_variable,
    ThingKind.WEBHOOK: lambda client: _webhooks(client).delete_webhooks_integration,
    ThingKind.MONITOR: lambda client: _monitors(client).delete_monitor,
    ThingKind.DASHBOARD: lambda client: _dashboards(client).delete_dashboard,
}
