"""What a webhook's body says, found even where a title has broken its JSON.

Datadog fills in the payload's template, and its documentation doesn't say that it escapes what it fills in. What is
authenticated is read as JSON first; where that fails, or where a field stands there twice, the fields are found by
their keys. Each pattern takes linear time: no repetition in it gives back what it took.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from rampart.alert.transition import ROLLING_BACK, transition_named
from rampart.errors import AlertUnreadableError
from rampart.plan.model import FLAG_FORM

MOST_BYTES = 64 * 1024
MOST_FLAGS = 20
"""How many flags one list may name, as in a plan."""
MOST_FOUND = 100
"""How many flags may be found in all the places that seem to name some: what the table tells in one answer."""
_MOST_NAME = 200
_MOST_TITLE = 2000
_MOST_DIGITS = 30
_REQUIRED = ("transition", "monitor", "flags")
_KEY = re.compile(r'"(transition|monitor|flags|cycle|date|title)"\s*+:\s*+')
_FREE_TEXT = re.compile(r'"(?!(?:transition|monitor|date|flags)")[^"]*+"\s*+:')
"""A key whose value is written elsewhere, as a monitor's name, a tag or a scope."""
_TEXT = re.compile(r'"([^"]*+)"')
_NUMBER = re.compile(r"-?[0-9][0-9.eE+-]*+")
_ITEM = re.compile(r'\s*+"([^"]*+)"\s*+([,\]])')
_TITLE_ENDS = re.compile(r'"\s*+(?:,\s*+"\w++"\s*+:|\}\s*+\Z)')
_TEST = re.compile(r'"\s*+\[TEST\]')
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_FLAG = re.compile(FLAG_FORM)


class _Object(dict[str, object]):
    """A JSON object that knows whether a key stood there twice."""

    def __init__(self, pairs: Sequence[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.has_repeated_keys = len(self) != len(pairs)


@dataclass(frozen=True, slots=True)
class _Said:
    """What stands behind one key: where the key and its value begin, and the value; None where it is of no use."""

    key_at: int
    value_at: int
    value: str | tuple[str, ...] | None

    @property
    def text(self) -> str:
        """The value as one text."""
        return ",".join(self.value) if isinstance(self.value, tuple) else self.value or ""


def text_of(body: str | bytes) -> str:
    """A body as text; raises AlertUnreadableError for more than 64 KB."""
    size = len(body.encode("utf-8", "replace") if isinstance(body, str) else body)
    if size > MOST_BYTES:
        raise AlertUnreadableError(f"the body has {size} bytes, more than {MOST_BYTES}")
    return (body if isinstance(body, str) else body.decode("utf-8", "replace")).removeprefix("\ufeff")


def unescaped(text: str) -> str:
    """A text without JSON's escapes, whether or not it is valid JSON."""
    plain = _ESCAPE.sub(
        lambda escape: chr(int(escape[1], 16)) if escape[1] else _ESCAPED.get(escape[2], escape[2]), text
    )
    # Two escapes may be the halves of one character.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def fields_of(text: str) -> Mapping[str, object]:
    """The fields of a webhook's body, as far as they can be found: their values are still to be validated.

    Raises AlertUnreadableError for JSON that isn't an object, and for what isn't JSON and holds none of the fields.
    """
    document = _document(text)
    if document is not None and not isinstance(document, _Object):
        raise AlertUnreadableError("body: must be a JSON object")
    said = _said(text)
    if document is not None and _is_clear(document, said):
        return document
    found = _found(text, said)
    if document is None and not found:
        raise AlertUnreadableError("body: isn't JSON, and no transition, monitor, or flags can be found in it")
    return {**(document or {}), **found}


def _document(text: str) -> object:
    """The body as JSON, line breaks in its texts allowed; None where it is none."""
    try:
        return json.loads(text, strict=False, parse_int=_integer, object_pairs_hook=_Object)
    except (ValueError, RecursionError):
        return None


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


def _is_clear(document: _Object, said: Mapping[str, Sequence[_Said]]) -> bool:
    """Whether nothing stands there twice, at any depth: a title can add keys to JSON and leave it valid."""
    is_single = not document.has_repeated_keys and all(len(each) == 1 for each in said.values())
    return is_single and all(name in document for name in _REQUIRED)


def _said(text: str) -> dict[str, list[_Said]]:
    said: dict[str, list[_Said]] = {}
    for key in _KEY.finditer(text):
        said.setdefault(key[1], []).append(_Said(key.start(), key.end(), _value(text, key.end())))
    return said


def _value(text: str, at: int) -> str | tuple[str, ...] | None:
    if text.startswith("[", at):
        return _list(text, at + 1)
    if quoted := _TEXT.match(text, at):
        return unescaped(quoted[1])
    number = _NUMBER.match(text, at)
    return number[0] if number else None


def _list(text: str, at: int) -> tuple[str, ...] | None:
    items: list[str] = []
    while item := _ITEM.match(text, at):
        items.append(unescaped(item[1]))
        if item[2] == "]":
            return tuple(items)
        at = item.end()
    return None


def _found(text: str, said: Mapping[str, Sequence[_Said]]) -> dict[str, object]:
    """One value for each field.

    What stands before the first free text is certain. What comes after it may be quoted there, and where it contradicts
    itself, whatever takes the flag down counts.
    """
    free_text = _FREE_TEXT.search(text)
    certain = free_text.start() if free_text else len(text)
    usable = {name: [each for each in values if each.value is not None] for name, values in said.items()}
    choices = {"transition": _transition, "monitor": _monitor, "flags": _flags, "cycle": _first, "date": _date}
    found: dict[str, object] = {
        name: choose(usable[name], certain) for name, choose in choices.items() if usable.get(name)
    }
    titles = [each for each in said.get("title", ()) if text.startswith('"', each.value_at)]
    return found | ({"title": _title(text, titles)} if titles else {})


def _first(said: Sequence[_Said], _: int) -> object:
    return said[0].text


def _transition(said: Sequence[_Said], certain: int) -> object:
    if said[0].key_at < certain:
        return said[0].text
    known = [each.text for each in said if transition_named(each.text)]
    return next((text for text in known if transition_named(text) in ROLLING_BACK), (known or [said[0].text])[0])


def _monitor(said: Sequence[_Said], certain: int) -> object:
    return said[0 if said[0].key_at < certain else -1].text


def _date(said: Sequence[_Said], certain: int) -> object:
    """A date that is contradicted says nothing: a title must not make an alert too old."""
    return said[0].text if said[0].key_at < certain or len({each.text for each in said}) == 1 else ""


def _flags(said: Sequence[_Said], _: int) -> object:
    """All flags that are named anywhere: an alert moves only what a live rollout holds.

    The payload's own list is the first or the last wherever one text alone is broken, so those two are never left out.
    """
    likeliest = [said[0], said[-1], *said[1:-1]]
    names = dict.fromkeys(name for each in likeliest for name in islice(_names(each.text), MOST_FLAGS))
    return tuple(names)[:MOST_FOUND] or said[0].value


def _names(text: str) -> Iterator[str]:
    for name in map(str.strip, text.split(",")):
        if len(name) <= _MOST_NAME and _FLAG.fullmatch(name):
            yield name


def _title(text: str, said: Sequence[_Said]) -> str:
    """The title; it begins with [TEST] only where each of them does, since a test moves nothing."""
    at = next((each for each in said if not _TEST.match(text, each.value_at)), said[0]).value_at + 1
    most = min(len(text), at + _MOST_TITLE)
    end = _TITLE_ENDS.search(text, at, most)
    return unescaped(text[at : end.start() if end else most])
