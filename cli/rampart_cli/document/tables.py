"""Tables that lie on their side: a column for each stage, and a row for what is said of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from rampart_cli.document.amounts import percents_in
from rampart_cli.document.lines import Line, LineKind
from rampart_cli.document.sections import stage_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def upright(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines of a page, with every table of stages turned so that each stage has a row.

    A turned row stands at the line that gives the percentages, for there the stage is stated.
    """
    for header, group in groupby(lines, key=lambda line: line.header if line.kind is LineKind.ROW else ()):
        rows = list(group)
        yield from _turned(header, rows) if _lies(header) else rows


def _lies(header: tuple[str, ...]) -> bool:
    return len(header) > 2 and all(stage_name(head) is not None for head in header[1:])


def _turned(header: tuple[str, ...], rows: list[Line]) -> Iterator[Line]:
    stated = next((row for row in rows if percents_in(" ".join(row.cells))), rows[0])
    heads = ("Stage", *(row.cells[0] for row in rows))
    for column, name in enumerate(header[1:], start=1):
        cells = (name, *(row.cells[column] if column < len(row.cells) else "" for row in rows))
        yield replace(stated, text=" | ".join(cells), header=heads, cells=cells)
