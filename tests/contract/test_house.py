"""What every module keeps to, and no other tool says."""

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("layers", "cli", "functions", "local", "deploy", "benchmarks")
EVERYTHING = (*PRODUCT, "requirements", "tests")
LONGEST_FUNCTION = 50

"""Names that two classes still have: the outcomes of `advance` and `rollback`."""
SILENCING = re.compile(
    r"# (noqa(: [A-Z0-9, ]+)?|type: ignore(\[[\w, -]+\])?|nosec( [B0-9, ]+)?|fmt: (skip|off)|pragma: [\w ]+)", re.ASCII
)


def modules(*roots: str) -> Iterator[Path]:
    return (path for root in roots for path in sorted((ROOT / root).rglob("*.py")))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def silencings(source: str) -> Iterator[tuple[int, bool]]:
    """Lines on which a tool is silenced, and whether a reason stands behind it or on a line of its own above it."""
    alone = -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if found := SILENCING.search(token.string):
            yield line, bool(re.search(r"[a-z]", token.string[found.end() :])) or alone == line - 1
        elif token.line.strip() == token.string:
            alone = line


def test_no_two_classes_have_the_same_name() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in modules(*PRODUCT):
        for node in nodes(path):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(place(path, node.lineno))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {
        place(path, node.lineno): (node.end_lineno or node.lineno) - node.lineno + 1
        for path in modules(*EVERYTHING)
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {where: length for where, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_whoever_silences_a_tool_says_why() -> None:
    unexplained = [
        place(path, line)
        for path in modules(*EVERYTHING)
        for line, explained in silencings(path.read_text(encoding="utf-8"))
        if not explained
    ]
    assert unexplained == []


@pytest.mark.parametrize(
    ("line", "explained"),
    [
        ("x = 1  # noqa: S105 - no password", True),
        ("x = 1  # noqa: S105 -- no password", True),
        ("x = 1  # type: ignore[arg-type]  # wrong on purpose", True),
        ("# these come from elsewhere\nx = 1  # noqa: N815", True),
        ("x = 1  # noqa: S105, S106", False),
        ("x = 1  # noqa", False),
        ("x = 1  # type: ignore[arg-type]", False),
        ("x = 1  # nosec B405", False),
        ("x = 1  # fmt: skip", False),
        ("# these come from elsewhere\n\nx = 1  # fmt: skip", False),
        ("y = 2  # another line\nx = 1  # fmt: skip", False),
    ],
)
def test_a_reason_is_told_from_the_silencing_itself(line: str, *, explained: bool) -> None:
    assert [found for _, found in silencings(line)] == [explained]


def test_every_target_that_the_makefile_names_has_a_rule() -> None:
    written = (ROOT / "Makefile").read_text()
    [phony] = re.findall(r"^\.PHONY: (.+)$", written, re.MULTILINE)
    assert {name for name in phony.split() if not re.search(rf"^{name}:", written, re.MULTILINE)} == set()
