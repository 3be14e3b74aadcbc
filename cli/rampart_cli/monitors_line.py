"""Writing the monitors into a plan's file: one line of it, and nothing else of what its author wrote."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_ONE_LINE = re.compile(r"^monitors[ \t]*:[ \t]*\[[^\]\n]*\]", re.MULTILINE)
_ANY = re.compile(r"^monitors[ \t]*:", re.MULTILINE)
_CRITERIA = re.compile(r"^criteria[ \t]*:", re.MULTILINE)


class NoPlaceError(Exception):
    """The file says its monitors, or everything, in a form that no line can be written into."""


def with_monitors(text: str, monitors: Sequence[int]) -> str:
    """The plan's text with these monitors; raises NoPlaceError where that would change more than one line."""
    line = f"monitors: [{', '.join(map(str, monitors))}]"
    if _ONE_LINE.search(text):
        return _ONE_LINE.sub(line, text, count=1)
    if _ANY.search(text):
        raise NoPlaceError("the plan lists its monitors on several lines")
    if not _CRITERIA.search(text):
        raise NoPlaceError("the plan has no line `criteria:` to write before")
    return _CRITERIA.sub(lambda found: f"{line}\n{found[0]}", text, count=1)
