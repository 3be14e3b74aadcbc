"""An absolute bar that asks its control before it blames the flag, and a share that is plainly another one."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from rampart.absence import AbsenceReason
from rampart.evidence.compare import PARTS
from rampart.evidence.criteria import CompareCriterion, Counts, RateCriterion, Side
from rampart.evidence.judge import judge
from rampart.evidence.judgement import Judgement
from rampart.evidence.series import Measured, Series, Unavailable
from rampart.evidence.share import mismatch
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window

BUCKET = 300
FOREVER = [50.0] * 40
Columns = list[list[float]]


def rated(columns: Columns | dict[str, Measured], *, share: float = 0.5, **changes: Any) -> Judgement:
    settings: dict[str, Any] = {"name": "errors", "bar": 0.08, "side": Side.BELOW, "clump": 1.0, "flag_only": True}
    return judge(RateCriterion(**(settings | changes)), measured=answers(columns), window=window(), share=share)


def answers(columns: Columns | dict[str, Measured]) -> dict[str, Measured]:
    if isinstance(columns, dict):
        return columns
    series = (Series(tuple((i * BUCKET, value) for i, value in enumerate(column))) for column in columns)
    return dict(zip(PARTS, series, strict=True))


def window() -> Window:
    return Window(start=0, end=40 * BUCKET, bucket=BUCKET, planned_buckets=40)


OUTAGE = [1.0] * 20 + [25.0] * 20


def test_an_outage_of_both_paths_holds_and_says_so() -> None:
    judgement = rated([OUTAGE, FOREVER, OUTAGE, FOREVER])
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "is above 8%; but both paths fail: the control 26% (520 of 2,000), so the flag isn't to blame" in (
        judgement.message
    )
    assert rated([OUTAGE, FOREVER, OUTAGE, FOREVER], flag_only=False).verdict is Verdict.FAIL


def test_a_path_that_is_worse_than_its_control_fails_in_an_outage_too() -> None:
    worse = [value * 1.8 for value in OUTAGE]
    judgement = rated([worse, FOREVER, OUTAGE, FOREVER])
    assert judgement.verdict is Verdict.FAIL
    assert "both paths" not in judgement.message


def test_a_path_below_its_bar_passes_whatever_its_control_does() -> None:
    assert rated([[0.0] * 40, FOREVER, OUTAGE, FOREVER]).verdict is Verdict.PASS


@pytest.mark.parametrize("control", [Series(()), Unavailable(AbsenceReason.UNREACHABLE, "gone")])
def test_without_a_control_the_bar_alone_decides(control: Measured) -> None:
    """At 100% no one takes the old path: a broken flag must not be held there for lack of an excuse."""
    measured = answers([OUTAGE, FOREVER, OUTAGE, FOREVER]) | {"control_errors": control, "control_total": control}
    assert rated(measured).verdict is Verdict.FAIL


def test_a_fail_stays_a_fail_when_the_control_follows_later() -> None:
    own = [1.0] * 10 + [25.0] * 30
    late = [1.0] * 20 + [25.0] * 20
    looks = []
    for end in range(1, 41):
        columns = [each[:end] for each in (own, FOREVER, late, FOREVER)]
        measured = answers(columns)
        criterion = RateCriterion(name="errors", bar=0.08, side=Side.BELOW, clump=1.0, flag_only=True)
        part = Window(start=0, end=end * BUCKET, bucket=BUCKET, planned_buckets=40)
        looks.append(judge(criterion, measured=measured, window=part, share=0.5).verdict is Verdict.FAIL)
    assert looks == sorted(looks)
    assert looks[-1]


# The share that was seen.


def compared(own: float, control: float, *, share: float, counts: Counts = Counts.REQUESTS) -> Judgement:
    columns = [[0.2] * 40, [own] * 40, [2.0] * 40, [control] * 40]
    criterion = CompareCriterion(name="errors", ratio=4.0, clump=1.0, counts=counts)
    return judge(criterion, measured=answers(columns), window=window(), share=share)


def test_a_share_that_is_off_by_more_than_two_holds_what_would_pass() -> None:
    judgement = compared(50, 50, share=0.5)
    assert judgement.verdict is Verdict.PASS
    assert judgement.share_seen == pytest.approx(0.5)
    wrong = compared(50, 50, share=0.05)
    assert wrong.verdict is Verdict.INCONCLUSIVE
    assert wrong.message.endswith(
        "2,000 of 4,000 requests took the new path, 50%, though the flag is at 5%: is it checked where it should be?"
    )


@pytest.mark.parametrize(
    ("own", "control", "share", "told"),
    [
        (99, 900, 0.5, False),  # fewer than a thousand say little
        (100, 900, 0.5, True),
        (100, 900, 0.19, False),
        (100, 900, 0.21, True),
        (100, 900, 0.04, True),
        (0, 5000, 0.01, True),
        (0, 0, 0.5, False),
        (10_000, 0, 1.0, False),
    ],
)
def test_requests_are_a_hint_within_a_factor_of_two(own: float, control: float, share: float, *, told: bool) -> None:
    assert (mismatch(own, control, share, Counts.REQUESTS) is not None) is told


def test_users_are_tested_at_every_look() -> None:
    """A right share is told to be wrong in less than one rollout in a hundred; one of 25% for 30% is found."""
    chance, wrong = Random(1), 0
    for _ in range(300):
        own = total = 0
        for _ in range(60):
            total += 50
            own += sum(chance.random() < 0.25 for _ in range(50))
            if mismatch(own, total - own, 0.25, Counts.USERS) is not None:
                wrong += 1
                break
    assert wrong <= 3
    assert mismatch(900, 2100, 0.25, Counts.USERS) is not None
    assert mismatch(765, 2235, 0.25, Counts.USERS) is None


def test_a_fail_stays_a_fail_whatever_the_share() -> None:
    columns = [[9.0] * 40, [50.0] * 40, [1.0] * 40, [50.0] * 40]
    criterion = CompareCriterion(name="errors", ratio=1.5, clump=1.0)
    judgement = judge(criterion, measured=answers(columns), window=window(), share=0.05)
    assert judgement.verdict is Verdict.FAIL
    assert "though the flag is at 5%" in judgement.message


def test_each_evaluation_of_both_paths_says_which_share_was_seen() -> None:
    """A share that is merely near the flag's says nothing by itself, and people see it creep away."""
    judgement = rated([[0.0] * 40, [30.0] * 40, [0.0] * 40, [70.0] * 40], share=0.25)
    assert judgement.verdict is Verdict.PASS
    assert judgement.message.endswith("; 30% of requests took the new path, with the flag at 25%")
    assert judgement.share_seen == pytest.approx(0.3)


def test_without_requests_on_a_side_no_share_is_said() -> None:
    judgement = rated([[0.0] * 40, [1.0] * 40, [], []], share=0.25)
    assert "took the new path" not in judgement.message


def test_of_people_by_name_only_the_share_that_was_seen_is_said() -> None:
    """No one knows which share of the requests should be theirs, so none is wrong."""
    judgement = rated([[0.0] * 40, [30.0] * 40, [0.0] * 40, [70.0] * 40], share=0.0)
    assert judgement.verdict is Verdict.PASS
    assert judgement.message.endswith("; 30% of requests took the new path")
