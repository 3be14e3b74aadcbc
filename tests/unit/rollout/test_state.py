from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rampart.evidence.verdict import Verdict
from rampart.plan.model import Plan
from rampart.rollout.state import Latest, RolloutState, Status
from rampart.rollout.waiver import WAIVED, Override, Shown
from tests.records import record
from tests.unit.rollout.world import EXECUTION, PLAN, ROLLOUT, START, World


def state_with(verdicts: dict[str, Verdict] | None, *overrides: Override, stage: int = 0) -> RolloutState:
    latest = None
    if verdicts is not None:
        latest = Latest(id="e", at=START, verdict=Verdict.PASS, verdicts=verdicts)
    return record(
        rollout=ROLLOUT,
        status=Status.LIVE,
        plan=Plan.model_validate(PLAN),
        plan_hash="",
        execution=EXECUTION,
        stage=stage,
        latest=latest,
        overrides=overrides,
        started=START,
        attempt_started=START,
        updated=START,
    )


WAIVER = Override(criteria=("a",), shown={"a": Shown(verdict=Verdict.NO_DATA)}, by="ann", note="why", through_stage=1)


@pytest.mark.parametrize(
    ("verdicts", "stage", "effective"),
    [
        (None, 0, Verdict.NO_DATA),
        ({}, 0, Verdict.NO_DATA),
        ({"a": Verdict.NO_DATA, "b": Verdict.PASS}, 0, WAIVED),
        ({"a": Verdict.NO_DATA, "b": Verdict.PASS}, 1, WAIVED),
        ({"a": Verdict.NO_DATA, "b": Verdict.PASS}, 2, Verdict.NO_DATA),
        ({"a": Verdict.NO_DATA, "b": Verdict.INCONCLUSIVE}, 1, Verdict.INCONCLUSIVE),
        ({"a": Verdict.NO_DATA}, 1, WAIVED),
        ({"a": Verdict.PASS, "b": Verdict.PASS}, 1, Verdict.PASS),
    ],
)
def test_a_waived_criterion_does_not_count_for_as_long_as_it_is_waived(
    verdicts: dict[str, Verdict] | None, stage: int, effective: str
) -> None:
    assert state_with(verdicts, WAIVER, stage=stage).effective_verdict == effective


def test_the_next_stage_is_the_attempts_target_until_it_has_one() -> None:
    state = state_with(None)
    assert state.changed(standing=None, target=2).next_stage == 2
    assert state.next_stage == 1


def test_each_version_of_the_record_has_the_next_number() -> None:
    before = state_with(None)
    now = datetime(2026, 3, 11, tzinfo=UTC)
    after = before.moved(now, standing=before.at_percent(25.0))
    assert (after.epoch, after.updated, after.percent) == (before.epoch + 1, now, 25.0)
    assert before.percent == 0


def test_a_record_survives_being_stored_at_every_point_of_its_life(world: World) -> None:
    seen = []
    world.climb(1)
    seen.append(world.state)
    world.approved()
    seen.append(world.state)
    world.roll_back()
    seen.append(world.state)
    for state in seen:
        assert RolloutState.model_validate_json(state.model_dump_json(by_alias=True)) == state
