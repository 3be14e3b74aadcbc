from __future__ import annotations

import json
from typing import Any

import pytest

from rampart.absence import AbsenceReason
from rampart.errors import FlagCredentialsError, FlagStoreError, MonitorsUnreadableError, StoreError
from rampart.evidence.series import Series, Unavailable
from rampart.plan.criterion import RateSpec
from rampart.plan.model import Plan
from rampart.rollout.event import EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.state import Claim, Status
from tests.doubles import Moment
from tests.unit.rollout.world import (
    ERRORS,
    EXECUTION,
    FLAG,
    OFFICE_HOURS,
    PLAN,
    ROLLOUT,
    World,
    assert_ready,
    errors_of,
    steady,
)


def leaves_nothing_behind(world: World) -> bool:
    """Nothing but the event that tells of the refusal."""
    only_told = set(world.told) <= {EventKind.REFUSED}
    return only_told and not (world.store.states or world.store.owners or world.flags.history)


def test_a_start_pins_the_plan_claims_the_flags_and_touches_no_flag(world: World) -> None:
    outcome = world.start()
    assert outcome == {
        "outcome": "ready",
        "rollout": ROLLOUT,
        "attempt": 1,
        "when_blind": "hold",
        "heartbeat_seconds": 900,
    }
    assert world.state.status is Status.LIVE
    assert (world.state.stage, world.state.percent) == (None, 0.0)
    assert world.state.plan_hash == Plan.model_validate(PLAN).digest
    assert world.store.owners == {FLAG: Claim(flag=FLAG, rollout=ROLLOUT, flags=(FLAG,))}
    assert world.told == [EventKind.STARTED]
    assert not world.flags.history


def test_the_plan_is_kept_as_it_was_submitted(world: World) -> None:
    world.start()
    submitted = world.store.plan_document(ROLLOUT, world.state.plan_hash)
    assert submitted is not None
    assert json.loads(submitted) == PLAN


@pytest.mark.parametrize(("look_every", "heartbeat"), [("5m", 900), ("10s", 180), ("1d", 259_200)])
def test_silence_is_noticed_after_three_looks_but_not_before_three_minutes(
    world: World, look_every: str, heartbeat: int
) -> None:
    assert world.start(look_every=look_every)["heartbeat_seconds"] == heartbeat


# Refusals, each by its name.


def test_an_invalid_plan_is_refused_with_every_problem(world: World) -> None:
    outcome = world.start(owner="", stages=[])
    assert outcome["error"] == "InvalidPlan"
    assert {problem["where"] for problem in outcome["problems"]} == {"owner", "stages"}
    assert leaves_nothing_behind(world)


@pytest.mark.parametrize(
    "document", [None, "resume", ["resume"], 7, {"resume": "please"}, {"resume": {"rollout": "x"}}]
)
def test_an_input_that_is_not_a_plan_is_refused_properly(world: World, document: Any) -> None:
    assert world.prepare(document, EXECUTION).to_wire()["error"] == "InvalidPlan"


def test_an_unknown_flag_is_refused_for_a_write_would_create_it(world: World) -> None:
    assert errors_of(world.start(flags=["misspelled"])) == {"UnknownFlag": "flags: misspelled"}
    assert "misspelled" not in world.flags.flags
    assert leaves_nothing_behind(world)


@pytest.mark.parametrize(
    ("reading", "gate"),
    [
        (FlagReading(FLAG, boolean=True), "boolean"),
        (FlagReading(FLAG, expression=True), "expression"),
        (FlagReading(FLAG, percent_of_time=5), "percentage of time"),
    ],
)
def test_a_flag_with_a_gate_open_that_a_percentage_cannot_close_is_refused(
    world: World, reading: FlagReading, gate: str
) -> None:
    world.flags.put(reading)
    outcome = world.start()
    assert errors_of(outcome) == {"FlagGateOpen": f"flags: {FLAG}"}
    assert f"its {gate} gate is open" in outcome["cause"]
    assert leaves_nothing_behind(world)


def test_hand_picked_testers_do_not_keep_a_rollout_from_starting(world: World) -> None:
    world.flags.put(FlagReading(FLAG, actors=("tester",), groups=("staff",)))
    assert world.start()["outcome"] == "ready"


def test_a_flag_that_is_on_already_is_refused(world: World) -> None:
    world.flags.put(FlagReading(FLAG, percent=10))
    assert errors_of(world.start()) == {"FlagAlreadyOn": f"flags: {FLAG}"}


def test_a_flag_that_another_live_rollout_holds_is_refused_and_stays_its_own(world: World) -> None:
    world.climb(1)
    before = dict(world.store.owners)
    outcome = world.prepare(PLAN | {"rollout": "letters-2"}, "other").to_wire()
    assert errors_of(outcome) == {"FlagClaimed": f"flags: {FLAG}"}, "to set it to 0% first would take that one down"
    assert "'letters'" in outcome["cause"]
    assert world.store.owners == before
    assert "letters-2" not in world.store.states
    assert world.percent == 25


def test_a_flag_that_a_rolled_back_rollout_holds_is_not_said_to_be_a_live_ones(live: World) -> None:
    live.roll_back()
    outcome = live.prepare(PLAN | {"rollout": "letters-2"}, "other").to_wire()
    assert outcome["cause"] == (
        f"[FlagClaimed] flags: {FLAG}: the flag belongs to the rollout 'letters'. Complete or abandon 'letters' first."
    )


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        (AbsenceReason.REFUSED_QUERY, "QueryRefused"),
        (AbsenceReason.REFUSED_CREDENTIALS, "MetricsCredentialsRefused"),
        (AbsenceReason.RATE_LIMITED, "MetricsRateLimited"),
        (AbsenceReason.UNREACHABLE, "MetricsUnreadable"),
        (AbsenceReason.MALFORMED, "MetricsUnreadable"),
        (AbsenceReason.HIDDEN_ERROR, "MetricsUnreadable"),
        (AbsenceReason.NOT_ASKED, "MetricsUnreadable"),
    ],
)
def test_a_query_that_is_not_answered_is_refused_by_its_reason(world: World, reason: AbsenceReason, error: str) -> None:
    world.metrics.script[f"{ERRORS}/errors"] = Unavailable(reason, "why")
    assert errors_of(world.start()) == {error: f"criteria.{ERRORS}.errors"}
    assert leaves_nothing_behind(world)


EVERYONE = {"kind": "rate", "errors": "e", "total": "t", "below": "8%", "scope": "everyone", "baseline": "0.3%"}


@pytest.mark.parametrize(
    ("criterion", "refused_at"),
    [
        (EVERYONE, "criteria.x.total"),
        ({"kind": "value", "query": "v", "below": 1}, "criteria.x.value"),
        ({"kind": "rate", "errors": "e", "total": "t", "below": "8%", "scope": "cohort"}, None),
        ({"kind": "count", "query": "c", "at_most": 0}, None),
    ],
)
@pytest.mark.parametrize("nothing", [Series(()), Series(((0, None), (3600, None)))])
def test_a_query_that_finds_nothing_is_refused_where_something_must_be_found(
    world: World, criterion: dict[str, Any], refused_at: str | None, nothing: Series
) -> None:
    world.metrics.script = dict.fromkeys(["e", "t", "v", "c"], nothing)
    outcome = world.start(criteria={"x": criterion})
    if refused_at is None:  # a counter that no one raised, and a cohort that no one is in, send nothing
        assert outcome["outcome"] == "ready"
    else:
        assert errors_of(outcome) == {"QueryFindsNothing": refused_at}


def test_a_monitor_that_is_alerting_already_is_refused(world: World) -> None:
    world.metrics.monitors = {7: "Alert", 8: "unknown"}
    outcome = world.start(monitors=[7, 8, 9])
    assert errors_of(outcome) == {"MonitorAlerting": "monitors: 7", "UnknownMonitor": "monitors: 8"}
    assert leaves_nothing_behind(world)


def test_monitors_that_cannot_be_read_are_refused(world: World) -> None:
    world.metrics.failure = MonitorsUnreadableError("refused credentials")
    assert errors_of(world.start(monitors=[7])) == {"MonitorsUnreadable": "monitors"}


@pytest.mark.parametrize(
    ("reason", "fix"),
    [
        (AbsenceReason.RATE_LIMITED, "Start again when the limit is over"),
        (AbsenceReason.REFUSED_CREDENTIALS, "Fix Datadog's secret: API key, application key"),
        (AbsenceReason.UNREACHABLE, "Start again when Datadog answers"),
        (None, "Start again when Datadog answers"),
    ],
)
def test_what_helps_against_an_unreadable_monitor_follows_from_why_it_is(
    world: World, reason: AbsenceReason | None, fix: str
) -> None:
    """A limit is waited out: no one has to look at the secret for it."""
    world.metrics.failure = MonitorsUnreadableError("monitor 7 cannot be read", reason=reason)
    outcome = world.start(monitors=[7])
    assert [p["fix"] for p in outcome["problems"] if p["code"] == "MonitorsUnreadable"] == [fix]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (FlagCredentialsError("Flipper refused the token"), "FlagCredentialsRefused"),
        (FlagStoreError("no answer"), "FlagStoreUnreachable"),
    ],
)
def test_a_flag_store_that_does_not_answer_is_refused(world: World, failure: FlagStoreError, error: str) -> None:
    world.flags.failure = failure
    outcome = world.start()
    assert errors_of(outcome) == {error: f"flags: {FLAG}"}
    assert str(failure) in outcome["cause"]


@pytest.mark.parametrize("status", ["live", "rolled_back", "completed"])
def test_a_name_that_was_used_before_is_refused(world: World, status: str) -> None:
    world.climb(0)
    if status == "rolled_back":
        world.roll_back()
    if status == "completed":
        world.store.states[ROLLOUT] = world.state.model_copy(update={"status": Status.COMPLETED})
        world.store.owners.clear()
    outcome = world.prepare(PLAN, "other").to_wire()
    assert errors_of(outcome)["RolloutExists"] == "rollout"
    assert status in outcome["cause"]
    assert world.state.execution == EXECUTION


@pytest.mark.parametrize(("days", "opens"), [(0, "2026-03-10 09:00 EDT"), (4, "2026-03-16 09:00 EDT")])
def test_a_start_outside_the_calendar_is_refused_and_told_when_it_opens(world: World, days: int, opens: str) -> None:
    world.wait(days=days, hours=-3)
    outcome = world.start(calendar=OFFICE_HOURS)
    assert errors_of(outcome) == {"CalendarClosed": "calendar"}
    assert opens in outcome["cause"]


def test_several_problems_are_told_at_once_each_with_how_to_fix_it(world: World) -> None:
    world.flags.put(FlagReading("other_flag", boolean=True))
    world.metrics.monitors = {7: "Alert"}
    world.metrics.script[f"{ERRORS}/total"] = Unavailable(AbsenceReason.REFUSED_QUERY, "unbalanced braces")
    world.wait(hours=9)
    outcome = world.start(flags=[FLAG, "missing", "other_flag"], monitors=[7], calendar=OFFICE_HOURS)
    assert outcome["error"] == "StartRefused"
    assert errors_of(outcome).keys() == {
        "CalendarClosed",
        "UnknownFlag",
        "FlagGateOpen",
        "QueryRefused",
        "MonitorAlerting",
    }
    assert all(problem["message"] and problem["fix"] for problem in outcome["problems"])
    assert leaves_nothing_behind(world)


def test_a_refused_start_is_told_with_every_problem_though_there_is_no_record(world: World) -> None:
    world.flags.flags.clear()
    world.start(owner="the letters team")
    [told] = world.store.told
    assert (told.kind, told.rollout, told.attempt, told.by) == (EventKind.REFUSED, ROLLOUT, 0, "the letters team")
    assert told.message == (f"start refused: flags: {FLAG}: there is no such flag. Create it, or fix its spelling.")
    assert [each["code"] for each in told.details["problems"]] == ["UnknownFlag"]
    assert told.details["execution"] == EXECUTION


def test_a_refused_resume_is_told_at_its_rollout(live: World) -> None:
    live.resume(1)
    [told] = [event for event in live.store.told if event.kind is EventKind.REFUSED]
    assert (told.attempt, told.percent) == (1, 25)
    assert told.message.startswith("resume refused: rollout: 'letters' cannot be resumed: it is live.")


@pytest.mark.parametrize("document", [[], 7, {}, {"rollout": "No Name"}, {"resume": 7}, {"resume": {"rollout": []}}])
def test_what_names_no_rollout_leaves_no_event(world: World, document: Any) -> None:
    assert world.prepare(document, EXECUTION).to_wire()["outcome"] == "refused"
    assert world.told == []


def test_a_store_that_is_down_is_an_accident_that_is_tried_again(world: World) -> None:
    world.store.failure = StoreError("down")
    with pytest.raises(StoreError):
        world.start()


# Repetitions and races.


def test_a_repeated_start_by_the_same_execution_is_the_same_start(world: World) -> None:
    first = world.start()
    world.wait(hours=9)
    world.flags.failure = FlagStoreError("down by now")
    assert world.start() == first
    assert world.told == [EventKind.STARTED]


def test_a_start_whose_answer_was_lost_is_the_same_start(world: World) -> None:
    def lose_the_answer() -> None:
        raise StoreError("timeout")

    world.hooks["store.open", Moment.AFTER] = lose_the_answer
    with pytest.raises(StoreError):
        world.start()
    assert world.start()["outcome"] == "ready"
    assert world.told == [EventKind.STARTED]


def test_of_two_starts_on_one_flag_one_wins_and_the_other_is_told_who_did(world: World) -> None:
    rival = PLAN | {"rollout": "letters-2"}
    world.hooks["store.open", Moment.BEFORE] = lambda: assert_ready(world.prepare(rival, "rival").to_wire())
    assert errors_of(world.start()) == {"FlagClaimed": f"flags: {FLAG}"}
    assert set(world.store.states) == {"letters-2"}
    assert world.store.owners[FLAG].rollout == "letters-2"


def test_of_two_runs_of_one_start_both_are_ready_and_one_is_told(world: World) -> None:
    world.hooks["store.open", Moment.BEFORE] = lambda: assert_ready(world.start())
    assert_ready(world.start())
    assert world.told == [EventKind.STARTED]


def test_a_race_that_left_no_trace_is_tried_again_by_hand(world: World) -> None:
    def hold_for_a_moment() -> None:
        world.store.owners[FLAG] = Claim(flag=FLAG, rollout="other", flags=(FLAG,))
        world.hooks["store.claims", Moment.BEFORE] = world.store.owners.clear

    world.hooks["store.open", Moment.BEFORE] = hold_for_a_moment
    assert errors_of(world.start()) == {"Busy": "flags"}


def test_a_clump_missing_from_the_plan_is_measured_and_pinned(world: World) -> None:
    undeclared = {key: value for key, value in PLAN["criteria"][ERRORS].items() if key != "clump"}
    world.metrics.script |= {f"{ERRORS}/errors": steady(2), f"{ERRORS}/total": steady(100)}
    world.start(criteria={ERRORS: undeclared})
    pinned = world.state.plan.criteria[ERRORS]
    assert isinstance(pinned, RateSpec)
    assert pinned.clump == 1.0
    assert pinned.clump_source == "measured from 168 hours"
    assert Plan.model_validate_json(world.state.plan.model_dump_json(by_alias=True)) == world.state.plan


def test_a_declared_clump_is_left_alone(world: World) -> None:
    world.start()
    pinned = world.state.plan.criteria[ERRORS]
    assert isinstance(pinned, RateSpec)
    assert pinned.clump == 1


def test_history_is_asked_in_one_request_by_the_hour_over_a_week(world: World) -> None:
    world.start()
    (queries, start, end, bucket) = world.metrics.asked[0]
    assert len(world.metrics.asked) == 1
    assert queries == {f"{ERRORS}/errors": "e", f"{ERRORS}/total": "t"}
    assert (end - start, bucket) == (7 * 86_400, 3600)
    assert end <= world.clock.now().timestamp()


@pytest.mark.parametrize(
    "wrong",
    [{f"key_{number}": 1 for number in range(3000)}, {f"k{number}": 1 for number in range(9000)}, {"é" * 200_000: 1}],
    ids=["many", "many short ones", "a long one"],
)
def test_however_much_is_wrong_an_execution_can_end_with_it(world: World, wrong: dict[str, Any]) -> None:
    """Step Functions takes 32,768 characters for a cause and 256 KB for an output, DynamoDB 400 KB for an item."""
    refused = world.start(**wrong)
    assert refused["error"] == "InvalidPlan"
    assert 1 <= len(refused["problems"]) <= len(wrong)
    assert refused["cause"].startswith("[unknown_key] k" if len(wrong) > 1 else "[unknown_key] é")
    assert len(refused["cause"]) < 32_768
    assert len(json.dumps(refused, ensure_ascii=False).encode()) < 256_000
    [event] = world.store.events(ROLLOUT).values()
    assert len(event.model_dump_json().encode()) < 400_000
    if len(wrong) > 1:
        last = refused["problems"][-1]
        left_out = len(wrong) - len(refused["problems"]) + 1
        assert (last["code"], last["message"]) == ("MoreProblems", f"{left_out:,} more are left out")
