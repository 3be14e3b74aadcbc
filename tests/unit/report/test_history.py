"""The story of a rollout follows from its events and evaluations alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rampart.evidence.verdict import Verdict
from rampart.rollout.event import Event, EventKind
from rampart.rollout.state import Latest, Status
from rampart.rollout.waiver import Override, Shown
from rampart_cli.report.history import Ending, RolloutHistory, gather
from tests.records import restood

from .conftest import BAD, START, Story


def history_of(story: Story) -> RolloutHistory:
    return gather(story.records, story.records.states["letters"])


def test_each_stay_at_a_stage_has_its_ending_its_looks_and_its_decisions(story: Story) -> None:
    seen = [
        (v.attempt, v.percent, v.ending, len(v.looks), [e.by for e in v.decisions]) for v in history_of(story).visits
    ]
    assert seen == [
        (1, 1.0, Ending.ADVANCED, 26, ["Ada Lovelace"]),
        (1, 25.0, Ending.ADVANCED, 24, ["Grace Hopper"]),
        (1, 50.0, Ending.ROLLED_BACK, 5, []),
        (2, 25.0, Ending.ADVANCED, 24, ["Ada Lovelace"]),
        (2, 50.0, Ending.ADVANCED, 24, ["Grace Hopper"]),
        (2, 100.0, Ending.COMPLETED, 24, []),
    ]


def test_every_evaluation_belongs_to_one_stay(story: Story) -> None:
    history = history_of(story)
    assert sum(len(visit.looks) for visit in history.visits) == len(history.evaluations)


def test_the_staircase_holds_every_change_and_ends_with_the_newest_record(story: Story) -> None:
    history = history_of(story)
    assert [percent for _, percent in history.staircase] == [0, 1, 25, 50, 0, 0, 25, 50, 100, 100]
    assert history.staircase[-1][0] == history.known_until


def test_the_staircase_shows_what_others_set_the_flag_to() -> None:
    told = Story()
    told.tell(EventKind.STARTED, "starts")
    told.advance(1)
    told.tell(EventKind.DRIFTED, "someone changed it", reads=10.0)
    told.tell(EventKind.DRIFTED, "it is back", reads=25.0)
    told.tell(EventKind.DRIFTED, "it can't be read")
    told.close(Status.LIVE)
    assert [percent for _, percent in history_of(told).staircase] == [0, 25, 10, 25, 25]


def test_a_rollback_in_two_steps_began_with_the_first_and_is_told_by_the_last() -> None:
    told = Story()
    told.tell(EventKind.STARTED, "starts")
    told.advance(0)
    told.tell(EventKind.ROLLING_BACK, "not yet confirmed", reason="an alert")
    began = told.at
    told.roll_back("an alert")
    told.close(Status.ROLLED_BACK)
    (visit,) = history_of(told).visits
    assert (visit.ending, visit.ended) == (Ending.ROLLED_BACK, began)
    assert visit.rollback is not None
    assert visit.rollback.kind is EventKind.ROLLED_BACK
    assert [percent for _, percent in history_of(told).staircase] == [0, 1, 1, 0, 0]


def test_a_live_rollout_goes_on_at_its_stage() -> None:
    told = Story()
    told.tell(EventKind.STARTED, "starts")
    told.advance(0)
    told.close(Status.LIVE)
    (visit,) = history_of(told).visits
    assert (visit.ending, visit.ended) == (Ending.GOING_ON, None)


def test_a_rollout_that_never_moved_has_no_stays_and_a_staircase_of_nothing() -> None:
    told = Story()
    told.close(Status.LIVE)
    assert history_of(told).visits == ()
    assert history_of(told).staircase == ((START, 0.0),)


def test_reading_the_story_twice_tells_the_same(story: Story) -> None:
    history = history_of(story)
    assert history.visits is history.visits
    assert [len(v.looks) for v in history.visits] == [len(v.looks) for v in history_of(story).visits]


def test_events_of_other_kinds_end_no_stay() -> None:
    told = Story()
    told.advance(0)
    quiet = set(EventKind) - {
        EventKind.ADVANCED,
        EventKind.ROLLING_BACK,
        EventKind.ROLLED_BACK,
        EventKind.COMPLETED,
        EventKind.ABANDONED,
    }
    for kind in sorted(quiet):
        told.at += timedelta(seconds=1)
        told.records.told.append(Event(at=told.at, kind=kind, rollout="letters", attempt=1, stage=0, message="…"))
    told.close(Status.LIVE)
    assert [visit.ending for visit in history_of(told).visits] == [Ending.GOING_ON]


def test_what_people_let_be_reads_waived_and_never_pass() -> None:
    told = Story()
    told.tell(EventKind.STARTED, "starts")
    told.advance(0)
    told.bake(3, BAD)
    unmet = ["download error rate"]
    told.advance(1, approved_by="Grace Hopper", decision="override", verdict="inconclusive", unmet=unmet, note="known")
    told.bake(3, BAD)
    told.advance(2, approved_by="Ada Lovelace", verdict="waived", unmet=[], waived=["download error rate"])
    told.bake(3, BAD)
    told.close(Status.LIVE)
    verdicts = [{j["name"]: j["verdict"] for j in visit.judgements} for visit in history_of(told).visits]
    assert verdicts[0] == {"index error rate": "pass", "download error rate": "waived"}
    assert verdicts[1]["download error rate"] == "waived"
    assert verdicts[2]["download error rate"] not in {"waived", "pass"}


def test_a_fail_after_an_override_of_something_unproven_is_reported_as_a_fail() -> None:
    told = Story()
    told.tell(EventKind.STARTED, "starts")
    told.advance(0)
    told.bake(1, {"index error rate": 0.003, "download error rate": 0.08})
    shown = told.records.looks[-1]
    assert {j["name"]: j["verdict"] for j in shown.judgements}["download error rate"] == "inconclusive"
    unmet = ["download error rate"]
    answer = {
        "decision": "override",
        "verdict": "inconclusive",
        "unmet": unmet,
        "evaluation": shown.id,
        "note": "known",
    }
    told.tell(EventKind.DECIDED, "Ada Lovelace decides", by="Ada Lovelace", **answer)
    told.bake(3, {"index error rate": 0.003, "download error rate": 0.5})
    told.roll_back("download error rate 50% is above 8%")
    told.close(Status.ROLLED_BACK)
    (visit,) = history_of(told).visits
    assert {j["name"]: j["verdict"] for j in visit.judgements}["download error rate"] == "fail"


@pytest.mark.parametrize(("status", "reads"), [(Status.LIVE, "waived"), (Status.ROLLED_BACK, "inconclusive")])
def test_what_was_waived_in_the_previous_stage_is_shown_as_waived(status: Status, reads: str) -> None:
    told = Story()
    told.tell(EventKind.STARTED, "starts")
    told.advance(1)
    told.bake(1, {"index error rate": 0.003, "download error rate": 0.08})
    name = "download error rate"
    waived = Override(
        criteria=(name,), shown={name: Shown(verdict=Verdict.INCONCLUSIVE)}, by="Ada", note="known", through_stage=1
    )
    state = told.close(status)
    look = told.records.looks[-1]
    verdicts = {j["name"]: j["verdict"] for j in look.judgements}
    latest = Latest(id=look.id, at=look.at, verdict=look.verdict, verdicts=verdicts)
    told.records.states["letters"] = restood(state, latest=latest).changed(overrides=(waived,))
    (visit,) = history_of(told).visits
    assert {j["name"]: j["verdict"] for j in visit.judgements}[name] == reads
