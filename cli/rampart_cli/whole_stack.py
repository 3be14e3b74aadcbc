"""What concerns every rollout of a stack, and so stands before any: that no one is told, and a freeze."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from rampart_cli.console import words
from rampart_cli.doctor.subscribers import SUBSCRIBE, no_one_is_told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from rampart.rollout.freeze import Freeze
    from rampart_cli.stack import Stack


def about(stack: Stack, frozen: Freeze | None, *, as_json: bool) -> Iterator[Text]:
    """The lines about the stack as a whole; none where all is well, and none for machines."""
    if as_json:
        return
    if untold := _untold(stack):
        yield words(f"{untold}. {SUBSCRIBE}", "bold red")
    if frozen is not None:
        yield words(f"{frozen}. Nothing advances; rollbacks continue. To end it: rampart thaw", "bold yellow")


def _untold(stack: Stack) -> str:
    try:
        return no_one_is_told(stack.subscribers())
    except (ClientError, BotoCoreError):  # those who may not see the subscribers see the rollouts still
        return ""
