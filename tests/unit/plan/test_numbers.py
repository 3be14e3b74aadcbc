"""Numbers of a plan, and of every other document: never a boolean, never beyond counting, whatever is nested."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rampart.finding import Finding
from rampart.model import Model
from rampart.numbers import finite, shown
from rampart.plan.model import Plan
from rampart.plan.problems import problems_of
from rampart.rollout.gate import Answer, Question
from rampart.rollout.prepare import Resume
from rampart.rollout.request import RollbackRequest
from rampart.rollout.state import RolloutState

Make = Callable[..., dict[str, Any]]
Way = tuple[str | int, ...]

WHOLE: dict[str, Any] = {
    "rollout": "claim-letters",
    "title": "Letters",
    "owner": "benefits",
    "flags": ["letters_api"],
    "environment": "staging",
    "timezone": "America/New_York",
    "calendar": {
        "advance_on": "business_days",
        "holidays": "US-federal",
        "between": "09:00-16:00",
        "closed": ["2026-12-24"],
    },
    "traffic": "400/hour",
    "settle": "2m",
    "lag": "2m",
    "look_every": "5m",
    "bucket": "5m",
    "watch": "15m",
    "approval_lapses": "24h",
    "when_blind": "hold",
    "on_drift": {"above": "restore", "below": "hold"},
    "on_alerting": "hold",
    "webhook": "rampart-letters",
    "links": {"The flag": "https://flags.example.gov/features/letters"},
    "alpha_rollout": "5%",
    "monitors": [77],
    "criteria": {
        "rate": {
            "kind": "rate",
            "errors": "e",
            "total": "t",
            "below": "1%",
            "scope": "everyone",
            "baseline": "0.3%",
            "clump": 3,
            "on_fail": "hold",
        },
        "count": {"kind": "count", "query": "q", "at_most": 3},
        "value": {"kind": "value", "query": "q", "below": 2, "for": "5m"},
        "reported": {"kind": "reported", "at_most": 0},
    },
    "finish": "leave",
    "approvals": 1,
    "not_by": "starter",
    "stages": [
        {"name": "Canary", "percent": 1, "users": 50, "hold": "4d", "approval": "required"},
    ],
}
"""A plan with a value at every key but those that `alpha_rollout` takes the place of."""
LEVELS = {"alpha_fail": "1%", "alpha_pass": "1%", "detector": 100}


def ways(document: object, way: Way = ()) -> Iterator[Way]:
    """The way to every value in a document."""
    pairs: Any = document.items() if isinstance(document, dict) else enumerate(document)  # type: ignore[arg-type]  # a document is one or the other
    for key, value in pairs:
        yield (*way, key)
        if isinstance(value, dict | list):
            yield from ways(value, (*way, key))


def with_value(way: Way, value: object) -> dict[str, Any]:
    """The whole plan with another value at one place."""
    plan = copy.deepcopy(WHOLE)
    if way[-1] in LEVELS:
        del plan["alpha_rollout"]
    place: Any = plan
    for key in way[:-1]:
        place = place[key]
    place[way[-1]] = value
    return plan


def problems(document: object) -> list[Finding]:
    with pytest.raises(ValidationError) as caught:
        Plan.model_validate(document)
    return list(problems_of(caught.value))


EVERYWHERE = [*ways(WHOLE), *(("criteria", "rate", level) for level in LEVELS)]
NUMBERS: list[Way] = [
    ("monitors", 0),
    ("approvals",),
    ("criteria", "rate", "clump"),
    ("criteria", "rate", "alpha_fail"),
    ("criteria", "rate", "alpha_pass"),
    ("criteria", "rate", "detector"),
    ("alpha_rollout",),
    ("criteria", "count", "at_most"),
    ("criteria", "value", "below"),
    ("criteria", "value", "above"),
    ("criteria", "reported", "at_most"),
    ("stages", 0, "percent"),
    ("stages", 0, "users"),
]


UNCOUNTABLE = [float("nan"), float("inf"), -float("inf"), 10**400, -(10**400), 10**5000]


def test_the_whole_plan_is_one() -> None:
    Plan.model_validate(WHOLE)
    assert Plan.model_fields.keys() == WHOLE.keys()


@pytest.mark.parametrize("boolean", [True, False])
@pytest.mark.parametrize("way", EVERYWHERE, ids=lambda way: ".".join(map(str, way)))
def test_a_boolean_is_nowhere_a_value_of_a_plan(way: Way, boolean: bool) -> None:
    """YAML reads yes, on and true alike, and Python takes true for 1: `percent: yes` would be a canary of 1%."""
    assert ".".join(map(str, way)) in {problem.where for problem in problems(with_value(way, boolean))}


@pytest.mark.parametrize("way", NUMBERS, ids=lambda way: ".".join(map(str, way)))
def test_what_a_boolean_was_read_from_is_said(way: Way) -> None:
    [found] = [each for each in problems(with_value(way, value=True)) if each.where == ".".join(map(str, way))]
    assert found.message == "`true` isn't a number; YAML reads yes, on and true as true"
    [found] = [each for each in problems(with_value(way, value=False)) if each.where == ".".join(map(str, way))]
    assert found.message == "`false` isn't a number; YAML reads no, off and false as false"


def test_every_boolean_is_told_at_once_beside_every_other_problem(document: Make) -> None:
    broken = document(
        owner="", monitors=[77, True], stages=[{"percent": True, "hold": "1d"}, {"percent": 2, "hold": "soon"}]
    )
    assert {each.where for each in problems(broken)} == {"owner", "monitors.1", "stages.0.percent", "stages.1.hold"}


def test_a_word_that_yaml_takes_for_a_boolean_is_asked_for_in_quotes(document: Make) -> None:
    [found] = problems(document(stages=[{"percent": 1, "hold": "1d", "name": True}]))
    assert "in quotes" in found.fix


@pytest.mark.parametrize(
    "number", [float("nan"), float("inf"), -float("inf"), 10**400, -(10**400), 10**5000], ids=shown
)
@pytest.mark.parametrize("way", NUMBERS, ids=lambda way: ".".join(map(str, way)))
def test_a_number_that_cannot_be_counted_with_is_refused_in_words(way: Way, number: float) -> None:
    [found] = [each for each in problems(with_value(way, number)) if each.where == ".".join(map(str, way))]
    assert "finite number" in found.message or "is too large" in found.message
    assert len(found.message) < 300


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "9" * 400])
@pytest.mark.parametrize("way", NUMBERS, ids=lambda way: ".".join(map(str, way)))
def test_neither_is_it_as_text(way: Way, text: str) -> None:
    assert problems(with_value(way, text))


def test_a_number_in_quotes_is_that_number(document: Make) -> None:
    plan = Plan.model_validate(document(stages=[{"percent": "25", "hold": "1d"}]))
    assert plan.stages[0].percent == 25


@pytest.mark.parametrize("way", EVERYWHERE, ids=lambda way: ".".join(map(str, way)))
@pytest.mark.parametrize("in_a_list", [True, False])
def test_what_nests_without_end_is_a_problem_and_no_accident(way: Way, in_a_list: bool) -> None:
    deep: object = 0
    for _ in range(3000):
        deep = [deep] if in_a_list else {"a": deep}
    assert all(len(problem.message) < 500 for problem in problems(with_value(way, deep)))


def test_a_text_without_end_does_not_drown_what_is_wrong_with_it(document: Make) -> None:
    assert all(len(each.message) < 500 for each in problems(document(rollout="A" * 200_000, settle="s" * 200_000)))


NOW = "2026-03-10T10:00:00Z"


@pytest.mark.parametrize(
    ("model", "said", "path"),
    [
        (Resume, {"rollout": "r", "stage": True, "by": "b", "decision": "d"}, ("stage",)),
        (
            Answer,
            {"decision": "approve", "by": "b", "execution": "e", "at": NOW, "reported": {"x": True, "y": 1}},
            ("reported", "x"),
        ),
        (Question, {"evaluation": "e", "verdict": "pass", "reported": {"x": False}}, ("reported", "x")),
        (RollbackRequest, {"cause": "person", "reason": "r", "asked_at": NOW, "attempt": True}, ("attempt",)),
        (RollbackRequest, {"cause": "person", "reason": "r", "asked_at": NOW, "epoch": 10**400}, ("epoch",)),
    ],
)
def test_other_documents_take_no_boolean_for_a_number_either(model: type[Model], said: Any, path: Way) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(said)
    assert [error["loc"] for error in caught.value.errors()] == [path]


def test_what_is_a_boolean_stays_one(document: Make) -> None:
    request = {"cause": "person", "reason": "r", "asked_at": NOW, "queued": True}
    assert RollbackRequest.model_validate(request).queued is True
    latest = {"id": "e", "at": NOW, "verdict": "pass", "verdicts": {}, "asked": False}
    record = {
        "rollout": "claim-letters",
        "status": "live",
        "plan": document(),
        "plan_hash": "h",
        "execution": "e",
        "standing": {"stage": 0, "percent": 1, "started": NOW, "hold_ends": NOW, "latest": latest},
        "watched": False,
        "started": NOW,
        "attempt_started": NOW,
        "updated": NOW,
    }
    state = RolloutState.model_validate(record)
    assert state.watched is False
    assert state.latest is not None
    assert state.latest.asked is False


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def refusals(document: object) -> list[Finding]:
    """Why a plan is none; nothing where it is one, and reads back as the same."""
    try:
        plan = Plan.model_validate(document)
    except ValidationError as error:
        return list(problems_of(error))
    assert Plan.model_validate_json(plan.model_dump_json(by_alias=True)).digest == plan.digest
    return []


@given(st.sampled_from(EVERYWHERE), json_values)
def test_whatever_stands_at_a_place_it_is_taken_or_refused_in_words(way: Way, value: object) -> None:
    assert all(problem.message and len(problem.message) < 500 for problem in refusals(with_value(way, value)))


@given(json_values)
def test_a_number_is_finite_and_no_boolean_or_it_is_refused(value: object) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e308:
        assert finite(value) == value
    else:
        with pytest.raises(ValueError, match="number"):
            finite(value)


@pytest.mark.parametrize(("written", "percent"), [("5%", 5.0), (" 0.5 % ", 0.5), ("100%", 100.0), (5, 5.0)])
def test_a_stages_percentage_may_have_its_sign(document: Make, written: object, percent: float) -> None:
    plan = Plan.model_validate(document(stages=[{"percent": written, "hold": "1d"}]))
    assert plan.stages[0].percent == percent
    bare = Plan.model_validate(document(stages=[{"percent": percent, "hold": "1d"}]))
    assert plan.digest == bare.digest, "however it is written, it is the same plan"


@pytest.mark.parametrize("written", ["101%", "-1%", "0%", "5 %%", "%5", "five%"])
def test_what_is_no_percentage_is_none_with_its_sign_either(document: Make, written: str) -> None:
    [found] = problems(document(stages=[{"percent": written, "hold": "1d"}]))
    assert found.where == "stages.0.percent"
