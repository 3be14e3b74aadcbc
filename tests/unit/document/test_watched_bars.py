"""A list of bars is what is judged, whatever a team calls looking at it; a stop in prose doesn't take its place."""

from __future__ import annotations

from datetime import date

import pytest

from rampart_cli.document import Bindings, Code, Reading, draft, read


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


STAGES = "# Rollout\n\n## Stages\n- 5% of users\n- 100% of users\n"
PAGE = STAGES + "\n## What we're watching\n{}\n\n## If it goes sideways\n{}\n"


def _read(listed: str, told: str) -> Reading:
    return read(PAGE.format(listed, told).encode(), today=date(2026, 11, 28))


@pytest.mark.parametrize("name", ["5xx", "the 5xx rate"])
def test_a_looser_stop_does_not_take_the_place_of_the_bar_that_is_watched(name: str) -> None:
    found = _read("- 5xx rate below 2%", f"If {name} goes over 5% we roll back.")

    [said] = [d.message for d in found.diagnostics if d.kind is Code.CONTRADICTORY_CRITERION]
    assert said.endswith("is <= 5% here, and '5xx rate' is < 2% at line 8")
    written = draft(found.plans, source="page.md", bindings=Bindings())
    assert "below: !gap  # GAP: the page gives several bars (lines 8, 11); keep one, the stricter if unsure" in written


def test_a_stop_at_the_bar_that_is_watched_is_the_same_bar() -> None:
    found = _read("- 5xx rate below 2%", "If 5xx goes over 2% we roll back.")

    assert Code.CONTRADICTORY_CRITERION not in {d.kind for d in found.diagnostics}
    assert draft(found.plans, source="page.md", bindings=Bindings()).count("below: 2%") == 1


def test_counts_and_rates_of_the_same_thing_are_two_measures() -> None:
    found = _read("- Error rate below 2%", "If errors go over 50 we roll back.")

    assert Code.CONTRADICTORY_CRITERION not in {d.kind for d in found.diagnostics}


def test_a_line_with_a_bar_that_no_criterion_was_taken_from_is_named() -> None:
    found = _read("- 5xx rate below 2%", "Pat is fine with a queue < 200.")

    [said] = [(d.line, d.message) for d in found.diagnostics if d.kind is Code.UNREAD_BAR]
    assert said == (11, "no criterion was taken from 'Pat is fine with a queue < 200.'")


@pytest.mark.parametrize(("bar", "shown"), [("< 3s", "< 3 s"), ("below 800 ms", "< 800 ms"), ("< 250 us", "< 250 us")])
def test_the_unit_of_a_bar_is_named_where_a_plan_has_none(bar: str, shown: str) -> None:
    found = _read(f"- p95 page load {bar}", "We roll back.")

    [said] = [d.message for d in found.diagnostics if d.kind is Code.BAR_IN_UNIT]
    assert said == f"'p95 page load' is {shown}; in the plan, write the number in the metric's unit"
    written = draft(found.plans, source="page.md", bindings=Bindings())
    assert f"write it in the metric's unit, the page says {shown.rsplit(maxsplit=1)[-1]}" in written


@pytest.mark.parametrize("bar", ["< 3%", "< 3 tickets", "< 3"])
def test_a_percentage_and_a_count_have_no_unit(bar: str) -> None:
    assert Code.BAR_IN_UNIT not in {d.kind for d in _read(f"- Failed {bar}", "We roll back.").diagnostics}
