"""A Flipper whose processes answer from old copies ends nothing wrongly and accuses no one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from benchmarks.caches import Tally, advances, pauses, rollbacks
from local.flipper_standin import FlipperStandIn
from local.flipper_standin.caches import Caches
from rampart.adapters.flipper import FlipperFlagStore
from tests.doubles import FixedSecret

LONGEST = timedelta(seconds=90)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("processes", "seconds", "flags"), [(10, 60.0, 1), (30, 90.0, 2)])
@pytest.mark.parametrize("what", [advances, rollbacks])
def test_nothing_ends_wrongly_and_nobody_is_accused(
    what: Callable[..., Tally], processes: int, seconds: float, flags: int
) -> None:
    tally = what(20, processes=processes, seconds=seconds, flags=flags)
    assert tally.runs == 20
    assert (tally.wrong_ends, tally.false_notices, tally.said_early) == (0, 0, 0)
    assert max(tally.tries) > 1, "an old value was read at least once, or nothing is shown here"


def test_an_advance_is_tried_for_longer_than_a_cache_may_show_the_old_value() -> None:
    assert sum(pauses(), timedelta()) > 1.5 * LONGEST


def test_a_copy_is_as_old_as_its_process_lets_it_become() -> None:
    now = [1000.0]
    with FlipperStandIn(flags={"letters": 0}, caches=Caches(processes=5, seconds=60), clock=lambda: now[0]) as flipper:
        store = FlipperFlagStore(flipper.api, FixedSecret({}))
        now[0] += 120
        store.set_percentage("letters", 25)
        assert {store.read("letters").percent for _ in range(40)} == {0, 25}
        now[0] += 61
        assert {store.read("letters").percent for _ in range(40)} == {25}
