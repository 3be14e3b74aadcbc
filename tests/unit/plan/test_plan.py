from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from rampart.plan.criterion import OnFail, RateSpec
from rampart.plan.model import OnAlerting, OnFall, OnRise, Plan, WhenBlind
from rampart.plan.problems import problems_of as found_in
from rampart.plan.stage import Approval

Make = Callable[..., dict[str, Any]]

RATE = {"kind": "rate", "errors": "e", "total": "t", "below": "1%", "scope": "cohort"}
COMPLAINTS = {"kind": "reported", "at_most": 0}


def problems_of(document: object) -> dict[str, str]:
    """What is wrong with a plan, by path."""
    with pytest.raises(ValidationError) as caught:
        Plan.model_validate(document)
    return {problem.where: problem.message for problem in found_in(caught.value)}


def test_what_a_team_leaves_out_has_careful_defaults(document: Make) -> None:
    plan = Plan.model_validate(document())
    assert plan.when_blind is WhenBlind.HOLD
    assert (plan.on_drift.above, plan.on_drift.below) == (OnRise.ROLL_BACK, OnFall.HOLD)
    assert (plan.on_alerting, plan.webhook) == (OnAlerting.ROLL_BACK, None)
    assert plan.criteria["index error rate"].on_fail is OnFail.ROLL_BACK
    assert {stage.approval for stage in plan.stages} == {Approval.REQUIRED}
    assert plan.environment == "production"


def test_stages_are_called_by_name_and_percentage(document: Make) -> None:
    assert [stage.label for stage in Plan.model_validate(document()).stages] == ["Canary (1%)", "25%"]


def test_every_problem_is_told_at_once_with_its_path(document: Make) -> None:
    broken = document(
        rollout="Claim Letters",
        owner="",
        flags=["letters_api", "letters_api"],
        timezone="Mars/Olympus",
        calendar={"between": "16:00-09:00", "holidays": "UK"},
        look_every="3d",
        settle="soon",
        traffic="400",
        criteria={
            "index error rate": {"kind": "rate", "errors": "e", "total": "t"},
            "p95": {"kind": "value", "query": "q", "below": 1, "above": 0},
            "refunds": {"kind": "sum", "query": "q"},
        },
        stages=[{"percent": 5, "hold": "200d"}, {"percent": 5, "hold": "150d"}],
        color="green",
    )
    del broken["criteria"]["index error rate"]["errors"]
    assert problems_of(broken).keys() == {
        "rollout",
        "owner",
        "flags",
        "timezone",
        "calendar.between",
        "calendar.holidays",
        "look_every",
        "settle",
        "traffic",
        "criteria.index error rate.errors",
        "criteria.p95",
        "criteria.refunds.kind",
        "stages.1.percent",
        "stages",
        "color",
    }


@pytest.mark.parametrize(
    ("changes", "path", "what"),
    [
        ({"flags": ["a", "a"]}, "flags", "a flag is named twice"),
        ({"flags": []}, "flags", "at least 1 needed"),
        ({"flags": ["a/b"]}, "flags.0", "not made of letters, digits"),
        ({"flags": [".."]}, "flags.0", "not made of letters, digits"),
        (
            {"alpha_rollout": "5%", "criteria": {"errors": {**RATE, "alpha_fail": "1%"}}},
            "criteria.errors",
            "alpha_rollout sets alpha_fail",
        ),
        (
            {"stages": [{"percent": 25, "hold": "1d"}, {"percent": 1, "hold": "1d"}]},
            "stages.1.percent",
            "1% comes after 25%",
        ),
        ({"stages": [{"percent": 0, "hold": "1d"}]}, "stages.0.percent", "a stage lets someone in"),
        ({"stages": [{"percent": 101, "hold": "1d"}]}, "stages.0.percent", "101 is more than 100"),
        ({"stages": [{"percent": 0.1234, "hold": "1d"}]}, "stages.0.percent", "Flipper keeps three"),
        ({"stages": [{"percent": float("nan"), "hold": "1d"}]}, "stages.0.percent", ""),
        ({"stages": [{"percent": 1, "hold": "301d"}]}, "stages", "the longest plan is 300 days"),
        ({"stages": [{"percent": 1, "hold": "201 business days"}]}, "stages", "the longest plan is 300 days"),
        ({"criteria": {"complaints": COMPLAINTS}}, "criteria", "at least one must be measured"),
        ({"criteria": {}}, "criteria", "at least 1 needed"),
        ({"criteria": {"x": {**RATE, "below": 0.01}}}, "criteria.x.below", "write it with its sign"),
        ({"criteria": {"x": {**RATE, "below": "0%"}}}, "criteria.x.below", "between 0% and 100%, exclusive"),
        ({"criteria": {"x": {**RATE, "below": "100%"}}}, "criteria.x.below", "between 0% and 100%, exclusive"),
        ({"criteria": {"x": {**RATE, "above": "99%"}}}, "criteria.x", "give one bar"),
        ({"criteria": {"x": {**RATE, "scope": "everyone"}}}, "criteria.x.baseline", "needs a baseline"),
        ({"criteria": {"x": {**RATE, "clump": 0.5}}}, "criteria.x.clump", "0.5 is less than 1"),
        ({"criteria": {"x": {**RATE, "alpha_fail": 0.5}}}, "criteria.x.alpha_fail", "less than 0.5"),
        ({"criteria": {"x": {**RATE, "detector": float("inf")}}}, "criteria.x.detector", ""),
        ({"criteria": {"x": {"kind": "count", "query": "q", "at_most": float("inf")}}}, "criteria.x.at_most", "finite"),
        (
            {"criteria": {"x": {"kind": "count", "query": "q", "at_most": -1}}},
            "criteria.x.at_most",
            "-1 is less than 0",
        ),
        ({"criteria": {"x": {"kind": "value", "query": "q"}}}, "criteria.x", "give one bar"),
        ({"calendar": {"between": "09:00+01:00-16:00"}}, "calendar.between", '"09:00-16:00"'),
        ({"calendar": {"between": "09:00-25:00"}}, "calendar.between", "no clock shows"),
        ({"calendar": {"between": "16:00-09:00"}}, "calendar.between", "ends before it begins"),
        ({"look_every": "25h"}, "look_every", "at least once a day"),
        ({"webhook": "@webhook-rampart"}, "webhook", "without @webhook- in front"),
        ({"webhook": ""}, "webhook", "a webhook's name"),
        ({"on_alerting": "ignore"}, "on_alerting", "'ignore' isn't one of 'roll_back' or 'hold'"),
        ({"timezone": "../etc/passwd"}, "timezone", "not a time zone"),
        ({"timezone": "Eastern"}, "timezone", "did you mean 'America/New_York'?"),
        (
            {"approval_lapses": "1h", "stages": [{"percent": 1, "hold": "25h"}]},
            "approval_lapses",
            "asked 7,200 times in 300 days, and the execution's history would be full before; let it stand for 8h",
        ),
        ({"approval_lapses": "7h", "stages": [{"percent": 1, "hold": "1 business day"}]}, "approval_lapses", "1,029"),
    ],
)
def test_each_problem_has_its_own_path_and_words(document: Make, changes: dict[str, Any], path: str, what: str) -> None:
    problems = problems_of(document(**changes))
    assert problems.keys() == {path}
    assert what in problems[path]


@pytest.mark.parametrize(("lapses", "hold"), [("8h", "300d"), ("432m", "300d"), ("10s", "1d"), ("1h", "2h")])
def test_a_question_may_lapse_early_in_a_short_plan_or_in_a_working_day(document: Make, lapses: str, hold: str) -> None:
    Plan.model_validate(document(approval_lapses=lapses, stages=[{"percent": 1, "hold": hold}]))


def test_two_problems_of_one_criterion_are_both_told(document: Make) -> None:
    rate = {"kind": "rate", "errors": "e", "total": "t"}
    problems = problems_of(document(criteria={"x": rate}))
    assert problems.keys() == {"criteria.x", "criteria.x.baseline"}


@pytest.mark.parametrize("document", [None, [], "plan", 3, {"rollout": 3}])
def test_what_is_not_a_plan_at_all_is_a_problem_not_a_crash(document: object) -> None:
    assert problems_of(document)


@pytest.mark.parametrize("document", [[], "plan"])
def test_what_has_no_keys_is_told_in_the_words_of_a_person(document: object) -> None:
    assert problems_of(document)["plan"] == "this isn't a mapping of keys to values"


def test_a_key_is_asked_for_by_example_and_a_misspelled_one_by_the_right_spelling(document: Make) -> None:
    said = document(flag="letters", stages=["5%"])
    del said["rollout"], said["flags"]
    with pytest.raises(ValidationError) as caught:
        Plan.model_validate(said)
    told = {problem.where: (problem.message, problem.fix) for problem in found_in(caught.value)}
    assert told["rollout"][0] == "missing required key 'rollout', for example rollout: my-rollout"
    assert told["flag"] == ("unknown key 'flag'; did you mean 'flags'?", "Fix its spelling, or remove it")
    assert told["stages.0"][1] == "Write a percentage and a hold, such as {percent: 5%, hold: 1d}"


def test_names_of_another_form_are_told_in_words_and_not_by_a_pattern(document: Make) -> None:
    problems = problems_of(document(rollout="Letters_New", flags=["new source"]))
    assert problems["rollout"].startswith("'Letters_New' is not made of 2 to 63 lower-case letters")
    assert (
        problems["flags.0"] == "'new source' is not made of letters, digits and _ : - . with more than dots among them"
    )


def test_the_digest_pins_the_content_and_not_the_way_it_is_written(document: Make) -> None:
    plan = Plan.model_validate(document(look_every="5m"))
    same = Plan.model_validate(dict(reversed(document(look_every="300s").items())))
    other = Plan.model_validate(document(look_every="6m"))
    assert plan.digest == same.digest
    assert plan.digest != other.digest


@pytest.mark.parametrize("written", ["1%", 0.01])
def test_a_chance_of_being_wrong_may_be_a_percentage_or_a_number(document: Make, written: object) -> None:
    plan = Plan.model_validate(document(criteria={"errors": {**RATE, "alpha_fail": written}}))
    spec = plan.criteria["errors"]
    assert isinstance(spec, RateSpec)
    assert spec.alpha_fail == 0.01


def test_the_digest_does_not_change_from_release_to_release(document: Make) -> None:
    # A rollout that is live while Rampart is updated keeps its pinned plan. A new default is a new plan: then, and
    # only then, this number may change.
    assert Plan.model_validate(document()).digest[:16] == "4113785266892982"


@pytest.mark.parametrize("later", [{"on_alerting": "hold"}, {"webhook": "rampart-letters"}, {"alpha_rollout": "5%"}])
def test_what_came_later_pins_a_plan_only_where_it_is_used(document: Make, later: dict[str, Any]) -> None:
    before = Plan.model_validate(document())
    as_before = {"on_alerting": "roll_back", "webhook": None, "alpha_rollout": None}
    assert Plan.model_validate(document(**as_before)).digest == before.digest
    assert Plan.model_validate(document(**later)).digest != before.digest


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"monitors": [77], "on_alerting": "hold", "webhook": "rampart-letters"},
        {"traffic": "1000000/s"},
        {"traffic": "100/day"},
        {"calendar": {"advance_on": "business_days", "holidays": "US-federal", "between": "09:00-16:00"}},
        {"criteria": {"x": {**RATE, "below": "0.000001%"}}},
        {"criteria": {"x": {**RATE, "below": "12.345678%"}}},
        {"criteria": {"x": {"kind": "value", "query": "q", "above": -1.5e-9, "for": "90s"}, "y": COMPLAINTS}},
        {"settle": "0.5s", "stages": [{"percent": 0.125, "hold": "1.001s"}, {"percent": 100, "hold": "1w"}]},
    ],
)
def test_a_stored_plan_reads_as_the_plan_that_was_stored(document: Make, changes: dict[str, Any]) -> None:
    plan = Plan.model_validate(document(**changes))
    again = Plan.model_validate_json(plan.model_dump_json(by_alias=True))
    assert again == plan
    assert again.digest == plan.digest


def test_a_measured_clump_is_stored_with_where_it_comes_from(document: Make) -> None:
    plan = Plan.model_validate(document())
    rate = plan.criteria["index error rate"]
    assert isinstance(rate, RateSpec)
    measured = rate.model_copy(update={"clump": 2.5, "clump_source": "measured from 168 hours"})
    pinned = plan.model_copy(update={"criteria": {"index error rate": measured}})
    assert Plan.model_validate_json(pinned.model_dump_json(by_alias=True)) == pinned


def test_a_plan_with_a_looked_up_calendar_equals_itself_before(document: Make) -> None:
    rules = {"advance_on": "business_days", "holidays": "US-federal"}
    plan, fresh = (Plan.model_validate(document(calendar=rules)) for _ in range(2))
    plan.calendar.is_business_day(plan.calendar.next_opening(datetime(2026, 3, 10, 14, tzinfo=UTC), plan.zone).date())
    assert plan == fresh
    assert json.loads(plan.model_dump_json()) == json.loads(fresh.model_dump_json())
