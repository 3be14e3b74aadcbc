"""Counts of a real application under every rule: PetShop (Hardt et al., 2023, CC BY 4.0), as JSON lines in a folder.

`healthy.jsonl` holds 49 hours of each component without a fault, `faults.jsonl` five buckets around each injected one;
a line has `scenario`, `node`, `times` and `buckets` of errors and requests. The control is the same hour a day earlier.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.comparisons import DAY, OURS, RIVALS, rule_named
from benchmarks.measures import Found
from benchmarks.ratio_rules import AbsoluteBar, MannWhitney, RatioRuleOverMany
from rampart.evidence.clump import measure_clump
from rampart.evidence.series import Series

FRONT = "PetSite"
BAR = 0.005
FOUR_HOURS = 48
FAULT_SEEN_AT = 0.02
"""A fault that never makes so many requests fail is one of latency."""
_HOURS = 12
_WARM = 24
"""Buckets of the cold start."""
Counts = list[tuple[float, float]]


def faults_caught(folder: Path) -> Found:
    """How many faults each rule rolls back within their buckets, after four good hours."""
    healthy = _healthy(folder)
    faults = [each for each in _lines(folder / "faults.jsonl") if _worst(each) >= FAULT_SEEN_AT]
    found = dict.fromkeys(_names(), 0.0)
    for fault in faults:
        before = healthy.get(fault["scenario"]) or next(iter(healthy.values()))
        good = _counts(before)[_WARM + DAY : _WARM + DAY + FOUR_HOURS]
        control = _counts(before)[_WARM : _WARM + FOUR_HOURS + len(fault["buckets"])]
        for name in found:
            at = _rolled_back_at(name, [*good, *_counts(fault)], control, _clump(before))
            found[name] += at is not None and at >= FOUR_HOURS
    return found | {"faults": float(len(faults))}


def healthy_rolled_back(folder: Path) -> Found:
    """How many windows of four healthy hours each rule rolls back, against the same hours a day earlier."""
    found, windows = dict.fromkeys(_names(), 0.0), 0
    for history in _healthy(folder).values():
        counts = _counts(history)
        for start in range(DAY, len(counts) - FOUR_HOURS + 1, FOUR_HOURS):
            windows += 1
            window, control = (counts[at : at + FOUR_HOURS] for at in (start, start - DAY))
            for name in found:
                found[name] += _rolled_back_at(name, window, control, _clump(history)) is not None
    return found | {"windows": float(windows)}


def _names() -> tuple[str, ...]:
    return (OURS, f"Rampart, bar {BAR:.1%}", *RIVALS)


def _rule(name: str, clump: float, planned: int) -> RatioRuleOverMany:
    if name == "Kayenta":
        return MannWhitney(1, window=12, every=1)
    if name.startswith("Rampart, bar"):
        return AbsoluteBar(1, BAR, planned=planned, clump=clump)
    return rule_named(name, 1, clump=clump, planned=planned)


def _rolled_back_at(name: str, own: Counts, control: Counts, clump: float) -> int | None:
    rule = _rule(name, clump, len(own))
    for index, (mine, theirs) in enumerate(zip(own, control, strict=True)):
        if rule.step(*(np.array([float(each)]) for each in (*mine, *theirs)))[0]:
            return index
    return None


def _healthy(folder: Path) -> Mapping[str, dict[str, Any]]:
    return {each["scenario"]: each for each in _lines(folder / "healthy.jsonl")}


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as text:
        yield from (each for each in map(json.loads, text) if each["node"] == FRONT)


def _counts(line: Mapping[str, Any]) -> Counts:
    return [(errors or 0.0, requests or 0.0) for errors, requests in line["buckets"]]


def _worst(line: Mapping[str, Any]) -> float:
    return max(errors / requests for errors, requests in _counts(line) if requests)


def _clump(history: Mapping[str, Any]) -> float:
    """What the product measures in the hourly counts of all of the history."""
    counts = _counts(history)
    hours = [counts[at : at + _HOURS] for at in range(0, len(counts) - _HOURS + 1, _HOURS)]
    errors, total = (
        Series(tuple((hour * 3600, sum(each[part] for each in counted)) for hour, counted in enumerate(hours)))
        for part in (0, 1)
    )
    return measure_clump(errors, total).clump
