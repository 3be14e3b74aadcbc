"""Each guard is taken away in turn: what the protocol calls necessary must be missed, or nothing here is proved."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.interleaving.guards import GUARDS, Guard
from tests.interleaving.scenario import Scenario, run
from tests.interleaving.scenarios import WITH_TICKS, WITHOUT_TICKS

SCENARIOS = {scenario.name: scenario for scenario in (*WITHOUT_TICKS, *WITH_TICKS)}
NECESSARY = [guard for guard in GUARDS if guard.found_by is not None]
REDUNDANT = [guard for guard in GUARDS if guard.found_by is None]
QUICK = [each for each in WITHOUT_TICKS if not (each.deep or each.large or each.faults)]
PAGE = Path(__file__).parents[2] / "docs" / "interleavings.md"


@pytest.mark.parametrize("guard", NECESSARY, ids=lambda guard: guard.name)
def test_without_a_necessary_guard_something_goes_wrong(guard: Guard) -> None:
    with guard.taken_away():
        found = run(SCENARIOS[guard.found_by or ""])
    print(f"\n{guard.name}, taken away: {found}")  # noqa: T201  pytest -s shows the counter-example
    assert guard.goes_wrong
    assert guard.goes_wrong in found.broken, str(found)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("guard", REDUNDANT, ids=lambda guard: guard.name)
def test_without_a_redundant_guard_nothing_goes_wrong(guard: Guard) -> None:
    scenarios: list[Scenario] = [each for each in SCENARIOS.values() if not each.deep]
    with guard.taken_away():
        for scenario in scenarios if "RAMPART_DEEP" in os.environ else QUICK:
            found = run(scenario)
            assert not found.broken, f"{scenario.name}: {found}"


def test_the_page_tells_of_every_guard() -> None:
    rows = re.findall(r"^\| (.+?) \| (necessary|redundant) \|", PAGE.read_text(), re.MULTILINE)
    assert dict(rows) == {guard.name: "necessary" if guard.found_by else "redundant" for guard in GUARDS}
