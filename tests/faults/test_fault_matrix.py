"""Every function and every system that it meets, failing in every way; the page says what comes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from local.flipper_standin import FlipperStandIn
from rampart.rollout.event import EventKind
from tests.faults.cells import FUNCTIONS, Result, Scene, play
from tests.faults.outside import FAULTS, Outside
from tests.faults.table import PAGE, rows, stage

PAIRS = [(function, system) for function, met in FUNCTIONS.items() for system in met]
APPROVED = {"prepare": 0.0, "advance": 25.0, "evaluate": 1.0, "rollback": 25.0, "notify": 1.0}
"""The highest percentage that anyone approved."""
IN_THE_END = {
    "prepare": ("ready; flag at 0%", EventKind.STARTED),
    "advance": ("advanced; flag at 25%", EventKind.ADVANCED),
    "rollback": ("answers 200; flag at 0%", EventKind.ROLLED_BACK),
}
"""What each comes to when it is called again, and the event that is then there once."""


@pytest.fixture(scope="module")
def outside() -> Iterator[tuple[Outside, FlipperStandIn]]:
    with stage() as systems:
        yield systems


@pytest.mark.parametrize(("function", "system"), PAIRS)
def test_nothing_passes_nothing_is_lost_and_the_page_says_what_happens(
    function: str, system: str, outside: tuple[Outside, FlipperStandIn]
) -> None:
    results = {}
    for fault in FAULTS:
        results[fault], scene = play(function, system, fault, *outside)
        case = f"{function}, {system}, {fault}: {results[fault]}"
        assert float(results[fault].flag.rstrip("%")) <= APPROVED[function], case
        assert "hang" not in scene.answered, f"{case}: it waited until the other side gave up"
        LAWS[function](system, results[fault], scene, case)

    assert rows(function, system, results) == _written(function, system)


def _written(function: str, system: str) -> list[str]:
    lines = PAGE.read_text().splitlines() if PAGE.exists() else []
    return [line for line in lines if line.startswith(f"| {function} | {system} |")]


def _done_once(function: str, result: Result, scene: Scene, case: str) -> None:
    expected, kind = IN_THE_END[function]
    assert result.afterwards == expected, case
    assert Counter(scene.told())[kind.value] == 1, case


def _prepare(system: str, result: Result, scene: Scene, case: str) -> None:
    _done_once("prepare", result, scene, case)


def _advance(system: str, result: Result, scene: Scene, case: str) -> None:
    # The monitors, or the change calendars, cannot be read: the step is held, and people are asked again.
    if system == "Datadog" or (system == "Systems Manager" and result.outcome == "stale"):
        assert (result.outcome, result.flag) == ("stale", "1%"), case
        assert result.told == EventKind.HELD.value, case
    else:
        _done_once("advance", result, scene, case)


def _evaluate(system: str, result: Result, scene: Scene, case: str) -> None:
    assert result.flag == "1%", case
    if system == "Datadog":
        assert result.outcome == "error; gate left alone", case
    if system == "Flipper":
        assert result.outcome == "pass; kept alive", f"{case}: no one is asked about a flag that no one sees"
    if system == "Lambda":
        assert [request.cause.value for request in scene.world.queue.called] == ["evidence"], case
    else:
        assert "asked" in f"{result.outcome} {result.afterwards}", case
        assert list(scene.world.gates.succeeded.values())[1:] == [], case


def _roll_back(system: str, result: Result, scene: Scene, case: str) -> None:
    unreachable = system == "Flipper" or (system == "Secrets Manager" and result.outcome == "answers 503")
    assert unreachable or result.flag == "0%", case
    assert result.outcome in ("answers 200", "answers 503"), case
    _done_once("rollback", result, scene, case)


def _notify(system: str, result: Result, scene: Scene, case: str) -> None:
    told = {announcer.name: len(announcer.announced) for announcer in scene.announcers}
    assert max(told.values()) == 1, case
    silent = {name for name, times in told.items() if not times}
    assert not silent or result.outcome.startswith("told"), f"{case}: {silent} heard nothing"


LAWS = {
    "prepare": _prepare,
    "advance": _advance,
    "evaluate": _evaluate,
    "rollback": _roll_back,
    "notify": _notify,
}
