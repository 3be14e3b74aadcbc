"""What goes wrong at the command line, each with its exit code.

RampartError
└── CommandError
    ├── RefusedError        1: someone or something said no; nothing was done
    ├── InputError          2: what was typed, or a file, cannot be used
    └── UnreachableError    3: AWS or the stack cannot be asked
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Self

from rampart.errors import RampartError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rampart.finding import Finding
    from rampart_cli.findings import Source


class ExitCode(IntEnum):
    """How a command ends, each with what it tells a script."""

    OK = 0, "success"
    REFUSED = 1, "refused: a decision, a start, an invalid plan, a replay that differs, a message that stays"
    USAGE = 2, "wrong usage, or input that can't be read"
    UNREACHABLE = 3, "AWS or the stack can't be reached, or the command timed out"
    DEFECT = 70, "a bug in Rampart"
    INTERRUPTED = 130, "Ctrl-C; anything already started continues"

    means: str

    def __new__(cls, value: int, means: str) -> Self:
        code = int.__new__(cls, value)
        code._value_ = value
        code.means = means
        return code


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
