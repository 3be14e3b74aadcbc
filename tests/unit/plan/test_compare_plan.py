"""A criterion of kind `compare` in a plan: how it is written, what is refused, and what is said before a start."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from rampart.evidence.compare import PARTS
from rampart.evidence.criteria import CompareCriterion, RateCriterion
from rampart.evidence.judgement import Kind
from rampart.evidence.series import Series
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window
from rampart.plan.criterion import CompareSpec
from rampart.plan.model import Plan
from rampart.plan.power import stage_traffic
from rampart.plan.queries import criteria_of, queries_of, query_findings
from rampart.plan.query_lint import GROUPED, SAME, SAME_PATH
from rampart.rollout.evaluate import judge_all
from rampart.rollout.week import week_in_words, week_problems, weeks_of, with_measured_clumps
from rampart_cli.forecast.plan_warnings import (
    CANNOT_DECIDE,
    CONTROL_RATE_UNKNOWN,
    NO_CONTROL_LEFT,
    PERCENTILE_IS_A_POINT,
    is_compared_at,
    warnings,
)
from rampart_cli.forecast.rate_power import outlook
from rampart_cli.forecast.ratio_power import Streams, ratio_outlook

Document = Callable[..., dict[str, Any]]
EVENTS = Path(__file__).parents[3] / "events"
NAME = "errors next to the old path"
NEW, OLD = "sum:requests{provider:new}", "sum:requests{provider:old}"


def compare(**changes: object) -> dict[str, object]:
    return {
        "kind": "compare",
        "errors": "sum:requests{provider:new,status:5*}.as_count()",
        "total": f"{NEW}.as_count()",
        "control_errors": "sum:requests{provider:old,status:5*}.as_count()",
        "control_total": f"{OLD}.as_count()",
        "at_most": "1.5x",
        "ignore_below": "0.2%",
        "baseline": "1%",
        "clump": 1,
    } | changes


@pytest.fixture
def plan(document: Document) -> Callable[..., Plan]:
    def make(criterion: dict[str, object] | None = None, **changes: object) -> Plan:
        return Plan.model_validate(document(criteria={NAME: criterion or compare()}, traffic="4000/hour", **changes))

    return make


def test_it_is_read_as_it_is_written_and_reads_back_the_same(plan: Callable[..., Plan]) -> None:
    written = plan()
    criterion = criteria_of(written)[NAME]
    assert isinstance(criterion, CompareCriterion)
    assert (criterion.ratio, criterion.floor, criterion.baseline, criterion.is_concurrent) == (1.5, 0.002, 0.01, True)
    again = Plan.model_validate(written.model_dump(mode="json", by_alias=True))
    assert again == written
    assert again.digest == written.digest
    assert list(queries_of(written)) == [f"{NAME}/{part}" for part in PARTS]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"at_most": 1.5}, "isn't a ratio; write how many times the control's rate: 1.5x"),
        ({"at_most": "150%"}, "isn't a ratio"),
        ({"at_most": "0x"}, "doesn't lie between 0x, exclusive, and 100x"),
        ({"at_most": "101x"}, "doesn't lie between 0x, exclusive, and 100x"),
        ({"ignore_below": "0%"}, "a rate that is compared lies between 0% and 100%, exclusive"),
        ({"control_errors": "week_before(sum:x{*}.as_count())"}, "must be of the same time"),
        ({"up_to": 10}, "no criterion is measured at 25%: every one ends before it (up_to)"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(
    plan: Callable[..., Plan], changes: dict[str, object], told: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        plan(compare(**changes))
    assert told in str(refused.value)


def test_a_rollouts_bound_is_shared_with_comparisons(plan: Callable[..., Plan]) -> None:
    criterion = criteria_of(plan(alpha_rollout="5%"))[NAME]
    assert isinstance(criterion, CompareCriterion)
    assert criterion.alpha_fail == pytest.approx(0.8 * 0.05 / 2)
    with pytest.raises(ValidationError, match="alpha_rollout sets alpha_fail and detector"):
        plan(compare(alpha_fail="1%"), alpha_rollout="5%")


def test_each_paths_queries_are_checked_like_a_rates(plan: Callable[..., Plan]) -> None:
    assert query_findings(plan()) == []
    grouped = query_findings(plan(compare(control_total=f"{OLD[:-1]}}} by {{host}}.as_count()")))
    assert [(f.kind, f.where.rpartition(".")[2]) for f in grouped] == [(GROUPED, "control_total")]
    same = query_findings(plan(compare(control_errors=f"{OLD}.as_count()")))
    assert [(f.kind, f.where.rpartition(".")[2]) for f in same] == [(SAME, "control_errors")]


def test_a_control_that_is_the_same_path_is_found(plan: Callable[..., Plan]) -> None:
    own = {"control_errors": compare()["errors"], "control_total": compare()["total"]}
    assert [f.kind for f in query_findings(plan(compare(**own)))] == [SAME_PATH]
    week = {part: f"week_before({query})" for part, query in own.items()}
    shifted = plan(compare(**week))
    assert query_findings(shifted) == []
    criterion = criteria_of(shifted)[NAME]
    assert isinstance(criterion, CompareCriterion)
    assert not criterion.is_concurrent


def test_plan_check_says_how_much_longer_a_canary_must_be_held(plan: Callable[..., Plan]) -> None:
    told = [each for each in warnings(plan()) if each.kind is CANNOT_DECIDE]
    assert [each.where for each in told] == [f"stages.0 / criteria.{NAME}"]
    assert "with 3,833 requests on the new path in Canary (1%) and 379,500 on the control" in told[0].message
    assert "a hold 1." in told[0].message
    assert [each.kind for each in warnings(plan(compare(baseline=None)))] == [CONTROL_RATE_UNKNOWN]


def test_people_by_name_are_compared_and_nothing_is_foretold_of_them(plan: Callable[..., Plan]) -> None:
    """No one knows how many requests theirs are; fully on is as 100%, where no one takes the old path."""
    ends = [{"percent": 100, "hold": "1w"}, {"fully_on": True, "hold": "1d"}]
    named = plan(stages=[{"groups": ["staff"], "hold": "1h"}, {"percent": 50, "hold": "4d"}, *ends])
    assert [(each.kind, each.where[:8]) for each in warnings(named)] == [
        (NO_CONTROL_LEFT, "stages.2"),
        (NO_CONTROL_LEFT, "stages.3"),
    ]
    [criterion] = criteria_of(named).values()
    assert isinstance(criterion, CompareCriterion)
    assert [is_compared_at(named, criterion, stage) for stage in named.stages] == [True] * 4
    until = plan(compare(up_to=50), stages=[{"groups": ["staff"], "hold": "1h"}, {"percent": 50, "hold": "4d"}])
    assert warnings(until) == []


def test_at_100_percent_there_is_no_one_left_to_compare_with(plan: Callable[..., Plan]) -> None:
    stages = [{"percent": 50, "hold": "4d"}, {"percent": 100, "hold": "4d"}]
    assert [each.kind for each in warnings(plan(stages=stages))] == [NO_CONTROL_LEFT]
    week = {part: f"week_before({compare()[part]})" for part in ("control_errors", "control_total")}
    assert warnings(plan(compare(**week), stages=stages)) == []


def test_a_comparison_that_ends_before_100_percent_is_not_judged_there(document: Document) -> None:
    count = {"kind": "count", "query": "sum:x{*}.as_count()", "at_most": 3}
    written = Plan.model_validate(document(criteria={NAME: compare(up_to=25), "crashes": count}))
    window = Window(0, 600, 300, 2)
    answers = {key: Series(((0, 1.0), (300, 1.0))) for key in queries_of(written)}
    judged = {share: [j.kind for j in judge_all(written, answers, window, share=share)] for share in (0.25, 0.5)}
    assert judged == {0.25: [Kind.COMPARE, Kind.COUNT], 0.5: [Kind.COUNT]}


def test_a_week_old_control_has_everyones_requests(plan: Callable[..., Plan]) -> None:
    week = {part: f"week_before({compare()[part]})" for part in ("control_errors", "control_total")}
    controls = []
    for written in (plan(), plan(compare(**week))):
        criterion, traffic = criteria_of(written)[NAME], stage_traffic(written, written.stages[1], 4000)
        assert isinstance(criterion, CompareCriterion)
        streams = Streams.of(criterion, traffic)
        assert streams is not None
        controls.append(streams.control / traffic.requests(everyone=True))
    assert controls == [0.75, 1]


HOUR = 3600


def hourly(value: float, *, hours: int = 168) -> Series:
    return Series(tuple((hour * HOUR, value) for hour in range(hours)))


def test_the_start_measures_the_controls_clump_and_keeps_its_rate(plan: Callable[..., Plan]) -> None:
    errors = Series(tuple((hour * HOUR, 30.0 if hour % 3 else 0.0) for hour in range(168)))
    history = {f"{NAME}/control_errors": errors, f"{NAME}/control_total": hourly(2000)}
    pinned = with_measured_clumps(plan(compare(clump=None)), history)
    spec = pinned.criteria[NAME]
    assert isinstance(spec, CompareSpec)
    assert spec.clump is not None
    assert spec.clump > 5
    assert spec.clump_source == "measured from 168 hours"
    assert week_in_words(spec) == "1% in the week before (3,360 of 336,000); the plan says 1%"
    criterion = criteria_of(pinned)[NAME]
    assert isinstance(criterion, CompareCriterion)
    assert criterion.control_errors.usually_wrong == pytest.approx(0.01)
    assert criterion.own_errors.usually_wrong == 0


def test_a_control_whose_errors_find_nothing_refuses_the_start(plan: Callable[..., Plan]) -> None:
    history = {f"{NAME}/control_errors": hourly(0), f"{NAME}/control_total": hourly(2000)}
    pinned = with_measured_clumps(plan(), history)
    (problem,) = week_problems(pinned, weeks_of(pinned, history))
    assert problem.where == f"criteria.{NAME}.control_errors"
    assert "0 errors in 336,000 requests" in problem.message


def test_a_stored_look_replays_to_its_verdict(plan: Callable[..., Plan]) -> None:
    window, columns = Window(0, 12_000, 300, 40), ([2.0] * 40, [20.0] * 40, [1.0] * 40, [80.0] * 40)
    answers = {
        key: Series(tuple((index * 300, value) for index, value in enumerate(column)))
        for key, column in zip(queries_of(plan()), columns, strict=True)
    }
    (judgement,) = judge_all(plan(), answers, window, share=0.25)
    assert judgement.verdict is Verdict.FAIL
    assert judgement.to_dict()["control_requests"] == judgement.control_requests


def test_the_second_version_of_the_claim_letters_sees_at_one_percent_what_the_first_cannot() -> None:
    """What a tag that tells the two paths apart gains: at 1%, a path of five times the bar is found, and was not."""
    first, second = (
        Plan.model_validate(yaml.safe_load((EVENTS / name).read_text()))
        for name in ("claim-letters.yaml", "claim-letters-by-provider.yaml")
    )
    assert query_findings(second) == []
    assert second.stages == first.stages
    mixed = criteria_of(first)["download error rate"]
    compared = criteria_of(second)["download errors next to the old path"]
    assert isinstance(mixed, RateCriterion)
    assert isinstance(compared, CompareCriterion)
    blind = outlook(mixed, stage_traffic(first, first.stages[0], 400), runs=50)
    seeing = ratio_outlook(compared, stage_traffic(second, second.stages[0], 400), runs=50)
    assert seeing is not None
    assert [fault.rollback_chance for fault in blind.faults] == [0, 0]
    assert seeing.faults[1].rollback_chance > 0.9
    assert seeing.false_rollback_chance == 0
    assert NO_CONTROL_LEFT not in {each.kind for each in warnings(second)}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"control_errors": None}, "blame: flag_only needs control_errors and control_total"),
        ({"scope": "everyone", "baseline": "1%"}, "needs a bar `below` and scope: cohort"),
        ({"below": None, "above": "99%"}, "needs a bar `below` and scope: cohort"),
        ({"blame": "always"}, "control_errors and control_total are asked only with blame: flag_only"),
    ],
)
def test_a_bar_that_asks_its_control_needs_one(document: Document, changes: dict[str, object], told: str) -> None:
    rate = {key: value for key, value in compare().items() if key not in {"at_most", "ignore_below", "baseline"}}
    rate |= {"kind": "rate", "below": "8%", "scope": "cohort", "blame": "flag_only"}
    asked = Plan.model_validate(document(criteria={NAME: rate}))
    assert list(queries_of(asked)) == [f"{NAME}/{part}" for part in PARTS]
    assert query_findings(asked) == []
    with pytest.raises(ValidationError, match=re.escape(told)):
        Plan.model_validate(document(criteria={NAME: {k: v for k, v in (rate | changes).items() if v is not None}}))


def test_a_value_on_a_percentile_is_told_to_be_a_point(document: Document) -> None:
    latency = {"kind": "value", "query": "p99:trace.rack.request{service:letters}", "below": 0.8}
    count = {"kind": "count", "query": "sum:x{*}.as_count()", "at_most": 3}
    gauge = {"kind": "value", "query": "avg:load{*}", "below": 3}
    plan = Plan.model_validate(document(criteria={"latency": latency, "crashes": count, "load": gauge}))
    (note,) = [each for each in warnings(plan) if each.kind is PERCENTILE_IS_A_POINT]
    assert note.where == "criteria.latency.query"
    assert note.message == "latency judges p99, a point that is compared as it is: nothing says how sure it is"


def test_a_plan_that_uses_nothing_new_keeps_its_hash(document: Document) -> None:
    """Live rollouts are pinned by it: what came later may not change it where it is not used."""
    plain = Plan.model_validate(document())
    spelled = document()
    spelled["criteria"]["index error rate"] |= {"blame": "always", "counts": "requests"}
    assert Plan.model_validate(spelled).digest == plain.digest
    assert plain.digest == "41137852668929829b1622453e0e055ba1902f19debc7f576e52108b89b79308"
