"""Steps that are named, counted or joined in a way of their own, and pages that only look like plans."""

from __future__ import annotations

from datetime import date

import pytest

from rampart_cli.document import Reading

from .conftest import Read


def _percents(found: Reading) -> list[float | None]:
    return [stage.percent for stage in found.plans[0].stages]


@pytest.mark.parametrize(
    "text",
    [
        "Rollout: 2% \u2192 30% \u2192 100%, two days each.",
        "- Rollout:\n  - Canary: 2%\n  - Next: 30%\n  - Finally: 100%",
        "## Stage Red \u2013 2%\n## Stage Amber \u2013 30%\n## Stage Green \u2013 100%",
        "## Pilot: 2%\n## Early access (30%)\n## General availability - 100%",
        "- 2% of users\n- 30% two days later\n- 100% a week after",
        "| Stage | Target | Result |\n|---|---|---|\n| A | 2% | 1% errors |\n| B | 30% | |\n| C | 100% | |",
        "Rollout:\n\n- 0% (off)\n- 2% of users\n- 30% of users\n- 100% of users",
        "Last spring\u2019s rollout went to 40% on 3/1/2025.\n\n## Stage A: 2%\n## Stage B: 30%\n## Stage C: 100%",
    ],
)
def test_steps_are_read_however_they_are_named(reading: Read, text: str) -> None:
    assert _percents(reading(f"# Rollout plan: intake\n\nFeature flag: `intake_form`\n\n{text}\n")) == [2, 30, 100]


def test_an_answer_may_hold_all_steps_with_their_days(reading: Read) -> None:
    found = reading("# Intake\n\n**How do we launch?** 2% on 5/4/2026, 30% on 5/6/2026 and 100% on 5/8/2026.\n")

    assert [(stage.percent, stage.start and stage.start.day) for stage in found.plans[0].stages] == [
        (2, 4),
        (30, 6),
        (100, 8),
    ]


def test_chosen_people_are_a_stage_though_stages_stand_below_the_other_phases(reading: Read) -> None:
    found = reading("# Intake\n\n## Phase 1: staff\n\n## Phase 2: all\n\n### Stage A: 5%\n\n### Stage B: 100%\n")

    assert [(stage.percent, str(stage.kind)) for stage in found.plans[0].stages] == [
        (None, "audience"),
        (5, "actors"),
        (100, "actors"),
    ]


def test_a_day_to_go_live_and_one_to_end_are_the_stage_dates(reading: Read) -> None:
    rows = "| Small | 5% | Tue, 5/5/2026 | Wed, 5/6/2026 |\n| All | 100% | 5/11/2026 | - |\n"
    found = reading(f"# Intake\n\n| Stage | Share of users | Go-live | Finish |\n|---|---|---|---|\n{rows}")
    labels = reading("# Intake\n\n## Stage A: 5%\n\n- Desired start: 5/5/2026\n- Desired end: 5/6/2026\n")

    for plan in (*found.plans, *labels.plans):
        assert (plan.stages[0].start, plan.stages[0].end) == (date(2026, 5, 5), date(2026, 5, 6))


def test_a_share_of_sessions_is_one_of_time(reading: Read) -> None:
    found = reading("# Intake\n\n## Stage A\n\n- Percentage: 5% of sessions\n\n## Stage B: 100%\n")

    assert [str(stage.kind) for stage in found.plans[0].stages] == ["time", "actors"]


@pytest.mark.parametrize(
    "text",
    [
        "# Findings\n\n## Stage 1: interviews\n\n70% found the page.\n\n## Stage 2: survey\n",
        "# Beta survey\n\n## Pilot: 40%\n\n## Public: 60%\n",
        "# Goals\n\n| Phase | Target |\n|---|---|\n| Spring | 95% |\n| Summer | 99% |\n",
    ],
)
def test_a_page_without_flag_rollout_or_users_is_not_a_plan(reading: Read, text: str) -> None:
    assert not reading(text).plans
