"""The table in docs/reliability.md names tests that pytest runs, that no mark keeps from failing, and that assert."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "reliability.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", TABLE)))
ROWS = {int(row[1]): row[0] for row in re.finditer(r"^\| (\d+) \|.*$", TABLE, re.MULTILINE)}


@pytest.fixture(scope="module")
def collected() -> set[str]:
    """The tests that pytest finds in the named files, without their parameters; their fixtures are not set up."""
    files = sorted({f"tests/{path}" for path, _ in NAMED})
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", "no:cacheprovider", *files]
    said = subprocess.run(command, cwd=ROOT, env=outside, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    return {line.partition("[")[0] for line in said.stdout.splitlines() if "::" in line}


def function_of(path: str, name: str) -> ast.FunctionDef:
    """The test as it is written."""
    tree = ast.parse((ROOT / "tests" / path).read_text())
    return next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)


def test_every_known_failure_has_its_row() -> None:
    assert list(ROWS) == list(range(1, 26))


@pytest.mark.parametrize("number", ROWS)
def test_every_row_names_a_test_and_names_nothing_else(number: int) -> None:
    shown_by = ROWS[number].rstrip(" |").rpartition(" | ")[2]

    assert re.fullmatch(r"`[\w/]+\.py::\w+`(, `[\w/]+\.py::\w+`)*", shown_by)


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_the_named_test_is_one_that_pytest_runs(collected: set[str], path: str, name: str) -> None:
    assert f"tests/{path}::{name}" in collected


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_the_named_test_asserts_and_no_mark_keeps_it_from_failing(path: str, name: str) -> None:
    function = function_of(path, name)
    marks = " ".join(ast.unparse(mark) for mark in function.decorator_list)

    assert not re.search(r"\b(skip|skipif|xfail)\b", marks)
    assert any(
        isinstance(node, ast.Assert) or (isinstance(node, ast.With) and "pytest.raises" in ast.unparse(node.items[0]))
        for node in ast.walk(function)
    )
