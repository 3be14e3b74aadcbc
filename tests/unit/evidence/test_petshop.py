"""Counts of a real application: a folder that RAMPART_PETSHOP names holds them (PetShop, Hardt et al., 2023)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rampart.evidence.clump import measure_clump
from rampart.evidence.criteria import RateCriterion, Side
from rampart.evidence.rule import RateRule, decide
from rampart.evidence.series import Series

FRONT = "PetSite"
LEVELS = ("low_traffic", "high_traffic")
BAR = 0.005
HOURS_BEFORE, FOUR_HOURS = 96, 48
FOUR_DAYS = 1152
HEALTHY_FROM = 24
"""Two hours in: behind the cold start."""
Counts = list[tuple[float, float]]


@pytest.fixture(scope="module")
def folder() -> Path:
    named = os.environ.get("RAMPART_PETSHOP")
    if not named:
        pytest.skip("RAMPART_PETSHOP names no folder: the counts of the PetShop data set are not at hand")
    return Path(named)


def lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open() as text:
        return iter([each for each in map(json.loads, text) if each["node"] == FRONT])


@pytest.fixture(scope="module")
def healthy(folder: Path) -> dict[str, dict[str, Any]]:
    return {each["scenario"]: each for each in lines(folder / "healthy.jsonl")}


def clump_of(history: dict[str, Any]) -> float:
    """The clump of hourly sums, as the product asks for them."""
    sums: dict[int, list[float]] = {}
    for at, (errors, requests) in zip(history["times"], history["buckets"], strict=True):
        hour = sums.setdefault(at // 3600 * 3600, [0.0, 0.0])
        hour[0] += errors or 0
        hour[1] += requests or 0
    errors, total = (Series(tuple((start, each[part]) for start, each in sums.items())) for part in (0, 1))
    return measure_clump(errors, total).clump


def rolled_back_at(clump: float, buckets: Counts, planned: int) -> int | None:
    criterion = RateCriterion(name="front", bar=BAR, side=Side.BELOW, clump=clump)
    return decide(RateRule.of(criterion, planned), buckets).at


@pytest.mark.parametrize("level", LEVELS)
def test_the_clump_of_either_traffic_is_that_of_a_good_day(healthy: dict[str, dict[str, Any]], level: str) -> None:
    assert 2 <= clump_of(healthy[level]) <= 8


@pytest.mark.parametrize("planned", [101, 288, FOUR_DAYS])
def test_most_faults_of_the_front_are_rolled_back_within_their_five_buckets(
    folder: Path, healthy: dict[str, dict[str, Any]], planned: int
) -> None:
    faults = [
        each
        for each in lines(folder / "faults.jsonl")
        if each["metric"] == "availability" and max(k / n for k, n in each["buckets"]) >= 0.02
    ]
    found = 0
    for fault in faults:
        before = healthy.get(fault["scenario"], healthy["low_traffic"])
        good = before["buckets"][HEALTHY_FROM : HEALTHY_FROM + HOURS_BEFORE]
        at = rolled_back_at(clump_of(before), [*good, *fault["buckets"]], planned)
        found += at is not None and at >= HOURS_BEFORE
    assert found >= 0.6 * len(faults) > 0


@pytest.mark.parametrize(("level", "broken"), [("low_traffic", [0, 528]), ("high_traffic", [])])
def test_of_healthy_windows_only_the_cold_start_and_the_outage_are_rolled_back(
    healthy: dict[str, dict[str, Any]], level: str, broken: list[int]
) -> None:
    history = healthy[level]
    clump, buckets = clump_of(history), history["buckets"]
    begins = range(0, len(buckets) - FOUR_HOURS + 1, FOUR_HOURS)
    windows = {at: buckets[at : at + FOUR_HOURS] for at in begins}
    assert [at for at, each in windows.items() if rolled_back_at(clump, each, FOUR_HOURS) is not None] == broken
