"""A rollout with a story: canary and 25% pass, 50% fails and is rolled back, a second attempt climbs to 100%."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rampart.evidence import RULE_VERSION
from rampart.evidence.series import Series, to_stored
from rampart.evidence.verdict import worst
from rampart.evidence.window import Window
from rampart.plan.model import Plan
from rampart.rollout.evaluate import judge_all
from rampart.rollout.evaluation import Evaluation
from rampart.rollout.event import Event, EventKind
from rampart.rollout.state import RolloutState, Status
from tests.doubles import MemoryRolloutStore
from tests.records import record

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLAN: dict[str, Any] = {
    "rollout": "letters",
    "title": "Letters from the new source",
    "owner": "letters-team",
    "flags": ["letters_new_source"],
    "timezone": "America/New_York",
    "look_every": "1h",
    "bucket": "1h",
    "traffic": "400/hour",
    "criteria": {
        "index error rate": {
            "kind": "rate",
            "errors": "sum:index.errors{*}.as_count()",
            "total": "sum:index{*}.as_count()",
            "below": "1%",
            "baseline": "0.3%",
            "clump": 1,
        },
        "download error rate": {
            "kind": "rate",
            "errors": "sum:download.errors{*}.as_count()",
            "total": "sum:download{*}.as_count()",
            "below": "8%",
            "scope": "cohort",
            "clump": 1,
        },
        "call center complaints": {"kind": "reported", "at_most": 0},
    },
    "stages": [
        {"name": "Canary", "percent": 1, "hold": "1d"},
        {"percent": 25, "hold": "1d"},
        {"percent": 50, "hold": "1d"},
        {"percent": 100, "hold": "1d"},
    ],
}


@dataclass(slots=True)
class Story:
    """Writes the records of a rollout as the functions would, hour by hour, on real judgements."""

    plan: Plan = field(default_factory=lambda: Plan.model_validate(PLAN))
    at: datetime = START
    attempt: int = 1
    stage: int | None = None
    percent: float = 0.0
    records: MemoryRolloutStore = field(default_factory=MemoryRolloutStore)

    def tell(self, kind: EventKind, message: str, *, by: str = "rampart", **details: object) -> None:
        """Add an event."""
        event = Event(
            at=self.at,
            kind=kind,
            rollout="letters",
            attempt=self.attempt,
            stage=self.stage,
            percent=self.percent,
            by=by,
            message=message,
            details=details,
        )
        self.records.told.append(event)

    def advance(self, stage: int, *, approved_by: str | None = None, **said: object) -> None:
        """Go to a stage, after a person's answer where one is given."""
        if approved_by:
            answer = {"decision": "approve", "verdict": "pass", "reported": {"call center complaints": 0.0}, **said}
            self.tell(EventKind.DECIDED, f"{approved_by} decides", by=approved_by, **answer)
        self.at += timedelta(minutes=1)
        self.stage, self.percent = stage, self.plan.stages[stage].percent
        self.tell(EventKind.ADVANCED, f"letters_new_source read at {self.percent:g}%")

    def bake(self, hours: int, rates: Mapping[str, float]) -> None:
        """Look every hour at an hour's requests with these error rates."""
        began = self.at
        points: dict[str, list[tuple[int, float]]] = {}
        for hour in range(1, hours + 1):
            self.at = began + hour * HOUR
            for name, rate in rates.items():
                start = int(began.timestamp()) + (hour - 1) * 3600
                points.setdefault(f"{name}/total", []).append((start, 400.0))
                points.setdefault(f"{name}/errors", []).append((start, round(400 * rate * (1 + hour % 3 - 1))))
            self._look(began, {key: Series(tuple(found)) for key, found in points.items()}, hour, hours)

    def _look(self, began: datetime, answers: Mapping[str, Series], hour: int, hours: int) -> None:
        start = int(began.timestamp())
        window = Window(start, start + hour * 3600, 3600, hours)
        judgements = judge_all(self.plan, answers, window, share=self.percent / 100)
        evaluation = Evaluation(
            id=f"{self.at:%Y-%m-%dT%H:%M:%S}.000Z",
            at=self.at,
            rollout="letters",
            attempt=self.attempt,
            stage=self.stage or 0,
            percent=self.percent,
            window=(window.start, window.end, window.bucket, window.planned_buckets),
            verdict=worst(judgement.verdict for judgement in judgements),
            judgements=tuple(judgement.to_dict() for judgement in judgements),
            evidence={key: to_stored(series) for key, series in answers.items()},
            plan_hash=self.plan.digest,
            rule_version=RULE_VERSION,
        )
        self.records.looks.append(evaluation)

    def roll_back(self, reason: str, *, by: str = "rampart", **details: object) -> None:
        """Take the flag to 0%."""
        self.at += timedelta(minutes=2)
        self.percent = 0.0
        message = f"letters_new_source read at 0%: {reason}"
        self.tell(EventKind.ROLLED_BACK, message, by=by, reason=reason, **details)

    def close(self, status: Status) -> RolloutState:
        """Keep the record as it is at the end."""
        state = record(
            rollout="letters",
            status=status,
            plan=self.plan,
            plan_hash=self.plan.digest,
            execution="arn",
            attempt=self.attempt,
            stage=self.stage,
            percent=self.percent,
            started=START,
            attempt_started=START,
            updated=self.at,
        )
        self.records.states["letters"] = state
        self.records.plans["letters", self.plan.digest] = json.dumps(PLAN)
        return state


def climb(
    percents: Sequence[float], flags: Sequence[str], *, fails_at: int | None = None, until: int, hours: int = 1
) -> Story:
    """A rollout to these percentages, up to the stage `until`; at `fails_at` it is rolled back and climbs on again."""
    stages = [{"percent": percent, "hold": "1d"} for percent in percents]
    told = Story(plan=Plan.model_validate({**PLAN, "flags": list(flags), "stages": stages}))
    told.tell(EventKind.STARTED, "starts", by="letters-team")
    for stage in range(until):
        told.advance(stage, approved_by="Ada Lovelace" if stage else None)
        if stage == fails_at:
            told.bake(1, BAD)
            told.roll_back(
                "monitor 4711 alerts: 3/9/2026 - back from 60% to 30% of users", monitor="4711", cause="alert"
            )
            told.attempt, told.stage = 2, None
            told.tell(EventKind.RESUMED, "resumes", by="Ada Lovelace", note="increase to 75% on 3/9/2026")
            told.advance(stage)
        told.bake(hours, GOOD)
    if until == len(percents):
        told.tell(EventKind.COMPLETED, "complete")
    told.close(Status.COMPLETED if until == len(percents) else Status.LIVE)
    return told


GOOD = {"index error rate": 0.002, "download error rate": 0.03}
BAD = {"index error rate": 0.002, "download error rate": 0.14}


@pytest.fixture(scope="session")
def story() -> Story:
    return whole_story()


def whole_story() -> Story:
    """The story, told to its end."""
    told = Story()
    told.tell(EventKind.STARTED, "Letters from the new source starts: 1% → 25% → 50% → 100%", by="letters-team")
    told.advance(0)
    told.bake(26, GOOD)
    told.advance(1, approved_by="Ada Lovelace", note="canary is quiet")
    told.bake(24, GOOD)
    told.advance(2, approved_by="Grace Hopper")
    told.bake(5, BAD)
    told.roll_back("monitor 4711 alerts: download error rate 14%", monitor="4711", cause="alert")
    told.at += 20 * HOUR
    told.attempt, told.stage = 2, None
    note = "cache fixed <script>alert(1)</script> -->"
    told.tell(EventKind.RESUMED, f"Ada Lovelace resumes at 25%: {note}", by="Ada Lovelace", note=note)
    told.advance(1)
    told.bake(24, GOOD)
    told.advance(2, approved_by="Ada Lovelace")
    told.bake(24, GOOD)
    told.advance(3, approved_by="Grace Hopper", decision="override", verdict="inconclusive", note="enough is known")
    told.bake(24, GOOD)
    told.at += timedelta(minutes=5)
    told.tell(EventKind.COMPLETED, "letters_new_source stays at 100%: the rollout is complete")
    told.close(Status.COMPLETED)
    return told
