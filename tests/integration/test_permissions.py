"""Every permission is needed, and none is missing: each is taken away in turn, and something breaks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from local.datadog_standin import DatadogStandIn
from local.flipper_standin import FlipperStandIn
from tests.integration import duties
from tests.integration.permissions import Permission, Template

FUNCTIONS = tuple(duties.DUTIES)
EVERY_PERMISSION = [
    pytest.param(function, permission, id=f"{function}-{permission.action}-{permission.resource.rsplit(':', 1)[-1]}")
    for function in FUNCTIONS
    for permission in Template(**duties.CHANGE_CONTROL).permissions(f"{function}Function")
]


class Functions:
    """Lets functions work, and remembers what they do when nothing is taken away."""

    def __init__(self, flipper: FlipperStandIn, datadog: DatadogStandIn) -> None:
        self._outside = flipper, datadog
        self.whole = cache(self._whole)

    def run(self, function: str, without: Permission | None = None) -> duties.Story:
        allowed = [
            each for each in Template(**duties.CHANGE_CONTROL).permissions(f"{function}Function") if each != without
        ]
        return duties.run(function, allowed, *self._outside)

    def with_role(self, function: str, allowed: list[Permission]) -> duties.Story:
        return duties.run(function, allowed, *self._outside, duties.CHANGE_CONTROL | duties.ROLE)

    def _whole(self, function: str) -> duties.Story:
        return self.run(function)


@pytest.fixture(scope="module")
def functions() -> Iterator[Functions]:
    with duties.outside() as (flipper, datadog):
        yield Functions(flipper, datadog)


def with_role(function: str) -> list[Permission]:
    return Template(**duties.CHANGE_CONTROL, **duties.ROLE).permissions(f"{function}Function")


@pytest.mark.parametrize("function", ["Prepare", "Evaluate"])
def test_with_a_role_that_role_is_taken_and_nothing_read_as_the_function(function: str) -> None:
    own = Template(**duties.CHANGE_CONTROL).permissions(f"{function}Function")

    assert set(own) - set(with_role(function)) == {duties.OF_ROLE}
    assert set(with_role(function)) - set(own) == {Permission("sts:AssumeRole", duties.ROLE["CloudWatchRoleArn"])}


@pytest.mark.parametrize("function", ["Prepare", "Evaluate"])
def test_evidence_is_read_as_the_role_that_is_given(functions: Functions, function: str) -> None:
    allowed = [*with_role(function), duties.OF_ROLE]
    whole, own = functions.with_role(function, allowed), functions.whole(function)

    assert {**whole, "reach": None} == {**own, "reach": None}
    assert whole.get("reach", {}).keys() >= own.get("reach", {}).keys(), "with a role, CloudWatch is reached for, too"
    for taken in (duties.OF_ROLE, Permission("sts:AssumeRole", duties.ROLE["CloudWatchRoleArn"])):
        assert functions.with_role(function, [each for each in allowed if each != taken]) != whole


# Functions.


def test_prepare_may_do_what_it_is_there_for(functions: Functions) -> None:
    story = functions.whole("Prepare")

    assert story["start"]["outcome"] == story["resume"]["outcome"] == "ready"
    assert story["items"]["FLAG#new CLAIM "] == 1
    assert story["records"]["ROLLOUT#fallen"]["attempt"] == "2"


def test_advance_may_do_what_it_is_there_for(functions: Functions) -> None:
    story = functions.whole("Advance")

    assert [story[name]["outcome"] for name in ("first", "climbing", "ending")] == ["advanced", "advanced", "completed"]
    assert story["flags"] == {"climbing": 100.0, "ending": 100.0, "first": 1.0}
    assert "FLAG#ending CLAIM " not in story["items"]


def test_evaluate_may_do_what_it_is_there_for(functions: Functions) -> None:
    story = functions.whole("Evaluate")

    assert story["tick"] == {"watched": 6, "looked": 6}
    assert story["tokens"] == [("SendTaskHeartbeat", "bakes-token"), ("SendTaskSuccess", "asks-token")]
    assert story["called"] == ["drift", "evidence", "execution"]


def test_rollback_may_do_what_it_is_there_for(functions: Functions) -> None:
    story = functions.whole("Rollback")

    assert story["alert"]["statusCode"] == 200
    assert story["person"]["outcome"] == story["execution"]["outcome"] == "rolled_back"
    assert story["queue"] == {"batchItemFailures": []}
    assert set(story["flags"].values()) == {0.0}
    assert story["queued"] == 3  # all but the one that came from the queue
    assert len(story["tokens"]) == 4
    assert "FLAG#abandoned CLAIM " not in story["items"]


def test_notify_may_do_what_it_is_there_for(functions: Functions) -> None:
    story = functions.whole("Notify")

    assert [story[f"event {number}"] for number in range(3)] == [{"batchItemFailures": []}] * 3
    assert (story["told on the topic"], story["told Datadog"][0]) == (3, "Advanced: The letters of told")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_does_the_same_when_nothing_is_taken_away(functions: Functions, function: str) -> None:
    """Otherwise the next test would tell nothing."""
    assert functions.run(function) == functions.whole(function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_is_permitted_twice(function: str) -> None:
    """Taking one of two away would break nothing, and the next test takes away both."""
    permissions = Template(**duties.CHANGE_CONTROL).permissions(f"{function}Function")

    assert len(permissions) == len(set(permissions))


@pytest.mark.parametrize(("function", "permission"), EVERY_PERMISSION)
def test_something_breaks_without_a_permission(functions: Functions, function: str, permission: Permission) -> None:
    assert functions.run(function, without=permission) != functions.whole(function)
