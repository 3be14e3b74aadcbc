"""Judging looks one after the other, with what they have in common worked out once, judges as one look alone does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.evidence.buckets import Judgeable, pair
from rampart.evidence.criteria import RateCriterion, Side
from rampart.evidence.judge import judge
from rampart.evidence.judgement import FiredBy
from rampart.evidence.rule import Walk
from rampart.evidence.series import Series
from rampart.evidence.window import Window
from rampart_cli import growing
from rampart_cli.growing import Growing, shared

WIDTH = 300
Value = float | None


def look(values: Mapping[str, Sequence[Value]], buckets: int) -> tuple[dict[str, Series], Window]:
    """What a look after so many whole buckets sees; the bucket that is not whole yet is in its answers too."""
    seen = {
        name: Series(tuple((i * WIDTH, v) for i, v in enumerate(each[: buckets + 1]))) for name, each in values.items()
    }
    return seen, Window(0, buckets * WIDTH, WIDTH, 200)


@st.composite
def stages(draw: st.DrawFn) -> tuple[RateCriterion, list[tuple[dict[str, Series], Window]]]:
    """A stage of some looks, whose newest buckets are counted late, and that may have anything in any bucket."""
    chance = Random(draw(st.integers(0, 10_000)))
    high = draw(st.booleans())
    rate, requests = draw(st.sampled_from([0.0, 0.005, 0.02, 0.2])), draw(st.sampled_from([1, 4, 60]))
    odd, late = draw(st.sampled_from([0.0, 0.01, 0.1])), draw(st.sampled_from([0, 1, 5, 40]))
    total: list[Value] = []
    errors: list[Value] = []
    looks = []
    at = 0
    for _ in range(draw(st.integers(1, 25))):
        for index in range(max(0, at - late), at):  # what came late
            if chance.random() < 0.2 and (counted := total[index]) is not None:
                total[index] = counted + chance.randint(0, 3)
        at += draw(st.sampled_from([0, 1, 1, 1, 7, 40]))
        while len(total) <= at:
            n = chance.randint(0, requests)
            wrong = sum(chance.random() < rate for _ in range(n))
            total.append(None if chance.random() < odd else -1.0 if chance.random() < odd / 4 else float(n))
            errors.append(float(n + 2) if chance.random() < odd else float(wrong if high else n - wrong))
        looks.append(look({"errors": errors, "total": total}, at))
    bar = draw(st.sampled_from([0.01, 0.08]))
    criterion = RateCriterion(
        name="rate",
        bar=bar if high else 1 - bar,
        side=Side.BELOW if high else Side.ABOVE,
        clump=draw(st.sampled_from([1.0, 3.0])),
    )
    return criterion, looks


@given(stages())
def test_a_look_that_goes_on_from_the_last_judges_as_a_look_alone(
    stage: tuple[RateCriterion, list[tuple[dict[str, Series], Window]]],
) -> None:
    criterion, looks = stage
    earlier = Growing()
    for measured, window in looks:
        alone = judge(criterion, measured=measured, window=window)
        assert judge(criterion, measured=measured, window=window, earlier=earlier) == alone


@given(stages(), stages(), st.randoms(use_true_random=False))
def test_looks_of_other_stages_and_in_any_order_leave_no_trace(
    one: tuple[RateCriterion, list[tuple[dict[str, Series], Window]]],
    other: tuple[RateCriterion, list[tuple[dict[str, Series], Window]]],
    chance: Random,
) -> None:
    looks = [(criterion, *each) for criterion, stage in (one, other) for each in stage]
    chance.shuffle(looks)
    earlier = Growing()
    for criterion, measured, window in looks:
        alone = judge(criterion, measured=measured, window=window)
        assert judge(criterion, measured=measured, window=window, earlier=earlier) == alone


CRITERION = RateCriterion(name="rate", bar=0.01, side=Side.BELOW, clump=1)


@pytest.mark.parametrize("changed", [0, 10, 39])
def test_one_more_error_in_a_bucket_of_long_ago_is_seen(changed: int) -> None:
    errors: list[Value] = [0.0] * 41
    total: list[Value] = [50.0] * 41
    earlier = Growing()
    measured, window = look({"errors": errors, "total": total}, 40)
    assert judge(CRITERION, measured=measured, window=window, earlier=earlier).errors == 0
    measured, window = look({"errors": [*errors[:changed], 1.0, *errors[changed + 1 :]], "total": total}, 40)
    assert judge(CRITERION, measured=measured, window=window, earlier=earlier).errors == 1


def test_a_fail_that_late_data_took_back_is_taken_back() -> None:
    errors: list[Value] = [*[0.0] * 20, *[30.0] * 5]
    total: list[Value] = [50.0] * 25
    earlier = Growing()
    measured, window = look({"errors": errors, "total": total}, 24)
    assert judge(CRITERION, measured=measured, window=window, earlier=earlier).verdict == "fail"
    measured, window = look({"errors": [0.0] * 25, "total": total}, 24)
    assert judge(CRITERION, measured=measured, window=window, earlier=earlier).verdict == "pass"


def follow(first: Mapping[str, Sequence[Value]], second: Mapping[str, Sequence[Value]], buckets: int) -> None:
    """Look at two answers, one after the other, and hold the second against a look alone."""
    earlier = Growing()
    for values, more in ((first, 0), (second, 1)):
        measured, window = look(values, buckets + more)
        told = judge(CRITERION, measured=measured, window=window, earlier=earlier)
        assert told == judge(CRITERION, measured=measured, window=window)


def test_errors_that_were_given_back_are_taken_again_where_they_came_late() -> None:
    total: list[Value] = [*[50.0] * 20, 1.0, 50.0, 50.0]
    errors: list[Value] = [*[0.0] * 20, 3.0, 0.0, 0.0]
    follow({"errors": errors, "total": total}, {"errors": errors, "total": [*total[:20], 9.0, 50.0, 50.0]}, 21)


def test_new_errors_are_given_back_to_a_bucket_that_was_judged_before() -> None:
    total: list[Value] = [*[50.0] * 20, 1.0, 50.0]
    follow({"errors": [0.0] * 22, "total": total}, {"errors": [*[0.0] * 20, 3.0, 0.0], "total": total}, 20)


def test_an_odd_bucket_that_is_corrected_is_odd_no_more() -> None:
    total: list[Value] = [50.0] * 23
    errors: list[Value] = [*[0.0] * 20, None, 0.0, 0.0]
    follow({"errors": errors, "total": [*total[:20], -1.0, 50.0, 50.0]}, {"errors": errors, "total": total}, 21)


@given(st.lists(st.integers(0, 1), max_size=70), st.lists(st.integers(0, 1), max_size=70))
def test_what_two_lists_share_is_their_longest_common_beginning(one: list[int], other: list[int]) -> None:
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    assert shared(one, other) == same


def test_each_bucket_is_joined_and_walked_once_however_many_looks_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    walked = joined = 0
    step = Walk.step

    def counted_step(walk: Walk, errors: float, requests: float) -> FiredBy | None:
        nonlocal walked
        walked += 1
        return step(walk, errors, requests)

    def counted_pair(errors: Series, total: Series, window: Window) -> Judgeable:
        nonlocal joined
        joined += len(total.points)
        return pair(errors, total, window)

    monkeypatch.setattr(Walk, "step", counted_step)
    monkeypatch.setattr(growing, "pair", counted_pair)
    values: dict[str, list[Value]] = {"errors": [0.0] * 301, "total": [50.0] * 301}
    earlier = Growing()
    for buckets in range(1, 301):
        measured, window = look(values, buckets)
        judge(CRITERION, measured=measured, window=window, earlier=earlier)
    assert walked == 300
    assert joined <= 3 * 300, "each look joins its newest bucket, and one that was not whole"
