"""Who answers a gate, where the plan asks for two people, or for another person than the starter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local import ministack
from tests.integration.decisions import Decisions, deciding

pytestmark = pytest.mark.skipif(not ministack.INTERPRETER.exists(), reason="no .venv-aws: `make local-tools` makes it")

TWO = {"plan": json.dumps({"approvals": 2, "not_by": None}), "begun_by": "arn:start"}
ANOTHER = {"plan": json.dumps({"approvals": 1, "not_by": "starter"}), "begun_by": "arn:start"}


@pytest.fixture(scope="module")
def decisions() -> Iterator[Decisions]:
    with deciding() as made:
        yield made


def test_the_first_of_two_approvals_is_kept_and_nothing_goes_on(decisions: Decisions) -> None:
    rollout = decisions.gate(record=TWO)
    ended = decisions.end(rollout, person="robin")
    assert json.loads(ended["output"])["approvals"] == 1
    assert json.loads(ended["output"])["said"] == "Robin Vale approves"
    assert not decisions.is_answered(rollout)
    message, details = decisions.told(rollout)
    assert message == "Robin Vale approves, as the first of two: looks good"
    assert (details["person"], details["first"]) == ("robin", True)


def test_the_second_person_answers_the_gate(decisions: Decisions) -> None:
    rollout = decisions.gate(record=TWO)
    decisions.end(rollout, person="robin")
    decisions.decide(rollout, person="ana", by="Ana")
    assert decisions.is_answered(rollout)


def test_one_person_is_not_two_whatever_they_type(decisions: Decisions) -> None:
    rollout = decisions.gate(record=TWO)
    decisions.end(rollout, person="robin")
    ended = decisions.end(rollout, person="robin", by="Ana")
    assert ended["error"] == "SamePerson"
    assert ended["cause"].startswith("robin has approved this already, as Robin Vale.")
    assert not decisions.is_answered(rollout)


@pytest.mark.parametrize("decision", ["approve", "override"])
@pytest.mark.parametrize("record", [TWO, ANOTHER], ids=["two", "another"])
def test_someone_whom_aws_does_not_know_is_refused(decisions: Decisions, record: dict[str, Any], decision: str) -> None:
    rollout = decisions.gate(record=record)
    assert decisions.decide(rollout, decision=decision) == "NotProven"
    assert decisions.decide(rollout, decision=decision, person="") == "NotProven"
    assert not decisions.is_answered(rollout)
    assert not decisions.has_events(rollout)


def test_the_starter_does_not_approve_where_the_plan_says_so(decisions: Decisions) -> None:
    rollout = decisions.gate(record=ANOTHER | {"begun_by": "arn:start-1"})
    assert decisions.decide(rollout, person="ana") == "NotProven", "no one knows who started it"
    decisions.knows("arn:start-1", "robin")
    assert decisions.decide(rollout, person="robin", by="Ana") == "IsStarter"
    assert not decisions.is_answered(rollout)
    decisions.decide(rollout, person="ana")
    assert decisions.is_answered(rollout)


def test_two_people_at_once_are_two(decisions: Decisions) -> None:
    rollout = decisions.gate(record=TWO)
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda person: decisions.end(rollout, person=person), ["robin", "ana"]))
    assert decisions.is_answered(rollout)
    assert [end["status"] for end in ends].count("SUCCEEDED") == 1, "the other meets a token that no one waits for"


def test_one_person_in_many_executions_at_once_is_one(decisions: Decisions) -> None:
    rollout = decisions.gate(record=TWO)
    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(lambda _: decisions.end(rollout, person="robin"), range(4)))
    assert sorted(end["status"] for end in ends) == ["FAILED"] * 3 + ["SUCCEEDED"]
    assert not decisions.is_answered(rollout)
