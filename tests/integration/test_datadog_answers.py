"""What is made of Datadog's timeseries answers: nothing is guessed, whatever they look like."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.absence import AbsenceReason
from rampart.adapters.datadog import AskedRange, measured_in
from rampart.evidence.series import Measured, Series, Unavailable

START = 1_764_000_000
WINDOW = AskedRange(START, START + 600, 300)


def answer(times: object, values: object, indexes: object = (0,), **series: object) -> dict[str, Any]:
    rows = (
        [{"query_index": index, "group_tags": [], **series} for index in indexes]
        if isinstance(indexes, tuple)
        else indexes
    )
    return {"data": {"attributes": {"times": times, "values": values, "series": rows}}}


def one(body: object) -> Measured:
    (measured,) = measured_in(body, 1, WINDOW)
    return measured


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": None},
        {"data": {}},
        {"data": {"attributes": None}},
        {"data": {"attributes": {}}},
        {"data": {"attributes": {"times": [], "values": [], "series": []}}},
        {"data": {"attributes": {"times": None, "values": None, "series": None}}},
        answer([], [[]]),
    ],
)
def test_nothing_is_nothing_however_it_is_said(body: object) -> None:
    assert one(body) == Series(())


def test_a_null_is_unknown_and_no_zero() -> None:
    assert one(answer([START * 1000, (START + 300) * 1000], [[None, 0]])) == Series(((START, None), (START + 300, 0.0)))


def test_a_nan_stays_a_nan_for_the_rule_to_refuse() -> None:
    """An absent error count is zero errors; a NaN is not, and must not become one on the way."""
    measured = one(answer([START * 1000], [[math.nan]]))

    assert isinstance(measured, Series)
    [(_, value)] = measured.points
    assert value is not None
    assert math.isnan(value)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        7,
        {"data": []},
        {"data": {"attributes": []}},
        answer("now", [[1]]),
        answer([str(START * 1000)], [[1]]),
        answer([True], [[1]]),
        answer([START * 1000], [["1"]]),
        answer([START * 1000], [[True]]),
        answer([START * 1000], [[math.inf]]),
        answer([START * 1000], [1]),
        answer([START * 1000], [[1, 2]]),
        answer([START * 1000], []),
        answer([START * 1000, START * 1000], [[1, 2]]),
        answer([(START + 300) * 1000, START * 1000], [[1, 2]]),
        answer([START * 1000], [[1]], (1,)),
        answer([START * 1000], [[1]], (-1,)),
        answer([START * 1000], [[1]], ("0",)),
        answer([START * 1000], [[1]], (True,)),
        answer([START * 1000], [[1]], [None]),
    ],
)
def test_an_answer_of_another_shape_is_malformed(body: object) -> None:
    measured = one(body)
    assert isinstance(measured, Unavailable)
    assert measured.reason is AbsenceReason.MALFORMED


@pytest.mark.parametrize("at", [START + 60, START + 299, START - 300, START + 600, START - 3600])
def test_times_that_begin_no_bucket_of_the_window_are_malformed(at: int) -> None:
    """Wider buckets than were asked for begin before the window, or next to its buckets."""
    measured = one(answer([at * 1000], [[5]]))
    assert isinstance(measured, Unavailable)
    assert "were they made wider?" in measured.detail


@pytest.mark.parametrize(
    "body", [answer([START * 1000], [[1], [2]], (0, 0)), answer([START * 1000], [[1]], group_tags=["host:a"])]
)
def test_a_query_with_groups_is_refused(body: object) -> None:
    measured = one(body)
    assert isinstance(measured, Unavailable)
    assert measured.reason is AbsenceReason.REFUSED_QUERY
    assert "groups" in measured.detail


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["data", "attributes", "times", "series", "values", "query_index"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)


@given(json_values)
def test_reading_never_raises_and_never_invents_a_number(body: object) -> None:
    measured = one(body)
    assert isinstance(measured, Unavailable | Series)
    if isinstance(measured, Series):
        given_numbers = {float(each) for each in _numbers(body)}
        assert all(value is None or value in given_numbers for _, value in measured.points)


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _numbers(each)
