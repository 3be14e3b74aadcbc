"""What is said in more places than one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rampart_cli.doctor.installation import Subscriber

TOPICS = ("PageTopic", "ActTopic", "KnowTopic")
"""The stack's topics of notices, by the names of their resources, the most urgent first."""
SUBSCRIBE = "Subscribe an address (parameter NoticeEmail), and confirm it."


def no_one_is_told(subscribers: Sequence[Subscriber]) -> str:
    """That no one gets what needs a person, with the topics that no one listens to; empty where all is well."""
    heard = {each.topic for each in subscribers if each.is_confirmed}
    unheard = [topic for topic in TOPICS[:2] if topic not in heard]
    if not unheard:
        return ""
    return (
        f"No one gets notices: {' and '.join(unheard)} {'has' if len(unheard) == 1 else 'have'} no confirmed subscriber"
    )
