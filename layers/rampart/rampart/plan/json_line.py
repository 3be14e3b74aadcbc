"""A query that has parts, on one line: its source, a colon, and the parts as JSON."""

from __future__ import annotations

import json
from typing import TypeVar

from pydantic import ValidationError

from rampart.model import Model

_Parts = TypeVar("_Parts", bound=Model)


def to_line(source: str, parts: Model) -> str:
    """The query as text; what is left out stays out."""
    return f"{source}: {json.dumps(parts.model_dump(mode='json', exclude_defaults=True), ensure_ascii=False)}"


def from_line(source: str, text: str, kind: type[_Parts]) -> _Parts | None:
    """The parts of a text that begins with this source; None for another text.

    Raises ValueError, with the place of the first problem, for one that begins so and can't be read.
    """
    name, colon, written = text.strip().partition(":")
    if not colon or name.strip() != source:
        return None
    try:
        return kind.model_validate_json(written)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join((source, *map(str, first["loc"])))
        raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
