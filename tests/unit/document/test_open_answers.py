"""Where a page asks without a colon or above a list, and answers that nobody gave yet."""

from __future__ import annotations

import pytest

from rampart_cli.document import Code, Reading

from .conftest import Read

STAGES = "\n## Stage A: 5%\n\n## Stage B: 100%\n"


def _bars(found: Reading) -> list[tuple[str, str | None, float | None]]:
    return [(c.name, c.op, c.value) for c in found.plans[0].criteria]


@pytest.mark.parametrize(
    "text",
    [
        "Launch criteria\n\u2022\tError rate: < 1%\n\u2022\tReports: 0\n",
        "- Launch criteria\n  - Error rate\n    - < 1%\n  - Reports\n    - 0\n",
        "## Metrics\n\n### Error rate\n\nMust be < 1%\n\n### Reports\n\n- Reports: 0\n",
    ],
)
def test_criteria_are_read_below_whatever_names_them(reading: Read, text: str) -> None:
    assert _bars(reading(f"# Intake\n\n{text}{STAGES}")) == [("Error rate", "<", 1), ("Reports", "==", 0)]


def test_a_heading_that_asks_when_to_go_back_turns_its_bars(reading: Read) -> None:
    found = reading(f"# Intake\n{STAGES}\n## Rollback triggers\n\n- Error rate above 4%\n- More than 9 reports\n")

    assert _bars(found) == [("Error rate", "<=", 4), ("reports", "<=", 9)]


def test_a_list_item_may_ask_who_owns_the_rollout(reading: Read) -> None:
    plan = reading(f"# Intake\n\n- Owner\n  - Intake crew\n- Flag: intakeForm\n{STAGES}").plans[0]

    assert plan.owner is not None
    assert (plan.owner.value, [flag.name for flag in plan.flags]) == ("Intake crew", ["intakeForm"])


def test_what_stands_above_two_plans_holds_for_both(reading: Read) -> None:
    rows = "| Stage | % |\n|---|---|\n| 1 | 5% |\n| 2 | 100% |\n"
    found = reading(f"# Summer\n\nTime zone: ET\n\n## Plan for web\n\n{rows}\n## Plan for the app\n\n{rows}")

    assert [plan.timezone and plan.timezone.value for plan in found.plans] == ["America/New_York"] * 2


@pytest.mark.parametrize("written", ["< X%", "___ ms", "?", "TODO"])
def test_a_bar_that_is_left_open_leaves_the_name(reading: Read, written: str) -> None:
    found = reading(f"# Intake\n\nOwner: @your-team\n{STAGES}\n## Criteria\n\n- Error rate: {written}\n")
    codes = {diagnostic.kind for diagnostic in found.diagnostics}

    assert _bars(found) == [("Error rate", None, None)]
    assert codes >= {Code.PLACEHOLDER_LEFT, Code.MISSING_OWNER, Code.MISSING_THRESHOLD}


def test_a_placeholder_in_a_heading_is_said(reading: Read) -> None:
    found = reading("# Intake\n\nFlag: `intake_form`\n\n## Stage A: [FILL_IN]% of users\n\n## Stage B: 100%\n")

    assert [d.line for d in found.diagnostics if d.kind is Code.PLACEHOLDER_LEFT] == [5]


def test_an_entry_of_a_timeline_table_is_waited_for_only_before_the_last_step(reading: Read) -> None:
    entries = (
        "5/1/2026 | Training",
        "5/4/2026 | Increase to 5%",
        "5/8/2026 | Increase to 100%",
        "5/20/2026 | Clean up",
    )
    rows = "".join(f"| {entry} |\n" for entry in entries)
    found = reading(f"# Intake\n\n## Timeline\n\n| Date | Activity |\n|---|---|\n{rows}")

    assert [d.line for d in found.diagnostics if d.kind is Code.DEPENDENCY_IN_TIMELINE] == [7]
