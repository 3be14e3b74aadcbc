"""An act is named by what it was: an approval without proof isn't an override of evidence that fails."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rampart.evidence.monitor import MonitorReading, judge_monitor
from rampart.rollout.event import Event, EventKind
from rampart_cli.report import cells


def test_the_value_of_a_monitor_is_the_time_since_when_it_alerts() -> None:
    since = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    alerting = MonitorReading(monitor=77, state="Alert", since=since)
    judgement = judge_monitor(alerting, now=since).to_dict()
    assert cells.number(judgement, judgement["value"]) == "2026-03-02 09:30 UTC"


@pytest.mark.parametrize(
    ("decision", "verdict", "said"),
    [
        ("approve", "pass", "approved the advance"),
        ("override", "pass", "overrode what people reported"),
        ("override", "inconclusive", "approved without proof"),
        ("override", "no_data", "approved without data"),
        ("override", "error", "approved though the evidence could not be read"),
        ("override", "fail", "overrode the evidence"),
        ("override", "", "overrode the evidence"),
        ("roll_back", "fail", "rolled back"),
    ],
)
def test_a_decision_is_told_by_the_verdict_that_it_was_made_on(decision: str, verdict: str, said: str) -> None:
    event = Event(
        at=datetime(2026, 3, 2, tzinfo=UTC),
        kind=EventKind.DECIDED,
        rollout="letters",
        attempt=1,
        message="Ada decides",
        details={"decision": decision, "verdict": verdict},
    )
    assert cells.act(event) == said
