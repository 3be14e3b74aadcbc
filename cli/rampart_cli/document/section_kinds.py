"""What a heading's words say of its section, and how a heading counts a stage."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from rampart_cli.document.dates import leading_date
from rampart_cli.document.lexicon import ordered, part


class SectionKind(StrEnum):
    """How the lines of a section are to be read."""

    AFTER = "after"  # what is looked at after the launch: no stage, no bar
    RESULTS = "results"  # what was measured: no number in it is a plan
    TESTING = "testing"  # moderated testing with chosen people: no stage of the rollout
    ROLLBACK = "rollback"  # how to go back
    GUIDE = "guide"  # the template talking to the author, questions, contents: no plan
    STAGE = "stage"  # a stage, or a phase that holds stages
    TIMELINE = "timeline"  # dated steps
    CRITERIA = "criteria"  # what is looked at before an advance
    OTHER = "other"  # anything else


DECOYS = frozenset(
    {SectionKind.AFTER, SectionKind.RESULTS, SectionKind.TESTING, SectionKind.ROLLBACK, SectionKind.GUIDE}
)
"""Sections whose numbers never become a stage or a bar."""
_ORNAMENT = r"[^\w~(\[\"'`<>%]{0,8}"
_STAGE_TITLE = re.compile(rf"{_ORNAMENT}(?P<counted>{part('stage name')})(?:\s(?:of|/)\s\d{{1,2}}\b)?", re.IGNORECASE)
_COMPILED = [(SectionKind(kind), pattern) for kind, pattern in ordered("sections")]
_LEADING = re.compile(rf"{_ORNAMENT}(?:\d{{1,2}}(?:[.)]\s|\s?\u20e3\s?))?")
_SHARE = re.compile(r"~?\d{1,3}(?:\.\d+)?\s?%")


@dataclass(frozen=True, slots=True)
class StageName:
    """How a page counts a stage: `Stage B`, the word `stage`, and what follows the name."""

    counted: str
    word: str
    rest: str


@lru_cache(maxsize=4096)
def stage_name(text: str) -> StageName | None:
    """The name that a text begins with: `Phase II`, `Step 3 of 4`; None when it begins otherwise."""
    found = _STAGE_TITLE.match(text)
    if found is None:
        return None
    return StageName(" ".join(found["counted"].split()), found[2].casefold(), text[found.end() :])


def after_stage_name(text: str) -> str:
    """What a heading says besides counting: ` - 10%` of `Stage 1 - 10%`, which isn't a range from 1 to 10."""
    name = stage_name(text)
    return name.rest if name else text


@lru_cache(maxsize=4096)
def kind_of(title: str) -> SectionKind:
    """The kind that a heading's words give to its section."""
    words = _LEADING.sub("", " ".join(title[:200].casefold().split()), count=1).strip(" :.!-\u2013\u2014*_")
    kind = next((kind for kind, pattern in _COMPILED if pattern.search(words)), SectionKind.OTHER)
    # `3/1/2027 - 3/3/2027: 10% of users`
    return SectionKind.STAGE if kind is SectionKind.OTHER and _SHARE.match(leading_date(title)[1]) else kind
