"""The page as bytes and as lines, so that every finding can name its line, and the marks around what Rampart wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple, Self

from rampart.errors import RampartError

_MARK = re.compile(r"<!-- (/?)rampart:([a-z-]{1,40})(?: ([^<>]{1,200}))? -->")
_HEADING = re.compile(r"[ >]{0,9}#{1,6}(\s|$)")
MAX_BYTES = 512 * 1024
"""The largest page that is read; plans are a few kilobytes, and a parser's time grows with the page."""
_LONGEST_MARKED = 4000
"""Characters of a line in which the place of a finding is looked for."""
_MOST_WORDS = 40
_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_UTF8_BOM = b"\xef\xbb\xbf"
# Spaces that Word and web pages leave become plain ones; marks that no one sees are dropped.
_SPACES = dict.fromkeys([0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " ")
_UNSEEN = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, 0xFE0F, *range(0x202A, 0x202F)])
_ISOLATES = dict.fromkeys(range(0x2066, 0x206A))
# Hyphens that do not break, and the wide signs of an East Asian keyboard, are the plain ones.
_PLAIN = str.maketrans("\u2010\u2011\uff05\ufe6a\uff1a\uff1c\uff1e\u2266\u2267", "--%%:<>≤≥")
_ARROWS = dict.fromkeys([0x279C, 0x2794, 0x279D, 0x279E, 0x2799], "→")
_SEEN = {**_SPACES, **_UNSEEN, **_ISOLATES, **_PLAIN, **_ARROWS, 0: "\ufffd"}


class Mark(NamedTuple):
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


class Marks(NamedTuple):
    """The regions of a page, each as its two marks, and the marks whose other half is missing."""

    regions: tuple[tuple[Mark, Mark], ...]
    lonely: tuple[Mark, ...]


def marks_in(lines: Sequence[str]) -> Marks:
    """Pair each mark with the next, where that is its end and no heading of the page stands between them."""
    regions: list[tuple[Mark, Mark]] = []
    lonely: list[Mark] = []
    begun: Mark | None = None
    for mark in _each(lines):
        is_pair = begun is not None and mark.is_end and mark.what == begun.what
        if is_pair and begun and not any(map(_HEADING.match, lines[begun.line : mark.line])):
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


class UnreadablePageError(RampartError):
    """The page isn't text that can be read as a plan."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the page: one-based line and column of its start, and byte offsets [start, end)."""

    line: int
    column: int
    start: int
    end: int


@dataclass(frozen=True)
class Page:
    """A Markdown page; line numbers are one-based, byte offsets count from the file's first byte."""

    source: bytes
    raw: tuple[str, ...]
    """The lines as written, without their line ends."""
    starts: tuple[int, ...]
    """Byte offset of each line, and of the end of the file."""

    @classmethod
    def read(cls, source: bytes) -> Self:
        """Take a file's bytes.

        Raises UnreadablePageError for more than MAX_BYTES and for anything but UTF-8.
        """
        if len(source) > MAX_BYTES:
            raise UnreadablePageError(
                f"the page has more than {MAX_BYTES:,} bytes, the most that is read; "
                "is this the plan? Move logs, images and attachments out of it"
            )
        if source[:2] in _BOMS:
            raise UnreadablePageError(f"the page is {_BOMS[source[:2]]} text; save it as UTF-8")
        starts, raw = [0], []
        for number, chunk in enumerate(source.splitlines(keepends=True), start=1):
            raw.append(_decode(chunk, number))
            starts.append(starts[-1] + len(chunk))
        return cls(source=source, raw=tuple(raw), starts=tuple(starts))

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines as a reader sees them: plain spaces, nothing invisible, nothing that Rampart wrote itself."""
        written = without_marked(self.raw)
        return tuple(line if line.isascii() and "\0" not in line else line.translate(_SEEN) for line in written)

    def place(self, line: int, fragment: str) -> tuple[int, int]:
        """The one-based column and the length of `fragment` on `line`, as written there with marks and escapes.

        `**Error** rate` is found for `Error rate`, `\\[FILL\\_IN\\]` for `[FILL_IN]`; a number only as a whole. The
        whole line when the fragment is empty or not there.
        """
        text = self.raw[line - 1] if 0 < line <= len(self.raw) else ""
        found = _pattern(fragment).search(text) if fragment and len(text) <= _LONGEST_MARKED else None
        if found is not None:
            return found.start() + 1, len(found[0])
        return 1 + len(text) - len(text.lstrip()), max(1, len(text.strip()))

    def span(self, line: int, column: int, length: int) -> Span:
        """The bytes of `length` characters from `line` and `column` on."""
        text, start = self.raw[line - 1], self.starts[line - 1]
        bom = len(_UTF8_BOM) if line == 1 and self.source.startswith(_UTF8_BOM) else 0
        before = bom + len(text[: column - 1].encode())
        return Span(line, column, start + before, start + before + len(text[column - 1 : column - 1 + length].encode()))

    def block(self, first: int, past: int) -> Span:
        """The bytes of the whole lines from `first` up to, not including, `past`, with their line ends."""
        return Span(first, 1, self.starts[first - 1], self.starts[min(past, len(self.starts)) - 1])


@lru_cache(maxsize=1024)
def _pattern(fragment: str) -> re.Pattern[str]:
    """A fragment of visible text as it may stand in the source: with emphasis, escapes and more than one space."""
    marks = r"[\\*_`~\[]{0,4}"
    words = fragment.split()[:_MOST_WORDS]
    between = rf"{marks}\s{{1,9}}{marks}"
    found = between.join(marks.join(map(re.escape, word)) for word in words)
    before = r"(?<![\d.,])" if fragment[0].isdigit() else ""
    after = r"(?!\d|[.,]\d)" if fragment[-1].isdigit() else ""
    return re.compile(r"\\?" + before + found + after)


def _decode(chunk: bytes, number: int) -> str:
    body = chunk.rstrip(b"\r\n")
    if number == 1:
        body = body.removeprefix(_UTF8_BOM)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadablePageError(
            f"line {number} isn't UTF-8 text (byte 0x{body[error.start]:02x} at position {error.start + 1}); "
            "save the page as UTF-8"
        ) from error
