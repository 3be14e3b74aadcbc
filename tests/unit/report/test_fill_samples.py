"""Rampart never reads its own results as a plan, on none of the sample pages and whatever became of the rollout."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rampart_cli.document import PlanDocument, Reading, read
from rampart_cli.report.fill import fill
from rampart_cli.report.history import RolloutHistory, gather

from .conftest import climb

TODAY = date(2026, 3, 30)
SAMPLES = sorted((Path(__file__).parents[1] / "document" / "pages").glob("*.md"))
PAGES = [path for path in SAMPLES if json.loads(path.with_suffix(".json").read_text())["plans"]]
_BOX = re.compile(rb"\[[ xX]?\]")
_DATES = re.compile(rb" ?<!-- rampart:dates [a-z]+ -->[^<]*<!-- /rampart:dates -->")


@cache
def reading_of(source: bytes) -> Reading:
    return read(source, today=TODAY)


def history_of(plan: PlanDocument, became: str) -> RolloutHistory:
    percents = sorted({stage.percent for stage in plan.stages if stage.percent}) or [50.0]
    return history_up(tuple(percents), tuple(flag.name for flag in plan.flags), became)


@cache
def history_up(percents: tuple[float, ...], flags: tuple[str, ...], became: str) -> RolloutHistory:
    until = {"begun": 1, "complete": len(percents), "rolled back": len(percents)}[became]
    told = climb(
        percents,
        flags or ["letters_new_source"],
        fails_at=len(percents) - 1 if became == "rolled back" else None,
        until=until,
    )
    return gather(told.records, told.records.states["letters"])


def said(value: Any) -> Any:
    """What a reading says, without the numbers of lines, which move, and columns, which a tick moves."""
    if isinstance(value, dict):
        return {key: said(each) for key, each in value.items() if key not in {"line", "column"}}
    if isinstance(value, list):
        return [said(each) for each in value]
    return re.sub(r"\bline \d+(, \d+)*", "line", value) if isinstance(value, str) else value


def is_kept(before: bytes, after: bytes) -> bool:
    """Whether every line of `before` stands in `after`, in its order, with its blanks and its line end."""
    rest = iter([_BOX.sub(b"[]", _DATES.sub(b"", line)) for line in after.splitlines(keepends=True)])
    return all(_BOX.sub(b"[]", line) in rest for line in before.splitlines(keepends=True))


VARIANTS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda page: page,
    "with CRLF": lambda page: page.replace(b"\n", b"\r\n"),
    "with CR": lambda page: page.replace(b"\n", b"\r"),
    "with blanks at the ends of lines": lambda page: re.sub(rb"(?<=[^\n])\n", b"  \n", page),
}


@pytest.mark.long
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("became", ["begun", "complete", "rolled back"])
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_filled_page_reads_as_before_and_keeps_every_line(path: Path, became: str, variant: str) -> None:
    source = VARIANTS[variant](path.read_bytes())
    before = reading_of(source)
    history = history_of(before.plans[0], became)
    page = fill(source, history, today=TODAY).page
    assert page != source
    assert said(read(page, today=TODAY).as_json()) == said(before.as_json())
    assert is_kept(source, page)
    assert fill(page, history, today=TODAY).page == page
