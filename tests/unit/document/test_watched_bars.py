"""A list of bars is what is judged, whatever a team calls looking at it; a stop in prose doesn't take its place."""

from __future__ import annotations

from datetime import date

import pytest

from rampart_cli.document.reading import read


@pytest.mark.parametrize("title", ["What we're watching", "Things to keep an eye on", "Guardrails"])
def test_bars_that_someone_watches_are_read(title: str) -> None:
    page = (
        f"# Appointments rollout\n\n## {title}\n- 5xx rate below 2%\n- p95 page load below 3s\n\n"
        "## Stages\n- 5% of users\n- 100% of users\n\n## If it goes sideways\nIf 5xx goes over 5% we roll back.\n"
    )
    (plan,) = read(page.encode(), today=date(2026, 11, 28)).plans
    assert {(criterion.name, criterion.value) for criterion in plan.distinct_criteria} >= {
        ("5xx rate", 2.0),
        ("p95 page load", 3.0),
    }
