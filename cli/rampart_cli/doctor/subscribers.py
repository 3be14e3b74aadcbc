"""Who gets a stack's notices, and what is said where no one does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TOPICS = ("PageTopic", "ActTopic", "KnowTopic")
"""The stack's topics of notices, by the names of their resources, the most urgent first."""
SUBSCRIBE = "Subscribe an address (parameter NoticeEmail), and confirm it."


@dataclass(frozen=True, slots=True)
class Subscriber:
    protocol: str
    endpoint: str
    is_confirmed: bool
    topic: str
    """One of TOPICS."""


def no_one_is_told(subscribers: Sequence[Subscriber]) -> str:
    """That no one gets what needs a person, with the topics that no one listens to; empty where all is well."""
    heard = {each.topic for each in subscribers if each.is_confirmed}
    unheard = [topic for topic in TOPICS[:2] if topic not in heard]
    if not unheard:
        return ""
    have = "has" if len(unheard) == 1 else "have"
    return f"No one gets notices: {' and '.join(unheard)} {have} no confirmed subscriber"
