from __future__ import annotations

from itertools import pairwise

from rampart.evidence.verdict import Verdict, worst

FROM_WORST = [Verdict.FAIL, Verdict.ERROR, Verdict.NO_DATA, Verdict.INCONCLUSIVE, Verdict.PASS]


def test_the_worse_of_two_verdicts_wins_in_either_order() -> None:
    for worse, better in pairwise(FROM_WORST):
        assert worst([worse, better]) is worst([better, worse]) is worse


def test_a_fail_beats_everything_even_a_check_that_broke() -> None:
    assert worst(reversed(FROM_WORST)) is Verdict.FAIL


def test_no_verdicts_do_not_pass() -> None:
    assert worst([]) is Verdict.NO_DATA
