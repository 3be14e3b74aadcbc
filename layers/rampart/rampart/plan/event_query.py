"""A query that counts single events: logs or spans, where no metric tells the paths apart.

In a plan it is `{logs: {search: …, index: …}}`, or `logs(index): search` on one line, as everything else keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from rampart.plan.sourced_query import SourcedQuery


class EventSource(StrEnum):
    """Where events are counted."""

    LOGS = "logs"
    """Indexed logs."""
    SPANS = "spans"
    """Indexed spans of traces: of most services, a sample."""


_LINE = re.compile(r"\s*(?:(logs)\s*(?:\(\s*([\w.*-]+)\s*\)\s*)?|(spans)\s*):\s*(\S.*?)\s*\Z", re.DOTALL)
_TERM = re.compile(r'(?:[^\s"]|"[^"]*")+')


@dataclass(frozen=True, slots=True)
class EventQuery(SourcedQuery):
    """Events of one source that a search finds; without an index, those of every one."""

    source: EventSource
    search: str
    index: str = ""

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The query that a text is; None for a metric query."""
        match = _LINE.match(text)
        return None if match is None else cls(EventSource(match[1] or match[3]), match[4], match[2] or "")

    @property
    def counted_in(self) -> str:
        """The source in words."""
        return f"{self.source.value}{f' of {self.index}' if self.index else ''}"

    @property
    def counts_by(self) -> str:
        """Nothing: events are counted, and nothing else."""
        return ""

    @property
    def asked(self) -> frozenset[str] | None:
        """The terms of the search; None where there are alternatives."""
        terms = frozenset(_TERM.findall(self.search)) - {"AND", "*"}
        return None if "OR" in terms or any(set("()") & set(term) for term in terms if '"' not in term) else terms

    def missing_of(self, total: SourcedQuery) -> list[str]:
        """Terms that total has and this has not, nor implies: `@duration:>5` implies `@duration:*`."""
        own = {term.partition(":")[0] for term in self.asked or ()}
        missing = SourcedQuery.missing_of(self, total)
        return [term for term in missing if not (term.endswith(":*") and term.partition(":")[0] in own)]

    def asking(self, conditions: Iterable[str]) -> str:
        """The query as text, with more terms."""
        return str(replace(self, search=" ".join([*conditions, self.search])))

    def of_outcome(self, *, succeeded: bool) -> str:
        """The query as text, with a term that tells the outcome."""
        return str(replace(self, search=f"{self.search} {'status:ok' if succeeded else 'status:error'}"))

    def __str__(self) -> str:
        return f"{self.source.value}{f'({self.index})' if self.index else ''}: {self.search}"
