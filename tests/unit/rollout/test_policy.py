"""A start is held to the organization's policy, and the record says to which."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rampart.errors import PolicyUnreadableError
from rampart.plan.policy import Policy
from tests.unit.rollout.world import EXECUTION, PLAN, World, assert_ready, errors_of

RULES = [{"fewest_stages": 4, "environments": ["production"], "reason": "Four are few enough (ADR 7)."}]
POLICY = Policy.model_validate({"policy": "letters", "rules": RULES})


@dataclass(frozen=True)
class FixedPolicy:
    found: Policy | PolicyUnreadableError

    def policy(self) -> Policy:
        if isinstance(self.found, PolicyUnreadableError):
            raise self.found
        return self.found


def start(world: World, found: Policy | PolicyUnreadableError, **plan: Any) -> dict[str, Any]:
    return replace(world.prepare, policy=FixedPolicy(found))(PLAN | plan, EXECUTION).to_wire()


def test_a_plan_that_breaks_a_rule_is_refused_with_the_rules_own_reason(world: World) -> None:
    outcome = start(world, POLICY)
    assert errors_of(outcome) == {"PolicyBreach": "stages"}
    assert "3 stages, and at least 4 are needed (letters: Four are few enough (ADR 7).)" in outcome["cause"]
    assert (world.store.states, world.percent) == ({}, 0)


def test_a_plan_of_another_environment_starts_and_names_the_policy(world: World) -> None:
    assert_ready(start(world, POLICY, environment="staging"))
    assert world.store.told[0].details["policy"] == {"letters": POLICY.digest}


def test_a_policy_that_cannot_be_read_refuses_every_start(world: World) -> None:
    """Otherwise taking the file away would take the policy away."""
    outcome = start(world, PolicyUnreadableError("s3://b/policy.yaml can't be read: S3 answers AccessDenied"))
    assert errors_of(outcome) == {"PolicyUnreadable": "stack"}


def test_without_a_policy_nothing_is_said_of_one(world: World) -> None:
    assert_ready(world.start())
    assert "policy" not in world.store.told[0].details
