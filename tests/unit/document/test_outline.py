"""A report writes into the page; the outline says where, in bytes of the file as it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from rampart_cli.document import outline_of, read


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
    [asked] = canary.actual
    assert source[asked.span.start : asked.span.end] == b"Actual date range of test duration:"
    assert canary.dates is not None
    assert source[canary.dates.start : canary.dates.end].endswith(b"3/2-3/05 2026")
    assert len({step.results for step in steps}) == 1
    assert {step.actual for step in steps} == {()}
    assert [source[box.span.start : box.span.end] for box in plan.boxes] == [b"[]"] * 3
    assert [(box.percents, box.is_ticked) for box in plan.boxes] == [((20,), False), ((60,), False), ((100,), False)]


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


def test_a_box_on_the_first_line_is_found_after_the_byte_order_mark(today: date) -> None:
    source = b"\xef\xbb\xbf- [ ] 8/7/2026 - increase to 100%\n"

    [plan] = outline_of(source, today=today)

    [box] = plan.boxes
    assert source[box.span.start : box.span.end] == b"[ ]"


def test_actual_days_that_a_person_filled_in_change_nothing_of_the_plan(today: date) -> None:
    table = "# Plan\n\n## Go live\n\n| Launch | Desired date | Actual date | Actual users |\n|--|--|--|--|\n"
    table += "| 5% | 3/2/2026 | {} | {} |\n"
    asked = "\n### Stage B: 100%\n\nActual date range: {}\n"

    readings = [
        read((table + asked).format(*answers).encode(), today=today).as_json()["plans"]
        for answers in (("", "", ""), ("from 3/9/2026 at 50%", "1,400", "3/9/2026 - 3/11/2026 at 75%"))
    ]

    assert readings[0] == readings[1]


def test_a_row_that_asks_for_the_actual_days_is_answered_in_its_cell(today: date) -> None:
    source = b"# Plan\n\n## Stage A: 5%\n\n| | |\n|--|--|\n| Start | 3/2/2026 |\n| Actual dates | |\n"

    [plan] = outline_of(source, today=today)

    [asked] = plan.stages[0].actual
    assert source[: asked.span.end].endswith(b"| Actual dates | ")
    assert source[asked.span.end :] == b"|\n"


def test_an_undated_row_takes_no_date_from_its_column_of_actual_dates(today: date) -> None:
    source = b"# Plan\n\n## Go live\n\n| Launch | Actual date |\n|--|--|\n| 5% | on 3/9/2026 |\n"

    [plan] = read(source, today=today).plans

    assert plan.stages[0].start is None


def test_what_rampart_wrote_is_not_part_of_the_plan(today: date) -> None:
    step = "- 3/9/2026 - increase to 75% of users"
    region = f"<!-- rampart:results x -->\n{step}\n\nerror rate < 3%\n<!-- /rampart:results -->\n"
    inline = "Flag: `a_b` <!-- rampart:dates x -->, then 50% on 3/9/2026<!-- /rampart:dates -->\n"
    pages = [
        f"# Plan\n\n{flag}\n## Stage A: 5%\n\n{written}## Stage B: 100%\n"
        for flag, written in (("Flag: `a_b`\n", "\n" * 5), (inline, region))
    ]

    without, within = (read(page.encode(), today=today).as_json() for page in pages)

    assert within == without


def test_a_mark_that_was_left_alone_hides_nothing_of_the_page(today: date) -> None:
    source = (
        b"# Plan\n\n## Stage A: 5%\n\n<!-- rampart:results x -->\n\n## Stage B: 100%\n\n<!-- /rampart:results -->\n"
    )

    [plan] = read(source, today=today).plans

    assert [stage.percent for stage in plan.stages] == [5, 100]
