"""Silence is not health: errors that stop while requests go on, and numbers that freeze, are no data."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.evidence.criteria import CountCriterion, RateCriterion, Side, ValueCriterion
from rampart.evidence.judge import judge
from rampart.evidence.judgement import Judgement
from rampart.evidence.series import Series
from rampart.evidence.silence import SILENCE_EXPECTS
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window

from .conftest import BUCKET, Values, series_of

JudgeRate = Callable[..., Judgement]

HOUR = 12
"""Buckets of five minutes."""


def look(errors: Values, requests: float = 1000, **criterion: float | Side | None) -> Judgement:
    """Judge errors of equal buckets below 1%, with the clump that is the default."""
    settings = {"name": "errors", "bar": 0.01, "side": Side.BELOW} | criterion
    total = series_of([requests] * len(errors))
    window = Window(0, len(errors) * BUCKET, BUCKET, planned_buckets=max(1, len(errors)))
    return judge(RateCriterion(**settings), measured={"errors": series_of(errors), "total": total}, window=window)  # type: ignore[arg-type]  # settings of several types


def poisson(rng: random.Random, mean: float) -> int:
    """A Poisson number."""
    left, number = math.exp(-mean), 0
    chance = rng.random()
    while chance > left:
        chance *= rng.random()
        number += 1
    return number


# Errors that stop while requests go on.


@pytest.mark.parametrize("clump", [1.0, 3.0, 5.0])
@pytest.mark.parametrize("baseline", [0.003, None])
@pytest.mark.parametrize("gone", [0, None])
def test_a_renamed_tag_that_takes_the_errors_away_is_no_data(
    clump: float, baseline: float | None, gone: float | None
) -> None:
    """Six hours of 3 errors in 1,000 requests, then eighteen with the requests alone."""
    before, after = look([3] * 6 * HOUR), look([3] * 6 * HOUR + [gone] * 18 * HOUR, clump=clump, baseline=baseline)
    assert before.verdict is Verdict.PASS
    assert after.verdict is Verdict.NO_DATA
    assert after.message == (
        "errors has had no errors since 1970-01-01 06:00 UTC: errors stopped: 0 where about 648 were expected; "
        "was a tag renamed, or is it fixed?"
    )


def test_a_series_that_ends_is_as_silent_as_one_of_zeros() -> None:
    window = Window(0, 24 * HOUR * BUCKET, BUCKET, planned_buckets=288)
    measured = {"errors": series_of([3] * 6 * HOUR), "total": series_of([1000] * 24 * HOUR)}
    assert judge(RateCriterion(name="e", bar=0.01, side=Side.BELOW), measured=measured, window=window).verdict is (
        Verdict.NO_DATA
    )


def test_errors_that_come_back_are_evidence_again() -> None:
    assert look([3] * 6 * HOUR + [0] * 18 * HOUR + [3]).verdict is Verdict.PASS


def test_what_would_have_passed_without_errors_is_silent_too() -> None:
    """A stage that was undecided becomes no pass by losing its errors."""
    assert look([9] * 24).verdict is Verdict.INCONCLUSIVE
    assert look([9] * 24 + [0] * 48).verdict is Verdict.NO_DATA


def test_a_fail_stays_a_fail_when_its_errors_stop() -> None:
    assert look([50] * 12 + [0] * 500).verdict is Verdict.FAIL


@given(clumps=st.integers(4, 400), clump=st.sampled_from([1, 3, 7]))
def test_a_vanished_numerator_is_found_as_soon_as_chance_does_not_explain_it(clumps: int, clump: int) -> None:
    """After K clumps in as many buckets, once (1 + more)^-K is below e^-10: ten or eleven clumps for a large K."""
    needed = math.ceil(clumps * math.expm1(SILENCE_EXPECTS / clumps) + 1e-9)
    stopped = [clump] * clumps + [0] * max(2, needed)
    settings = {"requests": 10_000, "clump": clump}
    assert look(stopped, **settings).verdict is Verdict.NO_DATA
    assert look(stopped[: clumps + needed - 1], **settings).verdict is not Verdict.NO_DATA
    if clumps >= 100:
        assert needed <= 11


@pytest.mark.long
@pytest.mark.parametrize("rate", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("clump", [1.0, 3.0])
def test_independent_errors_at_a_steady_pace_are_hardly_ever_called_silent(rate: float, clump: float) -> None:
    """Over 1,000 buckets, in 1,000 seeded stages: fewer than one in 500 (by the formula, one in 22,000)."""
    silent = 0
    for seed in range(1000):
        rng = random.Random(f"{seed} {rate}")
        newest_first = [poisson(rng, rate) for _ in range(max(2, math.ceil(1 / rate)))]
        if any(newest_first):
            continue  # nothing can be silent that has errors so late, and drawing and judging take time
        newest_first += [poisson(rng, rate) for _ in range(1000 - len(newest_first))]
        silent += look(newest_first[::-1], clump=clump, bar=0.05).verdict is Verdict.NO_DATA
    assert silent < 1000 / 500


def test_a_pause_that_chance_explains_is_not_a_silence() -> None:
    rare = [3 if index % 20 == 0 else 0 for index in range(1000)]
    assert look(rare + [0] * 180).verdict is Verdict.PASS
    assert look(rare + [0] * 240).verdict is Verdict.NO_DATA


def test_one_bucket_without_errors_is_not_a_silence_whatever_came_before() -> None:
    assert look([300] * 50 + [0], 100_000).verdict is Verdict.PASS
    assert look([300] * 50 + [0, 0], 100_000).verdict is Verdict.NO_DATA


def test_nights_without_requests_are_not_a_silence_of_errors() -> None:
    """Silence is measured in requests: where there are none, no errors are missing."""
    day, night = 12 * HOUR, 12 * HOUR
    requests = ([1000.0] * day + [0.0] * night) * 3
    errors = ([3.0] * day + [0.0] * night) * 3
    both = {"errors": series_of([*errors, 3]), "total": series_of([*requests, 1000])}
    window = Window(0, (len(errors) + 1) * BUCKET, BUCKET, planned_buckets=len(errors))
    assert judge(RateCriterion(name="e", bar=0.01, side=Side.BELOW), measured=both, window=window).verdict is (
        Verdict.PASS
    )


@pytest.mark.parametrize("clump", [3.0, 10.0])
def test_errors_that_come_in_clumps_stop_for_longer_before_it_counts(clump: float) -> None:
    """One error a bucket on average, but several of one cause at once: a pause of 25 buckets misses few causes."""
    clumped = [clump if index % int(clump) == 0 else 0 for index in range(900)]
    assert look(clumped + [0] * 25, 2000, clump=clump).verdict is Verdict.PASS
    assert look([1] * 900 + [0] * 25, 2000, clump=1).verdict is Verdict.NO_DATA
    assert look([1] * 900 + [0] * 25, 2000, clump=clump).verdict is Verdict.PASS


def test_one_incident_among_good_buckets_sets_no_pace() -> None:
    """Forty errors within a quarter of an hour, in a service that has none otherwise: no one waits for the next."""
    incident = [0] * 10 * HOUR + [15, 20, 5]
    assert look(incident + [0] * 100 * HOUR).verdict is Verdict.PASS
    assert look(incident + [0] * 100 * HOUR, baseline=0.003).verdict is Verdict.NO_DATA, "but for a baseline that is"


# No errors from the beginning, or too few to have a pace.


@pytest.mark.parametrize("gone", [0, None])
def test_no_errors_from_the_beginning_are_zero_errors_where_nobody_knows_of_any(gone: float | None) -> None:
    judgement = look([gone] * 300)
    assert (judgement.verdict, judgement.errors) == (Verdict.PASS, 0)
    assert look([gone] * 300, baseline=0.0).verdict is Verdict.PASS
    assert look([gone] * 300, baseline=0.003, usual=0.0).verdict is Verdict.PASS, "measured: there are none"


@pytest.mark.parametrize("known", [{"baseline": 0.003}, {"usual": 0.003}, {"baseline": 0.0, "usual": 0.003}])
def test_no_errors_from_the_beginning_are_no_data_where_some_are_usual(known: dict[str, float]) -> None:
    """Ten clumps of three at 3 in a bucket: ten buckets."""
    assert look([0] * 9, **known).verdict is Verdict.PASS
    silent = look([0] * 10, **known)
    assert silent.verdict is Verdict.NO_DATA
    assert silent.message == (
        "errors has had no errors at all: 0 where about 30 were expected, at the usual 0.3%; "
        "does the query find them, or is it fixed?"
    )


def test_what_was_measured_counts_more_than_what_the_plan_says() -> None:
    assert look([0] * 20, baseline=0.003, usual=0.0001).verdict is Verdict.PASS
    assert look([0] * 20, baseline=0.0001, usual=0.003).verdict is Verdict.NO_DATA


def test_a_larger_clump_wants_more_errors_to_be_missing() -> None:
    assert look([0] * 33, baseline=0.003, clump=10).verdict is Verdict.PASS
    assert look([0] * 34, baseline=0.003, clump=10).verdict is Verdict.NO_DATA


def test_too_few_errors_set_no_pace_and_the_usual_rate_counts() -> None:
    """Fewer than three clumps: with no usual rate they may just be over; with one, ten clumps of it are missing."""
    few = [3, 3] + [0] * 400
    assert look(few).verdict is Verdict.PASS
    assert look(few, baseline=0.003).verdict is Verdict.NO_DATA
    assert look(few, clump=1).verdict is Verdict.NO_DATA, "six of them are a pace"


def test_a_stage_with_a_pace_of_its_own_is_not_held_to_the_usual_rate() -> None:
    """A flag that fails ten times less often than usual is better, not silent."""
    better = [3 if index % 10 == 0 else 0 for index in range(295)]
    assert look([*better, *[0] * 20], baseline=0.003).verdict is Verdict.PASS
    assert look([0] * 34, baseline=0.003).verdict is Verdict.NO_DATA


# Bars above: what speaks against the stage are the requests that did not succeed.


def floor(successes: Values, **criterion: float | Side | None) -> Judgement:
    return look(successes, **({"side": Side.ABOVE, "bar": 0.99} | criterion))  # type: ignore[arg-type]  # as above


def test_failures_that_stop_are_no_data_for_a_floor_too() -> None:
    silent = floor([997] * 6 * HOUR + [1000] * 18 * HOUR)
    assert silent.verdict is Verdict.NO_DATA
    assert "has had no failures since 1970-01-01 06:00 UTC: failures stopped: 0 where about 648" in silent.message


def test_a_floor_that_never_failed_is_healthy_unless_failures_are_usual() -> None:
    assert floor([1000] * 300).verdict is Verdict.PASS
    assert floor([1000] * 300, baseline=0.997).verdict is Verdict.NO_DATA
    assert floor([1000] * 300, baseline=1.0).verdict is Verdict.PASS


def test_a_floor_whose_successes_vanish_fails() -> None:
    assert floor([1000] * 100 + [0] * 12).verdict is Verdict.FAIL


# Numbers that freeze.


def count(values: Sequence[float | None], *, at_most: float = 1e9) -> Judgement:
    window = Window(0, len(values) * BUCKET, BUCKET, planned_buckets=100)
    criterion = CountCriterion(name="lost letters", at_most=at_most)
    return judge(criterion, measured={"value": series_of(values)}, window=window)


def value(values: Sequence[float | None], *, bar: float = 1000) -> Judgement:
    window = Window(0, len(values) * BUCKET, BUCKET, planned_buckets=100)
    criterion = ValueCriterion(name="queue", bar=bar, side=Side.BELOW, hold_for=timedelta(minutes=15))
    return judge(criterion, measured={"value": series_of(values)}, window=window)


EITHER = pytest.mark.parametrize("kind", [count, value])


def noise(length: int, mean: float, seed: int = 1) -> list[float]:
    """Numbers that change as counts do."""
    rng = random.Random(seed)
    return [float(poisson(rng, mean)) for _ in range(length)]


@EITHER
@pytest.mark.parametrize("mean", [1, 3, 50])
@pytest.mark.parametrize("last", [0, 7])
def test_what_used_to_change_and_reads_one_number_only_is_no_data(
    kind: Callable[..., Judgement], mean: float, last: float
) -> None:
    moving = noise(6 * HOUR, mean)
    assert kind(moving).verdict is Verdict.PASS
    still = kind([*moving, *[last] * 18 * HOUR])
    assert still.verdict is Verdict.NO_DATA
    assert f"has read {last} and nothing else since 1970-01-01 0" in still.message
    assert still.message.endswith("and used to change: is it still measured, or is it fixed?")
    assert kind([*moving, *[last] * 18 * HOUR, last + 1]).verdict is Verdict.PASS


@EITHER
@given(moved=st.integers(20, 100), mean=st.sampled_from([2.0, 40.0]), seed=st.integers(0, 50))
def test_a_series_that_moves_as_it_used_to_never_freezes(
    kind: Callable[..., Judgement], moved: int, mean: float, seed: int
) -> None:
    assert kind(noise(moved, mean, seed)).verdict is Verdict.PASS


@EITHER
@pytest.mark.parametrize("always", [0.0, 5.0])
def test_what_never_changed_has_not_frozen(kind: Callable[..., Judgement], always: float) -> None:
    assert kind([always] * 2000).verdict is Verdict.PASS


@EITHER
@pytest.mark.parametrize("spike", [[9.0], [4.0, 9.0, 7.0, 8.0, 5.0, 6.0, 3.0, 2.0, 4.0, 1.0]])
def test_a_gauge_that_mostly_rests_and_spikes_is_not_frozen_at_rest(
    kind: Callable[..., Judgement], spike: list[float]
) -> None:
    """However many numbers a spike runs through: one spike is one change."""
    once = [*[0.0] * 50, *spike, *[0.0] * 600]
    often = [*([0.0] * 40 + spike) * 10, *[0.0] * 150]
    assert kind(once).verdict is Verdict.PASS
    assert kind(often).verdict is Verdict.PASS
    assert kind([*often, *[0.0] * 900]).verdict is Verdict.NO_DATA, "ten spikes, and then none for three times as long"


@EITHER
def test_integers_that_repeat_are_not_frozen(kind: Callable[..., Judgement]) -> None:
    assert kind([1, 1, 2, 2, 2, 1, 3, 3, 3, 3] * 20 + [1] * 7).verdict is Verdict.PASS


@EITHER
def test_nights_at_rest_are_not_frozen_once_one_night_was_seen(kind: Callable[..., Judgement]) -> None:
    """Twice the longest rest: the first night is told, and over in the morning; later ones are nothing new."""
    day, night = noise(14 * HOUR, 40), [0.0] * 10 * HOUR
    assert kind([*day, *night]).verdict is Verdict.NO_DATA
    assert kind([*day, *night, *day]).verdict is Verdict.PASS
    assert kind([*day, *night, *day, *night]).verdict is Verdict.PASS
    assert kind([*day, *night, *day, 1.0, *[0.0] * 25 * HOUR]).verdict is Verdict.PASS, "known to rest there for hours"
    assert kind([*day, *night, *day, *[7.0] * 25 * HOUR]).verdict is Verdict.NO_DATA


@EITHER
def test_a_rest_of_less_than_twice_the_longest_is_nothing_new(kind: Callable[..., Judgement]) -> None:
    moving = [*noise(10 * HOUR, 40), *[3.0] * 60, *noise(10 * HOUR, 40, seed=2)]
    assert kind([*moving, 999.0, *[5.0] * 119]).verdict is Verdict.PASS
    assert kind([*moving, 999.0, *[5.0] * 120]).verdict is Verdict.NO_DATA


def test_frozen_numbers_take_no_fail_back() -> None:
    assert count([*noise(72, 3), *[0] * 300], at_most=10).verdict is Verdict.FAIL
    assert value([*noise(72, 3), *[2000] * 300]).verdict is Verdict.FAIL


LONG = Window(0, 8140, 1, planned_buckets=9000, coarse=8, fine_from=8000)
"""A stage of 1,000 coarse buckets and 140 fine ones."""
STARTS = [*range(0, 8000, 8), *range(8000, 8140)]


def in_long_stage(values: Callable[[int], float]) -> Verdict:
    """Judge a count by what each fine bucket adds; a coarse bucket reads eight times as much."""
    points = ((at, values(at) * LONG.width_at(at)) for at in STARTS)
    criterion = CountCriterion(name="letters", at_most=1e9)
    return judge(criterion, measured={"value": Series(tuple(points))}, window=LONG).verdict


@pytest.mark.parametrize("always", [0, 1, 7])
def test_a_count_that_never_changed_is_not_frozen_by_its_coarse_buckets(always: int) -> None:
    assert in_long_stage(lambda _: always) is Verdict.PASS


@pytest.mark.parametrize("last", [0, 3])
def test_a_count_that_froze_long_ago_is_seen_through_its_coarse_buckets(last: int) -> None:
    """At one number for the newest 4,140 buckets, which are 500 coarse points and 140 fine ones."""
    assert in_long_stage(lambda at: at // 8 % 5 if at < 4000 else last) is Verdict.NO_DATA


def test_rests_are_as_long_as_their_buckets_not_as_many() -> None:
    """A spike every 80 buckets, which is every ten coarse ones: 140 buckets of rest are not twice as long as 72."""
    assert in_long_stage(lambda at: 1 if at < 8000 and at // 8 % 10 == 9 else 0) is Verdict.PASS
