"""The page as a flat list of visible lines, each with its place, its kind and what it stands under."""

from __future__ import annotations

import re
from typing import Any

from markdown_it.token import Token

from rampart_cli.document.amounts import with_signs
from rampart_cli.document.blocks import Line, LineKind, markup_lines
from rampart_cli.document.inline import MAX_NESTING, References, VisibleLine, parser, visible_lines
from rampart_cli.document.labels import Asks, what_is_asked
from rampart_cli.document.lexicon import NO_WORDS, TeamWords
from rampart_cli.document.page import Page

LONGEST_TEXT = 2000
"""Characters of one visible line that are looked at: what a person writes on a line of a plan is shorter."""
STRONG_LEVEL = 7
"""The level of a bold line, or of a fold's summary, that serves as a heading: below every real heading."""
_FLOOR = re.compile(r"[\s>]*(?:[-*+]|\d{1,9}[.)])\s{1,9}(?:\[[ xX]?\]\s{1,9})?(>\s?=?)\s?(?=[\d.])")
"""`- > 95%`: CommonMark takes the sign for a quote, and a person means a bar."""
_BULLET = re.compile(r"\s*(?:[•·▪◦‣●○\u2013\u2014]\s*|o\t\s*)(?=\S)")
_BOX = re.compile(r"\s{0,9}\[([ xX]?)\]\s{0,9}")
_HEADING_MARK = re.compile(r"\s{0,9}(#{1,6})\s{0,9}(?=[^#\s])")
_ITEM_MARK = re.compile(r"\s{0,9}(?:[-*+]|\d{1,3}[.)])\s{1,9}")
_SHARE_LINE = re.compile(rf"(?:{_ITEM_MARK.pattern})?[^{{}}=;\"]{{0,40}}?\d{{1,3}}\s?%[^{{}}=;\"]{{0,80}}$")
_SHOW_NOTHING = frozenset({"paragraph_open", "paragraph_close", "bullet_list_close", "ordered_list_close"})
"""Tokens that tell nothing which the inline token or the list item next to them does not tell."""
_ANSWERED = ("label", "answer")


def read_lines(page: Page, team: TeamWords = NO_WORDS) -> tuple[list[Line], int | None]:
    """Parse the page as CommonMark with tables, struck text, front matter and raw HTML, in words that are known.

    Besides the visible lines: the line at which the page nests too deeply to be followed, None where it does not.
    """
    return _Walk(page, team).run()


class _Walk:
    def __init__(self, page: Page, team: TeamWords) -> None:
        self._team = team
        text = "\n".join(page.lines)
        self._raw = page.lines
        defined: dict[str, Any] = {}
        self._tokens = parser(front_matter=text.startswith("---")).parse(text, defined)
        self._references: References = defined.get("references", {})
        self._found: list[Line] = []
        self._items: list[Line | None] = []
        self._folds: list[Line] = []
        self._quotes = 0
        self._heading = self._past = self._row_line = 0
        self._head: tuple[str, ...] = ()
        self._cells: list[VisibleLine] = []
        self._deepest: int | None = None

    def run(self) -> tuple[list[Line], int | None]:
        for index, token in enumerate(self._tokens):
            if token.type in _SHOW_NOTHING:
                continue
            self._nest(token)
            first = token.map[0] + 1 if token.map else 0
            if token.level >= MAX_NESTING - 1 and self._deepest is None and first:
                self._deepest = first
            match token.type:
                case "inline" if self._tokens[index - 1].type in {"th_open", "td_open"}:
                    self._cells.append(_one(visible_lines(token.content, self._references)))
                case "inline":
                    self._paragraph(first, visible_lines(token.content, self._references))
                case "tr_open":
                    self._cells, self._row_line = [], first
                case "tr_close":
                    self._row()
                case "html_block":
                    self._markup(markup_lines(token.content, first))
                case "fence" | "front_matter":
                    self._verbatim(first, token)
        return self._found, self._deepest

    def _nest(self, token: Token) -> None:
        match token.type:
            case "blockquote_open" | "blockquote_close":
                self._quotes += token.nesting
            case "list_item_open":
                self._items.append(None)
            case "list_item_close":
                self._items.pop()
            case "table_open":
                self._head = ()
            case "heading_open":
                self._heading, self._past = int(token.tag[1]), token.map[1] + 1 if token.map else 0
            case "heading_close":
                self._heading = 0

    def _parent(self) -> Line | None:
        for item in reversed(self._items):
            if item is not None:
                return item
        return None

    def _add(self, line: Line) -> None:
        line.quoted = self._quotes > 0 and not line.text.startswith(">")
        line.text = self._plain(line.text[:LONGEST_TEXT].strip())
        line.cells, line.header = tuple(map(self._plain, line.cells)), tuple(map(self._team.plain, line.header))
        line.past = line.past or line.line + 1
        if line.text or line.cells or line.kind is LineKind.FOLD_END:
            self._found.append(line)

    def _plain(self, text: str) -> str:
        return with_signs(self._team.plain(text))

    def _paragraph(self, first: int, entries: list[VisibleLine]) -> None:
        if self._heading:
            title = _one(entries)
            heading = Line(LineKind.HEADING, first, title.text, self._heading, None, title.links, title.codes)
            heading.past = self._past
            entries = []
            self._add(heading)
        for entry in entries:
            self._add(self._line(first + entry.line, entry))

    def _line(self, number: int, entry: VisibleLine) -> Line:
        opens_item = bool(self._items) and self._items[-1] is None
        line = Line(LineKind.TEXT, number, entry.text, parent=self._parent(), links=entry.links, codes=entry.codes)
        if opens_item:
            line.kind = LineKind.ITEM
            if line.parent is not None:
                line.parent.has_items = True
            self._items[-1] = line
        elif not self._items and not self._quotes and self._is_heading(line, entry):
            return line
        if opens_item and self._quotes and (floor := _FLOOR.match(self._raw[number - 1])):
            line.text = f"{floor[1]} {line.text.lstrip('= ')}"
        if bullet := _BULLET.match(line.text):
            line.kind, line.text = LineKind.ITEM, line.text[bullet.end() :]
        return _boxed(line)

    def _is_heading(self, line: Line, entry: VisibleLine) -> bool:
        if mark := _HEADING_MARK.match(line.text):
            line.kind, line.level, line.text = LineKind.HEADING, len(mark[1]), line.text[mark.end() :]
        elif entry.is_strong:
            line.kind, line.level = LineKind.HEADING, STRONG_LEVEL
        return line.kind is LineKind.HEADING

    def _row(self) -> None:
        cells = tuple(cell.text.strip()[:LONGEST_TEXT] for cell in self._cells)
        if not self._head:
            self._head = cells or ("",)
            if not self._is_answer():
                return
            self._head = ("", "")
        links = [link for cell in self._cells for link in cell.links]
        codes = [code for cell in self._cells for code in cell.codes]
        row = Line(LineKind.ROW, self._row_line, " | ".join(cells), links=links, codes=codes)
        row.header, row.cells = self._head, cells
        self._add(row)

    def _is_answer(self) -> bool:
        """Whether a table's head is a label with its answer, as its rows are: `| Feature flag | `name` |`."""
        is_pair = len(self._cells) == len(_ANSWERED) and bool(self._cells[1].codes)
        return is_pair and what_is_asked(self._cells[0].text.strip()) is Asks.FLAG

    def _markup(self, entries: list[Line]) -> None:
        head: tuple[str, ...] = ()
        for line in entries:
            line.text, line.cells = _spaced(line.text), tuple(map(_spaced, line.cells))
            line.parent = self._parent()
            if line.kind is LineKind.ROW:
                if line.is_head or not head:
                    head = line.cells
                    continue
                line.header, line.text = head, " | ".join(line.cells)
            elif line.kind in {LineKind.FOLD, LineKind.FOLD_END}:
                line.level = STRONG_LEVEL
                if self._items or self._quotes:
                    line.kind, line.level = LineKind.TEXT, 0
                elif line.kind is LineKind.FOLD:
                    self._folds.append(line)
                elif self._folds:
                    self._folds.pop().is_closed = True
            self._add(_boxed(line))

    def _verbatim(self, first: int, token: Token) -> None:
        """Front matter; of what stands between fences a list of tasks or of nothing but shares, and no other code."""
        texts, front = token.content.split("\n"), token.type == "front_matter"
        is_list = token.info in {"", "text"} and all(map(_SHARE_LINE.match, filter(str.strip, texts)))
        if not (front or is_list or "tasklist" in token.info):
            return
        for number, text in enumerate(texts, start=first + 1):
            shown = text if front else _ITEM_MARK.sub("", text)
            line = Line(LineKind.FRONT if front else LineKind.ITEM, number, shown)
            if not front and (mark := _HEADING_MARK.match(text)):
                line.kind, line.level, line.text = LineKind.HEADING, STRONG_LEVEL, text[mark.end() :]
            self._add(line if front else _boxed(line))


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _boxed(line: Line) -> Line:
    """The line without the box of a task, which is kept as whether it is ticked."""
    if box := _BOX.match(line.text):
        line.checked, line.text = bool(box[1].strip()), line.text[box.end() :]
    return line


def _one(entries: list[VisibleLine]) -> VisibleLine:
    """Several visible lines as one: a heading or a cell with a line break in it."""
    links, codes = [link for each in entries for link in each.links], [code for each in entries for code in each.codes]
    return VisibleLine(entries[0].line, " ".join(entry.text for entry in entries), links, codes)
