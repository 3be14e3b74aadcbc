"""The base of every document that enters or leaves Rampart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import cache
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, model_validator

from rampart.numbers import finite, shown

_DEEPEST = 8
"""Levels of lists and mappings within one field; no document of ours has more than two."""
_LONGEST_NUMBER = 300
"""Characters of a number as text; more digits before the point than that are more than a float can hold."""
_NUMBER = "a number"
_IN_WORDS: Mapping[frozenset[Any], str] = {
    frozenset({int, float}): _NUMBER,
    frozenset({timedelta}): "a duration",
    frozenset({date, datetime, time}): "a date or time",
    frozenset({str}): "text",
}


@dataclass(frozen=True, slots=True)
class Unmeant:
    """Stands in for a value that can't be what was meant, and that no field takes: what is wrong, and how to fix it."""

    what: str
    fix: str

    def __str__(self) -> str:
        return self.what


class Model(BaseModel):
    """A frozen document that refuses keys it does not know: a misspelled key must not be a silent default.

    Nor is a boolean a number in it, as Python has it: `true` is taken only by a field that is one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, validate_default=True)

    def changed(self, **changes: object) -> Self:
        """The document with other values, which must be valid; raises TypeError for a key that it doesn't have.

        pydantic's own `model_copy` checks nothing: a misspelled key would be lost in silence.
        """
        if unknown := changes.keys() - type(self).model_fields.keys():
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        return self.model_copy(update=changes)

    @model_validator(mode="before")
    @classmethod
    def _mark_what_cannot_be_meant(cls, document: object) -> object:
        # Not a validator of each field: pydantic allows none for the key that tells kinds of criteria apart. And it
        # raises nothing itself, so that every other problem is still reported.
        if not isinstance(document, Mapping):
            return document
        kinds = _meant(cls)
        marked = {k: _marked(v, kinds[k], 1) for k, v in document.items() if k in kinds}
        return {**document, **marked}


@cache
def _meant(model: type[BaseModel]) -> Mapping[str, str]:
    """What each key holds, in a word, but those that may hold booleans, or documents that look after themselves."""
    found = {info.alias or name: _kind(set(leaves(info.annotation))) for name, info in model.model_fields.items()}
    return {key: kind for key, kind in found.items() if kind is not None}


def _kind(leaves: set[Any]) -> str | None:
    if leaves & {bool, Any, object} or any(isinstance(leaf, type) and issubclass(leaf, BaseModel) for leaf in leaves):
        return None
    if any(isinstance(leaf, type) and issubclass(leaf, Enum) for leaf in leaves):
        return "text"
    return next((word for types, word in _IN_WORDS.items() if leaves & types), "a value for this key")


def leaves(annotation: object) -> Iterator[Any]:
    """What a type is made of: the types in its brackets, at any depth, or itself where it has none."""
    arguments = get_args(annotation)
    if not arguments:
        yield annotation
    for argument in arguments:
        yield from leaves(argument)


def _marked(value: object, meant: str, depth: int) -> object:
    """The value, with an Unmeant in the place of every boolean, integer beyond all floats, and bottomless list."""
    if isinstance(value, bool):
        return _boolean(value, meant)
    if isinstance(value, int):
        return value if _is_countable(value) else Unmeant(f"{shown(value)} is too large", "Write a smaller number")
    if isinstance(value, str) and meant == _NUMBER and len(value) > _LONGEST_NUMBER:
        return Unmeant(f"{shown(value)} is too long for a number", "Write a smaller number")
    if not isinstance(value, dict | list | tuple):
        return value
    if depth > _DEEPEST:
        return Unmeant("it nests too deeply", "Write it plainly")
    if isinstance(value, dict):
        return {key: _marked(each, meant, depth + 1) for key, each in value.items()}
    each_marked = [_marked(each, meant, depth + 1) for each in value]
    return tuple(each_marked) if isinstance(value, tuple) else each_marked


def _is_countable(number: int) -> bool:
    try:
        finite(number)
    except ValueError:
        return False
    return True


def _boolean(value: bool, meant: str) -> Unmeant:  # noqa: FBT001 -- the value itself is one
    spelled, words = ("true", "yes, on and true") if value else ("false", "no, off and false")
    fix = "Put it in quotes if you mean the word" if meant == "text" else f"Write {meant} in its place"
    return Unmeant(f"`{spelled}` isn't {meant}; YAML reads {words} as {spelled}", fix)
