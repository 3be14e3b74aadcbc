"""A notice in the form that Amazon Q Developer in chat applications posts to Slack and Microsoft Teams.

The schema: https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html. A custom action reads a fact as
the variable `event.metadata.additionalContext.NAME`.
"""

from __future__ import annotations

from typing import Any

from rampart.rollout.notice import Level, Notice

_MARKS = {Level.PAGE: ":rotating_light: ", Level.ACT: ":raised_hand: "}


def chat_message(notice: Notice) -> dict[str, Any]:
    """The notice as a custom notification: all notices of an attempt make one thread."""
    event = notice.event
    content: dict[str, Any] = {
        "textType": "client-markdown",
        "title": _MARKS.get(notice.level, "") + notice.subject,
        "description": _unmarked(notice),
        "keywords": [event.rollout, event.kind.value],
    }
    if notice.next_steps:
        content["nextSteps"] = [_as_code(step) for step in notice.next_steps]
    return {
        "version": "1.0",
        "source": "custom",
        "id": notice.event_id,
        "content": content,
        "metadata": {
            "threadId": f"{event.rollout}/{event.attempt}",
            "summary": notice.subject,
            "eventType": event.kind.value,
            "additionalContext": {"Level": notice.level.value, **notice.facts},
        },
    }


def _unmarked(notice: Notice) -> str:
    """The text without the steps, which stand below it."""
    return "\n".join(line for line in notice.text.splitlines() if line not in notice.next_steps)


def _as_code(step: str) -> str:
    verb, _, command = step.partition(": ")
    return f"{verb}: `{command}`"
