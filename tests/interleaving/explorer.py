"""Visit every world that can be reached, and hold each to the laws."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests.interleaving.moves import Moves
from tests.interleaving.world import World

Law = Callable[[World], str | None]
"""What is wrong with a world, in words; None when nothing is."""
CameFrom = dict[World, World | None]


@dataclass(frozen=True, slots=True)
class Explored:
    """What an exploration saw: how many worlds, how many of them ends, and the shortest way to a broken law."""

    states: int
    ends: int
    broken: str = ""
    trace: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = f"{self.states} states, {self.ends} ends, {1 if self.broken else 0} violations"
        return "\n".join((told, *self.trace, f"broken: {self.broken}")) if self.broken else told


def explore(beginning: World, moves: Moves, *, always: Law, at_the_end: Law, most: int) -> Explored:
    """Visit every world, the nearest first; stops at the first that breaks a law.

    Raises AssertionError where there are more than `most` worlds, or where nothing can happen before the end.
    """
    came_from: CameFrom = {beginning: None}
    waiting = deque([beginning])
    ends = 0
    while waiting:
        world = waiting.popleft()
        is_end = True
        for _, after in moves.of(world):
            is_end = False
            if after in came_from:
                continue
            came_from[after] = world
            if broken := always(after):
                return _broken(moves, came_from, after, broken, ends)
            waiting.append(after)
        if is_end:
            ends += 1
            broken = at_the_end(world) if world.last else "nothing can happen any more, and it is not the end"
            if broken:
                return _broken(moves, came_from, world, broken, ends)
        assert len(came_from) <= most, f"more than {most} states: make the scenario smaller"
    return Explored(len(came_from), ends)


def _broken(moves: Moves, came_from: CameFrom, world: World, law: str, ends: int) -> Explored:
    return Explored(len(came_from), ends, law, tuple(_trace(moves, came_from, world)))


def _trace(moves: Moves, came_from: CameFrom, world: World) -> Iterator[str]:
    """Every step from the beginning, with the world after it."""
    way: list[World] = []
    here: World | None = world
    while here is not None:
        way.append(here)
        here = came_from[here]
    way.reverse()
    yield f"{'the beginning':<90} | {way[0]}"
    for before, after in pairwise(way):
        step = next(step for step, led_to in moves.of(before) if led_to == after)
        yield f"{step!s:<90} | {after}"
