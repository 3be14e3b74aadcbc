"""What a careful person makes of a table, where another reading lies near."""

from __future__ import annotations

from datetime import date

import pytest

from rampart_cli.document import Code

from .conftest import Read

STAGES = "\n## Stage A: 5% of users\n\n## Stage B: 100% of users\n"


def test_a_series_after_a_label_and_a_table_of_the_same_steps_are_one_plan(reading: Read) -> None:
    table = "| Stage | Percent | Start |\n|---|---|---|\n| A | 5% | 2027-03-01 |\n| B | 100% | 2027-03-08 |\n"
    found = reading(f"# Intake\n\nRollout: 5% -> 100%\n\n{table}")

    assert [(s.percent, s.start) for s in found.plans[0].stages] == [(5, date(2027, 3, 1)), (100, date(2027, 3, 8))]


def test_a_whole_column_of_units_counts(reading: Read) -> None:
    page = "## Success criteria\n\n| Metric | Operator | Value | Unit |\n|---|---|---|---|\n| Errors | < | 1 | % |\n"

    [criterion] = reading(f"# Intake\n{STAGES}\n{page}").plans[0].criteria

    assert (criterion.op, criterion.value, criterion.unit) == ("<", 1, "percent")


def test_a_table_whose_heads_all_ask_for_facts_gives_them(reading: Read) -> None:
    table = "| Owner | Time zone | Flag |\n|---|---|---|\n| Dana Flores | ET | `intake_form` |\n"
    [plan] = reading(f"# Intake\n\n{table}{STAGES}").plans

    assert plan.owner is not None
    assert plan.timezone is not None
    assert (plan.owner.value, plan.timezone.value) == ("Dana Flores", "America/New_York")
    assert [flag.name for flag in plan.flags] == ["intake_form"]


def test_a_table_says_the_percentage_of_a_stage_that_a_heading_names(reading: Read) -> None:
    table = "| Stage | Percent |\n|---|---|\n| A | 5% |\n| B | 100% |\n"
    found = reading(f"# Intake\n\n{table}\n## Stage A\n\nDates: 3/1/2027\n\n## Stage B\n\nDates: 3/8/2027\n")

    assert [(s.percent, s.start) for s in found.plans[0].stages] == [(5, date(2027, 3, 1)), (100, date(2027, 3, 8))]
    assert Code.STAGE_WITHOUT_PERCENT not in {diagnostic.kind for diagnostic in found.diagnostics}


def test_a_table_that_counts_users_of_something_else_holds_no_stages(reading: Read) -> None:
    table = "| Browser | Users |\n|---|---|\n| Chrome | 70% |\n| Safari | 30% |\n"

    assert [s.percent for s in reading(f"# Intake\n\n{table}{STAGES}").plans[0].stages] == [5, 100]


@pytest.mark.parametrize(
    ("heads", "cells", "bar"),
    [
        ("Go if | No-go if", "< 1% | > 3%", ("<", 1)),
        ("Fail if | Pass if", "> 3% | < 1%", ("<", 1)),
        ("Baseline | Pass", "0.7% | < 1%", ("<", 1)),
        ("Roll back if", "> 3%", ("<=", 3)),
        ("Baseline | Fail", "0.7% | > 3%", ("<=", 3)),
    ],
)
def test_a_column_heading_tells_pass_bars_stop_bars_and_current_values_apart(
    reading: Read, heads: str, cells: str, bar: tuple[str, float]
) -> None:
    rule = "|".join(["---"] * (heads.count("|") + 2))
    page = f"## Success criteria\n\n| Metric | {heads} |\n|{rule}|\n| Errors | {cells} |\n"

    assert [(c.op, c.value) for c in reading(f"# Intake\n{STAGES}\n{page}").plans[0].criteria] == [bar]


@pytest.mark.parametrize(
    ("heads", "rows", "bars"),
    [
        ("| Metric | Stage A | Stage B |", "| Errors | < 1% | < 2% |", [("<", 1), ("<", 2)]),
        ("| Stop if | Stage A | Stage B |", "| Errors | > 1% | |", [("<=", 1)]),
        ("| | Stage A | Stage B |", "| Percent | 5% | 100% |\n| Errors | < 1% | < 2% |", [("<", 1), ("<", 2)]),
        ("| | Stage A: 5% | Stage B: 100% |", "| Errors | < 1% | n/a |", [("<", 1)]),
        ("| | Stage A | Stage B |", "| Time | at least 2 days | at least 1 week |\n| Who | 5% | 100% |", []),
        ("| Metric | Stage A | Stage B |", "| Errors now | < 3% | < 2% |", []),
    ],
)
def test_a_bar_for_each_stage_is_told_from_what_a_table_says_of_the_stages(
    reading: Read, heads: str, rows: str, bars: list[tuple[str, float]]
) -> None:
    [plan] = reading(f"# Intake\n\n{heads}\n|---|---|---|\n{rows}\n{STAGES}").plans

    assert [(c.name, c.op, c.value) for c in plan.criteria] == [("Errors", *bar) for bar in bars]
    assert [stage.percent for stage in plan.stages] == [5, 100]


def test_the_users_of_a_row_are_those_that_are_counted_and_not_who_they_are(reading: Read) -> None:
    head = "| Phase | Audience | Rollout % | From | Est. users |\n|---|---|---|---|---|\n"
    rows = "| 0 | Internal testers | - | 4/5/2027 | 12 |\n| 1 | Veterans | 5% | 4/12/2027 | ~1,500 |\n"
    stages = reading(f"# Intake\n\n{head}{rows}").plans[0].stages

    assert [(s.name, s.percent, s.users, s.start) for s in stages] == [
        ("Internal testers", None, (12,), date(2027, 4, 5)),
        (None, 5, (1500,), date(2027, 4, 12)),
    ]


@pytest.mark.parametrize(
    ("heads", "cells"),
    [("Web | Phone | Total", "20% | 80% | 100%"), ("Last year | This year", "20% | 100%"), ("Old | New", "20% | 80%")],
)
def test_columns_that_compare_shares_are_not_stages(reading: Read, heads: str, cells: str) -> None:
    days = " | ".join(["3/1/2027"] * (heads.count("|") + 1))
    rule = "|".join(["---"] * (heads.count("|") + 2))
    table = f"| | {heads} |\n|{rule}|\n| Share of users | {cells} |\n| Date | {days} |\n"

    assert [stage.percent for stage in reading(f"# Intake\n\n{table}{STAGES}").plans[0].stages] == [5, 100]


def test_a_table_of_two_columns_asks_each_row_for_itself(reading: Read) -> None:
    rows = "| Success criteria | errors < 1% |\n| Results | |\n| Start | 3/1/2027 |\n| Percentage of users | 10% |\n"
    found = reading(f"# Intake\n\n## Stage A\n\n| Field | Value |\n|---|---|\n{rows}\n## Stage B: 100% of users\n")
    [plan] = found.plans

    assert [(c.name, c.op, c.value) for c in plan.criteria] == [("errors", "<", 1)]
    assert [(stage.percent, stage.start) for stage in plan.stages] == [(10, date(2027, 3, 1)), (100, None)]
