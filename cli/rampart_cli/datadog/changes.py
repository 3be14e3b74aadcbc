"""The difference between what a plan needs in Datadog and what is there, by the fields that are Rampart's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rampart_cli.datadog.wanted import ThingKind

if TYPE_CHECKING:
    from rampart_cli.datadog.account import Body
    from rampart_cli.datadog.wanted import Wanted

_JSON_TEXTS = ("payload", "custom_headers")
"""Fields that Datadog keeps as text, and that hold JSON."""


class Action(StrEnum):
    """What happens to a thing."""

    CREATE = "create"
    """It isn't there."""
    UPDATE = "update"
    """It is there and differs."""
    DELETE = "delete"
    """It was made for this rollout, and the plan doesn't need it."""
    KEEP = "keep"
    """It is as the plan needs it."""


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field of a thing as it is and as the plan needs it, in text."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one thing; `id` is empty where it isn't there yet."""

    action: Action
    kind: ThingKind
    name: str
    id: str = ""
    differences: tuple[FieldDifference, ...] = ()
    body: Mapping[str, Any] | None = None
    """What Datadog is told."""

    def to_dict(self) -> dict[str, Any]:
        """For machines; the body holds nothing secret, and says no more than the differences."""
        fields = {each.field: {"before": each.before, "after": each.after} for each in self.differences}
        return {"action": self.action, "kind": self.kind, "name": self.name, "id": self.id, "differences": fields}


def change_to(wanted: Wanted, found: Body | None) -> Change:
    """What turns a thing into what the plan needs."""
    name = label_of(wanted.kind, wanted.body)
    if found is None:
        made = tuple(FieldDifference(field, "", _text(value)) for field, value in _shown(wanted))
        return Change(Action.CREATE, wanted.kind, name, differences=made, body=wanted.body)
    # An alert on a metric has two names, and Datadog writes either; the type of a monitor can't be changed anyway.
    ours = {key: value for key, value in wanted.body.items() if (wanted.kind, key) != (ThingKind.MONITOR, "type")}
    differing = {key: value for key, value in ours.items() if not _covers(found.get(key), value, key)}
    differences = tuple(
        difference for key, value in differing.items() for difference in _differences(key, found.get(key), value)
    )
    key = key_of(wanted.kind, found)
    if not differences:
        return Change(Action.KEEP, wanted.kind, name, key)
    # Options are replaced as a whole: what people set there must be sent back.
    body = {each: _merged(found.get(each), value, each) for each, value in ours.items()}
    return Change(Action.UPDATE, wanted.kind, name, key, differences, body)


def removal_of(kind: ThingKind, found: Body) -> Change:
    """What takes a thing away."""
    return Change(Action.DELETE, kind, label_of(kind, found), key_of(kind, found))


def key_of(kind: ThingKind, body: Mapping[str, Any]) -> str:
    """By what Datadog knows a thing."""
    return str(body["id"] if kind in (ThingKind.MONITOR, ThingKind.DASHBOARD) else body["name"])


def label_of(kind: ThingKind, body: Mapping[str, Any]) -> str:
    """What people call a thing."""
    return str(body["title"] if kind is ThingKind.DASHBOARD else body["name"])


def _shown(wanted: Wanted) -> Iterator[tuple[str, object]]:
    """What is worth seeing of a thing that is made."""
    seen = {ThingKind.MONITOR: ("query", "message"), ThingKind.WEBHOOK: ("url", "payload")}
    return ((field, wanted.body[field]) for field in seen.get(wanted.kind, ()))


def _differences(field: str, before: object, after: object) -> Iterator[FieldDifference]:
    if isinstance(after, Mapping):
        there = before if isinstance(before, Mapping) else {}
        for key, value in after.items():
            if not _covers(there.get(key), value, key):
                yield from _differences(f"{field}.{key}", there.get(key), value)
    elif field == "widgets":
        yield FieldDifference(
            field, *(f"{len(each) if isinstance(each, list) else 0} graphs" for each in (before, after))
        )
    else:
        yield FieldDifference(field, _text(before), _text(after))


def _covers(there: object, ours: object, field: str = "") -> bool:
    """Whether what is there holds all of ours; what Datadog or people add to it doesn't count."""
    if ours is None:
        return there is None
    if field in _JSON_TEXTS:
        return _json(there) == _json(ours)
    if field == "tags" and isinstance(ours, list):
        return {str(tag).lower() for tag in ours} <= {str(tag).lower() for tag in _list(there)}
    if isinstance(ours, Mapping):
        return isinstance(there, Mapping) and all(_covers(there.get(key), value, key) for key, value in ours.items())
    if isinstance(ours, list):
        pairs = zip(_list(there), ours, strict=False)
        return len(_list(there)) == len(ours) and all(_covers(theirs, each) for theirs, each in pairs)
    if field == "query":
        return str(there).split() == str(ours).split()
    return bool(there == ours)


def _merged(there: object, ours: object, field: str) -> object:
    if isinstance(ours, Mapping) and isinstance(there, Mapping):
        return {**there, **{key: _merged(there.get(key), value, key) for key, value in ours.items()}}
    if field == "tags" and isinstance(ours, list):
        kept = [tag for tag in _list(there) if str(tag).lower() not in ours]
        return [*ours, *kept]
    return ours


def _json(text: object) -> object:
    try:
        return json.loads(str(text)) if text else None
    except ValueError:
        return text


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
