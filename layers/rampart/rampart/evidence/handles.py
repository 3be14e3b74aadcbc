"""Which webhooks a Datadog monitor's message notifies when the monitor alerts.

Text and handles outside of every block go out at each change of state, those inside of one only when its condition
holds: https://docs.datadoghq.com/monitors/notify/variables/#conditional-variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_HIDDEN_BY_AN_ALERT = frozenset(
    {
        "is_warning",
        "is_no_data",
        "is_unknown",
        "is_recovery",
        "is_alert_recovery",
        "is_warning_recovery",
        "is_no_data_recovery",
        "is_alert_to_warning",
        "is_renotify",  # an alert's first notification is none; a guard that only speaks again speaks too late
    }
)
"""Conditions that don't hold when a monitor goes into alert."""
_SHOWN_BY_AN_ALERT = frozenset({"is_alert"})
_MARK = re.compile(
    r"\{\{~?\s*+(?:(?P<sign>[#^/])\s*+(?P<name>[\w.-]++)[^{}]*+|(?P<otherwise>else\b[^{}]*+|\^\s*+))\}\}"
    r"|(?<![\w@])@(?P<handle>webhook-[\w.-]*\w)"
)


_LONGEST = 50_000
"""Characters of a message that are read; no one writes more by hand, and a handle behind them counts as none."""


class _Block:
    """A block that is open: its condition's name, and whether an alert leaves out what stands in it now."""

    __slots__ = ("_certain", "hides", "name")

    def __init__(self, name: str, sign: str) -> None:
        self.name = name
        self._certain = name in _HIDDEN_BY_AN_ALERT or name in _SHOWN_BY_AN_ALERT
        # Whether a tag matches is known at the alert only: both sides may go out.
        self.hides = self._certain and (name in _HIDDEN_BY_AN_ALERT) is (sign == "#")

    def turn(self) -> None:
        """Go on with the block's other side, after an `{{else}}`."""
        self.hides = self._certain and not self.hides


def webhooks_notified(message: str) -> tuple[str, ...]:
    """The webhook handles that an alert's first notification may reach, such as `webhook-rampart-letters`, in order."""
    return tuple(dict.fromkeys(_notified("".join(_without_comments(message[:_LONGEST])))))


def _without_comments(message: str) -> Iterator[str]:
    """The parts of a message between its comments, `{{! … }}` and `{{!-- … --}}`."""
    read = 0
    while (begins := message.find("{{!", read)) >= 0:
        mark = "--}}" if message.startswith("{{!--", begins) else "}}"
        ends = message.find(mark, begins)
        if ends < 0:
            break
        yield message[read:begins]
        read = ends + len(mark)
    yield message[read:]


def _notified(message: str) -> Iterator[str]:
    open_blocks: list[_Block] = []
    for mark in _MARK.finditer(message):
        if mark["handle"]:
            if not any(block.hides for block in open_blocks):
                yield mark["handle"]
        elif mark["otherwise"]:
            for block in open_blocks[-1:]:
                block.turn()
        elif mark["sign"] == "/":
            _close(open_blocks, mark["name"])
        else:
            open_blocks.append(_Block(mark["name"], mark["sign"]))


def _close(open_blocks: list[_Block], name: str) -> None:
    """Close the newest block of a name, and what was left open inside of it."""
    for index in reversed(range(len(open_blocks))):
        if open_blocks[index].name == name:
            del open_blocks[index:]
            return
