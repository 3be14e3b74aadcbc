"""What a flag reads: the gates of a Flipper feature, and which of them let people in."""

from __future__ import annotations

from dataclasses import dataclass

from rampart.plan.stage import Member, MemberKind


@dataclass(frozen=True, slots=True)
class FlagReading:
    """One flag as its store tells it; percentages are 0 to 100.

    Gates are ORed: a flag is on for someone whom any gate lets in, so 0% of actors is not off while another is open.
    """

    flag: str
    percent: float = 0.0
    boolean: bool = False
    expression: bool = False
    percent_of_time: float = 0.0
    actors: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    exists: bool = True
    """Whether there is such a flag; one that does not exist lets no one in, and is never written to."""

    @property
    def open_gates(self) -> tuple[str, ...]:
        """Gates that let people in whatever the percentage says, and that a percentage cannot close."""
        gates = {"boolean": self.boolean, "expression": self.expression, "percentage of time": self.percent_of_time > 0}
        return tuple(name for name, is_open in gates.items() if is_open)

    @property
    def is_down(self) -> bool:
        """Whether no one but hand-picked actors and groups is let in."""
        return self.percent == 0 and not self.open_gates

    @property
    def exposure(self) -> float:
        """The percentage of people let in, hand-picked ones aside; an expression counts as everyone."""
        return 100.0 if self.boolean or self.expression else max(self.percent, self.percent_of_time)

    @property
    def members(self) -> tuple[Member, ...]:
        """Who is let in by name: hand-picked actors and groups."""
        actors = tuple(Member(kind=MemberKind.ACTOR, name=name) for name in self.actors)
        return actors + tuple(Member(kind=MemberKind.GROUP, name=name) for name in self.groups)

    @property
    def left_open(self) -> tuple[str, ...]:
        """What a rollback leaves open on purpose, by name: hand-picked actors and groups that it did not open."""
        return tuple(str(member) for member in self.members)
