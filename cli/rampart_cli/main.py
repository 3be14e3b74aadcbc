"""`rampart`, the command line: the commands under their names, and one place where every error becomes words."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.exceptions import TyperException
from typer.main import get_command

from rampart.errors import GateError, RampartError, StoreError
from rampart_cli.commands import (
    backtest,
    dead_letters,
    decide,
    history,
    plan_check,
    plan_import,
    report,
    simulate,
    start,
    status,
)
from rampart_cli.console import show_error, stderr
from rampart_cli.failures import CommandError, ExitCode, InputError, UnreachableError
from rampart_cli.stack import connect as connect_stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rampart_cli.stack import Connect

app = typer.Typer(rich_markup_mode=None, help="Guarded, phased rollouts of feature flags.")
plan_app = typer.Typer(help="Plans: check them, describe them, make them from a Markdown page.")
dead_letters_app = typer.Typer(help="What could not be done and waits.")


@app.callback(invoke_without_command=True)
@plan_app.callback(invoke_without_command=True)
@dead_letters_app.callback(invoke_without_command=True)
def _help_when_alone(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        sys.stdout.write(ctx.get_help() + "\n")
        raise typer.Exit(ExitCode.USAGE)


plan_app.command("check")(plan_check.plan_check)
plan_app.command("schema")(plan_check.plan_schema)
plan_app.command("import")(plan_import.plan_import)
plan_app.command("simulate")(simulate.plan_simulate)
app.add_typer(plan_app, name="plan")
app.command()(start.start)
app.command()(status.status)
app.command()(decide.approve)
app.command()(decide.override)
app.command()(decide.rollback)
app.command()(decide.resume)
app.command()(decide.abandon)
app.command()(history.events)
app.command()(history.evaluations)
app.command()(report.report)
app.command()(backtest.backtest)
dead_letters_app.command("list")(dead_letters.list_letters)
dead_letters_app.command("redrive")(dead_letters.redrive)
app.add_typer(dead_letters_app, name="dead-letters")


def main(arguments: Sequence[str] | None = None, *, connect: Connect = connect_stack) -> int:
    """Run one command and give its exit code; whatever goes wrong is told in words, on stderr or as JSON."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = get_command(app).main(args=given, prog_name="rampart", standalone_mode=False, obj=connect)
    except typer.Abort:
        stderr().print("nothing was done")
        return ExitCode.REFUSED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read has seen enough; Python must not complain when it flushes at the end.
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
    """An error as people are told of it, with its exit code."""
    match error:
        case CommandError():
            return error
        case TyperException():
            return InputError(error.format_message(), name="Usage", mend="rampart --help, or rampart COMMAND --help")
        case StoreError() | GateError():
            return UnreachableError(str(error), name=type(error).__name__.removesuffix("Error"), mend="Try again.")
        case RampartError():
            return InputError(str(error), name=type(error).__name__.removesuffix("Error"))
        case ClientError() | BotoCoreError():
            return _aws_in_words(error)
        case OSError():
            return InputError(str(error), name="Unreadable", mend="Mend the path or its permissions.")
    return _DefectError(
        f"{type(error).__name__}: {error}",
        name="Defect",
        mend="This is Rampart's own fault. RAMPART_DEBUG=1 shows where; please report it.",
    )


class _DefectError(CommandError):
    exit_code = ExitCode.DEFECT


def _aws_in_words(error: ClientError | BotoCoreError) -> CommandError:
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        said = error.response["Error"].get("Message", "")
        return UnreachableError(f"AWS answers {code} to {error.operation_name}: {said}", name=code, mend=_AWS_MEND)
    return UnreachableError(str(error), name=type(error).__name__.removesuffix("Error"), mend=_AWS_MEND)


_AWS_MEND = "Look at AWS_PROFILE, AWS_REGION and your permissions: `aws sts get-caller-identity` says who you are."
