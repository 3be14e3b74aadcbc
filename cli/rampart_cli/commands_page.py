"""The documentation's page of commands: what people wrote, around each command as the code has it: `make docs`.

Below a command's heading, between two markers, stand its help, its usage, and its arguments and options. Everything
else on the page is written by hand and stays.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from rampart_cli.failures import ExitCode
from rampart_cli.main import make_app

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGIN, _END = "<!-- from the code: begin -->", "<!-- from the code: end -->"
_HEADING = re.compile(r"^## (.+)\n", re.MULTILINE)
_MADE = re.compile(rf"{_BEGIN}.*?{_END}", re.DOTALL)


def all_commands() -> dict[str, TyperCommand]:
    """Each command, as `rampart plan check`, with what parses it."""
    return dict(_commands("rampart", get_command(make_app())))


def _commands(path: str, command: object) -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(command, TyperGroup):
        for name, each in command.commands.items():
            yield from _commands(f"{path} {name}", each)
    elif isinstance(command, TyperCommand):
        yield path, command


def commands_page(page: str) -> str:
    """The page with every made part as the code has it now; a command without a section gets one at the end.

    Raises ValueError if a section is about a command that doesn't exist.
    """
    made = {f"`{name}`": _command(name, command) for name, command in all_commands().items()}
    made["Exit codes"] = "\n".join(["| code | means |", "|---|---|", *(f"| {c.value} | {c.means} |" for c in ExitCode)])
    head, *rest = _HEADING.split(page)
    sections = [head.rstrip()]
    for title, text in zip(rest[::2], rest[1::2], strict=True):
        if title.startswith("`rampart ") and title not in made:
            raise ValueError(f"{title} isn't a command; remove its section")
        sections.append(_section(title, made.pop(title, None), _MADE.sub("", text).strip()))
    sections += [_section(title, told, "") for title, told in made.items()]
    return "\n\n".join(sections) + "\n"


def _section(title: str, made: str | None, written: str) -> str:
    parts = [f"## {title}", made and f"{_BEGIN}\n\n{made}\n\n{_END}", written]
    return "\n\n".join(filter(None, parts))


def _command(name: str, command: TyperCommand) -> str:
    arguments = [each for each in command.params if isinstance(each, TyperArgument)]
    options = [each for each in command.params if isinstance(each, TyperOption) and each.name != "help"]
    usage = " ".join([name, *map(_placeholder, arguments), "[OPTIONS]"])
    rows = [f"| `{_placeholder(each)}` | {each.help} |" for each in arguments]
    rows += [f"| {_names(each)} | {_told(each)} |" for each in options]
    return "\n".join(
        [
            " ".join((command.help or "").split()),
            "",
            "```text",
            usage,
            "```",
            "",
            "| option | means |",
            "|---|---|",
            *rows,
        ]
    )


def _placeholder(argument: TyperArgument) -> str:
    shown = f"{argument.metavar}..." if argument.nargs == -1 else str(argument.metavar)
    return shown if argument.required else f"[{shown}]"


def _names(option: TyperOption) -> str:
    value = option.metavar or ""
    return " / ".join(f"`{name} {value}".rstrip() + "`" for name in (*option.opts, *option.secondary_opts))


def _told(option: TyperOption) -> str:
    """An option's help, and what holds if it isn't given."""
    told = [option.help or ""]
    if option.required and "Required." not in told[0]:
        told.append("Required.")
    if option.envvar:
        told.append(f"Environment: `{option.envvar}`.")
    if option.secondary_opts:
        told.append(f"Default: `{(option.opts if option.default else option.secondary_opts)[0]}`.")
    elif option.default and not option.is_flag:
        default = f"{option.default:g}" if isinstance(option.default, float) else option.default
        told.append(f"Default: `{default}`.")
    return " ".join(told)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(commands_page(path.read_text(encoding="utf-8")), encoding="utf-8")
