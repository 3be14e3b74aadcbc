"""What stands in a `<details>` is read under its summary, and the page goes on behind it where it was."""

from __future__ import annotations

from datetime import date

import pytest

from rampart_cli.document import outline_of

from .conftest import Read


def _fold(summary: str, text: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>\n\n"


def test_a_fold_may_be_a_stage(reading: Read) -> None:
    folds = _fold("Stage A: 5%", "Dates: 5/4/2026 - 5/5/2026") + _fold("Stage B: 100%", "Dates: 5/6/2026")
    stages = reading(f"# Intake\n\n{folds}").plans[0].stages

    assert [(stage.percent, stage.start, stage.end) for stage in stages] == [
        (5, date(2026, 5, 4), date(2026, 5, 5)),
        (100, date(2026, 5, 6), None),
    ]


@pytest.mark.parametrize("stage", ["## Stage A: 5%", "**Stage A: 5%**"])
def test_a_stage_goes_on_after_its_folded_results(reading: Read, stage: str) -> None:
    results = _fold("Results", "- 5/6/2026: increase to 40% of users\n\n### Stage Z: 60%")
    found = reading(f"# Intake\n\n{stage}\n\n{results}- Dates: 5/4/2026\n\n## Stage B: 100%\n").plans[0]

    assert [(s.percent, s.start) for s in found.stages] == [(5, date(2026, 5, 4)), (100, None)]


def test_what_changed_is_not_a_plan_in_a_fold_and_in_one_within_it(reading: Read) -> None:
    inner = _fold("Stage Y: 70%", "Stage Y: 70% of users")
    text = _fold("Change history", f"- Stage Z: 60% of users\n\n{inner}- Stage X: 80% of users")
    found = reading(f"# Intake\n\n{text}## Stage A: 5%\n\n## Stage B: 100%\n").plans[0]

    assert [stage.percent for stage in found.stages] == [5, 100]


def test_a_fold_that_is_never_closed_hides_nothing(reading: Read) -> None:
    found = reading("# Intake\n\n<details>\n<summary>Results</summary>\n\n## Stage A: 5%\n\n## Stage B: 100%\n")

    assert [stage.percent for stage in found.plans[0].stages] == [5, 100]


def test_a_folds_results_end_where_the_fold_does(today: date) -> None:
    source = f"# Intake\n\n## Stage A: 5%\n\n{_fold('Results', 'TBD')}## Stage B: 100%\n".encode()
    [plan] = outline_of(source, today=today)

    assert plan.stages[0].results is not None
    assert source[plan.stages[0].results.start : plan.stages[0].results.end].strip() == b"TBD"
