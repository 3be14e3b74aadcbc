"""Where to read on: the pages that belong to a rollout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rampart.rollout.notice import console_link
from rampart_cli.datadog.account import page_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rampart_cli.report.history import RolloutHistory


def links_of(history: RolloutHistory) -> Iterator[tuple[str, str]]:
    """The plan's own pages, its monitors where Datadog's site is known, and the execution: name and address of each."""
    yield from history.plan.links.items()
    if history.site:
        for monitor in history.plan.monitors:
            yield f"Datadog monitor {monitor}", page_of(history.site, f"/monitors/{monitor}")
    yield "Execution in the AWS console", console_link(history.state.execution)
