"""Raw HTML in a page: lists, tables, headings and links that people paste into Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from rampart_cli.document.inline import STRUCK, Link

_ENDS_LINE = frozenset({"br", "p", "div", "ul", "ol", "li", "tr", "table", "summary", "details", "blockquote", "hr"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_UNSHOWN = frozenset({"script", "style"})
_UNFINISHED = 20
"""Tags without an end that are put up with; the parser scans each of them to the end of the block."""


@dataclass(slots=True)
class MarkupLine:
    """One visible line of an HTML block; `line` counts from the block's first line, `heading` is 1 to 6 or 0."""

    line: int
    text: str = ""
    item: bool = False
    heading: int = 0
    cells: list[str] = field(default_factory=list)
    header: bool = False
    links: list[Link] = field(default_factory=list)
    is_fold: bool = False
    """Whether it is the summary of a `<details>`."""
    ends_fold: bool = False


class _Markup(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[MarkupLine] = []
        self._entry: MarkupLine | None = None
        self._row: MarkupLine | None = None
        self._unshown = 0
        self._struck = 0
        self._link: Link | None = None

    def _start(self, *, item: bool = False, heading: int = 0) -> MarkupLine:
        entry = MarkupLine(self.getpos()[0] - 1, item=item, heading=heading)
        self.lines.append(entry)
        self._entry = entry
        return entry

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _ENDS_LINE or tag in _HEADINGS:
            self._entry = None
        if tag == "li" or tag in _HEADINGS:
            self._start(item=tag == "li", heading=_HEADINGS.get(tag, 0))
        elif tag == "summary":
            self._start().is_fold = True
        elif tag == "tr":
            self._row = self._start()
        elif tag in {"td", "th"} and self._row is not None:
            self._row.cells.append("")
            self._row.header |= tag == "th"
        elif tag == "a":
            self._open_link(dict(attrs).get("href") or "")
        self._count(tag, 1)

    def handle_endtag(self, tag: str) -> None:
        if tag in _ENDS_LINE or tag in _HEADINGS:
            self._entry = None
        if tag == "tr":
            self._row = None
        elif tag == "details":
            self._start().ends_fold = True
            self._entry = None
        elif tag == "a":
            self._link = None
        self._count(tag, -1)

    def _count(self, tag: str, step: int) -> None:
        if tag in _UNSHOWN:
            self._unshown = max(0, self._unshown + step)
        elif tag in STRUCK:
            self._struck = max(0, self._struck + step)

    def _open_link(self, url: str) -> None:
        self._link = Link("", url)
        (self._row or self._entry or self._start()).links.append(self._link)

    def handle_data(self, data: str) -> None:
        if self._unshown or self._struck:
            return
        if self._row is not None:
            if self._row.cells:
                self._row.cells[-1] += data
        else:
            self._write_lines(data)
        if self._link is not None:
            self._link.text += data

    def _write_lines(self, data: str) -> None:
        first = self.getpos()[0] - 1
        for number, text in enumerate(data.split("\n")):
            if not text.strip():
                continue
            # An item may go on over several lines; loose text is one line each.
            if self._entry is None or (number and not self._entry.item):
                self._start().line = first + number
            if self._entry is not None:
                self._entry.text += (" " if number else "") + text


def markup_lines(content: str) -> list[MarkupLine]:
    """Read one HTML block; comments, scripts and struck text are not shown, nor is what isn't HTML at all."""
    if content.count("<") > content.count(">") + _UNFINISHED:
        return []
    reader = _Markup()
    reader.feed(content)
    reader.close()
    return [line for line in reader.lines if line.text.strip() or line.cells or line.ends_fold]
