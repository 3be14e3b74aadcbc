"""A rollout as it really went in the spring of 2025, played through the use cases: the record must tell its story.

Two flags of one family, web and mobile; people rolled it back four times, for reasons that no metric saw, or that one
saw and people had to judge: another client of the same service pushed the shared error rate above its bar. What went
otherwise is what Rampart does not do: in the last week 75% comes before 100%, on the same day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rampart.adapters.memory import FixedClock, MemoryFlagStore
from rampart.errors import ConflictError
from rampart.evidence.series import Measured, Series
from rampart.evidence.verdict import Verdict
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause
from rampart.rollout.state import Answer, DecisionKind, Event, EventKind, GateKind, Question, Status
from tests.unit.rollout.world import ERRORS, EXECUTION, OFFICE_HOURS, ROLLOUT, World

NEW_YORK = ZoneInfo("America/New_York")
FLAGS = ("letters_web", "letters_mobile")
JUNETEENTH = date(2025, 6, 19)
TICK = timedelta(hours=1)
PLAN: dict[str, Any] = {
    "title": "Letters from the new provider",
    "flags": list(FLAGS),
    "calendar": OFFICE_HOURS,
    "criteria": {
        ERRORS: {
            "kind": "rate",
            "errors": "e",
            "total": "t",
            "below": "0.3%",
            "scope": "everyone",
            "baseline": "0.05%",
            "clump": 1,
            "on_fail": "hold",  # the rate is shared with other clients: a person judges whose fault it is
        }
    },
    "stages": [
        {"name": "Canary", "percent": 1, "hold": "1 business day"},
        {"percent": 25, "hold": "1 business day"},
        {"percent": 50, "hold": "1 business day"},
        {"percent": 75, "hold": "3h"},
        {"percent": 100, "hold": "1w"},
    ],
}
