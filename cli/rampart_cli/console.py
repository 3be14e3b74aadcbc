"""What a command writes: for people with rich, for machines as JSON, and errors on stderr."""

from __future__ import annotations

import json
import sys
import unicodedata
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rampart.words import in_words
from rampart_cli.findings import rendered_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rampart_cli.failures import CommandError

_WIDTH_OF_A_PIPE = 140
"""Columns where there is no terminal: wide enough that a sentence is seldom torn."""

VERDICT_STYLES = {
    "pass": "green",
    "fail": "bold red",
    "error": "red",
    "no_data": "yellow",
    "inconclusive": "yellow",
    "waived": "magenta",
}
URGENCY_STYLES = {"none": "bold", "act": "bold yellow", "page": "bold red"}
STATUS_STYLES = {
    "live": "bold cyan",
    "halted": "bold red",
    "rolled_back": "bold red",
    "completed": "bold green",
    "abandoned": "dim",
}


def stdout() -> Console:
    return _console(stderr=False)


def stderr() -> Console:
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDTH_OF_A_PIPE
    return Console(stderr=stderr, width=width, highlight=False)


def show(document: object, *parts: RenderableType, as_json: bool) -> None:
    """Write a result: `document` for machines, `parts` for people."""
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")
    else:
        # What is to be copied may be longer than the terminal is wide: it must not be cut there.
        stdout().print(Group(*parts), crop=False)


def say(text: str, *, as_json: bool) -> None:
    """Tell of progress, on stderr; machines are told nothing."""
    if not as_json:
        stderr().print(words(text, "dim"))


@contextmanager
def working(told: str, *, as_json: bool) -> Iterator[Callable[[str], None]]:
    """Show that something takes a while, for as long as it does; only where someone looks on.

    Gives what changes the text.
    """
    if as_json or not sys.stderr.isatty():
        yield lambda _: None
        return
    with stderr().status(words(told, "dim")) as shown:
        yield lambda text: shown.update(words(text, "dim"))


def show_error(error: CommandError, *, as_json: bool) -> None:
    """Write an error: a panel on stderr, or `{"error": …}` on stdout."""
    if as_json:
        problems = [problem.to_wire() for problem in error.problems]
        described = {"name": error.name, "message": str(error), "fix": error.fix, "problems": problems}
        # On one line, since it may follow lines of results.
        sys.stdout.write(json.dumps({"error": described}, ensure_ascii=False, default=str) + "\n")
        return
    parts: list[RenderableType] = [words(str(error))]
    if error.fix:
        parts.append(Text.assemble(("→ ", "bold"), clean(error.fix)))
    for each in rendered_all(error.problems, error.source):
        stderr().print(each, soft_wrap=True)
    stderr().print(Panel(Group(*parts), title=words(error.name, "bold red"), title_align="left", border_style="red"))


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """A plain table; text is taken as it is, never as markup."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else words(cell) for cell in row))
    return made


def words(text: str, style: str = "") -> Text:
    """Text as it is: brackets aren't markup, and what would steer the terminal is dropped."""
    return Text(clean(text), style=style)


def clean(text: str) -> str:
    """Text without control characters but line ends: notes are other people's, and must not steer the terminal.

    Lone surrogates go too: no terminal and no file can take them.
    """
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in {"Cc", "Cf", "Cs"})


def verdict_text(verdict: str) -> Text:
    return Text(in_words(verdict), style=VERDICT_STYLES.get(verdict, ""))
