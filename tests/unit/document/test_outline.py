"""A report writes into the page; the outline says where, in bytes of the file as it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from rampart_cli.document import outline_of


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_results_boxes_and_dates_are_found_by_their_bytes(
    prefix: bytes, ends: bytes, page: Callable[[str], bytes], today: date
) -> None:
    source = prefix + page("phases-and-timeline").replace(b"\n", ends)

    [plan] = outline_of(source, today=today)

    canary, *steps = plan.stages
    assert canary.results is not None
    assert source[canary.results.start : canary.results.end] == ends + b"TBD" + ends * 2
    assert canary.results_title is not None
    assert source[canary.results_title.start : canary.results_title.end] == b"### Results:" + ends
    assert canary.actual is not None
    assert source[canary.actual.start : canary.actual.end] == b"Actual date range of test duration:"
    assert canary.dates is not None
    assert source[canary.dates.start : canary.dates.end].endswith(b"3/2-3/05 2026")
    assert len({step.results for step in steps}) == 1
    assert {step.actual for step in steps} == {None}
    assert [source[box.span.start : box.span.end] for box in plan.boxes] == [b"[]"] * 4
    assert [(box.percent, box.day, box.is_ticked) for box in plan.boxes] == [
        (None, date(2026, 3, 6), False),
        (20, date(2026, 3, 9), False),
        (60, date(2026, 3, 12), False),
        (100, date(2026, 3, 14), False),
    ]


def test_each_stage_of_the_template_form_has_its_own_results(page: Callable[[str], bytes], today: date) -> None:
    source = page("template-form")

    [plan] = outline_of(source, today=today)

    places = [stage.results for stage in plan.stages]
    assert None not in places
    assert len(set(places)) == 4
    assert all(source[p.start : p.end].lstrip().startswith(b"- Number of unique users:") for p in places if p)


def test_multibyte_text_before_a_box_is_counted_in_bytes(today: date) -> None:
    source = "# Plan été\n\n## Timeline: été\n\n* é [x] é\n* [x] 8/7/2026 - increase to 100%\n".encode()

    [plan] = outline_of(source, today=today)

    [box] = plan.boxes
    assert source[box.span.start : box.span.end] == b"[x]"
    assert box.is_ticked


def test_a_page_without_a_plan_has_no_outline(today: date) -> None:
    assert outline_of(b"# Minutes\n", today=today) == ()


def test_a_box_on_the_first_line_lies_behind_the_byte_order_mark(today: date) -> None:
    source = b"\xef\xbb\xbf- [ ] 8/7/2026 - increase to 100%\n"

    [plan] = outline_of(source, today=today)

    [box] = plan.boxes
    assert source[box.span.start : box.span.end] == b"[ ]"
