"""When an alert happened: units are told apart by magnitude, and what cannot be true says nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.alert.moment import epoch_milliseconds
from tests.unit.alert.door import NOW, Door

UNITS = {"s": 1, "ms": 10**3, "µs": 10**6, "ns": 10**9}
SECONDS = int(NOW.timestamp())
MOMENTS = st.integers(4 * 365 * 86_400, 230 * 365 * 86_400).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(MOMENTS, st.sampled_from(sorted(UNITS)), st.booleans())
def test_seconds_to_nanoseconds_are_the_same_time(moment: datetime, unit: str, is_text: bool) -> None:
    second = int(moment.timestamp())
    number = second * UNITS[unit]
    assert abs(epoch_milliseconds(str(number) if is_text else number) - second * 1000) <= 1


@given(MOMENTS, st.sampled_from(["T", " "]), st.sampled_from(["Z", "+00:00", "-05:00", "+13:45"]))
def test_iso_8601_with_an_offset_is_read(moment: datetime, between: str, offset: str) -> None:
    zone = UTC if offset == "Z" else datetime.fromisoformat(f"2026-01-01T00:00{offset}").tzinfo
    text = moment.astimezone(zone).replace(tzinfo=None, microsecond=0).isoformat(between) + offset
    assert epoch_milliseconds(f" {text} ") == int(moment.timestamp()) * 1000


@pytest.mark.parametrize(
    "value",
    [
        *[None, True, False, [], {}, "", "0", 0, -1, "-1", 0.0, -SECONDS, f"-{SECONDS}000", "yesterday", "$DATE"],
        *["NaN", "Infinity", "inf", float("nan"), float("inf"), "1e400", "1_800_000_000", "\uff11" * 13, "0x6b"],
        *["9" * 400, 10**399, 10**400, -(10**400), "9" * 60_000, 10**20, "1" + "0" * 29],
        *["2026-03-10", "2026-03-10T14:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"],
    ],
)
def test_what_is_not_a_time_counts_as_not_said(value: object) -> None:
    """A time without an offset too: read in the wrong zone, an alert of now would be too old to act on."""
    assert rolls_back(value)


def test_yes_is_not_a_time() -> None:
    assert epoch_milliseconds(True) == 0


@pytest.mark.parametrize("unit", sorted(UNITS))
@pytest.mark.parametrize("is_text", [True, False])
@pytest.mark.parametrize(
    ("age", "acts"),
    [
        (timedelta(), True),
        (timedelta(minutes=14), True),
        (timedelta(minutes=16), False),
        (timedelta(minutes=20), False),
        (timedelta(days=364), False),
        (timedelta(days=366), True),
        (timedelta(days=365 * 20), True),
        (-timedelta(minutes=4), True),
        (-timedelta(minutes=6), False),
        (-timedelta(hours=23), False),
        (-timedelta(hours=25), True),
        (-timedelta(days=365), True),
    ],
)
def test_old_and_future_alerts_are_ignored_unless_no_alert_can_be_of_that_time(
    unit: str, is_text: bool, age: timedelta, acts: bool
) -> None:
    """A slip in the payload must not keep the flag up, and a replay must not take it down."""
    at = int((NOW - age).timestamp()) * UNITS[unit]
    assert rolls_back(str(at) if is_text else at) is acts


@pytest.mark.parametrize("minutes", [20, -20])
def test_an_alert_that_is_ignored_for_its_time_says_which(minutes: int) -> None:
    at = (NOW - timedelta(minutes=minutes)).astimezone(timezone(timedelta(hours=-4)))
    status, answer = Door().post(date=at.isoformat())
    assert (status, answer["outcome"]) == (200, "ignored")
    assert f"the alert is from {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" in answer["why"]
    assert ("older than 15 minutes" if minutes > 0 else "is in the future") in answer["why"]


def rolls_back(date: object) -> bool:
    """Whether an alert with this date is acted on."""
    door = Door()
    assert door.post(date=date)[0] == 200
    return bool(door.asked)
