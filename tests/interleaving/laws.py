"""What must hold in every world, and what at the end."""

from __future__ import annotations

from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.state import DOWN, Status
from tests.interleaving.world import World

_ONCE = frozenset({EventKind.ADVANCED, EventKind.COMPLETED, EventKind.ROLLED_BACK, EventKind.ABANDONED})
_PASSES = frozenset({EventKind.ADVANCED, EventKind.COMPLETED})


def always(world: World) -> str:
    """The laws of every moment."""
    if too_high := _too_high(world):
        return too_high
    once = [event for event in world.log if event[0] in _ONCE]
    if len(once) != len(set(once)):
        return "the same thing was done and told twice"
    passed = [event[3] for event in world.log if event[0] in _PASSES and event[3] != "start"]
    if len(passed) != len(set(passed)):
        return "one answer moved it twice"
    if len(world.answered) != len(set(world.answered)):
        return "two answers were taken at one gate"
    if world.unawaited:
        return "an answer was recorded, and the rollout was over"
    if any(event[0] is EventKind.ADVANCED and event[3] not in ("start", *world.answered) for event in world.log):
        return "it advanced without an approval"
    if lonely := _lonely(world):
        return lonely
    if world.turned_down is not None and world.percent > world.turned_down:
        return f"someone lowered the flag to {world.turned_down:g}%, and an advance raised it"
    state = world.state
    if state.status in DOWN and state.attempt not in world.asked | world.excused:
        return f"attempt {state.attempt} was halted, and no one asked for it"
    return ""


def _too_high(world: World) -> str:
    """Where the flag is open further than anyone approved, or than it was when every advance was stopped."""
    if world.height > world.approved:
        return f"the flag is at {world.height:g}%, and no one ever approved more than {world.approved:g}%"
    if world.ceiling is not None and world.height > world.ceiling:
        return f"every advance was stopped at {world.ceiling:g}%, and the flag is at {world.height:g}%"
    return ""


def _lonely(world: World) -> str:
    """Where fewer people approved an advance than the plan asks for."""
    for event in world.log if world.state.plan.approvals > 1 else ():
        people = {person for gate, person in world.people if gate == event[3]}
        if event[0] is EventKind.ADVANCED and event[3] != "start" and len(people) < world.state.plan.approvals:
            return f"it advanced with the approval of {len(people)}, and the plan asks for two people"
    return ""


def said_is_so(world: World) -> str:
    """The laws of every moment where nothing crashes: after "rolled back" no one is exposed."""
    if world.state.status is Status.ROLLED_BACK and world.height > 0:
        return f'"rolled back" was said, and the flag is at {world.height:g}%'
    return always(world)


def _apart(world: World) -> str:
    """Where the flag and the record differ when nothing is under way any more."""
    state, reads = world.state, world.reading.exposure
    if state.percent != reads and not state.drift:
        return f"the record says {state.percent:g}%, and the flag reads {reads:g}% at the end"
    if world.on != state.is_fully_on and not state.drift:
        return f"the flag is {'' if world.on else 'not '}fully on at the end, and the record says otherwise"
    if world.stood and not world.named and not world.on:
        return "staff were let in before the rollout, and it took that away"
    if state.status is Status.LIVE and state.opened and not world.named and not state.drift:
        return "the record says that staff are let in, and at the end they are not"
    return ""


def at_the_end(world: World) -> str:
    """The laws of the end, when nothing is under way any more and the last tick came."""
    state = world.state
    if state.status is Status.HALTED or (state.status is Status.LIVE and state.attempt in world.asked):
        return f"a rollback was asked for, and the rollout is {state.status} at the end"
    if state.status is Status.LIVE and state.latest is not None and state.latest.verdict is Verdict.FAIL:
        count = max(shown.value or 0 for shown in state.latest.fails.values())
        if world.waived is None:
            return "the stage fails, no one waived that, and the rollout is live at the end"
        if count > world.waived:
            return f"the stage fails with {count:g}, and no one waived more than {world.waived:g}"
    if apart := _apart(world):
        return apart
    if state.status in DOWN and world.height > 0:
        return f"a rollback was asked for, and the flag is at {world.height:g}% at the end"
    if state.status is Status.ROLLED_BACK and not any(
        event[:2] == (EventKind.ROLLED_BACK, state.attempt) for event in world.log
    ):
        return "no one was told about the rollback"
    if world.raised and all(event[0] is not EventKind.TAKEN_DOWN_AGAIN for event in world.log):
        return "another writer raised a rolled-back flag, and no one was told"
    waits = any(each.name == state.execution and each.at != "ended" for each in world.executions)
    if waits != (state.status is Status.LIVE):
        return f"the rollout is {state.status}, and its execution {'goes on' if waits else 'does not'}"
    return ""
