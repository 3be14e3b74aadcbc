"""Every command and every option is documented, and nothing is documented that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from rampart_cli.failures import ExitCode
from rampart_cli.main import make_app

from .conftest import Terminal

DOCS = Path(__file__).parents[3] / "docs" / "cli.md"


def commands(group: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(get_command(make_app()), ("rampart",)))


def sections() -> dict[str, str]:
    """The text under each heading that is a command."""
    parts = re.split(r"^#+ `(rampart [^`]+)`$", DOCS.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_documented_commands_are_those_that_there_are() -> None:
    assert sections().keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_is_documented_under_its_command_and_no_other(name: str) -> None:
    options = {o for p in COMMANDS[name].params for o in p.opts if o.startswith("--") and o != "--help"}
    text = sections()[name]
    documented = set(re.findall(r"^\| `(--[a-z-]+)", text, flags=re.MULTILINE))
    assert documented == options


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_says_what_it_does(name: str) -> None:
    assert COMMANDS[name].help


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_speaks_json(name: str) -> None:
    assert "--json" in {o for p in COMMANDS[name].params for o in p.opts}


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_exit_code_is_documented(code: ExitCode) -> None:
    assert re.search(rf"^\| {code.value} \|", DOCS.read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("group", [(), ("plan",), ("dead-letters",)])
def test_no_list_of_commands_is_cut(terminal: Terminal, group: tuple[str, ...]) -> None:
    shown = terminal.run(*group, "--help")[1]
    assert "Commands:" in shown
    assert "..." not in shown.partition("Commands:")[2]


def test_the_version_is_the_installed_one(terminal: Terminal) -> None:
    assert terminal.run("--version")[:2] == (0, f"rampart {version('rampart')}\n")
