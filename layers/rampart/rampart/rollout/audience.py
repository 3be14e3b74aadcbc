"""Who is let in by name: what a stage wants open, and what of it a rollout opened and must close again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rampart.model import Model
from rampart.plan.model import Plan
from rampart.plan.stage import Member
from rampart.rollout.flag import FlagReading
from rampart.words import percentage

_EVERYONE = 100


class Opening(Model):
    """One flag that lets one member in, and that did not before the rollout."""

    flag: str
    member: Member

    def is_kept(self, reading: FlagReading) -> bool:
        """Whether the flag lets the member in, by name or as everyone."""
        return self.member in reading.members or reading.boolean or reading.percent >= _EVERYONE


def wanted_at(plan: Plan, stage: int) -> tuple[Member, ...]:
    """Whom a stage and those before it let in by name."""
    return tuple(dict.fromkeys(member for each in plan.stages[: stage + 1] for member in each.members))


def missing(readings: Iterable[FlagReading], members: Sequence[Member]) -> tuple[Opening, ...]:
    """What must be opened so that every flag lets these members in: what stands open already stays another's."""
    return tuple(
        Opening(flag=reading.flag, member=member)
        for reading in readings
        for member in members
        if member not in reading.members
    )


def is_up(reading: FlagReading, openings: Iterable[Opening] = ()) -> bool:
    """Whether a flag lets in more than those whom others picked by hand."""
    return not reading.is_down or bool(still_open([reading], openings))


def reads(reading: FlagReading, openings: Iterable[Opening] = ()) -> str:
    """What a flag reads, as people say it: `25%`, `0% and lets in group staff`."""
    gates = f" with its {', '.join(reading.open_gates)} gate open" if reading.open_gates else ""
    named = [f"lets in {each.member}" for each in still_open([reading], openings)]
    return " and ".join([f"{percentage(reading.exposure)}{gates}", *named])


def still_open(readings: Iterable[FlagReading], openings: Iterable[Opening]) -> tuple[Opening, ...]:
    """Which openings the flags read."""
    known = {reading.flag: reading.members for reading in readings}
    return tuple(each for each in openings if each.member in known.get(each.flag, ()))


def raised_again(up: Sequence[FlagReading], openings: Iterable[Opening]) -> str:
    """Why a rolled-back flag is taken down again, in words; what is highest of it, where several are up."""
    highest = max(up, key=lambda reading: reading.exposure)
    return f"someone raised {highest.flag} outside Rampart after its rollback: it read {reads(highest, openings)}"
