"""A query that counts single events: logs or spans, where no metric tells the paths apart.

In a plan it is `{logs: {search: …, index: …}}`, or `logs(index): search` on one line, as everything else keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema


class EventSource(StrEnum):
    """Where events are counted."""

    LOGS = "logs"
    """Indexed logs."""
    SPANS = "spans"
    """Indexed spans of traces: of most services, a sample."""


_LINE = re.compile(r"\s*(?:(logs)\s*(?:\(\s*([\w.*-]+)\s*\)\s*)?|(spans)\s*):\s*(\S.*?)\s*\Z", re.DOTALL)
_TERM = re.compile(r'(?:[^\s"]|"[^"]*")+')


@dataclass(frozen=True, slots=True)
class EventQuery:
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
    def terms(self) -> frozenset[str] | None:
        """What is asked of each event, all of it; None where there are alternatives."""
        terms = frozenset(_TERM.findall(self.search)) - {"AND", "*"}
        return None if "OR" in terms or any(set("()") & set(term) for term in terms if '"' not in term) else terms

    def counts_the_same(self, other: EventQuery) -> bool:
        """Whether it plainly finds what another finds."""
        is_one = self.terms == other.terms if self.terms is not None else self.search == other.search
        return is_one and (self.source, self.index) == (other.source, other.index)

    def missing_of(self, total: EventQuery) -> list[str]:
        """What total asks of each event and this doesn't; nothing where it can't be told."""
        own, wanted = self.terms, total.terms
        return [] if own is None or wanted is None else sorted(wanted - own)

    def __str__(self) -> str:
        return f"{self.source.value}{f'({self.index})' if self.index else ''}: {self.search}"


def _on_one_line(value: object) -> object:
    """A query of events as it is kept; anything else as it is. Raises ValueError for a source that no one knows."""
    if not isinstance(value, Mapping):
        return value
    (source, asked), *more = value.items() or [("", "")]
    asked = asked if isinstance(asked, Mapping) else {"search": asked}
    text = {key: asked.get(key, "") for key in ("search", "index")}
    if (
        more
        or source not in set(EventSource)
        or asked.keys() - text.keys()
        or not all(_is_text(v) for v in text.values())
    ):
        raise ValueError(f"a query is a metric query, or one of {_FORMS}")
    query = EventQuery.read(
        f"{source}({text['index']}): {text['search']}" if text["index"] else f"{source}: {text['search']}"
    )
    if query is None:
        raise ValueError(f"a query of {source} needs a search, and an index is a name: {_FORMS}")
    return str(query)


_FORMS = "{logs: {search: …, index: …}}, {spans: {search: …}}"


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _schema(**keys: str) -> dict[str, Any]:
    told = {key: {"type": "string", "description": said} for key, said in keys.items()}
    return {"type": "object", "properties": told, "required": ["search"], "additionalProperties": False}


_SEARCH = "what is asked of each event, in the search syntax of Datadog's explorer"
Query = Annotated[
    str,
    BeforeValidator(_on_one_line),
    Field(min_length=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "object",
                    "properties": {
                        "logs": _schema(search=_SEARCH, index="the index to search; every one if absent"),
                        "spans": _schema(search=_SEARCH),
                    },
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""A metric query, or a query of events on one line."""
