"""What a visible line of a page is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from rampart_cli.document.inline import Link


class LineKind(StrEnum):
    """What a visible line is on the page."""

    HEADING = "heading"  # a heading, real or made of a bold line
    ITEM = "item"  # an item of a list, in Markdown, HTML or pasted from a word processor
    TEXT = "text"  # a line of a paragraph
    ROW = "row"  # a row of a table's body
    FRONT = "front"  # a line of the front matter, `key: value`
    FOLD = "fold"  # the summary of a `<details>`; a heading when it says what stands within
    FOLD_END = "fold end"  # the end of a `<details>`: it shows nothing


@dataclass(slots=True, eq=False)
class Line:
    """One visible line of the page; `line` is one-based."""

    kind: LineKind
    line: int
    text: str
    level: int = 0
    """1 to 7 of a heading, 0 of anything else."""
    parent: Line | None = None
    """The list item that this line stands within."""
    links: list[Link] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    checked: bool | None = None
    """Whether the task box is ticked; None without a box."""
    quoted: bool = False
    header: tuple[str, ...] = ()
    """The head of the table that a row belongs to."""
    cells: tuple[str, ...] = ()
    shares_in: int | None = None
    """The column of a table of stages in which the shares rise, told by what stands in it."""
    past: int = 0
    """The line after a heading: a heading that is underlined takes two."""
    has_items: bool = False
    """Whether list items stand within this one."""

    @property
    def ancestors(self) -> list[Line]:
        """The list items around this line, the nearest first."""
        found, parent = [], self.parent
        while parent is not None:
            found.append(parent)
            parent = parent.parent
        return found


@dataclass(slots=True)
class Lines:
    """The visible lines of a page, and the line at which it nests too deeply to be followed, if it does."""

    lines: list[Line]
    too_deep: int | None = None
