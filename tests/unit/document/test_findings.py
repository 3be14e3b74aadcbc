"""What a good reader says about a plan: each message holds both numbers or names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from rampart.finding import FindingKind
from rampart_cli.document import Code, Reading, Severity, read

from .conftest import Read


def _message(reading: Reading, code: FindingKind, nth: int = 0) -> str:
    return [diagnostic.message for diagnostic in reading.diagnostics if diagnostic.kind is code][nth]


def test_a_heading_and_a_body_that_disagree_are_reported_and_neither_is_used(reading: Read) -> None:
    found = reading("# Plan\n### Stage B: 25% of users\n- Percentage of users: 10%\n")

    [stage] = found.plans[0].stages
    assert (stage.percent, stage.kind) == (None, "unknown")
    assert _message(found, Code.CONTRADICTORY_PERCENT) == "Stage B is given 25% at line 2 and 10% at line 3"


def test_fewer_users_than_the_percentages_imply_is_said_with_both_numbers(
    page: Callable[[str], bytes], today: date
) -> None:
    found = read(page("phases-and-timeline"), today=today)

    assert _message(found, Code.USERS_NOT_MATCHING_STAGES, 1) == (
        "300 users at 2% would be 3,000 at 20%, and the page says 350"
    )


def test_a_saturday_is_held_against_the_pages_own_rule(page: Callable[[str], bytes], today: date) -> None:
    found = read(page("phases-and-timeline"), today=today)

    assert _message(found, Code.WEEKEND_DATE_VS_BUSINESS_DAY) == (
        "2026-03-14, when Phase II (100%) starts, is a Saturday, against the page's own rule of business days (line 36)"
    )


def test_dates_that_are_open_beside_dated_steps_name_those_steps(page: Callable[[str], bytes], today: date) -> None:
    found = read(page("phases-and-timeline"), today=today)

    assert (
        _message(found, Code.PLACEHOLDER_LEFT)
        == "the dates are 'TBD' here, although steps have dates (line 47, 48, 49)"
    )


def test_a_date_without_a_year_is_not_checked_for_weekends_and_holidays(reading: Read) -> None:
    found = reading("# Plan\n## Timeline\n- [ ] 7/4 - increase to 10%\n")
    codes = {diagnostic.kind for diagnostic in found.diagnostics}

    assert Code.MISSING_YEAR in codes
    assert not codes & {Code.HOLIDAY_DATE, Code.WEEKEND_DATE_VS_BUSINESS_DAY}


def test_results_of_a_past_stage_are_not_a_finding(page: Callable[[str], bytes]) -> None:
    before = read(page("early-results"), today=date(2026, 9, 13))
    after = read(page("early-results"), today=date(2026, 9, 14))

    assert Code.RESULT_BEFORE_LAUNCH in {d.kind for d in before.diagnostics}
    assert Code.RESULT_BEFORE_LAUNCH not in {d.kind for d in after.diagnostics}


def test_flags_that_differ_in_their_number_are_two_flags(reading: Read) -> None:
    found = reading("# Plan\nFeature flags: `fee_waiver_step_1`, `fee_waiver_step_2`\n\n## Stage A: 100%\n")

    assert [flag.name for flag in found.plans[0].flags] == ["fee_waiver_step_1", "fee_waiver_step_2"]
    assert Code.INCONSISTENT_FLAG_NAME not in {diagnostic.kind for diagnostic in found.diagnostics}


def test_a_page_without_a_plan_says_so_as_an_error(reading: Read) -> None:
    [finding] = reading("# Minutes\n25% of us were there.\n").diagnostics

    assert (finding.kind, finding.kind.severity) == (Code.NOT_A_PLAN, Severity.ERROR)


def test_a_filled_in_rollback_section_is_seen_and_an_empty_one_is_not(reading: Read) -> None:
    filled = reading("# Plan\n## Stage A: 100%\n## Rollback plan\nThe crew switches it off.\n")
    empty = reading("# Plan\n## Stage A: 100%\n## Rollback plan\n[FILL_IN]: create your plan\n")

    assert Code.MISSING_ROLLBACK not in {diagnostic.kind for diagnostic in filled.diagnostics}
    assert Code.MISSING_ROLLBACK in {diagnostic.kind for diagnostic in empty.diagnostics}


@pytest.mark.parametrize(
    "said",
    [
        "See [the alert](https://app.datadoghq.com/monitors/12345?view=spans).",
        "https://vagov.ddog-gov.com/monitors/12345",
        "- Datadog monitor: Download error rate",
        'Datadog\'s monitor "Download error rate" calls us.',
        "The monitor \u201cDownload error rate\u201d calls us.",
        "Monitor 12345 calls us.",
    ],
)
def test_a_monitor_is_named_by_link_label_number_or_quotation(reading: Read, said: str) -> None:
    found = reading(f"# Plan\n## Stage A: 100%\n{said}\n")

    assert Code.MISSING_MONITOR not in {diagnostic.kind for diagnostic in found.diagnostics}


@pytest.mark.parametrize(
    "said",
    [
        "We will monitor Datadog.",
        'Our team monitors "Download error rate".',
        "- Who is monitoring the dashboards?: Ada",
        "- Monitor: [FILL_IN]",
        "https://app.datadoghq.com/monitors/manage",
    ],
)
def test_to_watch_is_not_to_name_a_monitor(reading: Read, said: str) -> None:
    found = reading(f"# Plan\n## Stage A: 100%\n{said}\n")

    assert _message(found, Code.MISSING_MONITOR) == "the page names no monitor"


def test_a_word_in_the_title_makes_no_decoy_of_the_whole_plan(reading: Read) -> None:
    found = reading("# Rollout of the search results\n## Stage A: 10% of users\n## Stage B: 100% of users\n")

    assert [stage.percent for stage in found.plans[0].stages] == [10, 100]
