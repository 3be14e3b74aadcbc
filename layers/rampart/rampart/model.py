"""The base of every document that enters or leaves Rampart."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A frozen document that refuses keys it does not know: a misspelt key must not be a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, validate_default=True)
