"""The published schema of events on the bus, held against every notice that there is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from rampart.adapters.bus_event import BusEvent
from rampart.adapters.chat import chat_message
from rampart.rollout.event import EventKind
from rampart_cli.event_schema import event_schema_text
from tests import notices
from tests.unit.rollout.world import World

PUBLISHED = Path(__file__).parents[2] / "docs" / "event.schema.json"
Story = Callable[[World], None]
STORIES = pytest.mark.parametrize(
    ("story", "kind"), notices.STORIES, ids=[story.__name__ for story, _ in notices.STORIES]
)


def test_the_published_schema_is_the_models_own() -> None:
    assert PUBLISHED.read_text() == event_schema_text(), "write it again with `make docs`"
    jsonschema.Draft202012Validator.check_schema(json.loads(PUBLISHED.read_text()))


@STORIES
def test_every_event_on_the_bus_is_of_the_published_schema(story: Story, kind: EventKind) -> None:
    detail = json.loads(BusEvent.of(notices.notice(story, kind)).model_dump_json())
    jsonschema.validate(detail, json.loads(PUBLISHED.read_text()))
    assert detail.keys() == BusEvent.model_fields.keys()


def test_a_field_that_changes_its_kind_or_goes_needs_a_new_version() -> None:
    """What consumers of version 1 may rely on; a change here is a change of the version."""
    schema = json.loads(PUBLISHED.read_text())
    assert schema["properties"]["version"]["const"] == 1
    always = "event_id at kind level rollout attempt by message details subject text next_steps facts"
    assert set(schema["required"]) == set(always.split())


# What Amazon Q Developer in chat applications takes: the keys of its published schema, and text for every value.

CHAT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "source", "content"],
    "properties": {
        "version": {"const": "1.0"},
        "source": {"const": "custom"},
        "id": {"type": "string"},
        "content": {
            "type": "object",
            "additionalProperties": False,
            "required": ["description"],
            "properties": {
                "textType": {"enum": ["client-markdown"]},
                "title": {"type": "string"},
                "description": {"type": "string", "minLength": 1},
                "nextSteps": {"type": "array", "items": {"type": "string"}},
                "keywords": {"type": "array", "items": {"type": "string"}},
            },
        },
        "metadata": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "threadId": {"type": "string"},
                "summary": {"type": "string"},
                "eventType": {"type": "string"},
                "relatedResources": {"type": "array", "items": {"type": "string"}},
                "additionalContext": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
    },
}


@STORIES
def test_every_notice_is_a_custom_notification_of_amazon_q(story: Story, kind: EventKind) -> None:
    found = notices.notice(story, kind)
    message = chat_message(found)
    jsonschema.validate(message, CHAT)
    assert message["metadata"]["additionalContext"]["Rollout"] == found.event.rollout
    assert len(message["content"].get("nextSteps", [])) == len(found.next_steps)


def test_a_button_can_start_the_decision_that_rolls_back() -> None:
    """A custom action runs `stepfunctions start-execution --state-machine-arn $DecisionMachine --input $RollBack`."""
    story, kind = next(each for each in notices.STORIES if each[1] is EventKind.ASKED)
    facts = chat_message(notices.notice(story, kind))["metadata"]["additionalContext"]
    assert facts["DecisionMachine"].endswith("-decision")
    assert json.loads(facts["RollBack"]).items() >= {"decision": "roll_back", "by": "chat"}.items()
    assert "Approve" not in facts, "people must say how many complaints there were"
