"""The marks round what Rampart wrote into a page: that isn't part of the plan, and the next report replaces it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MARK = re.compile(r"<!-- (/?)rampart:([a-z-]{1,40})(?: ([^<>]{1,200}))? -->")
_HEADING = re.compile(r"[ >]{0,9}#{1,6}(\s|$)")


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark: its line (one-based) and its characters [start, past) on it."""

    line: int
    start: int
    past: int
    is_end: bool
    what: str
    """`results`, `dates`: what stands behind it."""
    rollout: str
    """Whose they are; empty at an end."""
    text: str


@dataclass(frozen=True, slots=True)
class Marks:
    """The regions of a page, each as its two marks, and the marks whose other half is missing."""

    regions: tuple[tuple[Mark, Mark], ...]
    lonely: tuple[Mark, ...]


def marks_in(lines: Sequence[str]) -> Marks:
    """Pair each mark with the next, where that is its end and no heading of the page stands between them."""
    regions: list[tuple[Mark, Mark]] = []
    lonely: list[Mark] = []
    begun: Mark | None = None
    for mark in _each(lines):
        if begun is not None and mark.is_end and mark.what == begun.what and not _is_parted(lines, begun, mark):
            regions.append((begun, mark))
            begun = None
            continue
        lonely += [begun] if begun is not None else []
        lonely += [mark] if mark.is_end else []
        begun = None if mark.is_end else mark
    return Marks(tuple(regions), (*lonely, begun) if begun is not None else tuple(lonely))


def without_marked(lines: Sequence[str]) -> Sequence[str]:
    """The lines with nothing in the place of marked regions; every line keeps its number."""
    regions = marks_in(lines).regions
    if not regions:
        return lines
    left = list(lines)
    for begin, end in reversed(regions):
        before, after = left[begin.line - 1][: begin.start], left[end.line - 1][end.past :]
        if begin.line == end.line:
            # The space before an answer came with it: two at a line's end would break the line.
            left[begin.line - 1] = before.removesuffix(" ") + after
            continue
        left[begin.line - 1], left[end.line - 1] = before, after
        left[begin.line : end.line - 1] = [""] * (end.line - 1 - begin.line)
    return left


def _each(lines: Sequence[str]) -> Iterator[Mark]:
    for number, line in enumerate(lines, start=1):
        if "rampart:" in line:
            for found in _MARK.finditer(line):
                yield Mark(number, found.start(), found.end(), bool(found[1]), found[2], found[3] or "", found[0])


def _is_parted(lines: Sequence[str], begin: Mark, end: Mark) -> bool:
    return any(map(_HEADING.match, lines[begin.line : end.line]))
