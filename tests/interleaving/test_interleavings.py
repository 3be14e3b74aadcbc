"""The real use cases in every order of their calls, with everything that may go wrong: nothing lost, no one in."""

from __future__ import annotations

import os

import pytest

from tests.interleaving.scenario import Scenario, explored
from tests.interleaving.scenarios import WITH_TICKS, WITHOUT_TICKS

DEEP = "RAMPART_DEEP" in os.environ
"""Whether the large scenarios are explored too: millions of states, some gigabytes and many minutes."""
LEAST = 100_000
"""States; fewer would mean that the scenarios do not let much happen."""


@pytest.mark.timeout(7200 if DEEP else 900)
@pytest.mark.parametrize("scenarios", [WITHOUT_TICKS, WITH_TICKS], ids=["without ticks", "with ticks"])
def test_no_order_of_calls_breaks_a_law(scenarios: tuple[Scenario, ...]) -> None:
    states = 0
    for scenario, found in explored(scenarios, deep=DEEP):
        print(f"{scenario.name}: {found}")  # noqa: T201  pytest -s shows how much was explored
        assert not found.broken, f"{scenario.name}: {found}"
        states += found.states
    print(f"{states} states, 0 violations")  # noqa: T201  as above
    assert states >= LEAST
