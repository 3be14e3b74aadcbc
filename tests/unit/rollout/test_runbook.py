"""The runbook explains every headline that a rollout can have, in the words that people see."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.rollout.test_situation import TABLE

RUNBOOK = (Path(__file__).parents[3] / "docs" / "operating.md").read_text()
WORDS = RUNBOOK.partition("## By the words on the screen")[2].partition("\n### ")[0]
HEADLINES = {row[2] for row in TABLE} | {
    "Holding at 25%: every rollout is frozen",
    "ann overrode the evidence: advancing to 100%",
    "Waiting for approval to finish at 100%",
}


def pattern(words: str) -> str:
    """What a phrase of the runbook stands for: an ellipsis is anything, and a percentage is any stage."""
    return re.sub(r"\d+%", r"[\\w%(), ]+", re.escape(words).replace("…", ".+"))


EXPLAINED = [
    pattern(words)
    for row in re.findall(r"^\| (`.+?`) \|", WORDS, re.MULTILINE)
    for words in re.findall(r"`([^`]+)`", row)
]


def is_explained(headline: str) -> bool:
    return any(re.fullmatch(each, headline) for each in EXPLAINED)


@pytest.mark.parametrize("headline", sorted(HEADLINES))
def test_every_headline_is_explained(headline: str) -> None:
    assert is_explained(headline)


def test_another_headline_is_not() -> None:
    assert not is_explained("Sleeping at 25%")
