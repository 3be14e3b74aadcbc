"""What a careful person makes of one line or one heading, where another reading lies near."""

from __future__ import annotations

from datetime import date

import pytest

from rampart.finding import FindingKind
from rampart_cli.document import Code, Reading, read

from .conftest import Read

STAGES = "\n## Stage A: 5% of users\n\n## Stage B: 100% of users\n"


def _codes(found: Reading) -> set[FindingKind]:
    return {diagnostic.kind for diagnostic in found.diagnostics}


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
def test_a_percentage_that_reaches_nobody_is_not_a_stage(reading: Read, title: str) -> None:
    found = reading(f"# Notes\n\n## {title}\n\nWords.\n{STAGES}")

    assert [stage.percent for stage in found.plans[0].stages] == [5, 100]


@pytest.mark.parametrize(
    "told",
    [
        "Traffic: 80% mobile, 20% desktop",
        "Target: 95% satisfaction",
        "## Test plan\n\n- Stage 1: unit tests with a coverage of 90%\n- Stage 2: load test at 80% of the peak",
    ],
)
def test_a_share_of_something_else_is_not_a_stage(reading: Read, told: str) -> None:
    found = reading(f"# Rollout plan\n\n{told}\n{STAGES}")

    assert [stage.percent for stage in found.plans[0].stages] == [5, 100]


@pytest.mark.parametrize(
    "title",
    [
        "3/1/2027 - 3/3/2027: 10%",
        "1. 10% of users",
        "1\ufe0f\u20e3 10% of users",
        "Rollout to 10%",
        "🐤 Launch to 10% of users",
        "Initial release: 10%",
        "Expansion (10%)",
        "Stage 1 of 2 - 10%",
    ],
)
def test_a_heading_that_says_to_how_many_the_flag_goes_is_a_stage(reading: Read, title: str) -> None:
    found = reading(f"# Notes\n\n## {title}\n\n## Full rollout (100%)\n")

    assert [stage.percent for stage in found.plans[0].stages] == [10, 100]


@pytest.mark.parametrize("name", ["intake-form-v2", "intake_from_v2", "intake_forms_v2"])
def test_a_flag_that_is_switched_under_a_misspelt_name_is_said(reading: Read, name: str) -> None:
    found = reading(f"# Intake\n\nFeature flag: `intake_form_v2`\n\nWe turn `{name}` on.\n{STAGES}")

    assert Code.INCONSISTENT_FLAG_NAME in _codes(found)


def test_a_word_that_only_resembles_the_flag_is_not_a_flag(reading: Read) -> None:
    found = reading(f"# Intake\n\nFeature flag: `intake_form_v2`\n\nThe table `intake_forms_v2` grows.\n{STAGES}")

    assert Code.INCONSISTENT_FLAG_NAME not in _codes(found)


@pytest.mark.parametrize("text", ["We hold each stage for 24 hours.", "Questions are answered within 24 hours."])
def test_a_length_of_something_else_is_not_a_window(reading: Read, text: str) -> None:
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


def test_a_rollback_section_with_an_open_answer_does_not_count(reading: Read) -> None:
    page = f"# Intake\n\n## Rollback\n\nThe team decides.\n\n[FILL_IN]: create your plan\n{STAGES}"

    assert {Code.MISSING_ROLLBACK, Code.PLACEHOLDER_LEFT} <= _codes(reading(page))


def test_results_after_a_label_are_seen_before_the_launch() -> None:
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
def test_a_finding_points_at_its_words_as_they_are_written(
    reading: Read, line: str, code: FindingKind, column: int
) -> None:
    found = reading(f"# Intake\n\n## Success criteria\n\n{line}\n{STAGES}")

    assert (5, column) in {(d.line, d.column) for d in found.diagnostics if d.kind is code}


@pytest.mark.parametrize(
    ("bar", "stages"),
    [("< 8%", ["1%", "5%"]), ("< 5%", ["1%"]), ("< 1%", []), ("> 80%", ["1%", "5%"]), ("> 99%", [])],
)
def test_a_bar_that_a_total_failure_leaves_whole_cannot_fire(reading: Read, bar: str, stages: list[str]) -> None:
    page = f"# Intake\n\n## Success criteria\n\n- Rate: {bar}\n\n## Stage A: 1%\n\n## Stage B: 5%\n\n## Stage C: 100%\n"

    told = [d.message for d in reading(page).diagnostics if d.kind is Code.BAR_CANNOT_FIRE]

    assert [" and ".join(stages) in message for message in told] == ([True] if stages else [])


@pytest.mark.parametrize("title", ["Previous rollout", "Alternatives considered", "Sprint plan", "Lessons learned"])
def test_a_plan_that_is_not_this_one_stays_unread(reading: Read, title: str) -> None:
    found = reading(f"# Intake rollout\n\n## {title}\n\n- Stage A: 40% of users\n{STAGES}")

    assert [stage.percent for stage in found.plans[0].stages] == [5, 100]


@pytest.mark.parametrize(
    "line", ["40% of users are on a phone", "Target: 60% completion", "We expect 20% fewer calls", "Build: 60% done"]
)
def test_what_is_told_under_a_stage_does_not_contradict_it(reading: Read, line: str) -> None:
    found = reading(f"# Intake\n\n## Stage A: 5% of users\n\n- {line}\n\n## Stage B: 100% of users\n")

    assert [stage.percent for stage in found.plans[0].stages] == [5, 100]


def test_a_placeholder_is_not_a_flag_and_leaves_the_template_unfilled(reading: Read) -> None:
    stages = "## Stage A: 5%\n- Dates: [FILL_IN]\n\n## Stage B: 100%\n- Dates: [FILL_IN]\n"

    assert not reading(f"# Plan\n\nFeature toggle: [FILL_IN]\n\n{stages}").plans


@pytest.mark.parametrize(
    "said",
    [
        "Flag: `intake_form`",
        "Feature flag: intake-form",
        "## Feature flag: `intake_form`",
        "## Feature flags\n\nintake_form",
        "Feature flags:\n\n- `intake_form`: the new form",
        "| | |\n|---|---|\n| Feature flag | `intake_form` |",
    ],
)
def test_a_flag_is_read_wherever_a_page_names_it(reading: Read, said: str) -> None:
    assert [flag.name.replace("-", "_") for flag in reading(f"# Intake\n\n{said}\n{STAGES}").plans[0].flags] == [
        "intake_form"
    ]


@pytest.mark.parametrize(
    ("said", "zone"),
    [
        ("All times are ET.", "America/New_York"),
        ("## Timeline (all times Pacific)", "America/Los_Angeles"),
        ("## Time zone\n\nCentral", "America/Chicago"),
        ("| What | When (America/Denver) |\n|---|---|\n| Talk | Monday |", "America/Denver"),
        ("We meet at times that suit Mountain View; the Pacific region waits.", None),
    ],
)
def test_a_zone_is_read_where_it_is_said_of_times_only(reading: Read, said: str, zone: str | None) -> None:
    told = reading(f"# Intake\n\n{said}\n{STAGES}").plans[0].timezone

    assert (told.value if told else None) == zone


def test_a_heading_on_what_to_do_when_something_goes_wrong_is_about_going_back(reading: Read) -> None:
    page = f"# Intake\n\n## If something goes wrong\n\nThe team turns it off.\n{STAGES}"

    assert Code.MISSING_ROLLBACK not in _codes(reading(page))


@pytest.mark.parametrize("mark", [" | ", "; ", " \u00b7 "])
def test_several_labels_on_one_line_are_answered_each(reading: Read, mark: str) -> None:
    line = mark.join(["Owner: Dana Flores", "Time zone: ET", "Flag: intake_form"])
    plan = reading(f"# Intake\n\n{line}\n{STAGES}").plans[0]

    assert plan.owner is not None
    assert plan.timezone is not None
    assert (plan.owner.value, plan.timezone.value) == ("Dana Flores", "America/New_York")
    assert [flag.name for flag in plan.flags] == ["intake_form"]


def test_stages_that_slipped_below_the_heading_of_rollback_are_read(reading: Read) -> None:
    stages = STAGES.replace("## ", "### ")
    found = reading(f"# Intake\n\n## Rollback process\n\nDana turns it off.\n{stages}")

    assert [stage.percent for stage in found.plans[0].stages] == [5, 100]
    assert Code.MISSING_ROLLBACK not in _codes(found)


def test_steps_of_going_back_stay_unread(reading: Read) -> None:
    assert not reading("# Intake\n\n## Rollback\n\n### Step 1: 50% of users\n\n### Step 2: 10% of users\n").plans


@pytest.mark.parametrize("title", ["Thresholds", "Gates", "Advance when", "What good looks like"])
def test_a_heading_that_asks_for_bars_lists_criteria(reading: Read, title: str) -> None:
    found = reading(f"# Intake\n{STAGES}\n## {title}\n\n- Error rate below 1%\n")

    assert [(c.name, c.op, c.value) for c in found.plans[0].criteria] == [("Error rate", "<", 1)]


@pytest.mark.parametrize("title", ["Stage A: 5% of users (was 10%)", "Stage A: 5% of users, not 10%"])
def test_a_percentage_that_a_heading_takes_back_is_not_a_stage(reading: Read, title: str) -> None:
    found = reading(f"# Intake\n\n## {title}\n\n- 5% (formerly 10%) on 3/1/2027\n\n## Stage B: 100% of users\n")

    assert [stage.percent for stage in found.plans[0].stages] == [5, 100]


def test_phases_of_work_before_the_rollout_are_not_stages(reading: Read) -> None:
    phases = "## Phase 1: Design\n\n## Phase 2: Build\n\n## Phase 3: Rollout\n\n- 5% of users\n- 100% of users\n"

    assert [stage.percent for stage in reading(f"# Intake\n\n{phases}").plans[0].stages] == [5, 100]


def test_a_rollout_that_nobody_owns_has_no_owner(reading: Read) -> None:
    assert Code.MISSING_OWNER in _codes(reading(f"# Intake\n\nThe flag is owned by nobody yet.\n{STAGES}"))


@pytest.mark.parametrize(
    "line", ["Errors < 1%, actual: 0.4%", "Errors < 1% \u2014 actual: 0.4%", "Errors < 1% (we had 0.4%)"]
)
def test_a_bar_with_what_was_measured_beside_it_is_the_bar(reading: Read, line: str) -> None:
    found = reading(f"# Intake\n{STAGES}\n## Success criteria\n\n- {line}\n")

    assert [(c.name, c.op, c.value) for c in found.plans[0].criteria] == [("Errors", "<", 1)]


def test_a_list_of_steps_goes_on_under_names_of_its_own(reading: Read) -> None:
    names = [
        "**Canary** \u2014 1% \u2014 Tue 4/6/2027",
        "**Small** \u2014 10% \u2014 4/8/2027",
        "**All** \u2014 100% \u2014 4/15/2027",
    ]
    items = "".join(f"1. {name}\n" for name in names)

    assert [(s.percent, s.start) for s in reading(f"# Intake\n\nStages:\n\n{items}").plans[0].stages] == [
        (1, date(2027, 4, 6)),
        (10, date(2027, 4, 8)),
        (100, date(2027, 4, 15)),
    ]


@pytest.mark.parametrize(
    "item", ["Abandonment: 20%", "Done: 20%, 4/1/2027", "Goal: 20%, 4/20/2027", "Form: 3%, 4/20/2027"]
)
def test_another_thing_in_a_list_of_steps_is_not_a_step(reading: Read, item: str) -> None:
    items = f"- Canary: 5%, 4/6/2027\n- {item}\n"

    assert [stage.percent for stage in reading(f"# Intake\n\n{items}").plans[0].stages] == [5]


@pytest.mark.parametrize(
    ("labels", "start", "end"),
    [
        ("- End: 3/2/2027\n- Start: 3/1/2027", date(2027, 3, 1), date(2027, 3, 2)),
        ("- Start: 3/1/2027\n- End: 3/2/2027", date(2027, 3, 1), date(2027, 3, 2)),
        ("- End: 3/2/2027", None, date(2027, 3, 2)),
    ],
)
def test_an_end_is_not_a_start_wherever_it_is(reading: Read, labels: str, start: date | None, end: date | None) -> None:
    stage = reading(f"# Intake\n\n## Stage A: 5%\n\n{labels}\n\n## Stage B: 100%\n").plans[0].stages[0]

    assert (stage.start, stage.end) == (start, end)


@pytest.mark.parametrize(
    ("said", "bars"),
    [
        ("If the error rate stays below 2% for a day, we proceed.", [("error rate", "<", 2)]),
        ("Once 5% have had it for more than 3 days, we go to 50%.", []),
        ("If errors are above 2%, we do not proceed.", []),
    ],
)
def test_a_condition_before_going_on_is_a_bar(reading: Read, said: str, bars: list[tuple[str, str, float]]) -> None:
    found = reading(f"# Intake\n\n{said}\n{STAGES}").plans[0]

    assert [(c.name, c.op, c.value) for c in found.criteria] == bars
