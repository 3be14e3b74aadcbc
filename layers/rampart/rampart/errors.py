"""The errors that Rampart names.

RampartError
├── FlagStoreError               the flag store could not be asked or did not obey
│   ├── UnknownFlagError         no such flag; a write would create it
│   ├── FlagCredentialsError     the flag store refused the credentials
│   ├── FlagUnconfirmedError     a write was accepted, but the flag reads otherwise
│   └── FlagsNotLoweredError     some flags are not confirmed at 0%
├── StoreError                   the table could not be asked
│   ├── ConflictError            someone else wrote first; nothing was written
│   └── FrozenError              every advance is stopped; nothing was written
├── GateError                    the state machine could not be asked
│   └── GateClosedError          no one waits at that gate any more
├── QueueError                   the rollback queue could not be asked
├── RollbackUndoneError          flag, record or token of a rollback is not done yet
│   └── UnrecordedError          flags were lowered, and no one could read whose they are
├── AnnouncementError            a channel could not be told about an event
├── CalendarsUnreadableError     the change calendars could not be asked
├── MonitorsUnreadableError      the state of a monitor could not be read
├── PolicyUnreadableError        the organization's policy could not be read
├── SecretUnavailableError       a secret could not be read
├── TooLateError                 a request was not sent: its time was over
└── AlertError                   an alert that is not acted on
    ├── AlertCredentialsError    no token, or a wrong one
    └── AlertUnreadableError     a body that cannot be understood
"""

from __future__ import annotations

from rampart.absence import AbsenceReason


class RampartError(Exception):
    """Anything that Rampart itself refuses or reports."""


class FlagStoreError(RampartError):
    """The flag store could not be asked, or did not obey."""


class UnknownFlagError(FlagStoreError):
    """The flag does not exist; writing to it would create it."""


class FlagCredentialsError(FlagStoreError):
    """The flag store refused the credentials."""


class FlagUnconfirmedError(FlagStoreError):
    """A write was accepted, but the flag does not read as it was written."""


class FlagsNotLoweredError(FlagStoreError):
    """Some flags, named by `flags`, are not confirmed at 0%."""

    def __init__(self, message: str, *, flags: tuple[str, ...]) -> None:
        super().__init__(message)
        self.flags = flags


class StoreError(RampartError):
    """The table could not be asked."""


class ConflictError(StoreError):
    """Someone else wrote first; nothing was written."""


class FrozenError(StoreError):
    """A freeze stops every advance: nothing was written. The message says whose it is, since when, and why."""


class CalendarsUnreadableError(RampartError):
    """The change calendars could not be asked; no one knows whether they are open."""


class GateError(RampartError):
    """The state machine could not be asked."""


class GateClosedError(GateError):
    """No one waits at that gate any more."""


class QueueError(RampartError):
    """The rollback queue could not be asked."""


class RollbackUndoneError(RampartError):
    """Flag, record or token of a rollback is not done yet; `comes_again` where the queue keeps it."""

    def __init__(self, message: str, *, comes_again: bool = False) -> None:
        super().__init__(message)
        self.comes_again = comes_again


class UnrecordedError(RollbackUndoneError):
    """Flags were lowered because the records could not be read; it is recorded, or told, when they can."""


class AnnouncementError(RampartError):
    """A channel could not be told about an event; it is tried again."""


class MonitorsUnreadableError(RampartError):
    """The state of a monitor could not be read; `reason` says why, where the source told."""

    def __init__(self, message: str, *, reason: AbsenceReason | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class SecretUnavailableError(RampartError):
    """A secret could not be read."""


class TooLateError(RampartError):
    """A request was not sent, because its time was over or it had been given up."""


class AlertError(RampartError):
    """An alert that is not acted on."""


class AlertCredentialsError(AlertError):
    """The alert carries no token, or a wrong one."""


class AlertUnreadableError(AlertError):
    """The alert's body cannot be understood."""


class PolicyUnreadableError(RampartError):
    """The organization's policy could not be read, or isn't one; no one knows what plans must keep to."""
