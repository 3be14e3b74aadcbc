"""Whatever the bytes, a page gives a reading or a finding, never a traceback."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rampart_cli.document import MAX_BYTES, Bindings, Code, Reading, draft, outline, read
from rampart_cli.document.inline import visible_lines

TODAY = date(2026, 3, 1)
SIZE = 200_000
PIECES = st.sampled_from(
    (
        "# ", "## Stage A: ", "### Results\n", "## Timeline\n", "- ", "  - ", "- [ ] ", "1. ", "> ", "|", "|-|-|\n",
        "\n", "\n\n", "25%", "25% - 100%", "< 1%", "Success criteria:\n", "Percentage of users: ", "~52k",
        "Desired number of users: ",
        "2026-03-14", "7/28-8/01 2025", "week of ", "increments of 5%", "[", "](", ")", "<ul><li>", "</li>", "<!--",
        "-->", "\t",
        "<table><tr><td>", "~~", "**", "`", "\\[FILL\\_IN\\]", "TBD", "\x00", "\u202e", "\ufeff", "\r", "\r\n",
        "---\n", "http://[", "Feature flag: `a_b`", "between 5% and ", "&lt;", "\u2022\t", "Launch to ",
    )
)  # fmt: skip  # a table, many to a line


def _whole(source: bytes) -> Reading:
    """Everything that is made of a page; JSON and YAML must be writable too."""
    reading = read(source, today=TODAY)
    json.dumps(reading.as_json())
    outline(reading)
    draft(reading.plans, source="page.md", bindings=Bindings())
    assert reading.plans or reading.diagnostics
    assert all(1 <= d.line <= max(1, len(reading.page.raw)) and d.column >= 1 for d in reading.diagnostics)
    return reading


@given(st.binary(max_size=400))
@settings(max_examples=80)
def test_random_bytes_are_read_or_refused_with_a_finding(source: bytes) -> None:
    _whole(source)


@given(st.text(max_size=400))
@settings(max_examples=80)
def test_random_text_is_read(text: str) -> None:
    _whole(text.encode("utf-8", "surrogatepass"))


@given(st.lists(PIECES, max_size=60))
@settings(max_examples=200)
def test_shuffled_pieces_of_plans_are_read(pieces: list[str]) -> None:
    _whole("".join(pieces).encode())


LINES = st.lists(
    st.sampled_from(
        (
            "- 25% of users", "Stage B: 40% of users", "- Launch to 30% on 8/8/2026", "- Percentage of users: 70%",
            "| Launch % | Date |\n|---|---|\n| Launch to 60% | 8/9/2026 |", "- [ ] 8/7/2026 - increase to 35%",
            "#### Stage C: 55% of users", "**Stage D: 65% of users**", "error rate: < 3%", "- Errors: < 4%",
            "<ul><li>Stage E: 80% of users</li></ul>", "Success criteria:", "What metrics will you look at?",
            "##### Timeline", "\u2022\t1% \u2192 99%", "##### Success criteria", "**Planning**",
        )
    ),
    max_size=12,
)  # fmt: skip  # a table, many to a line


@given(LINES)
@settings(max_examples=200)
def test_no_percentage_of_a_results_section_becomes_a_stage_or_a_bar(lines: list[str]) -> None:
    plan = (
        "# Plan\n\n## Stage A: 5% of users\n\n### Results\n\n" + "\n\n".join(lines) + "\n\n## Stage Z: 100% of users\n"
    )

    [found] = read(plan.encode(), today=TODAY).plans

    assert [stage.percent for stage in found.stages] == [5, 100]
    assert found.criteria == []


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "text",
    [
        "".join("  " * (n % 40) + "- 25% of users\n" for n in range(SIZE // 50)),
        "|a|b|\n|-|-|\n" + "|1%|2%|\n" * (SIZE // 8),
        "|" + "1%|" * 2000 + "\n|" + "-|" * 2000 + "\n" + ("|" + "5%|" * 2000 + "\n") * 30,
        "%" * SIZE,
        "50% \n" * (SIZE // 5),
        "- " * (SIZE // 2),
        ">" * SIZE,
        "[" * SIZE,
        "![" * (SIZE // 2),
        "*a " * (SIZE // 3),
        "<a " * (SIZE // 3),
        "<!-- " * (SIZE // 5),
        "&lt;" * (SIZE // 4),
        "# 50%\n" * (SIZE // 6),
        "# Plan\n- Launch to 10% on 8/1/2026\n" * (SIZE // 40),
        "## Stage A: " + "5% " * (SIZE // 3),
        "## Stage A: 0% - 100%\nincrements of 0.001%\n",
        "# P\n## Stage A: 1%\n" + "".join(f"- Feature flag: `flag_{n}_x`\n" for n in range(SIZE // 30)),
        "# P\n## Timeline\n" + "- [ ] 8/7/2026 - increase to 25%\n" * (SIZE // 35),
        "# P\n" + "## Phase A\n" * (SIZE // 11),
        "# P\n## Stage A\n" + "### Sub\nw\n" * (SIZE // 10),
        "# P\n## Stage A\n" + "<details>\n<summary>Old</summary>\n\n### Sub\n\nw\n\n" * (SIZE // 45),
        "# P\n" + "## Stage A: 5%\n- 5%\n* 6%\n" * (SIZE // 25),
        "# P\n" + "## Stage A: 5% 8/7/2026\n### Results\n" * (SIZE // 36),
        "# P\n## Phase I: 1% - 100%\n" + "- increments of 5%\n- [ ] 8/8/2026 - 7%\n" * (SIZE // 40),
        "# P\n## Phase I: 1% - 100%\n" + "- Date range: 8/1/2026-8/2/2026\n- [ ] 9/9/2026 - 5%\n" * (SIZE // 55),
        "[\n" * (SIZE // 2),
        "- [\n" * (SIZE // 4),
        "# P\n## Stage A: 1%\n## Success criteria\n" + "- a\n  b 1\n" * (SIZE // 10),
        "# P\n## Stage A: 1%\n- 3/1/2027 " + "1 " * 34 + "x\n",
        "# P\n" + "## S\nNumber of users: 1, 2\n### Stage A: 1%\n" * (SIZE // 45),
        "# P\n" + "## Stage A: 1%\n- Dates: 8/1/2027\n- Results: 1 error\n" * (SIZE // 50),
        "# P\n## Timeline\n" + "- Date range: TBD\n- [ ] 8/8/2026 - 7%\n" * (SIZE // 40),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_large_pages_of_one_thing_end(text: str) -> None:
    """The time-out is no measure of speed: what grows with the square of the page would not end within it."""
    read(text.encode(), today=TODAY)


def test_what_nests_deeper_than_is_followed_is_said() -> None:
    text = "# Plan\n\n## Stage A: 5% of users\n\n" + "".join("  " * n + "- deeper\n" for n in range(120))

    assert Code.NESTED_TOO_DEEP in {diagnostic.kind for diagnostic in read(text.encode(), today=TODAY).diagnostics}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (b"x" * (10 * 1024 * 1024), f"more than {MAX_BYTES:,} bytes"),
        (b"# Plan\n\xff\xfe stage", "line 2 isn't UTF-8 text (byte 0xff at position 1)"),
        ("# Plan".encode("utf-16"), "UTF-16"),
    ],
    ids=["10 MB line", "bytes", "UTF-16"],
)
def test_what_is_not_a_page_is_refused_with_the_reason(source: bytes, says: str) -> None:
    reading = read(source, today=TODAY)

    assert reading.plans == ()
    assert [d.kind for d in reading.diagnostics] == [Code.UNREADABLE_PAGE]
    assert says in reading.diagnostics[0].message


@pytest.mark.parametrize("mark", ["\x00", "\u200f", "\u202e", "\u2066", "\ufeff", "\u00a0"])
def test_unseen_marks_do_not_hide_a_stage(mark: str) -> None:
    text = f"# Plan\n\n{mark if mark != chr(0) else ''}## Stage A: {mark}5% of users{mark}\n\n{mark}\n"

    [plan] = read(text.encode(), today=TODAY).plans

    assert [stage.percent for stage in plan.stages] == [5]


def test_an_empty_file_is_not_a_plan() -> None:
    assert [d.kind for d in read(b"", today=TODAY).diagnostics] == [Code.NOT_A_PLAN]


@pytest.mark.parametrize("text", ["[", "a * b", "a_b", "x < 5%", "5 > 3", "AT&T", "a ~ b", "`", "3 & 4", "![", "a; b"])
def test_a_mark_without_its_other_half_is_read_as_it_stands(text: str) -> None:
    """Such lines never reach the parser of inline text; what they show must be what it would have shown."""
    parsed = visible_lines(f"{text} **b**")

    assert [line.text.removesuffix(" b") for line in parsed] == [line.text for line in visible_lines(text)] == [text]
