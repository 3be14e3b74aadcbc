"""Bars that a sentence or a label states where no list of criteria stands: when to go on, and when to go back."""

from __future__ import annotations

import pytest

from rampart_cli.document import Reading

from .conftest import Read


def _bars(found: Reading) -> list[tuple[str, str | None, float | None]]:
    return [(c.name, c.op, c.value) for c in found.plans[0].criteria]


def _page(text: str) -> str:
    return f"# Rollout plan: intake\n\nFeature flag: `intake_form`\n\n## Stage A: 5%\n\n{text}\n\n## Stage B: 100%\n"


@pytest.mark.parametrize(
    ("text", "bar"),
    [
        ("We proceed only if the error rate is below 1%.", ("error rate", "<", 1)),
        ("Go on when: bounces < 20%", ("bounces", "<", 20)),
        ("Pause if the error rate is above 3%.", ("error rate", "<=", 3)),
        ("If the error rate is above 3%, we roll back.", ("error rate", "<=", 3)),
        ("Abort if:\n\n- error rate > 3%", ("error rate", "<=", 3)),
        ("Before moving on:\n\n- [ ] error rate < 1%\n- [ ] 5% for at least 3 days", ("error rate", "<", 1)),
        ("**When do we go on?** When the error rate is under 1%.", ("error rate", "<", 1)),
    ],
)
def test_a_condition_to_go_on_or_back_is_a_bar_wherever_it_stands(
    reading: Read, text: str, bar: tuple[str, str, float]
) -> None:
    assert _bars(reading(_page(text))) == [bar]


@pytest.mark.parametrize(
    "text",
    [
        "Proceed when the team agrees.",
        "Continue after at least 2 days.",
        "Errors were < 4% when we rolled back in spring.",
        "For instance, proceed only when the error rate is < 9%.",
    ],
)
def test_a_tale_an_example_or_a_time_is_not_a_condition(reading: Read, text: str) -> None:
    assert _bars(reading(_page(text))) == []


def test_a_column_that_counts_the_rows_names_no_criterion(reading: Read) -> None:
    rows = "| 1 | Error rate | < 1% |\n| 2 | Mood | better |\n"
    found = reading(_page(f"## Criteria\n\n| # | Metric | Target |\n|---|---|---|\n{rows}"))

    assert _bars(found) == [("Error rate", "<", 1), ("Mood", None, None)]


def test_a_bar_keeps_its_number_whatever_is_remarked_below_it(reading: Read) -> None:
    remarks = "- Error rate < 1%\n  - currently 0.4%\n  - last month 0.6%\n- Bounces < 20%\n"
    found = reading(_page(f"## Success criteria\n\n{remarks}"))

    assert _bars(found) == [("Error rate", "<", 1), ("Bounces", "<", 20)]


def test_a_heading_that_says_when_to_go_back_heads_conditions(reading: Read) -> None:
    found = reading(_page("## Roll back if\n\n- Error rate > 3%\n"))

    assert _bars(found) == [("Error rate", "<=", 3)]
