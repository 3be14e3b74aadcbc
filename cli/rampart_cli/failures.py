"""What goes wrong at the command line, each with its exit code.

RampartError
└── CommandError
    ├── RefusedError        1: someone or something said no; nothing was done
    ├── InputError          2: what was typed, or a file, cannot be used
    └── UnreachableError    3: AWS or the stack cannot be asked
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from rampart.errors import RampartError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rampart.finding import Finding
    from rampart_cli.findings import Source


class ExitCode(IntEnum):
    """How a command ends."""

    OK = 0
    """It was done."""
    REFUSED = 1
    """A decision, a start or a plan was refused, or a comparison failed."""
    USAGE = 2
    """Wrong options, or input that cannot be read."""
    UNREACHABLE = 3
    """AWS or the stack cannot be asked."""
    DEFECT = 70
    """Rampart itself is wrong; please report it."""
    INTERRUPTED = 130
    """Ctrl-C."""


class CommandError(RampartError):
    """A command that cannot be done; `fix` says what to do about it, `problems` lists every single reason.

    `source` is the text that the problems are about, where there is one.
    """

    exit_code = ExitCode.REFUSED

    def __init__(
        self,
        message: str,
        *,
        name: str | None = None,
        fix: str | None = None,
        problems: Sequence[Finding] = (),
        source: Source | None = None,
    ) -> None:
        super().__init__(message)
        self.name = name or type(self).__name__.removesuffix("Error")
        self.fix = fix
        self.problems = tuple(problems)
        self.source = source


class RefusedError(CommandError):
    """Someone or something said no."""


class InputError(CommandError):
    """What was typed, or a file, cannot be used."""

    exit_code = ExitCode.USAGE


class UnreachableError(CommandError):
    """AWS or the stack cannot be asked."""

    exit_code = ExitCode.UNREACHABLE


def not_aws() -> UnreachableError:
    """What to say where something answered in AWS's place, such as a proxy's sign-in page."""
    return UnreachableError(
        "what answered isn't AWS; is it a proxy's sign-in page?",
        name="NotAws",
        fix="Check AWS_ENDPOINT_URL and HTTPS_PROXY, sign in at the proxy, and try again.",
    )
