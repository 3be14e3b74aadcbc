"""A command's parameters and help, read from its source: what `--help` and completion show, without what it imports.

The imports of a command cost up to half a second, which is for its body alone. So the source is run without them: the
types and options of its parameters, and a function of the same name that does nothing.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

_LIGHT = frozenset(
    {"__future__", "datetime", "pathlib", "rampart_cli.completion", "rampart_cli.options", "typer", "typing"}
)
"""What parameters are made of; anything else is left out."""


@cache
def _source(module: str) -> ast.Module:
    path = Path(__file__).parent / "commands" / f"{module}.py"
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _defined(module: str, function: str) -> ast.FunctionDef:
    found = (each for each in _source(module).body if isinstance(each, ast.FunctionDef) and each.name == function)
    return next(found)


def summary(module: str, function: str) -> str:
    """A command's first sentence; typer would cut it."""
    told = inspect.cleandoc(ast.get_docstring(_defined(module, function)) or "")
    sentence, stop, _ = told.partition(". ")
    return " ".join(sentence.split()) + stop.strip()


def signature_of(module: str, function: str) -> Callable[..., None]:
    """A function with a command's parameters and docstring that does nothing.

    Raises NameError if a parameter is made of something that isn't light.
    """
    defined = _defined(module, function)
    shown = ast.FunctionDef(**{**vars(defined), "body": defined.body[:1]})  # the docstring
    kept = [each for each in _source(module).body if _is_light(each)]
    names: dict[str, Any] = {"__name__": f"rampart_cli.commands.{module}"}
    exec(compile(ast.Module([*kept, shown], []), module, "exec"), names)  # noqa: S102  our own file, as an import runs it
    made: Callable[..., None] = names[function]
    return made


def _is_light(node: ast.stmt) -> bool:
    """Whether a statement imports what parameters are made of, or makes the type of one."""
    if isinstance(node, ast.ImportFrom):
        return node.module in _LIGHT
    if isinstance(node, ast.Import):
        return all(each.name in _LIGHT for each in node.names)
    value = node.value if isinstance(node, ast.Assign) else None
    return isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name) and value.value.id == "Annotated"
