"""Alerts through the function `rollback` itself, endpoint and use case included, in every order they may come in."""

from __future__ import annotations

import io
import itertools
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.rollback import app
from rampart.entry.settings import RollbackSettings
from rampart.entry.wiring import Wiring
from rampart.errors import StoreError
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.request import Cause
from rampart.rollout.state import Status
from tests.unit.functions.calls import call
from tests.unit.rollout.world import FLAG, ROLLOUT, World

EVENT: dict[str, Any] = json.loads((Path(__file__).parents[3] / "events" / "rollback-alert.json").read_text())
TOKEN = str(EVENT["headers"]["X-Rampart-Token"])
SETTINGS = RollbackSettings(
    table_name="t", flipper_url="f", flipper_secret="f", alert_secret="a", rollback_queue_url="q"
)
WITHIN = timedelta(seconds=SETTINGS.alert_max_age_seconds)


class Tokens:
    def current(self) -> Sequence[str]:
        return (TOKEN,)

    refreshed = current


@dataclass
class Function:
    """The handler on a world of its own, and what it wrote to its log."""

    world: World = field(default_factory=World)
    log: io.StringIO = field(default_factory=io.StringIO)

    def call(self, event: dict[str, Any]) -> dict[str, Any]:
        """What the handler answers."""
        world = self.world
        parts = Wiring(
            clock=world.clock, store=world.store, rollback=world.rollback, rollback_settings=SETTINGS, tokens=Tokens()
        )
        return call(app.lambda_handler, event, parts)

    def alert(self, transition: str = "Triggered", *, age: timedelta = timedelta(), **changes: Any) -> dict[str, Any]:
        """An alert that happened some time ago arrives; what is answered."""
        happened = int((self.world.clock.now() - age).timestamp() * 1000)
        body = {**json.loads(EVENT["body"]), "transition": transition, "date": str(happened), "flags": FLAG} | changes
        answer = self.call({**EVENT, "body": json.dumps(body)})
        return {"status": answer["statusCode"], **json.loads(answer["body"])}

    def alert_as_it_is(self, title: str) -> dict[str, Any]:
        """An alert with a title that no one escaped arrives; what is answered."""
        body = json.dumps({**json.loads(EVENT["body"]), "date": "0", "flags": FLAG, "title": "TITLE"})
        answer = self.call({**EVENT, "body": body.replace("TITLE", title)})
        return {"status": answer["statusCode"], **json.loads(answer["body"])}

    @property
    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    @property
    def rolled_back(self) -> int:
        return self.world.told.count(EventKind.ROLLED_BACK)


@pytest.fixture
def function() -> Iterator[Function]:
    made = Function()
    handler = logging.StreamHandler(made.log)
    handler.setFormatter(app.logger.registered_formatter)
    log = logging.getLogger(app.logger.name)
    log.addHandler(handler)
    yield made
    log.removeHandler(handler)


@pytest.fixture
def live(function: Function) -> Function:
    """A rollout at 25%."""
    function.world.climb(1)
    function.world.open_gate()
    function.world.forget()
    return function


# Nothing to roll back.


def no_rollout_was_ever_made(world: World) -> None:
    """Its flag was raised by hand, as most are."""
    world.flags.put(FlagReading(FLAG, percent=40))


def another_rollout_is_live(world: World) -> None:
    world.flags.put(FlagReading("other"))
    world.climb(1, flags=["other"])
    world.flags.put(FlagReading(FLAG, percent=40))


def the_rollout_is_complete(world: World) -> None:
    world.climb(2)
    world.complete()


def the_rollout_was_abandoned_and_its_flag_raised_since(world: World) -> None:
    world.climb(1)
    world.roll_back(Cause.ABANDON)
    world.flags.put(FlagReading(FLAG, percent=40))


def the_flag_does_not_exist(world: World) -> None:
    world.flags.flags.clear()


@pytest.mark.parametrize(
    "given",
    [
        no_rollout_was_ever_made,
        another_rollout_is_live,
        the_rollout_is_complete,
        the_rollout_was_abandoned_and_its_flag_raised_since,
        the_flag_does_not_exist,
    ],
    ids=lambda given: given.__name__,
)
def test_without_a_live_rollout_an_alert_is_answered_logged_and_does_nothing(function: Function, given: Any) -> None:
    world = function.world
    given(world)
    world.forget()
    flags, states, owners = dict(world.flags.flags), dict(world.store.states), dict(world.store.owners)
    world.queue.waiting.clear()

    answer = function.alert()

    assert answer == {"status": 200, "outcome": "nothing", "why": f"no live rollout holds {FLAG}"}
    assert (world.flags.flags, world.flags.history) == (flags, [])
    assert (world.store.states, world.store.owners, world.store.told) == (states, owners, [])
    assert (world.queue.waiting, world.queue.called) == ([], [])
    assert not [call for call in world.calls if call.startswith(("flags", "gates", "queue"))]
    assert [line["message"] for line in function.logged] == ["asked", "done", "alert answered"]
    asked, done, answered = function.logged
    assert (asked["request"]["flags"], asked["request"]["monitor"]) == ([FLAG], "4711")
    assert (done["outcome"], done["rollouts"]) == ("nothing", [])
    assert answered["status"] == 200
    assert json.loads(answered["answer"])["outcome"] == "nothing"
    assert (answered["alert"]["transition"], answered["alert"]["flags"]) == ("Triggered", [FLAG])


def test_what_a_stranger_sent_is_not_logged(function: Function) -> None:
    answer = function.call({**EVENT, "headers": {"X-Rampart-Token": "guess"}})
    [answered] = [line for line in function.logged if line["message"] == "alert answered"]
    assert (answer["statusCode"], answered["status"], answered.get("alert")) == (401, 401, None)
    assert "4711" not in function.log.getvalue()


def test_the_same_alert_takes_a_live_rollout_down(live: Function) -> None:
    assert live.alert() == {"status": 200, "outcome": "rolled_back", "rollouts": [ROLLOUT]}
    assert live.world.percent == 0


# Recovered, replayed, in another order.

REPEATED = ["Triggered", "Re-Triggered", "Renotify"]
HARMLESS = ["Recovered", "Warn", "Re-Warn", "No Data", "Re-No Data", "Warn Recovered", "Null"]


@pytest.mark.parametrize("transition", HARMLESS)
def test_what_is_not_bad_now_rolls_nothing_back(live: Function, transition: str) -> None:
    assert live.alert(transition)["outcome"] == "ignored"
    assert (live.world.percent, live.world.status) == (25, Status.LIVE)
    assert live.world.queue.waiting == []


@pytest.mark.parametrize("order", list(itertools.permutations(["Triggered", "Recovered", "Renotify"])), ids="-".join)
def test_alert_and_recovery_in_any_order_end_at_zero_with_one_rollback(live: Function, order: tuple[str, ...]) -> None:
    """Datadog promises no order: a recovery that overtakes its alert must not let it pass for old news."""
    for transition in order:
        assert live.alert(transition, age=timedelta(seconds=30))["status"] == 200
        live.world.wait(seconds=5)
    assert (live.world.percent, live.world.status) == (0, Status.ROLLED_BACK)
    assert live.rolled_back == 1


def test_a_recovery_after_the_rollback_raises_nothing(live: Function) -> None:
    live.alert()
    live.world.forget()
    live.alert("Recovered")
    assert live.world.flags.history == []
    assert (live.world.percent, live.world.status) == (0, Status.ROLLED_BACK)


@pytest.mark.parametrize("transition", REPEATED)
def test_an_alert_that_is_delivered_over_and_over_is_one_rollback_and_one_event(
    live: Function, transition: str
) -> None:
    for _ in range(50):
        assert live.alert(transition)["outcome"] == "rolled_back"
    assert live.rolled_back == 1
    assert live.world.told == [EventKind.ROLLED_BACK]


@pytest.mark.parametrize("transition", REPEATED)
def test_an_alert_older_than_the_bound_rolls_nothing_back(live: Function, transition: str) -> None:
    assert live.alert(transition, age=WITHIN + timedelta(seconds=1))["outcome"] == "ignored"
    assert (live.world.percent, live.world.status) == (25, Status.LIVE)


def test_an_alert_replayed_after_a_resume_is_too_old(live: Function) -> None:
    world, alerted = live.world, live.world.clock.now()
    live.alert()
    world.wait(hours=1)
    world.resume(1)
    world.advance(attempt=2, execution="second")
    assert live.alert(age=world.clock.now() - alerted)["outcome"] == "ignored"
    assert (world.percent, world.status, world.state.attempt) == (25, Status.LIVE, 2)


def test_a_queued_repetition_of_an_alert_does_not_take_a_resumed_rollout_down(live: Function) -> None:
    world = live.world
    live.alert()
    (kept,) = (request for request, _ in world.queue.waiting)
    world.wait(minutes=5)
    world.resume(1)
    world.advance(attempt=2, execution="second")
    record = {**json.loads((Path(__file__).parents[3] / "events" / "rollback-queue.json").read_text())["Records"][0]}
    event = {"Records": [record | {"body": kept.model_dump_json()}]}
    assert live.call(event) == {"batchItemFailures": []}
    assert (world.percent, world.status, world.state.attempt) == (25, Status.LIVE, 2)


def test_a_monitor_that_is_still_alerting_takes_a_resumed_rollout_down(live: Function) -> None:
    """`Renotify` is news of now, and the plan that names its monitors is refused before it comes to this."""
    world = live.world
    live.alert()
    world.wait(hours=1)
    world.resume(1)
    world.advance(attempt=2, execution="second")
    assert live.alert("Renotify")["outcome"] == "rolled_back"
    assert (world.percent, world.status) == (0, Status.ROLLED_BACK)


@pytest.mark.parametrize("state", ["Alert", "Warn"])
def test_neither_start_nor_resume_is_made_beside_a_monitor_that_is_red_already(world_of_one: World, state: str) -> None:
    world = world_of_one
    world.metrics.monitors = {7: state}
    assert world.start(monitors=[7])["error"] == "MonitorAlerting"
    world.metrics.monitors = {}
    world.climb(1, monitors=[7])
    world.roll_back()
    world.metrics.monitors = {7: state}
    assert world.resume(1)["error"] == "MonitorAlerting"
    assert (world.percent, world.status) == (0, Status.ROLLED_BACK)


@pytest.fixture
def world_of_one() -> World:
    return World()


def test_an_alert_that_cannot_be_done_is_sent_again_and_then_done_once(live: Function) -> None:
    live.world.flags.ignores_writes = True
    assert live.alert()["status"] == 503
    live.world.flags.ignores_writes = False
    assert live.alert()["status"] == 200
    assert live.world.told == [EventKind.ROLLING_BACK, EventKind.ROLLED_BACK]


# What a title does to the JSON, and what a test shows.


@pytest.mark.parametrize("title", ['the "letters" are slow', "two\nlines", "\\", '<a href="x">', '", "flags": "other'])
def test_an_alert_whose_title_breaks_the_json_takes_its_flag_down(live: Function, title: str) -> None:
    answer = live.alert_as_it_is(title)
    assert answer == {"status": 200, "outcome": "rolled_back", "rollouts": [ROLLOUT]}
    assert (live.world.percent, live.rolled_back) == (0, 1)


def test_a_test_notification_names_its_rollout_or_the_unclaimed_flag(
    live: Function,
) -> None:
    assert live.alert(title="[TEST] down")["why"] == f"a test notification: it would roll back {ROLLOUT}"
    misspelled = live.alert(title="[TEST] down", flags="lettres_api")
    assert (misspelled["status"], misspelled["outcome"]) == (200, "ignored")
    assert misspelled["why"].startswith("a test notification: no live rollout holds lettres_api: check")
    assert (live.world.percent, live.world.status) == (25, Status.LIVE)
    assert live.world.queue.waiting == []


def test_a_test_notification_is_503_while_the_table_cannot_be_read(live: Function) -> None:
    live.world.store.failure = StoreError("the table is throttled")
    assert live.alert(title="[TEST] down")["status"] == 503
    assert "the table is throttled" in live.log.getvalue()


# A token where it does not belong.


@pytest.mark.parametrize("field", ["transition", "monitor", "cycle", "title", "flags"])
def test_a_token_in_the_payload_is_written_nowhere(live: Function, field: str) -> None:
    changes: dict[str, Any] = {"transition": "Triggered", field: TOKEN}
    answer = live.alert(**changes)
    assert answer["status"] == 400
    world = live.world
    written = [live.log.getvalue(), str(world.store), str(world.queue), str(world.flags), str(answer)]
    assert [text for text in written if TOKEN in text] == []
    assert live.logged, "it is logged that such an alert came"
    assert (world.percent, world.status) == (25, Status.LIVE)


# What counts as refused.


@pytest.mark.parametrize(
    ("headers", "body", "refused"),
    [
        ({}, EVENT["body"], 0),  # a stranger, without a token
        ({"X-Rampart-Token": "wrong"}, "<scan>", 0),  # a stranger, without an alert
        ({"X-Rampart-Token": "wrong"}, EVENT["body"], 1),  # Datadog with an old token, or a forger
        ({"X-Rampart-Token": TOKEN}, "{}", 1),  # ours, and unreadable
        ({"X-Rampart-Token": TOKEN}, EVENT["body"], 0),
    ],
)
def test_only_an_alert_that_is_refused_is_counted_and_no_strangers_call(
    function: Function, capsys: pytest.CaptureFixture[str], headers: dict[str, str], body: str, refused: int
) -> None:
    function.call({**EVENT, "headers": headers, "body": body})
    assert capsys.readouterr().out.count('"AlertsRefused":[1.0]') == refused
