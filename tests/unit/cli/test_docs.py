"""Every command and every option is documented, and nothing is documented that is not there."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.core import TyperArgument, TyperOption

from rampart_cli.commands_page import all_commands, commands_page

from .conftest import Terminal

PAGE = Path(__file__).parents[3] / "docs" / "commands.md"
COMMANDS = all_commands()


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text() == commands_page(PAGE.read_text()), "run make docs"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_an_example_of_someone_who_wrote_about_it(name: str) -> None:
    section = PAGE.read_text().partition(f"## `{name}`\n")[2].partition("\n## ")[0]
    assert f"\n{name}" in section.partition("from the code: end")[2]


def test_a_new_option_a_new_command_and_a_new_exit_code_change_the_page() -> None:
    """Whatever is missing between the markers comes back, and what people wrote stays."""
    page = PAGE.read_text()
    without_option = re.sub(r"^\| `--gate ID`.*\n", "", page, count=1, flags=re.MULTILINE)
    without_command = re.sub(r"^## `rampart thaw`\n.*?(?=^## )", "", page, flags=re.MULTILINE | re.DOTALL)
    without_code = page.replace("| 70 | a bug in Rampart |\n", "")
    for worse in (without_option, without_command, without_code):
        assert worse != page
        assert commands_page(worse) != worse
    assert commands_page(without_option) == commands_page(without_code) == page
    assert "## `rampart thaw`\n\n<!--" in commands_page(without_command)


def test_a_section_about_a_command_that_is_gone_is_refused() -> None:
    with pytest.raises(ValueError, match="`rampart dance` isn't a command"):
        commands_page(PAGE.read_text() + "\n## `rampart dance`\n\nDances.\n")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_says_what_it_does(name: str) -> None:
    assert COMMANDS[name].help
    assert all(each.help for each in COMMANDS[name].params if isinstance(each, TyperArgument | TyperOption))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_speaks_json(name: str) -> None:
    assert "--json" in {o for p in COMMANDS[name].params for o in p.opts}


@pytest.mark.parametrize("group", [(), ("plan",), ("dead-letters",)])
def test_no_list_of_commands_is_cut(terminal: Terminal, group: tuple[str, ...]) -> None:
    shown = terminal.run(*group, "--help")[1]
    assert "Commands:" in shown
    assert "..." not in shown.partition("Commands:")[2]


def test_the_version_is_the_installed_one(terminal: Terminal) -> None:
    assert terminal.run("--version")[:2] == (0, f"rampart {version('rampart')}\n")
