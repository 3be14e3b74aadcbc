"""One reason why a rollout may not start or resume."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StartProblem:
    """Its name, where it is, what is wrong, and what to do."""

    error: str
    where: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.mend}."
