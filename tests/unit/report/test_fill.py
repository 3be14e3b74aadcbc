"""Results are written under the right stage, and not one byte of what people wrote is lost."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.rollout.event import EventKind
from rampart.rollout.state import Status
from rampart_cli.failures import InputError
from rampart_cli.report.fill import fill
from rampart_cli.report.history import RolloutHistory, gather
from rampart_cli.report.results import escape, unescape

from .conftest import Story, climb

TODAY = date(2026, 3, 9)
PAGE = """# Letters from the new source: rollout plan

Feature flag: `letters_new_source`

## Stage 1: Canary (1%)

Desired date range: 3/2/2026 - 3/3/2026

Actual date range:  \n
Success criteria:

- Index error rate: < 1%
- Download error rate: < 8%

### Results

TBD

## Stage 2: 25%

Actual date range: 3/3/2026 - 3/4/2026, as Bob remembers

### Results

Bob: looked fine to me.

## Stage 3: 50%

Actual date range: TBD

### Results

## Stage 4: 100%

No results heading here.

## Timeline

- [ ] 3/2/2026 - increase to 1%
- [] 3/3/2026 - increase to 25%
- [ ] 3/4/2026 - increase to 50%
- [ ] 3/5/2026 - increase to 75%
- [x] 3/6/2026 - increase to 100%
- [ ] 3/7/2026 - tell everyone
"""


@pytest.fixture
def history(story: Story) -> RolloutHistory:
    return gather(story.records, story.records.states["letters"])


def filled(page: str, history: RolloutHistory) -> str:
    return fill(page.encode(), history, today=TODAY).page.decode()


def lines_lost(before: str, after: str) -> list[str]:
    """The lines of `before`, with their blanks and ends, that do not stand in `after` in their order."""
    rest, lost = after.splitlines(keepends=True), []
    for line in before.splitlines(keepends=True):
        if line in rest:
            rest = rest[rest.index(line) + 1 :]
        else:
            lost.append(line)
    return lost


def section(page: str, heading: str) -> str:
    return page.split(heading)[1].split("\n## ", maxsplit=1)[0]


def test_results_stand_under_their_stage_with_counts_bars_people_and_reasons(history: RolloutHistory) -> None:
    page = filled(PAGE, history)
    canary, half = section(page, "## Stage 1: Canary (1%)"), section(page, "## Stage 3: 50%")
    assert "pass: index error rate 0.26% (27 of 10,400" in canary
    assert "is below 1%" in canary
    assert "pass: call center complaints 0, as reported (at most 0)" in canary
    assert "Ada Lovelace approved the advance on 2026-03-03 12:01:00 EST: canary is quiet" in canary
    assert "fail: download error rate 21% (168 of 800" in half
    assert "rolled back to 0% on 2026-03-04 17:05:00 EST: monitor 4711 alerts" in half
    assert "Grace Hopper approved without proof" in half


def test_what_people_wrote_stays(history: RolloutHistory) -> None:
    page = filled(PAGE, history)
    assert "Bob: looked fine to me." in section(page, "## Stage 2: 25%")
    assert "Actual date range: 3/3/2026 - 3/4/2026, as Bob remembers\n" in page
    changed = lines_lost(PAGE, page)
    assert changed[:2] == ["Actual date range:  \n", "Actual date range: TBD\n"]
    assert all(line.startswith("- [") for line in changed[2:])


@pytest.mark.parametrize("end", ["Quiet.   \n", "Quiet.\\\n", "\tQuiet.\t\n", "Quiet.\n\n\n  \n"])
def test_blanks_before_and_after_the_results_stay(history: RolloutHistory, end: str) -> None:
    source = f"# Letters\n\n## Stage 1: 1%\n\n### Results\n\nFine.  \n{end}\n## Stage 2: 25%\n"
    assert lines_lost(source, filled(source, history)) == []


def test_actual_dates_answer_the_question_that_nobody_answered(history: RolloutHistory) -> None:
    page = filled(PAGE, history)
    assert (
        "Actual date range: <!-- rampart:dates letters -->2026-03-02 to 2026-03-03<!-- /rampart:dates -->  \n" in page
    )
    assert (
        "Actual date range: TBD <!-- rampart:dates letters -->2026-03-04 to 2026-03-07<!-- /rampart:dates -->" in page
    )


def test_boxes_are_ticked_for_what_was_reached_and_for_nothing_else(history: RolloutHistory) -> None:
    timeline = section(filled(PAGE, history), "## Timeline")
    boxes = [line[:5].strip() for line in timeline.splitlines() if line.startswith("- [")]
    assert boxes == ["- [x]", "- [x]", "- [x]", "- [ ]", "- [x]", "- [ ]"]


@pytest.mark.parametrize(
    "entry",
    [
        "get 50% test coverage",
        "load test at 50% of peak traffic",
        "3/4/2026 - tell 50% of the staff",
        "remove the flag once 50% is stable",
    ],
)
def test_a_box_of_other_work_is_not_ticked_because_it_names_a_percentage(history: RolloutHistory, entry: str) -> None:
    page = filled(f"{PAGE}\n## Besides\n\n- [ ] {entry}\n", history)
    assert f"- [ ] {entry}\n" in page


@pytest.mark.parametrize(
    ("entry", "box"),
    [
        ("3/2/2026 - increase from 25% to 50%; stop if errors are over 2%", "[x]"),
        ("Stage C: half of them (50%)", "[x]"),
        ("increase to 25% on 3/3/2026, then to 50% on 3/4/2026", "[x]"),
        ("increase to 50% on 3/4/2026, then to 75% on 3/9/2026", "[ ]"),
    ],
)
def test_the_box_of_an_entry_that_states_stages_is_ticked_once_all_were_reached(
    history: RolloutHistory, entry: str, box: str
) -> None:
    page = filled(f"# Letters\n\n## Timeline\n\n- [ ] {entry}\n", history)
    assert f"- {box} {entry}\n" in page


def test_a_timelines_box_is_ticked_beside_a_heading_that_has_dates_of_its_own(history: RolloutHistory) -> None:
    page = filled("# Letters\n\n## Stage 1: 25% (3/2/2026)\n\n## Timeline\n\n- [ ] increase to 25%\n", history)
    assert "- [x] increase to 25%\n" in page


def test_a_tables_column_for_the_actual_date_is_filled_in(history: RolloutHistory) -> None:
    table = "| Launch % | Desired date | _Actual Date_ |\n|--|--|--|\n| 1% | 3/1/2026 | |\n"
    table += "| 50% | 3/3/2026 | _mm/dd/yyyy_ |\n"
    page = filled(f"# Letters\n\n## Go live\n\n{table}| 25% | 3/2/2026 | 3/3/2026 |\n", history)
    canary, half = (
        f"<!-- rampart:dates letters -->{days}<!-- /rampart:dates -->"
        for days in ("2026-03-02 to 2026-03-03", "2026-03-04 to 2026-03-07")
    )
    assert f"| 1% | 3/1/2026 | {canary} |\n" in page
    assert f"| 50% | 3/3/2026 | _mm/dd/yyyy_ {half} |\n" in page
    assert "| 25% | 3/2/2026 | 3/3/2026 |\n" in page
    assert filled(page, history) == page


def test_actual_dates_are_also_answered_under_the_results_as_asked(history: RolloutHistory) -> None:
    asked = "- Actual date range: [FILL_IN]\n- Actual start date:\n- Actual end date:\n- Actual number of users:\n"
    page = filled(f"# Letters\n\n### Stage 1: 1%\n\n#### Results\n\n{asked}", history)
    first, last = (
        f"<!-- rampart:dates letters -->{day}<!-- /rampart:dates -->\n" for day in ("2026-03-02", "2026-03-03")
    )
    assert "- Actual date range: [FILL_IN] <!-- rampart:dates letters -->2026-03-02 to 2026-03-03<!--" in page
    assert f"- Actual start date: {first}" in page
    assert f"- Actual end date: {last}" in page
    assert "- Actual number of users:\n" in page


def test_a_stage_that_the_flag_is_still_at_has_a_first_day_and_no_last_one() -> None:
    told = climb([1, 25], ["letters_new_source"], until=1)
    history = gather(told.records, told.records.states["letters"])
    page = filled("# Letters\n\n### Stage 1: 1%\n\n- Actual start date:\n- Actual end date:\n", history)
    assert "- Actual start date: <!-- rampart:dates letters -->2026-03-02<!-- /rampart:dates -->\n" in page
    assert "- Actual end date:\n" in page


@pytest.mark.parametrize(
    ("lost", "line", "half"),
    [("<!-- /rampart:results -->\n", 20, "end"), ("<!-- rampart:results letters -->\n", 26, "beginning")],
)
def test_an_unpaired_mark_is_refused_before_anything_is_replaced(
    history: RolloutHistory, lost: str, line: int, half: str
) -> None:
    once = filled(PAGE, history)
    with pytest.raises(InputError, match=f"line {line}: .* stands without its {half}, so nothing was written") as error:
        filled(once.replace(lost, "", 1), history)
    assert error.value.fix


def test_text_written_between_the_marks_is_refused_rather_than_lost(history: RolloutHistory) -> None:
    once = filled(PAGE, history)
    with pytest.raises(InputError, match=r"line 22: 'Ada: I saw it, too\.' stands between Rampart's marks"):
        filled(once.replace("  - pass: index", "Ada: I saw it, too.\n  - pass: index", 1), history)


def test_a_stage_without_a_place_gets_its_results_at_the_end_of_the_page(history: RolloutHistory) -> None:
    end = filled(PAGE, history).split("tell everyone")[1]
    assert "Results of stages that have no place of their own on this page" in end
    assert "- 100% (attempt 2)" in end


def test_doing_it_twice_changes_nothing(history: RolloutHistory) -> None:
    once = filled(PAGE, history)
    assert filled(once, history) == once
    assert fill(once.encode(), history, today=TODAY).told == ()


def test_newer_results_replace_the_older_ones_in_their_place(history: RolloutHistory) -> None:
    early = RolloutHistory(history.state, history.events[:3], history.evaluations[:10])
    later = filled(filled(PAGE, early), history)
    assert later.count("<!-- rampart:results letters -->") == 3
    assert "judged 26 times" in later
    assert "judged 10 times" not in later
    assert filled(later, history) == later


def test_another_rollouts_results_on_the_same_page_are_left_alone(history: RolloutHistory) -> None:
    other = PAGE.replace(
        "TBD\n\n## Stage 2", "<!-- rampart:results older -->\n- old\n<!-- /rampart:results -->\n\n## Stage 2"
    )
    page = filled(other, history)
    assert "<!-- rampart:results older -->\n- old\n<!-- /rampart:results -->" in page
    assert filled(page, history) == page


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_line_ends_and_a_byte_order_mark_stay_as_they_are(history: RolloutHistory, newline: str, bom: str) -> None:
    source = (bom + PAGE.replace("\n", newline)).encode()
    page = fill(source, history, today=TODAY).page
    assert page.startswith(bom.encode())
    assert {end for end in (b"\r\n", b"\n", b"\r") if end in page.replace(newline.encode(), b"")} == set()
    assert fill(page, history, today=TODAY).page == page


def test_a_page_that_ends_without_a_line_end_is_filled_all_the_same(history: RolloutHistory) -> None:
    once = filled(PAGE.rstrip(), history)
    assert filled(once, history) == once
    assert "tell everyone\n\n<!-- rampart:other-results" in once


def test_a_page_of_another_flag_is_refused(history: RolloutHistory) -> None:
    with pytest.raises(InputError, match="names the flags other_flag; the rollout is about letters_new_source"):
        filled(PAGE.replace("letters_new_source", "other_flag"), history)


def test_a_page_without_a_plan_is_refused(history: RolloutHistory) -> None:
    with pytest.raises(InputError, match="no rollout plan"):
        filled("# Shopping\n\n- milk\n", history)


def test_of_two_plans_on_a_page_the_one_with_the_flag_is_filled(history: RolloutHistory) -> None:
    other = PAGE.replace("letters_new_source", "other_flag").replace("# Letters from the new source", "# Another")
    page = filled(other + "\n" + PAGE, history)
    before, _, after = page.partition("# Letters from the new source")
    assert before == other + "\n"
    assert "<!-- rampart:results letters -->" in after


HOSTILE = [
    "-->",
    "<!-- /rampart:results -->",
    "\n## Stage 5: 60%\n",
    "<script>alert(1)</script>",
    "| a | b |",
    "`[x](y)`",
]


@pytest.mark.parametrize("note", HOSTILE)
def test_a_hostile_note_cannot_break_the_page(note: str) -> None:
    told = Story()
    told.tell(EventKind.STARTED, "starts")
    told.advance(0)
    told.advance(1, approved_by="Ada", note=note)
    told.close(Status.LIVE)
    history = gather(told.records, told.records.states["letters"])
    once = filled(PAGE, history)
    assert filled(once, history) == once
    assert "<script>" not in once
    assert "\n## Stage 5" not in once


@given(st.text())
def test_escaped_text_is_one_line_without_markup(text: str) -> None:
    escaped = escape(text)
    assert unescape(escaped) == " ".join(text.split()), "a terminal shows what was said"
    assert "\n" not in escaped
    assert "<" not in escaped
    assert ">" not in escaped
