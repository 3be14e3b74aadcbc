"""A rate that must stay above its bar counts successes, and nearly every request ends in one, some a bucket later."""

from __future__ import annotations

import random

import pytest

from rampart.evidence.criteria import RateCriterion, Side
from rampart.evidence.history import judge_week
from rampart.evidence.judge import judge
from rampart.evidence.series import Series
from rampart.evidence.straddle import give_back
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window

CRITERION = RateCriterion(name="success", bar=0.95, side=Side.ABOVE, baseline=0.999)


def late(buckets: int, requests: int, *, straddling: int, seed: int, width: int) -> tuple[Series, Series]:
    """Successes and requests of a service where one in a thousand fails and a few succeed in the bucket after."""
    rng = random.Random(seed)
    owed, good, asked = rng.randint(0, 2 * straddling), [], []
    for index in range(buckets):
        came = requests + rng.randint(-requests // 10, requests // 10)
        owes = rng.randint(0, 2 * straddling)
        failed = rng.random() < came / 1000
        good.append((index * width, float(came - failed - owes + owed)))
        asked.append((index * width, float(came)))
        owed = owes
    return Series(tuple(good)), Series(tuple(asked))


@pytest.mark.parametrize(("requests", "straddling"), [(1000, 1), (1000, 10), (100, 1)])
def test_late_successes_never_strand_a_stage(requests: int, straddling: int) -> None:
    """Without the queue, half of all looks found more successes than requests."""
    for seed in range(5):
        good, asked = late(288, requests, straddling=straddling, seed=seed, width=300)
        for length in range(48, 289, 12):
            window = Window(0, length * 300, 300, planned_buckets=288)
            judgement = judge(CRITERION, measured={"errors": good, "total": asked}, window=window)
            assert judgement.verdict is Verdict.PASS, judgement.message


@pytest.mark.parametrize(("requests", "straddling"), [(120, 1), (1200, 2), (12_000, 10)])
def test_late_successes_never_refuse_a_start(requests: int, straddling: int) -> None:
    for seed in range(5):
        assert judge_week(CRITERION, *late(168, requests, straddling=straddling, seed=seed, width=3600)).flaw is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([(9, 10), (10, 10), (11, 10)], [(10, 10), (10, 10), (10, 10)]),  # through a full bucket
        ([(98, 100), (101, 100), (101, 100)], [(100, 100), (100, 100), (100, 100)]),
        ([(90, 100), (100, 100), (106, 100)], None),  # more than a twentieth isn't straddling
        ([(10, 10), (11, 10), (11, 10)], None),  # nowhere is room
        ([(3, 10), (10, 10), (11, 10)], None),  # and where most fail, none is wanted
        ([(9, 10), (0, 0), (1, 0)], None),  # an empty bucket has none to hand on
    ],
)
def test_a_full_bucket_hands_on_its_own(before: list[tuple[int, int]], after: list[tuple[int, int]] | None) -> None:
    counts = {at: (float(events), float(requests)) for at, (events, requests) in enumerate(before)}
    give_back(counts, lambda at: at - 1)
    assert list(counts.values()) == (after or before)


def test_successes_beyond_all_requests_never_pass() -> None:
    """A count of retries is above its requests everywhere, by however little."""
    asked = Series(tuple((at, 10_000.0) for at in range(0, 86_400, 300)))
    good = Series(tuple((at, 10_001.0) for at in range(0, 86_400, 300)))
    judgement = judge(CRITERION, measured={"errors": good, "total": asked}, window=Window(0, 86_400, 300, 288))
    assert judgement.verdict is Verdict.ERROR
