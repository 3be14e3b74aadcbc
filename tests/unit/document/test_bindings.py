"""One file of a team says what its criteria are in Datadog; every further plan uses it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from rampart.plan.model import Plan
from rampart_cli.document import Bindings, BindingsError, Reading, draft
from rampart_cli.document.bindings_file import read_bindings

SHIPPED = Path(__file__).parents[3] / "events" / "bindings.yaml"


@pytest.fixture
def bindings() -> Bindings:
    return read_bindings(
        "synonyms: [[call center, contact center]]\n"
        "criteria:\n"
        "  '*error rate': {kind: rate, errors: e, total: t, scope: cohort}\n"
        "  index error rate: {kind: rate, errors: ie, total: it, scope: cohort}\n"
        "  call centre complaints: {kind: reported}\n"
        "  slow?pages: {kind: count, query: q, at_most: 7}\n"
    )


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("Call center complaints", "call centre complaints"),
        ("contact-centre complaint", "call centre complaints"),
        ("Index Error Rate", "index error rate"),
        ("Download error rates", "*error rate"),
        ("slow pages", "slow?pages"),
        ("bounce rate", None),
    ],
)
def test_a_name_is_matched_whatever_its_spelling(bindings: Bindings, name: str, pattern: str | None) -> None:
    found = bindings.find(name)

    assert (found.pattern if found else None) == pattern


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("criteria: [", "valid YAML"),
        ("criteria: {a: {kind: ratio}}", "'a' needs a kind: one of rate, compare, count, value, reported"),
        ("criteria: {a: {kind: rate, errros: x}}", "'a' has keys that no rate has: errros"),
        ("criterion: {}", "criteria"),
        ("- a", "the file"),
        ("[" * 5000, "valid YAML"),
        ("", "the file is empty"),
        ("[]", "the file holds a list"),
        ("criteria: {a: {kind: rate, errors: [1, 2], total: t}}", "'a': errors: .* isn't text"),
        (
            "criteria: {a: {kind: rate, errors: e, total: t, scope: maybe}}",
            "'a': scope: 'maybe' isn't one of 'everyone'",
        ),
        ("criteria: {a: {kind: rate, errors: e, total: t, baseline: -3}}", "'a': baseline: -3 is not a percentage"),
        (
            "criteria:\n  a: {kind: reported}\n  a: {kind: count}",
            "line 3, column 3: duplicate key 'a', first on line 2",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, says: str) -> None:
    with pytest.raises(BindingsError, match=says.replace("'", ".")):
        read_bindings(text)


PAGE = """# Rollout plan: {title}

Owner: letters-team
Time zone: Eastern
Feature flag: `{flag}`

## Stage A: {first}% of users
- Length of time: 2 business days

## Stage B: 100% of users
- Length of time: 1 week

## Success criteria
- {index}: < {bar}%
- Downloads error rate: < 8%
- Contact centre complaints: 0
"""


@pytest.mark.parametrize(
    "words",
    [
        {"title": "claim letters", "flag": "letters_api", "first": 1, "index": "Index error rate", "bar": 1},
        {"title": "decision letters", "flag": "decisions_api", "first": 5, "index": "Letter-list error rate", "bar": 2},
    ],
    ids=["first plan", "second plan"],
)
def test_a_plan_of_the_same_team_needs_no_query_typed_again(
    words: dict[str, object], reading: Callable[[str], Reading]
) -> None:
    plans = reading(PAGE.format(**words)).plans

    text = draft(plans, source="page.md", bindings=read_bindings(SHIPPED.read_text()))

    plan = Plan.model_validate(yaml.safe_load(text))
    index = plan.criteria[str(words["index"])]
    assert index.kind == "rate"
    assert index.below == pytest.approx(float(str(words["bar"])) / 100)
    assert "action:index,status:5*" in index.errors
    assert [str(stage.hold) for stage in plan.stages] == ["2 business days", "1w"]


def test_the_bar_of_the_page_wins_and_that_of_the_file_fills_in(
    bindings: Bindings, reading: Callable[[str], Reading]
) -> None:
    page = "# Plan\n## Stage A: 100%\n## Success criteria\n- Slow pages{}\n"

    stated = draft(reading(page.format(": < 4")).plans, source="page.md", bindings=bindings)
    silent = draft(reading(page.format("")).plans, source="page.md", bindings=bindings)

    assert "at_most: 3  # line 4: Slow pages: < 4; fewer than 4 is at most 3" in stated
    assert "at_most: 7  # bindings: slow?pages" in silent
