"""What a reader sees of one paragraph, line by line: no markers, no struck text, links with their addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, TypeAlias

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

MAX_NESTING = 100
"""Levels of lists and quotes that are followed; each list takes two."""
_MARKED = re.compile(r"[*_`\[\]<>!~\\&]")
_LONGEST, _MOST_BRACKETS = 4000, 100
"""What is parsed together: the time for brackets that never close grows with the square of their number."""
_ATTRIBUTE = re.compile(r"""\bhref\s{0,9}=\s{0,9}["']?([^\s"'>]{1,2000})""", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-z]{1,10})\b", re.IGNORECASE)
_ONE_TILDE = re.compile(r"(?<![\w~\\])~(?=[^\s~])([^~\n]{1,80}(?<=\S))~(?![\w~])")
"""`~4/2/27 - 4/6/27~`: GitHub strikes what stands between single tildes too."""
STRUCK = frozenset({"s", "del", "strike"})
References: TypeAlias = dict[str, Any]
"""What `[name]: address` lines define, by name."""


@dataclass(slots=True)
class Link:
    """A link: what it reads, and where it leads."""

    text: str
    url: str


@dataclass(slots=True)
class VisibleLine:
    """One line of a paragraph; `line` counts from the paragraph's first line."""

    line: int = 0
    text: str = ""
    links: list[Link] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    plain: str = ""
    """The part of the text that is not strong."""

    @property
    def is_strong(self) -> bool:
        """Whether the whole line is bold, as a heading made by hand is."""
        return bool(self.text.strip(" :")) and not self.plain.strip(" :")


@cache
def parser(*, front_matter: bool = False) -> MarkdownIt:
    """CommonMark with tables and struck text; inline text is parsed on demand only.

    The plugin for `front_matter` is asked at every line again, so it is there only for a page that begins with some.
    """
    markdown = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}).enable(["table", "strikethrough"])
    if front_matter:
        markdown.use(front_matter_plugin)
    markdown.core.ruler.disable(["inline"])
    return markdown


def visible_lines(content: str, references: References | None = None) -> list[VisibleLine]:
    """Read a paragraph's source; one entry for each source line that shows anything.

    `references` are the page's addresses by name, as the parser of blocks collects them: `[flag][f]`.
    """
    content = _ONE_TILDE.sub(r"~~\1~~", content) if content.count("~") > 1 else content
    if _is_bounded(content) and not _is_plain(content):
        return _InlineReader(content, references).lines
    found: list[VisibleLine] = []
    for number, line in enumerate(content.split("\n")):
        is_marked = _is_bounded(line) and not (_is_bounded(content) or _is_plain(line))
        read = _InlineReader(line, references).lines if is_marked else [VisibleLine(text=line, plain=line)]
        found += [replace(entry, line=number) for entry in read]
    return found


def _is_plain(content: str) -> bool:
    """Whether no mark of the text can mean anything: each needs another that closes it, or something behind it."""
    if not _MARKED.search(content):
        return True
    in_pairs = any(content.count(mark) > 1 for mark in "*_`~")
    enclosed = any(first in content and last in content for first, last in ("[]", "<>", "&;"))
    return not (in_pairs or enclosed or "\\" in content)


def _is_bounded(content: str) -> bool:
    return len(content) <= _LONGEST and content.count("[") <= _MOST_BRACKETS


class _InlineReader:
    """Walks the inline tokens of one paragraph."""

    def __init__(self, content: str, references: References | None = None) -> None:
        self._source = content.split("\n")
        self._entry = VisibleLine()
        self.lines = [self._entry]
        self._strong = self._struck = 0
        self._link: Link | None = None
        tokens: list[Token] = []
        parser().inline.parse(content, parser(), {"references": references or {}}, tokens)
        for token in tokens:
            self._take(token)
        if self._entry.line != len(self._source) - 1:
            self._resynchronise()

    def _take(self, token: Token) -> None:
        match token.type:
            case "text" | "text_special" | "code_inline":
                self._write(token.content, code=token.type == "code_inline")
            case "softbreak" | "hardbreak":
                self._break(1)
            case "strong_open" | "strong_close":
                self._strong += token.nesting
            case "s_open" | "s_close":
                self._struck += token.nesting
            case "link_open":
                self._open_link(str(token.attrs.get("href", "")))
            case "link_close":
                self._link = None
            case "html_inline":
                self._html(token.content)

    def _write(self, text: str, *, code: bool) -> None:
        if self._struck:
            return
        if code:
            self._entry.codes.append(text)
        self._entry.text += text
        if not self._strong:
            self._entry.plain += text
        if self._link is not None:
            self._link.text += text

    def _break(self, lines: int) -> None:
        self._entry = VisibleLine(self._entry.line + lines)
        self.lines.append(self._entry)

    def _open_link(self, url: str) -> None:
        self._link = Link("", url)
        if not self._struck:
            self._entry.links.append(self._link)

    def _html(self, markup: str) -> None:
        tag = _TAG.match(markup)
        name, closing = (tag[2].lower(), bool(tag[1])) if tag else ("", False)
        if name == "br":
            self._break(0)
        elif name in STRUCK:
            self._struck = max(0, self._struck + (-1 if closing else 1))
        elif name == "a" and closing:
            self._link = None
        elif name == "a" and (address := _ATTRIBUTE.search(markup)):
            self._open_link(address[1])
        if newlines := markup.count("\n"):
            self._break(newlines)

    def _resynchronise(self) -> None:
        # Code spans and link titles may run over a line's end, which the tokens do not tell.
        number = 0
        for entry in self.lines:
            first = (entry.text.split() or [""])[0]
            entry.line = number = next(
                (n for n in range(number, len(self._source)) if first and first in self._source[n]), number
            )
