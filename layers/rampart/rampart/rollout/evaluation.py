"""An evaluation as it is stored: one look at all criteria, with what it judged."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from rampart.evidence.verdict import Verdict
from rampart.model import Model


class Evaluation(Model):
    """One look at all criteria, with the evidence it judged: feeding that to the rule gives the verdicts again."""

    id: str
    at: datetime
    rollout: str
    attempt: int
    stage: int
    percent: float
    window: tuple[int, ...] = Field(min_length=4, max_length=6)
    """Start, end, bucket width (epoch seconds) and planned buckets; with coarse buckets, their width and their end."""
    verdict: Verdict
    judgements: tuple[dict[str, Any], ...]
    evidence: dict[str, Any]
    plan_hash: str
    rule_version: str
