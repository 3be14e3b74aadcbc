"""What the claim-letters plan hears before it starts, and what a plan that can decide does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rampart.finding import Finding, FindingKind
from rampart.plan.model import Plan
from rampart_cli.forecast.plan_warnings import warnings


def plan_with(*, stages: list[dict[str, Any]], traffic: str | None = "400/hour", **criterion: Any) -> Plan:
    index = {"kind": "rate", "errors": "errors", "total": "total", "below": "1%", "baseline": "0.3%"}
    document: dict[str, Any] = {
        "rollout": "claim-letters-lighthouse",
        "owner": "benefits-management-tools",
        "flags": ["cst_claim_letters_use_lighthouse_api_provider"],
        "timezone": "America/New_York",
        "criteria": {
            "index error rate": index | criterion,
            "download error rate": index | {"below": "8%"} | criterion,
            "complaints": {"kind": "reported", "at_most": 0},
        },
        "stages": stages,
    }
    return Plan.model_validate(document | ({"traffic": traffic} if traffic else {}))


CANARY = {"name": "Canary", "percent": 1, "hold": "4d"}
LATER = [{"percent": percent, "hold": "1 business day"} for percent in (25, 50, 75)]
LAST = {"percent": 100, "hold": "1w"}


def coded(found: list[Finding], code: str) -> list[Finding]:
    return [each for each in found if each.code == code]


def test_claim_letters_is_warned_that_eight_percent_cannot_fire_at_one_percent() -> None:
    found = coded(warnings(plan_with(stages=[CANARY, *LATER, LAST])), "cannot_fire")
    assert [each.where for each in found] == ["stages.0 / criteria.download error rate"]
    assert found[0].message == (
        "download error rate counts everyone's requests: at 1% a wholly broken new path makes it read 1.3%, "
        "still below 8%; it can only fire at 7.73% or more"
    )


def test_claim_letters_is_warned_that_a_pass_of_its_canary_means_nothing() -> None:
    found = coded(warnings(plan_with(stages=[CANARY, *LATER, LAST])), "pass_means_nothing")
    assert [each.where for each in found] == [
        "stages.0 / criteria.index error rate",
        "stages.0 / criteria.download error rate",
    ]
    assert "the new path's own rate is below 100%: a pass there means nothing" in found[1].message


def test_claim_letters_is_warned_that_its_canary_cannot_prove_one_percent() -> None:
    found = coded(warnings(plan_with(stages=[CANARY, *LATER, LAST], clump=1)), "cannot_prove")
    assert len(found) == 1
    assert found[0].message == (
        "Canary (1%) expects 383 requests that the flag is on for: even without an error their index error rate may be "
        "up to 1.13% if every error has a cause of its own, so it cannot be proven there to be below 1%"
    )


def test_a_clump_makes_it_worse_and_the_warning_says_how_much() -> None:
    found = coded(warnings(plan_with(stages=[CANARY, LAST])), "cannot_prove")
    assert "or 3.35% if one cause can spoil 3 requests" in found[0].message
    assert "affected users (clump: 1) needs 3 times fewer requests" in found[0].fix


def test_a_bar_can_fire_from_the_least_share_on() -> None:
    for percent, codes in ((7.72, ["cannot_fire"]), (7.73, [])):
        found = warnings(plan_with(stages=[{"percent": percent, "hold": "4d"}]))
        assert [each.code for each in found if each.code == "cannot_fire"] == codes


def test_a_cohort_metric_is_not_diluted() -> None:
    found = warnings(plan_with(stages=[CANARY, LAST], scope="cohort"))
    assert {each.code for each in found} == {"cannot_prove"}


def test_a_stage_that_could_prove_its_bar_but_hardly_will_is_told_its_chance() -> None:
    found = warnings(plan_with(stages=[{"percent": 1, "hold": "5d"}], scope="cohort", clump=1))
    assert [each.code for each in found] == ["cannot_decide"]
    assert found[0].message == (
        "with 479 requests in 1%, a healthy flag (a rate of 0.3%) passes index error rate with a chance of 24% only"
    )


def test_a_baseline_beyond_its_bar_is_named_and_nothing_else_is_advised() -> None:
    found = warnings(plan_with(stages=[CANARY, LAST], baseline="2%", below="1%"))
    assert {each.code for each in found} == {"baseline_beyond_bar"}
    assert found[0].where == "criteria.index error rate.baseline"
    assert found[0].message == "the baseline of 2% is not below 1%: index error rate fails without the flag too"


def test_a_floors_baseline_beyond_its_bar_is_named_too() -> None:
    found = warnings(plan_with(stages=[LAST], baseline="90%", below=None, above="99%"))
    assert {each.code for each in found} == {"baseline_beyond_bar"}


def test_a_stage_with_too_wide_buckets_gets_that_warning_only() -> None:
    plan = plan_with(stages=[{"percent": 1, "hold": "1h"}, {"percent": 2, "hold": "3h"}], scope="cohort")
    found = warnings(plan.model_copy(update={"bucket": timedelta(hours=1)}))
    assert [each.code for each in found] == ["bucket_too_wide", "bucket_too_wide"]
    assert [each.where for each in found] == ["stages.0", "stages.1"]
    assert found[0].message == (
        "1% is held for 1h: less settle (2m) and lag (2m), no whole bucket of 1h may be left to judge"
    )
    assert "only one whole bucket of 1h may be left to judge" in found[1].message
    assert coded(warnings(plan), "bucket_too_wide") == []


def test_a_floor_is_diluted_in_the_same_way() -> None:
    floor = {"kind": "rate", "errors": "confirmed", "total": "total", "above": "92%", "baseline": "99.7%"}
    plan = plan_with(stages=[CANARY, LAST]).model_dump(mode="json", by_alias=True)
    found = warnings(Plan.model_validate(plan | {"criteria": {"confirmed": floor}}))
    assert [each.code for each in found] == ["cannot_fire", "pass_means_nothing"]
    assert "still above 92%; it can only fire at 7.73% or more" in found[0].message


def test_a_plan_without_traffic_is_told_that_nothing_can_be_said() -> None:
    found = warnings(plan_with(stages=[CANARY, LAST], traffic=None, scope="cohort"))
    assert [each.code for each in found] == ["no_traffic"]


def test_a_plan_that_can_decide_hears_nothing() -> None:
    assert warnings(plan_with(stages=[{"percent": 10, "hold": "1w"}, LAST], traffic="20000/hour", scope="cohort")) == []


def test_a_warning_reads_as_one_sentence_and_what_helps() -> None:
    assert str(FindingKind("code", "it rains", "Go inside").at("here")) == "here: it rains. Go inside."
