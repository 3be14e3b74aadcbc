"""A schedule in prose is read as stages, each with its day where one is written, and nothing of it is lost silently."""

from __future__ import annotations

import pytest

from rampart_cli.document import Bindings, Code, draft

from .conftest import Read

PAGE = "# Appointments rollout\n\nFlag: `appointments_v2`\n\n## Rollout\n\n{}\n"


@pytest.mark.parametrize(
    ("said", "stages"),
    [
        ("We go to 5% on Monday Jan 11, then 25% on Wednesday, then everyone the week after.", "5 25 100"),
        ("We go to 5% on Monday Jan 11, then 25% on\nWednesday, then all Veterans the week after.", "5 25 100"),
        ("Starting Jan 11 at 5%, next Tuesday 30%, then everybody.", "5 30 100"),
        ("We start at 10% on 1/11/2027, then 50% on 1/14/2027, and everyone by end of March.", "10@11 50@14 100"),
        ("On Monday, Jan 11, 2027 we turn it on for 5%, on Wednesday for 25%, then for everyone.", "5@11 25 100"),
        (
            "Week of Jan 11, 2027 we do 5%, week of Jan 18, 2027 we do 50%, everyone from 1/25/2027.",
            "5@11 50@18 100@25",
        ),
        ("5% on 1/11/2027, 25% on 1/13/2027, 100%, everyone, on 1/20/2027.", "5@11 25@13 100@20"),
        ("5% Monday, 20% Tuesday, 50% Thursday. Everyone else the Monday after.", "5 20 50 100"),
        ("1/11/2027: 5%. 1/13/2027: 25%. 1/20/2027: everybody.", "5@11 25@13 100@20"),
        (
            "We'd like to be at 10% by 1/15/2027, at 50% next week, and fully rolled out by 1/29/2027.",
            "10@15 50 100@29",
        ),
        ("10%, on 1/11/2027, then 50%, on 1/14/2027, and everyone on 1/20/2027.", "10@11 50@14 100@20"),
        (
            "1/11/2027 we open it up to 5%. On Thursday it goes to 25%. Full rollout the following Monday.",
            "5@11 25 100",
        ),
        ("Plan is 5% next Tuesday, a quarter the week after, everyone by the end of March.", "5 25 100"),
        ("In the first week we go to 10%, in the second to 40%, and then to all users.", "10 40 100"),
        ("- Monday 1/11/2027 - 5% of claimants\n- Wednesday - 25% of claimants\n- Next week: everyone", "5@11 25 100"),
        ("We go to 5% on 1/11/2027. Today 2% of calls fail. On 1/13/2027 we go to everyone.", "5@11 100@13"),
    ],
)
def test_a_schedule_is_read_with_the_days_that_are_written(said: str, stages: str, reading: Read) -> None:
    [plan] = reading(PAGE.format(said)).plans

    read = [f"{stage.percent:g}" + (f"@{stage.start.day}" if stage.start else "") for stage in plan.stages]
    assert " ".join(read) == stages
    assert plan.doubts == []


@pytest.mark.parametrize(
    "said",
    [
        "Errors rose 5% on Monday, 10% on Tuesday, and everyone noticed on Wednesday.",
        "Adoption: 5% by Jan 11, 25% by Feb 1, 100% by end of March.",
        "We expect 5% of tickets on Monday, 25% on Tuesday, 100% by Friday.",
        "The old system lost 5% on Monday, 10% on Tuesday.",
        "It is 5% at first and doubles every Monday until 80%, then 100%.",
    ],
)
def test_shares_of_other_things_are_no_schedule_and_are_named(said: str, reading: Read) -> None:
    [finding] = reading(PAGE.format(said)).diagnostics

    assert finding.kind is Code.NOT_A_PLAN
    assert "not read as stages: line 7 (5%" in finding.message


def test_percentages_that_no_stage_was_made_of_are_named_with_their_line(reading: Read) -> None:
    found = reading(
        PAGE.format("We move from 5% to 25% on Wednesday and from 25% to 80% on Friday.\n\n35% are on a phone.")
    )

    said = [(d.line, d.message) for d in found.diagnostics if d.kind is Code.UNREAD_PERCENTAGE]
    assert said == [(7, "nothing was read from 80%"), (9, "nothing was read from 35%")]


def test_a_bar_on_a_stages_own_line_that_is_not_read_is_named(reading: Read) -> None:
    found = reading(PAGE.format("1. Mon: 1%\n2. Tue: if < 0.5% errors, 10%\n3. Wed: everyone"))

    said = [(d.line, d.message) for d in found.diagnostics if d.kind is Code.UNREAD_BAR]
    assert said == [(8, "no criterion was taken from 'Tue: if < 0.5% errors, 10%'")]


def test_stages_without_a_hold_are_named_once_and_days_that_follow_are_a_hold(reading: Read) -> None:
    found = reading(PAGE.format("We go to 5% on 1/11/2027, to 25% on 1/13/2027, and to everyone the week after."))

    assert [d.message for d in found.diagnostics if d.kind is Code.MISSING_HOLD] == [
        "the page does not say how long to hold 25% (line 7), 100% (line 7)"
    ]
    written = draft(found.plans, source="page.md", bindings=Bindings())
    assert "hold: 2d  # line 7: 2027-01-11 to 2027-01-13, when the next stage starts\n" in written
    assert written.count("hold: !gap") == 2


def test_a_page_that_holds_each_stage_lacks_no_hold(reading: Read) -> None:
    found = reading("# Rollout\n## Stage A: 5%\n- Hold: 2 days\n## Stage B: 100%\n- Hold: 1 week\n")

    assert Code.MISSING_HOLD not in {d.kind for d in found.diagnostics}
