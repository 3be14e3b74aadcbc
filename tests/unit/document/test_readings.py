"""What a careful person makes of one line or one heading, where another reading lies near."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from rampart_cli.document import Code, Reading, read

STAGES = "\n## Stage A: 5% of users\n\n## Stage B: 100% of users\n"
Read = Callable[[str | bytes], Reading]


def _codes(found: Reading) -> set[Code]:
    return {diagnostic.code for diagnostic in found.diagnostics}


@pytest.mark.parametrize(
    "title",
    ["Moderated chat: rollout plan", "FAQ widget", "Results page redesign", "Datadog exporter"],
)
def test_a_title_that_sounds_like_talk_hides_no_stage(reading: Read, title: str) -> None:
    found = reading(f"# Notes\n\n## {title}\n{STAGES.replace('## ', '### ')}\n# Appendix\n\nNone.\n")

    assert [stage.percent for stage in found.plans[0].stages] == [5, 100]


@pytest.mark.parametrize("title", ["Results", "Moderated testing", "Example", "FAQ", "Results of Stage A"])
def test_stages_that_are_only_told_of_stay_unread(reading: Read, title: str) -> None:
    assert not reading(f"# Notes\n\n## {title}\n{STAGES.replace('## ', '### ')}").plans


@pytest.mark.parametrize("title", ["Release 25% faster pages", "Increase conversion by 10%", "Launch plan, 5 pages"])
def test_a_percentage_that_reaches_nobody_is_no_stage(reading: Read, title: str) -> None:
    found = reading(f"# Notes\n\n## {title}\n\nWords.\n{STAGES}")

    assert [stage.percent for stage in found.plans[0].stages] == [5, 100]


@pytest.mark.parametrize(
    "title",
    ["Rollout to 10%", "🐤 Launch to 10% of users", "Initial release: 10%", "Expansion (10%)", "Stage 1 of 2 - 10%"],
)
def test_a_heading_that_says_to_how_many_the_flag_goes_is_a_stage(reading: Read, title: str) -> None:
    found = reading(f"# Notes\n\n## {title}\n\n## Full rollout (100%)\n")

    assert [stage.percent for stage in found.plans[0].stages] == [10, 100]


@pytest.mark.parametrize("name", ["intake-form-v2", "intake_from_v2", "intake_forms_v2"])
def test_a_flag_that_is_switched_under_a_misspelt_name_is_said(reading: Read, name: str) -> None:
    found = reading(f"# Intake\n\nFeature flag: `intake_form_v2`\n\nWe turn `{name}` on.\n{STAGES}")

    assert Code.INCONSISTENT_FLAG_NAME in _codes(found)


def test_a_word_that_only_resembles_the_flag_is_none(reading: Read) -> None:
    found = reading(f"# Intake\n\nFeature flag: `intake_form_v2`\n\nThe table `intake_forms_v2` grows.\n{STAGES}")

    assert Code.INCONSISTENT_FLAG_NAME not in _codes(found)


@pytest.mark.parametrize("text", ["We hold each stage for 24 hours.", "Questions are answered within 24 hours."])
def test_a_length_of_another_thing_is_no_window(reading: Read, text: str) -> None:
    assert Code.MISSING_WINDOW in _codes(reading(f"# Intake\n\n{text}\n{STAGES}"))


def test_a_bar_with_its_time_is_a_window(reading: Read) -> None:
    assert Code.MISSING_WINDOW not in _codes(reading(f"# Intake\n\nErrors stay < 1% over 30 minutes.\n{STAGES}"))


def test_two_spellings_are_one_criterion(reading: Read) -> None:
    pages = [
        f"## Phase {n}: {n}0%\n\n### Success criteria\n\n- Call {word} complaints: 0\n"
        for n, word in ((1, "center"), (2, "centre"))
    ]
    found = reading("# Intake\n\n" + "\n".join(pages))

    assert len(found.plans[0].distinct_criteria) == 1
    assert Code.CRITERION_MISSING_IN_PHASE not in _codes(found)


def test_a_rollback_section_with_an_answer_left_open_is_none(reading: Read) -> None:
    page = f"# Intake\n\n## Rollback\n\nThe team decides.\n\n[FILL_IN]: create your plan\n{STAGES}"

    assert {Code.MISSING_ROLLBACK, Code.PLACEHOLDER_LEFT} <= _codes(reading(page))


def test_results_behind_a_label_are_seen_before_the_launch() -> None:
    page = "# Intake\n\n## Stage A: 5%\n\n- Dates: 3/1/2027\n- Results: 0.2% errors, 512 users\n\n## Stage B: 100%\n"

    assert Code.RESULT_BEFORE_LAUNCH in _codes(read(page.encode(), today=date(2026, 3, 1)))
    assert Code.RESULT_BEFORE_LAUNCH not in _codes(read(page.encode(), today=date(2027, 4, 1)))


@pytest.mark.parametrize(
    ("line", "code", "column"),
    [
        (r"- Dates: \[FILL\_IN\]", Code.PLACEHOLDER_LEFT, 10),
        ("- **Error** rate", Code.MISSING_THRESHOLD, 5),
        ("- Calls: 1,000", Code.MISSING_OPERATOR, 10),
        ("- Errors: .5%", Code.MISSING_OPERATOR, 11),
        ("- 400 errors: 4%", Code.MISSING_OPERATOR, 15),
        ("- Retries: < %9", Code.BAR_CANNOT_FIRE, 15),
    ],
)
def test_a_finding_points_at_its_words_as_they_are_written(reading: Read, line: str, code: Code, column: int) -> None:
    found = reading(f"# Intake\n\n## Success criteria\n\n{line}\n{STAGES}")

    assert (5, column) in {(d.line, d.column) for d in found.diagnostics if d.code is code}


@pytest.mark.parametrize(
    ("bar", "stages"),
    [("< 8%", ["1%", "5%"]), ("< 5%", ["1%"]), ("< 1%", []), ("> 80%", ["1%", "5%"]), ("> 99%", [])],
)
def test_a_bar_that_a_total_failure_leaves_whole_cannot_fire(reading: Read, bar: str, stages: list[str]) -> None:
    page = f"# Intake\n\n## Success criteria\n\n- Rate: {bar}\n\n## Stage A: 1%\n\n## Stage B: 5%\n\n## Stage C: 100%\n"

    told = [d.message for d in reading(page).diagnostics if d.code is Code.BAR_CANNOT_FIRE]

    assert [" and ".join(stages) in message for message in told] == ([True] if stages else [])
