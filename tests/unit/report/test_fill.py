"""Results are written under the right stage, and not one byte of what people wrote is lost."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.rollout.state import EventKind, Status
from rampart_cli.failures import InputError
from rampart_cli.report.fill import fill
from rampart_cli.report.history import RolloutHistory, gather
from rampart_cli.report.results import escape

from .conftest import Story

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
- [ ] 3/7/2026 - tell everybody
"""


@pytest.fixture
def history(story: Story) -> RolloutHistory:
    return gather(story.records, story.records.states["letters"])


def filled(page: str, history: RolloutHistory) -> str:
    return fill(page.encode(), history, today=TODAY).page.decode()


def is_kept(before: str, after: str) -> bool:
    """Whether every character of `before` is in `after`, in its order."""
    rest = iter(after)
    return all(character in rest for character in before)


def section(page: str, heading: str) -> str:
    return page.split(heading)[1].split("\n## ", maxsplit=1)[0]


def test_results_stand_under_their_stage_with_counts_bars_people_and_reasons(history: RolloutHistory) -> None:
    page = filled(PAGE, history)
    canary, half = section(page, "## Stage 1: Canary (1%)"), section(page, "## Stage 3: 50%")
    assert "pass: index error rate 0.26% (27 of 10,400" in canary
    assert "is below 1%" in canary
    assert "pass: call centre complaints 0, as reported (at most 0)" in canary
    assert "Ada Lovelace approved the advance on 2026-03-03 12:01:00 EST: canary is quiet" in canary
    assert "fail: download error rate 21% (168 of 800" in half
    assert "rolled back to 0% on 2026-03-04 17:05:00 EST: monitor 4711 alerts" in half
    assert "Grace Hopper overrode the evidence" in half


def test_what_people_wrote_stays(history: RolloutHistory) -> None:
    page = filled(PAGE, history)
    assert "Bob: looked fine to me." in section(page, "## Stage 2: 25%")
    assert "Actual date range: 3/3/2026 - 3/4/2026, as Bob remembers\n" in page
    unticked = page.replace("[x]", "[ ]")
    assert is_kept(PAGE.replace("- []", "- ").replace("[x]", "[ ]"), unticked)


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


def test_a_stage_without_a_place_gets_its_results_at_the_end_of_the_page(history: RolloutHistory) -> None:
    end = filled(PAGE, history).split("tell everybody")[1]
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


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_line_ends_and_a_byte_order_mark_stay_as_they_are(history: RolloutHistory, newline: str, bom: str) -> None:
    source = (bom + PAGE.replace("\n", newline)).encode()
    page = fill(source, history, today=TODAY).page
    assert page.startswith(bom.encode())
    assert page.count(b"\r\n") == (page.count(b"\n") if newline == "\r\n" else 0)
    assert fill(page, history, today=TODAY).page == page


def test_a_page_that_ends_without_a_line_end_is_filled_all_the_same(history: RolloutHistory) -> None:
    once = filled(PAGE.rstrip(), history)
    assert filled(once, history) == once
    assert "tell everybody\n\n<!-- rampart:other-results" in once


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
    assert "\n" not in escaped
    assert "<" not in escaped
    assert ">" not in escaped
