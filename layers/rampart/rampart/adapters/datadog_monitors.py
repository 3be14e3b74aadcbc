"""What Datadog's monitors say of themselves: state, mutes, downtimes, and whom an alert notifies.

One list request holds every monitor whose id lies near: `id_offset` is the id after which the list begins, in ascending
order. https://docs.datadoghq.com/api/latest/monitors/#get-all-monitors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeGuard

from rampart.absence import AbsenceReason
from rampart.adapters.datadog_api import UnansweredError, errors_in
from rampart.errors import MonitorsUnreadableError
from rampart.evidence.handles import webhooks_notified
from rampart.evidence.monitor import MonitorReading, MonitorSilence

if TYPE_CHECKING:
    from datadog_api_client import ApiClient
    from datadog_api_client.v1.api.monitors_api import MonitorsApi

_LARGEST_PAGE = 500
"""Of the 1,000 that Datadog allows: a monitor of 10 KB still leaves the answer within the bound on its size."""
_LARGEST_ID = 2**63 - 1
_FROM_MILLISECONDS_ON = 1e11
"""A number this large isn't a time in seconds: it would be in the year 5138."""
_LONGEST_TIMEFRAME = 366 * 24 * 60
_TELLS_OF_MISSING_DATA = "show_and_notify_no_data"

Ask = Callable[[Callable[["ApiClient"], object]], object]
"""Gives the JSON that a call of the client is answered with; raises UnansweredError."""


def readings_of(ids: Sequence[int], *, ask: Ask) -> Mapping[int, MonitorReading]:
    """Ask Datadog of these monitors; raises MonitorsUnreadableError when one could not be read.

    What the list does not hold is asked for by itself, and only Datadog's own 404 says that it does not exist.
    """
    askable = sorted({monitor for monitor in ids if 0 < monitor <= _LARGEST_ID})
    found = _listed(askable, ask) if len(askable) > 1 else {}
    found |= {monitor: _single(monitor, ask) for monitor in askable if monitor not in found}
    return {monitor: found.get(monitor, _nobody(monitor)) for monitor in ids}


def _listed(ids: Sequence[int], ask: Ask) -> dict[int, MonitorReading]:
    """Those of the monitors that one page holds; no more of them can be between the first and the last than ids."""
    after, size = ids[0] - 1, min(_LARGEST_PAGE, ids[-1] - ids[0] + 1)
    them = f"monitors {', '.join(map(str, ids))}"
    try:
        answer = ask(
            lambda client: _monitors(client).list_monitors(id_offset=after, page_size=size, with_downtimes=True)
        )
    except UnansweredError as error:
        raise _unreadable(them, str(error), error.reason) from error
    if not isinstance(answer, list):
        raise _unreadable(them, errors_in(answer) or "Datadog's answer isn't a list")
    bodies = {body.get("id"): body for body in answer if isinstance(body, Mapping) and _is_number(body.get("id"))}
    return {monitor: _reading(monitor, bodies[monitor]) for monitor in ids if monitor in bodies}


def _single(monitor: int, ask: Ask) -> MonitorReading:
    try:
        answer = ask(lambda client: _monitors(client).get_monitor(monitor, with_downtimes=True))
    except UnansweredError as error:
        if error.status == 404:
            return _nobody(monitor)
        raise _unreadable(f"monitor {monitor}", str(error), error.reason) from error
    if not isinstance(answer, Mapping) or answer.get("id") != monitor:
        raise _unreadable(f"monitor {monitor}", errors_in(answer) or "Datadog's answer is about something else")
    return _reading(monitor, answer)


def _monitors(client: ApiClient) -> MonitorsApi:
    from datadog_api_client.v1.api.monitors_api import MonitorsApi

    return MonitorsApi(client)  # type: ignore[no-untyped-call]  # its constructors are untyped


def _unreadable(what: str, why: str, reason: AbsenceReason | None = None) -> MonitorsUnreadableError:
    return MonitorsUnreadableError(f"{what} cannot be read: {why}", reason=reason)


def _nobody(monitor: int) -> MonitorReading:
    return MonitorReading(monitor=monitor, exists=False, state="unknown")


# A monitor's body. Nothing in it is believed to be of its type: a state that cannot be read isn't a quiet one.


def _reading(monitor: int, body: Mapping[str, Any]) -> MonitorReading:
    if body.get("deleted") is not None:
        return _nobody(monitor)
    state, message, options = body.get("overall_state"), body.get("message"), body.get("options")
    if not isinstance(state, str):
        raise _unreadable(f"monitor {monitor}", "Datadog tells no state of it")
    if not isinstance(message, str | None) or not isinstance(options, Mapping | None):
        raise _unreadable(f"monitor {monitor}", "its message or its options are of no type that Datadog documents")
    options = options or {}
    return MonitorReading(
        monitor=monitor,
        state=state,
        # A monitor that has never changed its state is in it since it was made.
        since=_time(body.get("overall_state_modified")) or _time(body.get("created")),
        muted=tuple(_mutes(monitor, options.get("silenced"))),
        downtimes=tuple(_downtimes(monitor, body.get("matching_downtimes"))),
        is_draft=body.get("draft_status") == "draft",
        reaches=webhooks_notified(message or ""),
        notify_no_data=options.get("notify_no_data") is True
        or options.get("on_missing_data") == _TELLS_OF_MISSING_DATA,
        no_data_minutes=_minutes(options.get("no_data_timeframe")),
    )


def _mutes(monitor: int, silenced: object) -> Iterator[MonitorSilence]:
    """`options.silenced`: each scope with the epoch seconds until which it is muted; null or 0 is forever."""
    if silenced is None:
        return
    if not isinstance(silenced, Mapping):
        raise _unreadable(f"monitor {monitor}", "Datadog tells in no known form what is muted of it")
    for scope, until in silenced.items():
        yield MonitorSilence(scope, end=_time(until))


def _downtimes(monitor: int, matching: object) -> Iterator[MonitorSilence]:
    """`matching_downtimes`: those that are on, each with its scopes; times are epoch seconds, or ISO 8601."""
    if matching is None:
        return
    if not isinstance(matching, list):
        raise _unreadable(f"monitor {monitor}", "Datadog tells its downtimes in no known form")
    for each in matching:
        downtime = each if isinstance(each, Mapping) else {}
        if downtime.get("active") is False or downtime.get("canceled") is not None:
            continue
        scope = downtime.get("scope")
        scopes = ",".join(map(str, scope if isinstance(scope, list) else [scope or "*"])) or "*"
        yield MonitorSilence(scopes, start=_time(downtime.get("start")), end=_time(downtime.get("end")))


def _time(value: object) -> datetime | None:
    """An aware time of epoch seconds, milliseconds or ISO 8601; None for what is none, and for 0."""
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        if not _is_number(value) or not value:
            return None
        seconds = float(value)
        return datetime.fromtimestamp(seconds if seconds < _FROM_MILLISECONDS_ON else seconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _minutes(value: object) -> int | None:
    return int(value) if _is_number(value) and 0 < value <= _LONGEST_TIMEFRAME else None


def _is_number(value: object) -> TypeGuard[int | float]:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)
