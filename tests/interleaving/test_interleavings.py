"""The real use cases in every order of their calls, with everything that may go wrong: nothing lost, nobody in."""

from __future__ import annotations

import os

import pytest

from tests.interleaving.scenarios import WITH_TICKS, WITHOUT_TICKS, Scenario, explored

DEEP = "RAMPART_DEEP" in os.environ
"""Whether the large scenarios are explored too: some millions of states, and minutes."""


@pytest.mark.timeout(3600 if DEEP else 300)
@pytest.mark.parametrize(
    ("scenarios", "least"), [(WITHOUT_TICKS, 100_000), (WITH_TICKS, 100_000)], ids=["without ticks", "with ticks"]
)
def test_no_order_of_calls_breaks_a_law(
    scenarios: tuple[Scenario, ...], least: int, capsys: pytest.CaptureFixture[str]
) -> None:
    states = 0
    for scenario, found in explored(scenarios, deep=DEEP):
        states += found.states
        with capsys.disabled():
            print(f"\n{scenario.name}: {found}", end="")
        assert not found.broken, f"{scenario.name}: {found}"
    with capsys.disabled():
        print(f"\n{states} states, 0 violations")
    assert states >= least
