"""What goes wrong at the command line, each with its exit code.

RampartError
└── CommandError
    ├── RefusedError        1: somebody or something said no; nothing was done
    ├── InputError          2: what was typed, or a file, cannot be used
    └── UnreachableError    3: AWS or the stack cannot be asked
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from rampart.errors import RampartError

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    """A command that cannot be done; `mend` says what to do about it, `problems` lists every single reason."""

    exit_code = ExitCode.REFUSED

    def __init__(
        self,
        message: str,
        *,
        name: str | None = None,
        mend: str | None = None,
        problems: Sequence[dict[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.name = name or type(self).__name__.removesuffix("Error")
        self.mend = mend
        self.problems = tuple(problems)


class RefusedError(CommandError):
    """Somebody or something said no."""


class InputError(CommandError):
    """What was typed, or a file, cannot be used."""

    exit_code = ExitCode.USAGE


class UnreachableError(CommandError):
    """AWS or the stack cannot be asked."""

    exit_code = ExitCode.UNREACHABLE
