"""Measure what a window judges: one request for each of its spans, joined."""

from __future__ import annotations

from collections.abc import Mapping

from rampart.evidence.series import Measured, Series, Unavailable
from rampart.evidence.window import Window
from rampart.rollout.ports import MetricSource


def measure(metrics: MetricSource, queries: Mapping[str, str], window: Window) -> dict[str, Measured]:
    """Ask all queries over a window; a query that one span has no answer to has none.

    A window without a bucket is not asked about: it has no points.
    """
    found: dict[str, Measured] = {key: Series(()) for key in queries}
    for span in window.spans:
        if span.end <= span.start:
            continue
        answers = metrics.read(queries, start=span.start, end=span.end, bucket=span.bucket)
        found = {key: _joined(before, answers[key]) for key, before in found.items()}
    return found


def _joined(before: Measured, after: Measured) -> Measured:
    if isinstance(before, Unavailable):
        return before
    return after if isinstance(after, Unavailable) else Series(before.points + after.points)
