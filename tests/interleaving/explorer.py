"""Visit every world that can be reached, and hold each to the laws."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.interleaving.moves import Moves, Step
from tests.interleaving.world import World

Law = Callable[[World], str | None]
"""What is wrong with a world, in words; None when nothing is."""


@dataclass(frozen=True, slots=True)
class Explored:
    """What an exploration saw: how many worlds, how many ends, and the first and shortest way to a broken law."""

    states: int
    ends: int
    broken: str | None = None
    trace: tuple[tuple[Step | None, World], ...] = ()

    def __str__(self) -> str:
        told = f"{self.states} states, {self.ends} ends, {'1 violation' if self.broken else '0 violations'}"
        return "\n".join([told, *self._lines()]) if self.broken else told

    def _lines(self) -> Iterator[str]:
        yield f"broken: {self.broken}"
        for step, world in self.trace:
            what = f"{step.who}: {step.what}" if step else "the beginning"
            yield f"  {what:<100} | {_shown(world)}"


def explore(beginning: World, moves: Moves, *, always: Law, at_the_end: Law, most: int = 2_000_000) -> Explored:
    """Visit every world, the nearest first; stops at the first that breaks a law.

    Raises AssertionError when there are more than `most`, or when a world has no end.
    """
    came_from: dict[World, tuple[Step, World] | None] = {beginning: None}
    waiting = deque([beginning])
    ends = 0
    while waiting:
        world = waiting.popleft()
        is_end = True
        for step, after in moves.of(world):
            is_end = False
            if after in came_from:
                continue
            came_from[after] = (step, world)
            broken = always(after)
            if broken:
                return Explored(len(came_from), ends, broken, _trace(came_from, after))
            waiting.append(after)
        if is_end:
            ends += 1
            assert world.last, "nothing can happen any more, and yet it is not the end: " + _shown(world)
            broken = at_the_end(world)
            if broken:
                return Explored(len(came_from), ends, broken, _trace(came_from, world))
        assert len(came_from) <= most, f"more than {most} states"
    return Explored(len(came_from), ends)


def _trace(
    came_from: dict[World, tuple[Step, World] | None], world: World
) -> tuple[tuple[Step | None, World], ...]:
    steps: list[tuple[Step | None, World]] = []
    here = world
    while (before := came_from[here]) is not None:
        steps.append((before[0], here))
        here = before[1]
    return ((None, here), *reversed(steps))


def _shown(world: World) -> str:
    state = world.state
    parts = [f"flag {world.percent:g}%", f"{state.status} attempt {state.attempt} stage {state.stage} {state.percent:g}%"]
    if state.intent:
        parts.append(f"intent {state.intent.percent:g}%")
    if world.queue:
        parts.append(f"{len(world.queue)} queued")
    if world.late:
        parts.append("late " + ", ".join(f"{write.percent:g}%" for write in world.late))
    parts += [f"{each.name} {each.at}" for each in world.executions]
    return f"{world.now // 60} min, {', '.join(parts)}"
