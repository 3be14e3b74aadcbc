"""Local times as moments, also on the days on which clocks change: everything is compared in UTC.

Python compares two datetimes of one zone by their clock faces, and calls moments of two zones unequal in an hour that
comes twice: neither is fit for arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def first_showing(local: datetime, zone: ZoneInfo) -> datetime:
    """The first moment, in UTC, at which clocks in `zone` show the naive time `local` or a later one.

    An hour that comes twice counts from its first time on, and a time that clocks skip is the moment of the jump.
    """
    early, late = sorted(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if _face(early, zone) >= local:
        return early
    return _first(early, late, lambda moment: _face(moment, zone) >= local)


def latest_shown(moment: datetime, zone: ZoneInfo) -> datetime:
    """The latest time, without a zone, that clocks in `zone` have shown up to `moment`.

    It stands still while an hour comes again: what is counted from it never goes back.
    """
    now = moment.astimezone(zone)
    before, after = now.replace(fold=0).utcoffset(), now.utcoffset()
    if now.fold == 0 or before is None or after is None:
        return now.replace(tzinfo=None)
    now_utc = now.astimezone(UTC)
    turned = _first(now_utc - (before - after), now_utc, lambda each: each.astimezone(zone).utcoffset() == after)
    return (turned + before).replace(tzinfo=None) - datetime.resolution


def _face(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _first(before: datetime, after: datetime, holds: Callable[[datetime], bool]) -> datetime:
    """The first whole second after `before`, and not after `after`, at which something holds from then on."""
    low, high = int(before.timestamp()), -int(-after.timestamp() // 1)
    while high - low > 1:
        middle = (low + high) // 2
        if holds(datetime.fromtimestamp(middle, UTC)):
            high = middle
        else:
            low = middle
    return datetime.fromtimestamp(high, UTC)
