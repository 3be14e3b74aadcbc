"""`rampart`, the command line: the commands under their names, and one place where every error becomes words."""

from __future__ import annotations

import os
import shlex
import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer
from typer.main import get_command

from rampart_cli.failures import ExitCode, InputError
from rampart_cli.signatures import signature_of, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rampart_cli.stack import Connect, Stack

_GROUPS = {
    "plan": "Plans: check them, describe them, make them from a Markdown page.",
    "datadog": "What a plan needs in Datadog: make it, keep it up to date, remove it.",
    "dead-letters": "Failed operations waiting for a retry.",
}
_COMMANDS = {
    "plan check": "plan_check.plan_check",
    "plan schema": "plan_check.plan_schema",
    "plan import": "plan_import.plan_import",
    "plan new": "new.plan_new",
    "plan suggest": "suggest.plan_suggest",
    "plan simulate": "simulate.plan_simulate",
    "start": "start.start",
    "list": "list.list_rollouts",
    "status": "status.status",
    "watch": "watch.watch",
    "explain": "explain.explain",
    "approve": "decide.approve",
    "override": "decide.override",
    "rollback": "decide.rollback",
    "resume": "decide.resume",
    "abandon": "decide.abandon",
    "freeze": "freeze.freeze",
    "thaw": "freeze.thaw",
    "events": "events.events",
    "history": "events.events",
    "alerts": "alerts.alerts",
    "evaluations": "evaluations.evaluations",
    "report": "report.report",
    "backtest": "backtest.backtest",
    "datadog sync": "datadog.sync",
    "datadog remove": "datadog.remove",
    "doctor": "doctor.doctor",
    "dead-letters list": "dead_letters.list_letters",
    "dead-letters redrive": "dead_letters.redrive",
}
"""Each command with its function, as `module.function` of `rampart_cli.commands`."""


def make_app(arguments: Sequence[str] | None = None, *, is_run: bool = True) -> typer.Typer:
    """The command line; with arguments, the command that they begin with only, or an overview that runs none.

    The modules of all commands cost a second, which neither a single command nor the overview need wait for. One that
    is not run, but only shown or completed, is made from its source.
    """
    begins = (" ".join(arguments[:2]), *arguments[:1]) if arguments is not None else ()
    wanted = list(_COMMANDS) if arguments is None else [name for name in begins if name in _COMMANDS][:1]
    # Typer loads pydantic for each option that isn't given, a group's --help too: so only where they can be.
    is_alone = not arguments or arguments[0].startswith("-") or _COMPLETES in os.environ
    app = typer.Typer(rich_markup_mode=None, help="Guarded, phased rollouts of feature flags.", add_completion=is_alone)
    app.callback(invoke_without_command=True, add_help_option=is_alone)(_root if is_alone else _help_when_alone)
    groups = {"": app}
    for name in wanted or _COMMANDS:
        group, _, command = name.rpartition(" ")
        if group not in groups:
            groups[group] = typer.Typer(help=_GROUPS[group], short_help=_GROUPS[group])
            groups[group].callback(invoke_without_command=True, add_help_option=len(wanted) != 1)(_help_when_alone)
            app.add_typer(groups[group], name=group)
        module, _, function = _COMMANDS[name].partition(".")
        run = _function(module, function, is_run=is_run) if wanted else _only_listed
        groups[group].command(command, short_help=summary(module, function))(run)
    return app


def _only_listed() -> None:
    """Stand for a command in the overview, where none is run."""


def _function(module: str, function: str, *, is_run: bool) -> Callable[..., None]:
    if not is_run:
        return signature_of(module, function)
    run: Callable[..., None] = getattr(import_module(f"rampart_cli.commands.{module}"), function)
    return run


def _show_version(*, as_json: bool) -> None:
    from importlib.metadata import version  # late, as everything here that costs time

    found = version("rampart")
    sys.stdout.write(f'{{"version": "{found}"}}\n' if as_json else f"rampart {found}\n")


def _root(
    ctx: typer.Context,
    *,
    _profile: Annotated[
        str | None, typer.Option("--profile", metavar="NAME", help="The AWS profile; anywhere on the line.")
    ] = None,
    _region: Annotated[
        str | None, typer.Option("--region", metavar="NAME", help="The AWS region; anywhere on the line.")
    ] = None,
    _version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
    _json: Annotated[bool, typer.Option("--json", help="With --version: write JSON.")] = False,
) -> None:
    """Show what can be typed before a command; `_run` reads these options itself."""
    _help_when_alone(ctx)


def _help_when_alone(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        sys.stdout.write(ctx.get_help() + "\n")
        raise typer.Exit(ExitCode.USAGE)


def main(arguments: Sequence[str] | None = None, *, connect: Connect | None = None) -> int:
    """Run one command and give its exit code; whatever goes wrong is told in words, on stderr or as JSON."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return _told(lambda: _run(given, connect), as_json="--json" in given)


def _run(given: list[str], connect: Connect | None) -> object:
    is_completing = _COMPLETES in os.environ
    account, given = _account_in(_typed_so_far() if is_completing else given, is_whole=not is_completing)
    if connect is None:
        connect = partial(_connect, account)
    if is_completing:
        return get_command(make_app(given, is_run=False)).main(
            args=[], prog_name="rampart", standalone_mode=False, obj=connect
        )
    if [word for word in given if word != "--json"][:1] == ["--version"]:
        _show_version(as_json="--json" in given)
        return ExitCode.OK
    typed = next(iter(given), "-")
    if not typed.startswith("-") and typed not in {*_GROUPS, *(name.partition(" ")[0] for name in _COMMANDS)}:
        from rampart_cli.wording import unknown_command

        raise unknown_command(typed, _COMMANDS)
    app = make_app(given, is_run="--help" not in given)
    return get_command(app).main(args=given, prog_name="rampart", standalone_mode=False, obj=connect)


def _connect(account: Mapping[str, str], name: str) -> Stack:
    from rampart_cli.stack import connect  # with boto3: only where a command asks AWS

    return connect(name, profile=account.get("--profile"), region=account.get("--region"))


def _account_in(given: Sequence[str], *, is_whole: bool) -> tuple[dict[str, str], list[str]]:
    """The account's options, wherever they were typed, and what else was typed; raises InputError."""
    account: dict[str, str] = {}
    rest: list[str] = []
    words = iter(given)
    for word in words:
        name, equals, value = word.partition("=")
        if name not in _OF_THE_ACCOUNT:
            rest.append(word)
        elif not (value := value if equals else next(words, "")) and is_whole:
            raise InputError(f"{name} has no value", name="Usage", fix=f"Write {name} NAME.")
        else:
            account[name] = value
    return account, rest


_COMPLETES = "_RAMPART_COMPLETE"
"""Set by the shell when it asks what may be typed next; it hands over the whole line, with the root's options."""
_OF_THE_ACCOUNT = ("--profile", "--region")


def _typed_so_far() -> list[str]:
    """The words that the shell wants to be completed, without the program's own; shells hand them over differently."""
    try:
        words = shlex.split(os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS", ""))
    except ValueError:  # a quote is still open
        words = []
    return words[1:]


def _told(run: Callable[[], object], *, as_json: bool) -> int:
    """The exit code of what is run; no traceback reaches a user, and RAMPART_DEBUG shows it."""
    try:
        code = run()
    except typer.Abort:
        sys.stderr.write("Canceled. Nothing changed.\n")
        return ExitCode.REFUSED
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough; Python must not complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception as error:  # the outermost place
        if os.environ.get("RAMPART_DEBUG"):
            raise
        from rampart_cli.console import show_error
        from rampart_cli.wording import in_words

        told = in_words(error)
        show_error(told, as_json=as_json)
        return told.exit_code
    if code == ExitCode.INTERRUPTED:  # typer makes one of Ctrl-C too
        sys.stderr.write("\nInterrupted. Anything that was already started continues by itself: rampart status\n")
    return code if isinstance(code, int) else ExitCode.OK
