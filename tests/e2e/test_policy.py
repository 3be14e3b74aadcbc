"""The organization's policy, a file in S3, refuses a start that breaks it, with the rule's own reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from local.stack import POLICY, LocalStack, put_policy
from tests.e2e.rollouts import Rollout

STRICT = """policy: portfolio
rules:
  - environments: [policed]
    fewest_stages: 6
    reason: Six steps, since the outage of 2025 (ADR 12).
"""


@pytest.fixture
def strict(stack: LocalStack) -> Iterator[None]:
    put_policy(stack.ministack, STRICT)
    yield
    put_policy(stack.ministack, POLICY)


def test_a_start_that_breaks_the_policy_is_refused_with_its_reason(
    new_rollout: Callable[..., Rollout], strict: None
) -> None:
    policed, free = new_rollout(environment="policed"), new_rollout(environment="staging")

    end = policed.execution_end(policed.start())

    assert end["error"] == "PolicyBreach"
    assert (
        "5 stages, and at least 6 are needed (portfolio: Six steps, since the outage of 2025 (ADR 12).)" in end["cause"]
    )
    assert policed.store.state(policed.name) is None
    free.start()
    free.at(1)


def test_a_policy_that_is_none_refuses_every_start(
    new_rollout: Callable[..., Rollout], stack: LocalStack, strict: None
) -> None:
    put_policy(stack.ministack, "rules: [")
    rollout = new_rollout()
    assert rollout.execution_end(rollout.start())["error"] == "PolicyUnreadable"
