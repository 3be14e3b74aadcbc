"""What people read is plain, current American English: codespell knows the spelling, words.toml the phrases."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PHRASES = Path(__file__).with_name("words.toml")
INSTEAD: dict[str, str] = tomllib.loads(PHRASES.read_text(encoding="utf-8"))
BANNED = {re.compile(phrase, re.IGNORECASE): instead for phrase, instead in INSTEAD.items()}
SKIPPED: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["codespell"]["skip"]
"""Codespell's own list holds for phrases too, so that what isn't checked stands in one place."""


def texts() -> Iterator[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.rstrip("\0").split("\0"):
        path = ROOT / name
        if not any(fnmatch(f"./{name}", skipped) for skipped in SKIPPED):
            yield path


def banned_in(text: str) -> Iterator[str]:
    """Each banned phrase with its line and what to write instead."""
    for number, line in enumerate(text.splitlines(), 1):
        for phrase, instead in BANNED.items():
            if found := phrase.search(line):
                yield f"{number}: {found[0]!r}: write {instead}"


def test_no_text_holds_a_banned_phrase() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{each}" for path in texts() for each in banned_in(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "Mend the plan.",
        "x is no valid plan",
        "nobody is asked; somebody was faster",
        "whoever reads it",
        "a start beside a muted monitor",
        "people are told of it",
        "the key stands here twice",
        "it is judged anew",
        "an answer waited for ever",
        "a misspelt name",
        "the time-out is 15 s",
        "turn the flag down by hand",
        "a condition to stop is turned round",
        "it stopped in mid-stage",
        "Everything is as it should be.",
        "nothing waits: all was done",
        "the flag is out of sight",
        "may it go to 75%?",
        "the least sample of a bar",
        "a fail is for good",
        "taken: Pat approves; the advance follows",
        "Pat approves, whatever people report",
        "waits for evidence gathers until the hold is over",
        "a plan knows no such key",
        "Nothing was claimed and no flag was touched",
        "the flag is below its record of 50%",
        "its flags were read at 0%",
        "the new path alone may fail up to 100%",
        "nothing can be said of the new path",
        "one cause can spoil 3 requests",
        "at most 0; said when approving",
        "elapsed from start to here",
        "the last word of each stage",
        "Flipper plays at http://127.0.0.1",
        "input should be a valid tuple",
    ],
)
def test_a_banned_phrase_is_found(line: str) -> None:
    assert list(banned_in(line))


@pytest.mark.parametrize(
    "line",
    [
        "There is no such flag.",
        "a stage is no longer live",
        "the verdict is no data",
        "def test_nobody_waits() -> None:",
        "NobodyWaits",
        "recommended, amended, besides",
    ],
)
def test_what_is_said_plainly_is_left_alone(line: str) -> None:
    assert not list(banned_in(line))
