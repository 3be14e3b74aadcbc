"""Every error as people are told about it, with its exit code; imported only where something went wrong."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError
from typer.exceptions import TyperException

from rampart.errors import GateError, RampartError, StoreError
from rampart_cli.failures import CommandError, ExitCode, InputError, UnreachableError, not_aws

if TYPE_CHECKING:
    from collections.abc import Iterable

_OTHER_NAMES = {
    "abort": "rollback",
    "check": "plan check",
    "completion": "--install-completion",
    "create": "plan new",
    "delete": "abandon",
    "describe": "explain",
    "import": "plan import",
    "log": "events",
    "logs": "events",
    "new": "plan new",
    "pause": "freeze",
    "unpause": "thaw",
    "ls": "list",
    "promote": "approve",
    "retry": "resume",
    "revert": "rollback",
    "stop": "rollback",
    "undo": "rollback",
    "validate": "plan check",
    "why": "explain",
}
"""What people call commands elsewhere."""


def unknown_command(typed: str, known: Iterable[str]) -> InputError:
    """That there is no such command, and which one was meant."""
    meant = _OTHER_NAMES.get(typed) or next(iter(get_close_matches(typed, known, n=1)), None)
    fix = f"Did you mean `rampart {meant}`?" if meant else "See rampart --help"
    return InputError(f"there is no command {typed!r}", name="Usage", fix=fix)


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


_ENDPOINT_FIX = (
    "Check the network, the region (--region, AWS_REGION) and, if it is set, AWS_ENDPOINT_URL; then try again."
)
_AWS_FIX = (
    "Check the profile (--profile, AWS_PROFILE), the region (--region, AWS_REGION) and your permissions: "
    "`aws sts get-caller-identity` says who you are."
)
