"""`rampart`, the command line: the commands under their names, and one place where every error becomes words."""

from __future__ import annotations

import inspect
import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError
from typer.exceptions import TyperException
from typer.main import get_command

from rampart.errors import GateError, RampartError, StoreError
from rampart_cli.console import show_error, stderr
from rampart_cli.failures import CommandError, ExitCode, InputError, UnreachableError, not_aws
from rampart_cli.stack import connect as connect_stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rampart_cli.stack import Connect

_GROUPS = {
    "plan": "Plans: check them, describe them, make them from a Markdown page.",
    "dead-letters": "Failed operations waiting for a retry.",
}
_COMMANDS = {
    "plan check": "plan_check.plan_check",
    "plan schema": "plan_check.plan_schema",
    "plan import": "plan_import.plan_import",
    "plan simulate": "simulate.plan_simulate",
    "start": "start.start",
    "list": "list.list_rollouts",
    "status": "status.status",
    "explain": "explain.explain",
    "approve": "decide.approve",
    "override": "decide.override",
    "rollback": "decide.rollback",
    "resume": "decide.resume",
    "abandon": "decide.abandon",
    "events": "events.events",
    "evaluations": "evaluations.evaluations",
    "report": "report.report",
    "backtest": "backtest.backtest",
    "dead-letters list": "dead_letters.list_letters",
    "dead-letters redrive": "dead_letters.redrive",
}
"""Each command with its function, as `module.function` of `rampart_cli.commands`."""


def make_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """The command line; with arguments that begin with a command, that command only.

    The modules of all the others cost half a second, which a single command need not wait for.
    """
    begins = (" ".join(arguments[:2]), *arguments[:1])
    wanted = next(([name] for name in begins if name in _COMMANDS), list(_COMMANDS))
    app = typer.Typer(rich_markup_mode=None, help="Guarded, phased rollouts of feature flags.")
    app.callback(invoke_without_command=True)(_root)
    groups = {"": app}
    for name in wanted:
        group, _, command = name.rpartition(" ")
        if group not in groups:
            groups[group] = typer.Typer(help=_GROUPS[group], short_help=_GROUPS[group])
            groups[group].callback(invoke_without_command=True)(_help_when_alone)
            app.add_typer(groups[group], name=group)
        module, _, function = _COMMANDS[name].partition(".")
        run = getattr(import_module(f"rampart_cli.commands.{module}"), function)
        sentence, stop, _ = (inspect.getdoc(run) or "").partition(". ")  # typer would cut it
        groups[group].command(command, short_help=" ".join(sentence.split()) + stop.strip())(run)
    return app


def _show_version(wanted: bool) -> None:  # noqa: FBT001  typer calls it with the option's value
    if wanted:
        sys.stdout.write(f"rampart {version('rampart')}\n")
        raise typer.Exit


def _root(
    ctx: typer.Context,
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    _help_when_alone(ctx)


def _help_when_alone(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        sys.stdout.write(ctx.get_help() + "\n")
        raise typer.Exit(ExitCode.USAGE)


def main(arguments: Sequence[str] | None = None, *, connect: Connect = connect_stack) -> int:
    """Run one command and give its exit code; whatever goes wrong is told in words, on stderr or as JSON."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = get_command(make_app(given)).main(args=given, prog_name="rampart", standalone_mode=False, obj=connect)
    except typer.Abort:
        stderr().print("Canceled. Nothing changed.")
        return ExitCode.REFUSED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough; Python must not complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception as error:  # the outermost place: no traceback reaches a user, and RAMPART_DEBUG shows it
        if os.environ.get("RAMPART_DEBUG"):
            raise
        told = in_words(error)
        show_error(told, as_json="--json" in given)
        return told.exit_code
    return code if isinstance(code, int) else ExitCode.OK


def in_words(error: Exception) -> CommandError:
    """An error as people are told about it, with its exit code."""
    match error:
        case CommandError():
            return error
        case TyperException():
            return InputError(error.format_message(), name="Usage", fix=f"See {_help_of(error)}")
        case StoreError() | GateError():
            return UnreachableError(str(error), name=type(error).__name__.removesuffix("Error"), fix="Try again.")
        case RampartError():
            return InputError(str(error), name=type(error).__name__.removesuffix("Error"))
        case ClientError() | BotoCoreError():
            return _aws_in_words(error)
        case ResponseParserError():
            return not_aws()
        case OSError():
            what = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
            return InputError(what, name="Unreadable", fix="Fix the path or its permissions.")
    return _DefectError(
        f"{type(error).__name__}: {error}",
        name="Defect",
        fix="This is a bug in Rampart. RAMPART_DEBUG=1 shows where it happened; please report it.",
    )


class _DefectError(CommandError):
    exit_code = ExitCode.DEFECT


def _aws_in_words(error: ClientError | BotoCoreError) -> CommandError:
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        said = error.response["Error"].get("Message", "")
        return UnreachableError(f"AWS answers {code} to {error.operation_name}: {said}", name=code, fix=_AWS_FIX)
    fix = _ENDPOINT_FIX if isinstance(error, HTTPClientError | NoConnectionError) else _AWS_FIX
    return UnreachableError(str(error), name=type(error).__name__.removesuffix("Error"), fix=fix)


def _help_of(error: TyperException) -> str:
    """The command whose help tells what was typed wrongly."""
    context = getattr(error, "ctx", None)
    return f"{context.command_path} --help" if context else "rampart --help"


_ENDPOINT_FIX = "Check the network, AWS_REGION and, if it is set, AWS_ENDPOINT_URL; then try again."
_AWS_FIX = "Check AWS_PROFILE, AWS_REGION and your permissions: `aws sts get-caller-identity` says who you are."
