"""Who it was: what a person typed, and what AWS recorded of the execution that they started."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rampart.rollout.event import Event
    from rampart_cli.records import Records

_STARTED_BY_A_PERSON = {"started": "execution", "resumed": "decision", "decided": "execution"}
"""Which detail of an event names the execution that a person started."""


def with_people(records: Records, events: Mapping[str, Event]) -> dict[str, Event]:
    """The events, each with the `person` that AWS recorded behind it, where it did."""
    return {key: _with_person(records, event) for key, event in events.items()}


def _with_person(records: Records, event: Event) -> Event:
    detail = "decision" if event.details.get("decision", "").startswith("arn:") else None
    execution = event.details.get(detail or _STARTED_BY_A_PERSON.get(event.kind, ""))
    if not isinstance(execution, str) or event.details.get("person"):
        return event
    caller = records.caller(execution)
    if caller is None:
        return event
    return event.changed(details={**event.details, "person": caller.person or caller.arn})


def who(event: Event) -> str:
    """What was typed, and whom AWS recorded where that is not the same; a name that has nothing of it is marked."""
    person = event.details.get("person")
    if not person or person == event.by:
        return event.by
    words = re.findall(r"\w{2,}", event.by.casefold())
    agrees = any(word in str(person).casefold() for word in words)
    return f"{event.by} (AWS: {person})" if agrees else f"{event.by} (but AWS recorded {person})"
