"""The transitions of a Datadog monitor, and which of them mean that a flag must come down."""

from __future__ import annotations

ROLLING_BACK = frozenset({"Triggered", "Re-Triggered", "Renotify"})
"""Transitions that mean: it is bad now."""
KNOWN = ROLLING_BACK | {"Warn", "Re-Warn", "No Data", "Re-No Data", "Recovered", "Warn Recovered", "Null"}
"""Every value that Datadog documents for `$ALERT_TRANSITION`."""
_NAMES = {name.casefold(): name for name in KNOWN}


def transition_named(text: str) -> str | None:
    """The transition of this name, whatever its case and the blanks around it; None for an unknown one."""
    return _NAMES.get(" ".join(text.split()).casefold())
