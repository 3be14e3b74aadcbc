"""What a visible line of a page is, and the lines that raw HTML shows: lists, tables, headings, and links."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from html.parser import HTMLParser

from rampart_cli.document.inline import STRUCK, Link

_ENDS_LINE = frozenset({"br", "p", "div", "ul", "ol", "li", "tr", "table", "summary", "details", "blockquote", "hr"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_UNSHOWN = frozenset({"script", "style"})
_UNFINISHED = 20
"""Tags without an end that are put up with; the parser scans each of them to the end of the block."""


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
    is_closed: bool = False
    """Whether a fold is closed again; of one that is not, no one knows how far it reaches."""
    is_head: bool = False
    """Whether it is the head of a table in HTML."""
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


_OPENS = {"li": LineKind.ITEM, "summary": LineKind.FOLD, **dict.fromkeys(_HEADINGS, LineKind.HEADING)}


class _Markup(HTMLParser):
    def __init__(self, first: int) -> None:
        super().__init__(convert_charrefs=True)
        self._first = first
        self.lines: list[Line] = []
        self._entry: Line | None = None
        self._row: Line | None = None
        self._unshown = 0
        self._struck = 0
        self._link: Link | None = None

    def _start(self, kind: LineKind = LineKind.TEXT, level: int = 0) -> Line:
        self._entry = Line(kind, self._first + self.getpos()[0] - 1, "", level)
        self.lines.append(self._entry)
        return self._entry

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _ENDS_LINE or tag in _HEADINGS:
            self._entry = None
        if tag in _OPENS:
            self._start(_OPENS[tag], _HEADINGS.get(tag, 0))
        elif tag == "tr":
            self._row = self._start(LineKind.ROW)
        elif tag in {"td", "th"} and self._row is not None:
            self._row.cells += ("",)
            self._row.is_head |= tag == "th"
        elif tag == "a":
            self._link = Link("", dict(attrs).get("href") or "")
            (self._row or self._entry or self._start()).links.append(self._link)
        self._count(tag, 1)

    def handle_endtag(self, tag: str) -> None:
        if tag in _ENDS_LINE or tag in _HEADINGS:
            self._entry = None
        if tag == "tr":
            self._row = None
        elif tag == "details":
            self._start(LineKind.FOLD_END)
            self._entry = None
        elif tag == "a":
            self._link = None
        self._count(tag, -1)

    def _count(self, tag: str, step: int) -> None:
        if tag in _UNSHOWN:
            self._unshown = max(0, self._unshown + step)
        elif tag in STRUCK:
            self._struck = max(0, self._struck + step)

    def handle_data(self, data: str) -> None:
        if self._unshown or self._struck:
            return
        if self._row is not None:
            if self._row.cells:
                self._row.cells = (*self._row.cells[:-1], self._row.cells[-1] + data)
        else:
            self._write_lines(data)
        if self._link is not None:
            self._link.text += data

    def _write_lines(self, data: str) -> None:
        for number, text in enumerate(data.split("\n")):
            if not text.strip():
                continue
            # An item may go on over several lines; loose text is one line each.
            if self._entry is None or (number and self._entry.kind is not LineKind.ITEM):
                self._start().line += number
            if self._entry is not None:
                self._entry.text += (" " if number else "") + text


def markup_lines(content: str, first: int) -> list[Line]:
    """Read one HTML block from line `first` on, without comments, scripts, struck text, and what isn't HTML."""
    if content.count("<") > content.count(">") + _UNFINISHED:
        return []
    reader = _Markup(first)
    reader.feed(content)
    reader.close()
    return [line for line in reader.lines if line.text.strip() or line.cells or line.kind is LineKind.FOLD_END]
