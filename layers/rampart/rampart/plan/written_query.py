"""Queries as a plan writes them: a metric query of Datadog, or one that names its source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from rampart.plan.apm_query import APM, ApmQuery, ApmRequest
from rampart.plan.cloudwatch_query import CLOUDWATCH, CloudWatchQuery, CloudWatchRequest
from rampart.plan.event_query import EventQuery, EventSource
from rampart.plan.sourced_query import SourcedQuery

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

_WEEK_BEFORE = "week_before"
_FORMS = (
    "{logs: {search: …, index: …}}, {spans: {search: …}}, {apm_metrics: {stat: …, service: …}}, "
    "{cloudwatch: {namespace: …, metric: …}}"
)


def sourced(text: str) -> SourcedQuery | None:
    """The query that names its source; None for a metric query of Datadog.

    Raises ValueError for one that names a source and can't be read; no plan that was read has one.
    """
    return EventQuery.read(text) or ApmQuery.read(text) or CloudWatchQuery.read(text)


def as_written(text: str) -> str:
    """A query on one line as it can stand in a plan: one with parts is YAML in braces."""
    return f"{{{text}}}" if text.startswith((f"{APM}:", f"{CLOUDWATCH}:")) else text


def on_one_line(value: object) -> object:
    """A query as it is kept; raises ValueError for a source that no one knows, or that can't be asked that way."""
    if isinstance(value, str):
        query = sourced(value)
        return value if query is None else str(query)
    return _of_mapping(value) if isinstance(value, Mapping) else value


def _of_mapping(value: Mapping[Any, Any]) -> str:
    (source, asked), *more = value.items() or [("", "")]
    if more:
        raise ValueError(f"a query is a metric query, or one of {_FORMS}")
    if source == _WEEK_BEFORE:
        return f"{_WEEK_BEFORE}({on_one_line(asked)})"
    return str(sourced(f"{source}: {_as_json(asked)}") if source in (APM, CLOUDWATCH) else _of_events(source, asked))


def _as_json(asked: object) -> str:
    try:
        return json.dumps(asked)
    except (TypeError, ValueError, RecursionError):
        raise ValueError(f"a query's parts are text: one of {_FORMS}") from None


def _of_events(source: object, asked: object) -> EventQuery:
    parts = asked if isinstance(asked, Mapping) else {"search": asked}
    text = {key: parts.get(key, "") for key in ("search", "index")}
    if (
        source not in set(EventSource)
        or parts.keys() - text.keys()
        or not all(isinstance(v, str) for v in text.values())
    ):
        raise ValueError(f"a query is a metric query, or one of {_FORMS}")
    where = f"{source}({text['index']})" if text["index"] else source
    query = EventQuery.read(f"{where}: {text['search']}")
    if query is None:
        raise ValueError(f"a query of {source} needs a search, and an index is a name: {_FORMS}")
    return query


def _searched(**keys: str) -> dict[str, Any]:
    told = {key: {"type": "string", "description": said} for key, said in keys.items()}
    return {"type": "object", "properties": told, "required": ["search"], "additionalProperties": False}


_SEARCH = "what is asked of each event, in the search syntax of Datadog's explorer"


class _WrittenForms:
    """Tells the schema every form in which a query may be written."""

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        sources = {
            "logs": _searched(search=_SEARCH, index="the index to search; every one if absent"),
            "spans": _searched(search=_SEARCH),
            APM: handler(ApmRequest.__pydantic_core_schema__),
            CLOUDWATCH: handler(CloudWatchRequest.__pydantic_core_schema__),
        }
        return {"anyOf": [_TEXT, _one_of(sources), _one_of({_WEEK_BEFORE: {"anyOf": [_TEXT, _one_of(sources)]}})]}


_TEXT = {"type": "string", "minLength": 1}


def _one_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    bounds = {"minProperties": 1, "maxProperties": 1, "additionalProperties": False}
    return {"type": "object", "properties": dict(properties), **bounds}


Query = Annotated[str, BeforeValidator(on_one_line), Field(min_length=1), _WrittenForms()]
"""A query on one line, however it was written."""
