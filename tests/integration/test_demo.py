"""What the demo's last lines say is so: a stranger takes them for the product's word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from local.demo import looks_in_words
from rampart.evidence.verdict import Verdict
from rampart.rollout.evaluation import Evaluation

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
PASS, FAIL, NO_DATA, UNDECIDED = Verdict.PASS, Verdict.FAIL, Verdict.NO_DATA, Verdict.INCONCLUSIVE


def look(index: int, stage: int, verdict: Verdict, attempt: int = 1) -> Evaluation:
    return Evaluation(
        id=str(index),
        at=NOON + timedelta(seconds=index),
        rollout="letters",
        attempt=attempt,
        stage=stage,
        percent=1,
        window=(0, 60, 60, 1),
        verdict=verdict,
        judgements=(),
        evidence={},
        plan_hash="",
        rule_version="",
    )


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        (
            [(0, NO_DATA), (0, NO_DATA), (0, PASS), (1, NO_DATA), (1, PASS)],
            "2 passed, 3 before the first requests of their stage could be judged",
        ),
        (
            [(0, NO_DATA), (0, PASS), (0, NO_DATA)],
            "1 passed, 1 without data, 1 before the first requests of their stage could be judged",
        ),
        ([(0, FAIL), (0, UNDECIDED), (0, PASS)], "1 passed, 1 failed, 1 undecided"),
    ],
)
def test_looks_without_data_are_harmless_only_before_the_first_requests(
    looks: list[tuple[int, Verdict]], told: str
) -> None:
    assert looks_in_words(look(index, stage, verdict) for index, (stage, verdict) in enumerate(looks)) == told
