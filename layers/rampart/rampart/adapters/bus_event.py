"""The detail of Rampart's events on the EventBridge bus; `docs/event.schema.json` publishes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from rampart.model import Model
from rampart.rollout.event import EventKind
from rampart.rollout.notice import Level, Notice

VERSION: Literal[1] = 1
"""Rises when a field is removed or changes its meaning; new fields may come at any time."""


class BusEvent(Model):
    """What a rule on the bus can match, and what its target gets: one event with its notice."""

    version: Literal[1] = Field(VERSION, description="the version of this schema")
    event_id: str = Field(description="the same for every copy of an event: to tell copies apart from events")
    at: datetime = Field(description="when it happened")
    kind: EventKind = Field(description="what happened; also the detail type of the event on the bus")
    level: Level = Field(description="who needs it: page, act, know, or log")
    rollout: str = Field(description="the rollout's id; `all rollouts` for what concerns the whole stack")
    attempt: int = Field(description="the attempt, from 1; 0 for what belongs to none")
    stage: int | None = Field(None, description="index of the stage that the flags were at, from 0")
    percent: float | None = Field(None, description="what the flags were at by the record")
    by: str = Field(description="who did it; `rampart` for Rampart itself")
    message: str = Field(description="what happened, in a sentence")
    details: dict[str, Any] = Field(description="more about it, by kind; not part of this schema's promise")
    subject: str = Field(description="the notice's subject")
    text: str = Field(description="the notice as people get it by mail")
    next_steps: tuple[str, ...] = Field(description="what a person can do, each with its command")
    facts: dict[str, str] = Field(description="what programs read of it, by name")

    @classmethod
    def of(cls, notice: Notice) -> BusEvent:
        """A notice as the bus gets it."""
        return cls(
            event_id=notice.event_id,
            level=notice.level,
            subject=notice.subject,
            text=notice.text,
            next_steps=notice.next_steps,
            facts=dict(notice.facts),
            **notice.event.model_dump(),
        )
