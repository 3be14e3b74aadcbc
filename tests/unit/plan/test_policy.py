"""A policy holds plans to its rules, by environment, and each breach says what is so, what must be, and why."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from rampart.adapters.policy_file import policy_of
from rampart.errors import PolicyUnreadableError
from rampart.plan.model import Plan
from rampart.plan.policy import Policy
from tests.unit.rollout.world import ERRORS, PLAN

REASON = "Support needs a day."


def breaches(rule: dict[str, Any], **plan: Any) -> list[tuple[str, str]]:
    policy = Policy.model_validate({"policy": "letters", "rules": [{"reason": REASON, **rule}]})
    return [(each.where, each.message) for each in policy.findings(Plan.model_validate(PLAN | plan))]


def told(where: str, what: str) -> list[tuple[str, str]]:
    return [(where, f"{what} (letters: {REASON})")]


RATE = PLAN["criteria"][ERRORS]


@pytest.mark.parametrize(
    ("rule", "plan", "expected"),
    [
        ({"fewest_stages": 3}, {}, []),
        ({"fewest_stages": 4}, {}, told("stages", "3 stages, and at least 4 are needed")),
        ({"largest_first_step": 1}, {}, []),
        (
            {"largest_first_step": 0.5},
            {},
            told("stages.0.percent", "the first step is 1%, and at most 0.5% is allowed"),
        ),
        ({"shortest_hold": "1h"}, {}, []),
        (
            {"shortest_hold": "2h"},
            {"stages": [{"percent": 1, "hold": "2h"}, {"percent": 100, "hold": "1h"}]},
            told("stages.1.hold", "100% holds for 1h, and at least 2h is needed"),
        ),
        ({"criteria": [{"kind": "rate"}]}, {}, []),
        ({"criteria": [{"kind": "rate", "below": "8%"}]}, {}, []),
        (
            {"criteria": [{"kind": "rate", "below": "5%"}]},
            {},
            told("criteria", "no criterion fits {kind: rate, below: 5%}, and one is needed"),
        ),
        ({"criteria": [{"name": "*ERROR*"}, {"query": "t"}]}, {}, []),
        (
            {"criteria": [{"name": "latency*"}]},
            {},
            told("criteria", "no criterion fits {name: latency*}, and one is needed"),
        ),
        (
            {"criteria": [{"kind": "rate", "on_fail": "roll_back"}]},
            {"criteria": {ERRORS: RATE | {"on_fail": "hold"}}},
            told("criteria", "no criterion fits {kind: rate, on_fail: roll_back}, and one is needed"),
        ),
        ({"persons": 1}, {}, []),
        (
            {"persons": 1},
            {"stages": [{"percent": 1, "hold": "1h"}, {"percent": 100, "hold": "1h", "approval": "none"}]},
            told("stages.1.approval", "100% begins without approval, and one person must give it"),
        ),
        ({"persons": 2}, {}, told("approvals", "one person approves each advance, and 2 people must")),
        (
            {"calendar": {"advance_on": "business_days"}},
            {},
            told("calendar.advance_on", "it advances on any day, and business_days are needed"),
        ),
        (
            {"calendar": {"holidays": "US-federal"}},
            {},
            told("calendar.holidays", "it knows no holidays, and US-federal are needed"),
        ),
        ({"calendar": {"between": "08:00-17:00"}}, {"calendar": {"between": "09:00-16:00"}}, []),
        (
            {"calendar": {"between": "09:00-16:00"}},
            {"calendar": {"between": "09:00-16:30"}},
            told("calendar.between", "it advances at 09:00-16:30, and only 09:00-16:00 is allowed"),
        ),
        (
            {"calendar": {"between": "09:00-16:00"}},
            {},
            told("calendar.between", "it advances at any hour, and only 09:00-16:00 is allowed"),
        ),
    ],
)
def test_a_breach_says_both_numbers_and_why(
    rule: dict[str, Any], plan: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert breaches(rule, **plan) == expected


@pytest.mark.parametrize(
    ("hold", "wanted", "is_enough"),
    [
        ("1 business day", "1d", True),
        ("1 business day", "25h", False),
        ("3 business days", "3d", True),
        ("1 business day", "2 business days", False),
        ("3d", "1 business day", False),
        ("4d", "1 business day", True),
        ("7d", "5 business days", False),
        ("8d", "5 business days", True),
    ],
)
def test_holds_are_compared_by_what_is_sure(hold: str, wanted: str, is_enough: bool) -> None:
    """A hold of three days from a Friday evening on may have seen no business day at all."""
    found = breaches({"shortest_hold": wanted}, stages=[{"percent": 100, "hold": hold}])
    assert (not found) is is_enough


@pytest.mark.parametrize(
    ("environments", "holds"),
    [([], True), (["production"], True), (["prod*"], True), (["staging"], False), (["staging", "production"], True)],
)
def test_a_rule_holds_in_its_environments(environments: list[str], holds: bool) -> None:
    assert bool(breaches({"fewest_stages": 9, "environments": environments})) is holds


def test_every_breach_of_every_rule_is_told() -> None:
    found = breaches({"fewest_stages": 9, "largest_first_step": 0.1, "shortest_hold": "1w"})
    assert [where for where, _ in found] == [
        "stages",
        "stages.0.percent",
        "stages.0.hold",
        "stages.1.hold",
        "stages.2.hold",
    ]


@pytest.mark.parametrize(
    "rule", [{}, {"reason": "x"}, {"fewest_stages": 2}, {"reason": "x", "persons": 3}, {"reason": "x", "stagez": 2}]
)
def test_a_rule_without_a_reason_or_a_wish_is_none(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate({"policy": "p", "rules": [rule]})


def test_the_digest_is_of_what_it_says() -> None:
    one, same, other = (
        policy_of(f"policy: p\nrules: [{{reason: x, fewest_stages: {n}}}]\n# {n}".encode(), "f") for n in (2, 2, 3)
    )
    assert one.digest == same.digest != other.digest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "isn't a policy"),
        ("rules: [", "isn't valid YAML"),
        ("policy: p\nrules: [{reason: x}]", "asks for nothing"),
        ("policy: p\nrules: []", "rules"),
        ("policy: p\nrules: [{reason: x, persons: 2}]\nrules: [{reason: y, fewest_stages: 1}]", "duplicate key rules"),
        ("policy: &p p\nrules: [{reason: *p, persons: 2}]", "aliases"),
        ("[" * 2000, "isn't valid YAML"),
        (b"\xff\xfe\x00", "isn't valid YAML"),
    ],
)
def test_what_is_no_policy_is_refused_in_words(text: str | bytes, said: str) -> None:
    with pytest.raises(PolicyUnreadableError, match=said):
        policy_of(text if isinstance(text, bytes) else text.encode(), "policy.yaml")
