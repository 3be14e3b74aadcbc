"""The claim letters in seconds: their plan with its holds compressed, and a world with enough traffic to decide."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import yaml

from local.datadog_standin import Scenario
from local.ministack import ROOT

HEALTHY_INDEX = 0.001
_SECONDS = {"hold": "7s", "settle": "1s", "lag": "3s", "look_every": "1s", "bucket": "1s"}
_PER_SECOND = 4000
_HISTORY_SECONDS = 30
"""A start reads whole hours; this much of the last one has data."""
_REPEATS_SECONDS = 120
"""A run that sees the hour change reads thousands of seconds at once, and must not wait until all are drawn."""


def compressed(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The plan with its holds in seconds and no calendar; flags, criteria, bars and stages stay what they are."""
    return {
        **plan,
        **{name: value for name, value in _SECONDS.items() if name != "hold"},
        "calendar": {"advance_on": "any_day"},
        "traffic": f"{_PER_SECOND * 3600}/hour",
        "criteria": {name: _unclumped(criterion) for name, criterion in plan["criteria"].items()},
        "stages": [{**stage, "hold": _SECONDS["hold"]} for stage in plan["stages"]],
    }


def _unclumped(criterion: Mapping[str, Any]) -> Mapping[str, Any]:
    """A criterion as it is judged here: the scenario draws every request by itself, so a cause spoils one."""
    return {**criterion, "clump": 1} if criterion["kind"] in {"rate", "compare"} else criterion


def scenario() -> Scenario:
    """The world of the claim letters, with enough traffic to decide in seconds."""
    document = yaml.safe_load((ROOT / "local/datadog_standin/claim_letters.yaml").read_text())
    for traffic in document["traffic"]:
        traffic["per_second"] = _PER_SECOND
    index = document["traffic"][0]
    index |= {"old_error_rate": HEALTHY_INDEX, "new_error_rate": HEALTHY_INDEX}
    begins = int(time.time()) // 3600 * 3600 - _HISTORY_SECONDS
    return Scenario.model_validate({**document, "begins": begins, "repeats": _REPEATS_SECONDS})
