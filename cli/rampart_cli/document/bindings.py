"""The queries of a team's criteria: found by their names, so that no query is typed again for the next plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, NamedTuple

from rampart.errors import RampartError
from rampart_cli.document.lexicon import NO_WORDS, TeamWords, plain_name


class BindingsError(RampartError):
    """The bindings file cannot be used."""


class Binding(NamedTuple):
    """The pattern that a criterion's name met, and the criterion's YAML."""

    pattern: str
    spec: dict[str, Any]


@dataclass(frozen=True)
class Bindings:
    """Patterns of criteria names, in the order of the file, with what each stands for."""

    synonyms: tuple[tuple[str, ...], ...] = ()
    criteria: dict[str, dict[str, Any]] = field(default_factory=dict)
    words: TeamWords = NO_WORDS
    """What the team calls a stage, its users, and so on."""

    def find(self, name: str) -> Binding | None:
        """The binding of a criterion: the one of exactly this name, else the first whose pattern fits."""
        wanted = self._normal(name)
        exact = [pattern for pattern, normal in self._patterns.items() if normal == wanted]
        fits = [pattern for pattern, normal in self._patterns.items() if fnmatchcase(wanted, normal)]
        return next((Binding(pattern, self.criteria[pattern]) for pattern in (*exact, *fits)), None)

    @cached_property
    def _patterns(self) -> dict[str, str]:
        return {pattern: self._normal(pattern) for pattern in self.criteria}

    @cached_property
    def _same(self) -> list[tuple[str, str]]:
        groups = [[plain_name(phrase) for phrase in group] for group in self.synonyms if group]
        pairs = [(phrase, group[0]) for group in groups for phrase in group[1:] if phrase]
        return sorted(pairs, key=lambda pair: -len(pair[0]))

    def _normal(self, name: str) -> str:
        text = f" {plain_name(name)} "
        for phrase, first in self._same:
            text = text.replace(f" {phrase} ", f" {first} ")
        return text.strip()
