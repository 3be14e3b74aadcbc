"""The words that tell what something on a page is, kept as data in `lexicon.toml`, and whether they are English."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

_FILES = [Path(__file__).with_name(name) for name in ("lexicon.toml", "languages.toml")]
_PART = re.compile(r"\{([a-z ]+)\}")
_STANDS_FOR = {
    "stage": "stage", "users": "user", "audience": "tester", "flag": "flag", "stops": "halt", "goes on": "advance",
    "placeholder": "TBD",
}  # fmt: skip  # a table, many to a line
TEAM_KINDS = frozenset(_STANDS_FOR)
"""The kinds of words that a team may add to."""
_APART = re.compile(r"[^\w*?\[\]!%]+|_+")
_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[a-z\u00e0-\u024f]")
_LEAST = 4
"""Small words of a language below which a page is too short to tell."""
_TIMES = 2
"""How many times the English small words those of another language must be."""


@cache
def _file() -> dict[str, Any]:
    return {kind: held for file in _FILES for kind, held in tomllib.loads(file.read_text(encoding="utf-8")).items()}


def listed(kind: str) -> list[str]:
    """The words of one kind, in their order."""
    return list(_file()[kind])


_SPELLINGS = dict(zip(*(_file()["spellings"][kind].split() for kind in ("british", "american")), strict=True))
NUMBER_WORDS = {word: number for number, word in enumerate(listed("numbers"))}


@cache
def words(kind: str) -> re.Pattern[str]:
    """A pattern that finds any word of one kind, as whole words and in any case."""
    return re.compile(rf"(?<!\w){part(kind)}(?!\w)", re.IGNORECASE)


@cache
def part(name: str) -> str:
    """A named part of the patterns, or the words of one kind, with the parts that it names itself put in."""
    parts: dict[str, str] = _file()["parts"]
    return _filled(parts[name] if name in parts else "(?:" + "|".join(_file()[name]) + ")")


def _filled(text: str) -> str:
    return _PART.sub(lambda found: part(found[1]), text)


@cache
def pattern(name: str) -> re.Pattern[str]:
    """A pattern that finds any of the alternatives listed under a name, in any case."""
    return re.compile(_filled("|".join(_file()["patterns"][name])), re.IGNORECASE)


def says(kind: str, text: str) -> bool:
    """Whether a text holds any of the alternatives listed under a name."""
    return bool(pattern(kind).search(text))


def operators() -> dict[str, str]:
    """The signs of the operators, each with the pattern of what is written for it."""
    return {sign: _filled("|".join(written)) for sign, written in _file()["operators"].items()}


def ordered(kind: str) -> list[tuple[str, re.Pattern[str]]]:
    """What each pattern of one kind tells, in the order in which they are tried."""
    return [(tells, re.compile(_filled(each))) for tells, each in _file()[kind]]


@dataclass(frozen=True)
class TeamWords:
    """A team's own words, each read as the first word of the kind that it belongs to: `batch 2` as `stage 2`."""

    by_kind: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def plain(self, text: str) -> str:
        """The text in words that the reader knows."""
        known = self._known
        return self._pattern.sub(lambda found: known[found[1].casefold()] + found[2], text) if known else text

    @cached_property
    def _known(self) -> dict[str, str]:
        return {word.casefold(): _STANDS_FOR[kind] for kind, words in self.by_kind.items() for word in words}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self._known, key=len, reverse=True)
        return re.compile(rf"\b({'|'.join(map(re.escape, longest_first))})(s?)\b", re.IGNORECASE)


NO_WORDS = TeamWords()


def foreign_language(lines: Iterable[str]) -> str | None:
    """The language of a page that isn't English; None for an English page, and for one too short to tell."""
    counted = Counter(word for line in lines for word in _WORD.findall(line.casefold()))
    found = {name: sum(counted[word] for word in small.split()) for name, small in _file()["languages"].items()}
    english = found.pop("English")
    if 2 * sum(number for word, number in counted.items() if not _LATIN.search(word)) > counted.total():
        return "another script"
    name, most = max(found.items(), key=lambda each: each[1])
    return name if most >= _LEAST and most > _TIMES * english else None


@lru_cache(maxsize=4096)
def plain_name(text: str) -> str:
    """The words of a name without what people vary: case, plural, spelling; `*`, `?` and brackets of a pattern stay."""
    words = [_SPELLINGS.get(word, word) for word in _APART.sub(" ", text.casefold()).split()]
    is_plural = [len(word) > 3 and word.endswith("s") and not word.endswith("ss") for word in words]
    return " ".join(word[:-1] if plural else word for word, plural in zip(words, is_plural, strict=True))
