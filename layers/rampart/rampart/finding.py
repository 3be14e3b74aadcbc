"""Findings: what is wrong or worth knowing, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from enum import StrEnum
from typing import Any

from rampart.words import in_zone


class Severity(StrEnum):
    """How much a finding weighs."""

    ERROR = "error"
    """No rollout can start like this."""
    WARNING = "warning"
    """A rollout can start, and may not do what its author means."""
    NOTE = "note"
    """Worth knowing."""


@dataclass(frozen=True, slots=True)
class FindingKind:
    """One kind of finding; it is defined next to what finds it, and the documentation lists all kinds."""

    code: str
    """In CamelCase where a start is refused for it: Step Functions shows the code as the execution's error."""
    means: str
    fix: str = ""
    """What helps, where the place tells no more."""
    why: str = ""
    """Why it matters."""
    severity: Severity = Severity.ERROR

    def at(self, where: str, message: str = "", fix: str = "", **place: int) -> Finding:
        """A finding of this kind; `place` holds its line, column and mark, where they are known."""
        return Finding(self, where, message or self.means, fix or self.fix, **place)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; line and column count from 1, and are 0 where no one knows them."""

    kind: FindingKind
    where: str
    """The place in words, such as `criteria.errors.below` or `flags: letters_api`; empty on a page."""
    message: str
    fix: str
    line: int = 0
    column: int = 0
    mark: int = 1
    """How many characters of the line it is about."""

    @property
    def code(self) -> str:
        """The code of its kind."""
        return self.kind.code

    def in_zone(self, zone: tzinfo) -> Finding:
        """The finding with its moments in a zone."""
        return replace(self, message=in_zone(self.message, zone), fix=in_zone(self.fix, zone))

    def to_wire(self) -> dict[str, Any]:
        """The finding in the published form; what isn't known is left out."""
        place = {"line": self.line, "column": self.column} if self.line else {}
        where = {"where": self.where} if self.where else {}
        said = {"message": self.message, "fix": self.fix}
        return {"code": self.code, "severity": self.kind.severity.value, **where, **place, **said}

    @classmethod
    def from_wire(cls, document: Mapping[str, Any]) -> Finding:
        """A finding that another part of Rampart, perhaps of another version, has written."""
        known = {name: str(document.get(name, "")) for name in ("code", "where", "message", "fix")}
        severity = Severity(document.get("severity", Severity.ERROR))
        kind = FindingKind(known["code"], known["message"], severity=severity)
        return cls(kind, known["where"], known["message"], known["fix"])

    def __str__(self) -> str:
        return f"{self.where}: {self.message}. {self.fix}."


def kinds_in(namespace: object) -> Iterator[FindingKind]:
    """The kinds that a module or a class defines, in their order."""
    return (value for value in vars(namespace).values() if isinstance(value, FindingKind))
