"""Every state that a rollout can be in, each as people and the outside bring it about."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rampart.errors import FlagStoreError, RollbackUndoneError
from rampart.evidence.verdict import Verdict
from rampart.rollout.flag import FlagReading
from rampart.rollout.gate import GateKind
from rampart.rollout.request import Cause
from rampart.rollout.state import Intent, Stop
from tests.unit.rollout.world import COMPLAINTS, FLAG, OFFICE_HOURS, PLAN, ROLLOUT, World


def it_starts(world: World) -> None:
    world.start()


def its_flag_is_being_set(world: World) -> None:
    world.climb(0)
    intent = Intent(gate="g", stage=1, percent=25, at=world.clock.now())
    world.store.states[ROLLOUT] = world.state.moved(world.clock.now(), intent=intent)


def it_holds(world: World) -> None:
    world.climb(0)
    world.open_gate()
    world.wait(minutes=10)
    world.tick()


def it_holds_and_is_undecided(world: World) -> None:
    world.measure(Verdict.INCONCLUSIVE)
    world.climb(0)
    world.open_gate()
    world.wait(minutes=40)
    world.tick()


def its_hold_is_over(world: World) -> None:
    it_holds(world)
    world.wait(minutes=49)
    world.tick()
    world.wait(minutes=2)


def its_hold_is_over_at_night(world: World) -> None:
    world.climb(0, calendar=OFFICE_HOURS)
    world.open_gate()
    world.wait(hours=9)
    world.tick()


def it_asks(world: World) -> None:
    world.climb(1)
    world.asked()


def it_asks_about_the_end(world: World) -> None:
    world.start(criteria=PLAN["criteria"] | COMPLAINTS)
    world.advance()
    for _ in range(2):
        world.advance(world.approved(complaints=0))
    world.asked()


def it_asks_without_proof(world: World) -> None:
    world.climb(1)
    world.measure(Verdict.INCONCLUSIVE)
    world.asked()


def datadog_fails_while_it_asks(world: World) -> None:
    it_asks(world)
    world.measure(Verdict.ERROR)
    world.wait(minutes=5)
    world.tick()


def someone_approved(world: World) -> None:
    world.climb(1)
    world.approved()


def datadog_fails(world: World) -> None:
    it_holds(world)
    world.measure(Verdict.ERROR)
    world.wait(minutes=5)
    world.tick()


def it_goes_blind(world: World) -> None:
    datadog_fails(world)
    world.open_gate(GateKind.BLIND)


def it_fails_and_only_holds(world: World) -> None:
    hold = {name: spec | {"on_fail": "hold"} for name, spec in PLAN["criteria"].items()}
    world.climb(1, criteria=hold)
    world.open_gate()
    world.measure(Verdict.FAIL)
    world.wait(minutes=40)
    world.tick()


def flipper_fails(world: World) -> None:
    it_holds(world)
    world.flags.failure = FlagStoreError("down")
    world.wait(minutes=1)
    world.tick()


def someone_lowers_the_flag(world: World) -> None:
    world.climb(1)
    world.open_gate()
    world.wait(minutes=10)
    world.flags.put(FlagReading(FLAG, percent=10))
    world.tick()


def someone_deletes_the_flag(world: World) -> None:
    world.climb(1)
    world.open_gate()
    world.wait(minutes=10)
    world.flags.flags.clear()
    world.tick()


def it_cannot_be_rolled_back(world: World) -> None:
    world.climb(1)
    world.flags.failure = FlagStoreError("down")
    with pytest.raises(RollbackUndoneError):
        world.roll_back()


def it_is_rolled_back(world: World) -> None:
    world.climb(1)
    world.roll_back()


def a_person_rolls_it_back(world: World) -> None:
    world.climb(1)
    world.roll_back(Cause.PERSON, reason="letters come out blank", by="Ann")


def it_completes(world: World) -> None:
    world.climb(2)
    world.complete()


def it_is_abandoned(world: World) -> None:
    world.climb(1)
    world.roll_back(Cause.ABANDON)


def the_change_calendar_closes(world: World) -> None:
    it_holds(world)
    until = world.clock.now() + timedelta(hours=2)
    stop = Stop(why="the change calendar 'freeze' is closed", until=until)
    world.store.states[ROLLOUT] = world.state.changed(stop=stop)
