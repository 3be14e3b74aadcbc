from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.plan.quantities import format_traffic, parse_fraction, parse_traffic


@pytest.mark.parametrize(
    ("text", "fraction"),
    [("1%", 0.01), ("0.3%", 0.003), (" 8 % ", 0.08), ("100%", 1.0), ("0%", 0.0), ("0.000001%", 1e-8)],
)
def test_a_percentage_is_read_with_its_sign(text: str, fraction: float) -> None:
    assert parse_fraction(text) == pytest.approx(fraction)


@pytest.mark.parametrize("value", [1, 0.5, 0.01, "1", "0.01", "-1%", "1%%", None, True, "1e1%"])
def test_a_bare_number_is_refused_for_it_could_mean_one_hundredth_or_the_whole(value: object) -> None:
    with pytest.raises(ValueError, match="write it with its sign"):
        parse_fraction(value)


def test_more_than_everything_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'101%' is more than 100%"):
        parse_fraction("101%")


@pytest.mark.parametrize(
    ("text", "hourly"),
    [
        ("400/hour", 400),
        ("20/minute", 1200),
        ("1/s", 3600),
        ("2400 requests per day", 100),
        ("400 an hour", 400),
        ("1.5 / h", 1.5),
    ],
)
def test_traffic_is_read_as_requests_an_hour(text: str, hourly: float) -> None:
    assert parse_traffic(text) == pytest.approx(hourly)


@pytest.mark.parametrize("value", [400, 400.0, "400", "400/week", "many/hour", "-1/hour", None])
def test_traffic_without_its_unit_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="400/hour"):
        parse_traffic(value)


@given(st.integers(min_value=1, max_value=10**12), st.sampled_from(["s", "minute", "hour", "day"]))
def test_traffic_that_is_written_reads_as_the_same_again(requests: int, unit: str) -> None:
    hourly = parse_traffic(f"{requests}/{unit}")
    assert parse_traffic(format_traffic(hourly)) == hourly
