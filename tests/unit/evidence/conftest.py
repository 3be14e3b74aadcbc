from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rampart.evidence.criteria import RateCriterion, Side
from rampart.evidence.judge import judge
from rampart.evidence.judgement import Judgement
from rampart.evidence.series import Measured, Series
from rampart.evidence.window import Window

BUCKET = 300

Values = Sequence[float | None]
JudgeRate = Callable[..., Judgement]


def series_of(values: Values) -> Series:
    return Series(tuple((index * BUCKET, value) for index, value in enumerate(values)))


def judge_download_errors(
    errors: Values | Measured,
    total: Values | Measured,
    *,
    buckets: int | None = None,
    planned: int | None = None,
    share: float = 1.0,
    **criterion: float | str,
) -> Judgement:
    """Judge a criterion of 8% and clump 1 over buckets that begin at 0."""
    answers = [each if not isinstance(each, Sequence) else series_of(each) for each in (errors, total)]
    length = buckets if buckets is not None else max(len(a.points) for a in answers if isinstance(a, Series))
    window = Window(start=0, end=length * BUCKET, bucket=BUCKET, planned_buckets=planned or max(1, length))
    settings: dict[str, Any] = {"name": "download error rate", "bar": 0.08, "side": Side.BELOW, "clump": 1.0}
    rate = RateCriterion(**(settings | criterion))
    return judge(rate, measured={"errors": answers[0], "total": answers[1]}, window=window, share=share)


@pytest.fixture
def judge_rate() -> JudgeRate:
    return judge_download_errors
