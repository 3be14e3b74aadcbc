"""Waivers: what a person saw of a criterion and let be, and what that covers later."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from rampart.evidence.judgement import Judgement
from rampart.evidence.verdict import Verdict, is_worse
from rampart.evidence.worsening import limit_of
from rampart.model import Model

Waived = Literal["waived"]
WAIVED: Final = "waived"
"""What is said of evidence that does not pass and that a person let be: never a verdict, and never a pass."""
LETS_ON: Final = frozenset({Verdict.PASS, WAIVED})
"""With what a stage may be left."""


class Shown(Model):
    """What is shown of one criterion; of a fail also how bad it is, in the metric's own unit, a fraction for a rate."""

    verdict: Verdict
    value: float | None = None
    limit: float | None = None
    """How bad a fail may be by what was shown: the interval's end away from the bar, or the value itself."""
    falls: bool = False
    """Whether it is low values that fail."""

    def covers(self, later: Shown) -> bool:
        """Whether a person who let this be has let be what is shown later: the same or better, and no more.

        A fail is covered by a fail only, and only up to its limit. Silence is not covered by a fail, nor by evidence
        that was merely undecided: who accepted a number has not accepted to see none.
        """
        if later.verdict is Verdict.FAIL:
            return self.verdict is Verdict.FAIL and self._reaches(later)
        if self.verdict is Verdict.FAIL:
            return later.verdict is Verdict.INCONCLUSIVE
        return not is_worse(later.verdict, self.verdict)

    def _reaches(self, later: Shown) -> bool:
        if self.limit is None or later.value is None:
            return self.limit is None and later.value is None
        return later.value >= self.limit if self.falls else later.value <= self.limit


def shown_of(judgement: Judgement, *, falls: bool) -> Shown:
    """What a judgement shows; `falls` where it is low values that fail."""
    if judgement.verdict is not Verdict.FAIL:
        return Shown(verdict=judgement.verdict)
    limit = limit_of(judgement, falls=falls)
    return Shown(verdict=judgement.verdict, value=judgement.value, limit=limit, falls=falls)


BY_NAME = Shown(verdict=Verdict.NO_DATA)
"""What was shown where the first version kept names only: read as evidence that is missing or undecided, no more."""


class Override(Model):
    """Criteria that a person waived, as they were shown, through one stage."""

    criteria: tuple[str, ...]
    shown: dict[str, Shown] = Field(default_factory=dict)
    by: str
    note: str
    through_stage: int

    def covers(self, name: str, later: Shown) -> bool:
        """Whether it waives what is shown of a criterion later, for as long as it lasts."""
        if later.verdict is Verdict.PASS or name not in self.criteria:
            return False
        return self.shown.get(name, BY_NAME).covers(later)
