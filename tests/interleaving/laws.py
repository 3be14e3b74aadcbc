"""What must hold in every world, and what at the end."""

from __future__ import annotations

from rampart.rollout.state import DOWN, EventKind, Status
from tests.interleaving.world import World

_ONCE = frozenset({EventKind.ADVANCED, EventKind.COMPLETED, EventKind.ROLLED_BACK, EventKind.ABANDONED})


def always(world: World) -> str | None:
    """The laws of every moment."""
    state = world.state
    if world.percent > world.approved:
        return f"the flag is at {world.percent:g}%, and nobody ever approved more than {world.approved:g}%"
    once = [event for event in world.log if event[0] in _ONCE]
    if len(once) != len(set(once)):
        return "the same thing was done and told twice"
    if len(world.answered) != len(set(world.answered)):
        return "two answers were taken at one gate"
    if state.status in DOWN and state.attempt not in world.asked | world.excused:
        return f"attempt {state.attempt} was halted, and nobody asked for it"
    return None


def said_is_so(world: World) -> str | None:
    """The laws of every moment where nothing crashes: and after "rolled back" nobody is exposed."""
    if world.state.status is Status.ROLLED_BACK and world.percent > 0:
        return f'"rolled back" was said, and the flag is at {world.percent:g}%'
    return always(world)


def at_the_end(world: World) -> str | None:
    """The laws of the end, when nothing is under way any more."""
    state = world.state
    told = {(event[0], event[1]) for event in world.log}
    if state.percent != world.percent:
        return f"the record says {state.percent:g}%, and the flag reads {world.percent:g}%"
    if state.status is Status.LIVE and state.attempt in world.asked:
        return "a rollback was asked for, and the rollout is live"
    if state.status is Status.HALTED:
        return "the rollback is not finished"
    if state.status is Status.ROLLED_BACK and (EventKind.ROLLED_BACK, state.attempt) not in told:
        return "nobody was told of the rollback"
    if state.status is not Status.LIVE and any(each.at != "ended" for each in world.executions):
        return "the rollout is over, and its execution goes on"
    if state.status is Status.LIVE and not any(each.name == state.execution and each.at != "ended" for each in world.executions):
        return "the rollout is live, and nothing carries it on"
    return None
