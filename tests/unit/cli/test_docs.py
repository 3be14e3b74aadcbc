"""Every command and every option is documented, and nothing is documented that is not there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from typer import Context
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from rampart_cli.commands_page import all_commands, commands_page
from rampart_cli.main import make_app

from .conftest import Terminal

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "commands.md"
PAGES = [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]
TUTORIAL = ROOT / "docs" / "tutorial.md"
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
def test_help_that_is_made_from_the_source_is_the_commands_own(name: str, terminal: Terminal) -> None:
    """What is shown without the command's imports has the same options, defaults, and texts."""
    line = name.split()[1:]
    groups = {"plan", "datadog", "dead-letters"}
    whole = get_command(make_app())
    for each in line[: 2 if line[0] in groups else 1]:
        assert isinstance(whole, TyperGroup)
        whole = whole.commands[each]
    shown = terminal.run(*line, "--help")[1]
    usage, _, rest = shown.partition("\n")
    assert usage.startswith(f"Usage: {name} [OPTIONS]")
    assert rest.strip() == whole.get_help(Context(whole, info_name=name)).partition("\n")[2].strip()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_speaks_json(name: str) -> None:
    assert "--json" in {o for p in COMMANDS[name].params for o in p.opts}


def written_commands(text: str) -> Iterator[str]:
    """What a page tells people to type, on lines of its own or within a sentence."""
    joined = text.replace("\\\n", " ")
    for block in re.findall(r"^```sh\n(.*?)^```", joined, re.MULTILINE | re.DOTALL):
        yield from re.findall(r"^(?:\.venv/bin/)?(rampart .*)$", block, re.MULTILINE)
    yield from re.findall(r"`(rampart [^`]+)`", re.sub(r"^```.*?^```", "", joined, flags=re.MULTILINE | re.DOTALL))


def mistake(typed: str) -> str | None:
    """What is wrong with a command that a page shows: a command, or an option, that there isn't."""
    words = re.sub(r"\"[^\"]*\"", "TEXT", typed.partition("#")[0]).split()[1:]
    options = {word.partition("=")[0] for word in words if word.startswith("--")} - ROOT_OPTIONS
    names = [name for name in (" ".join(["rampart", *words[:2]]), f"rampart {words[0]}") if name in COMMANDS]
    if not names:
        is_group = any(name.startswith(f"rampart {words[0]} ") for name in COMMANDS)
        return None if words[0] in ROOT_OPTIONS or (is_group and len(words) == 1) else typed
    known = {option for each in COMMANDS[names[0]].params for option in (*each.opts, *each.secondary_opts)}
    return None if options <= known else typed


ROOT_OPTIONS = {"--help", "--version", "--install-completion", "--profile", "--region", "--json"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_tells_people_to_type_exists(page: Path) -> None:
    assert [found for typed in written_commands(page.read_text()) if (found := mistake(typed))] == []


def test_a_command_or_an_option_that_is_gone_is_found() -> None:
    text = "```sh\nrampart dance now\nrampart list --everything\n```\nRun `rampart status --fast`, `rampart list`.\n"
    found = [mistake(typed) for typed in written_commands(text)]
    assert found == ["rampart dance now", "rampart list --everything", "rampart status --fast", None]


def test_the_tutorials_plan_is_checked_as_the_tutorial_shows(terminal: Terminal, tmp_path: Path) -> None:
    text = TUTORIAL.read_text()
    plan = tmp_path / "plan.yaml"
    plan.write_text(text.partition("<!-- plan: begin -->\n\n```yaml\n")[2].partition("```")[0])
    code, shown, _ = terminal.run("plan", "check", str(plan))
    first = shown.splitlines()[0]
    assert (code, first in text) == (0, True), first


@pytest.mark.parametrize("group", [(), ("plan",), ("dead-letters",)])
def test_no_list_of_commands_is_cut(terminal: Terminal, group: tuple[str, ...]) -> None:
    shown = terminal.run(*group, "--help")[1]
    assert "Commands:" in shown
    assert "..." not in shown.partition("Commands:")[2]


def test_the_version_is_the_installed_one(terminal: Terminal) -> None:
    assert terminal.run("--version")[:2] == (0, f"rampart {version('rampart')}\n")
    for line in (("--version", "--json"), ("--json", "--version")):
        assert json.loads(terminal.run(*line)[1]) == {"version": version("rampart")}
