"""What happened and what was judged is listed oldest first; a replay that differs is exit code 1."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rampart.evidence import RULE_VERSION
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window
from rampart.rollout.caller import Caller
from rampart.rollout.evaluate import judge_all
from rampart.rollout.evaluation import Evaluation
from rampart.rollout.event import EventKind
from rampart_cli.people import who, with_people

from .conftest import NOON, Terminal, event, live

KEY = "download error rate"


def evaluation(minutes: int, errors: int, verdict: Verdict | None = None) -> Evaluation:
    """A look at 400 requests with so many errors; its stored verdict can be set otherwise than the rule says."""
    at = NOON + timedelta(minutes=minutes)
    start = int(NOON.timestamp())
    window = Window(start, start + 300, 300, 100)
    evidence: dict[str, Any] = {
        f"{KEY}/errors": {"points": [[start, errors]]},
        f"{KEY}/total": {"points": [[start, 400]]},
    }
    from rampart.evidence.series import from_stored

    (judged,) = judge_all(live().plan, {k: from_stored(v) for k, v in evidence.items()}, window, share=0.01)
    stored = judged.to_dict() | ({"verdict": verdict.value} if verdict else {})
    return Evaluation(
        id=f"look-{minutes}",
        at=at,
        rollout="letters",
        attempt=1,
        stage=0,
        percent=1.0,
        window=(window.start, window.end, window.bucket, window.planned_buckets),
        verdict=verdict or judged.verdict,
        judgements=(stored,),
        evidence=evidence,
        plan_hash=live().plan_hash,
        rule_version=RULE_VERSION,
    )


@pytest.fixture
def judged(terminal: Terminal) -> Terminal:
    terminal.records.states["letters"] = live()
    terminal.records.looks += [evaluation(0, 4), evaluation(5, 12), evaluation(10, 200)]
    return terminal


def test_events_are_listed_oldest_first_and_the_newest_can_be_asked_for(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live()
    terminal.records.told += [event(EventKind.STARTED, "starts"), event(EventKind.ADVANCED, "at 1%")]
    code, shown = terminal.run_json("events", "letters")
    assert code == 0
    assert [(each["kind"], each["message"]) for each in shown] == [("started", "starts"), ("advanced", "at 1%")]
    assert [each["message"] for each in terminal.run_json("events", "letters", "--last", "1")[1]] == ["at 1%"]
    assert "at 1%" in terminal.run("events", "letters")[1]


@pytest.mark.parametrize(
    ("person", "shown"),
    [
        ("robin.vale@agency.gov", "Robin Vale (AWS: robin.vale@agency.gov)"),
        ("ana@agency.gov", "Robin Vale (but AWS recorded ana@agency.gov)"),
        (None, "Robin Vale (but AWS recorded arn:role/approvers)"),
    ],
)
def test_who_typed_a_name_stands_beside_whom_aws_recorded(terminal: Terminal, person: str | None, shown: str) -> None:
    terminal.records.states["letters"] = live()
    told = event(EventKind.DECIDED, "Robin Vale approves", by="Robin Vale", details={"execution": "arn:d-1"})
    terminal.records.told.append(told)
    caller = Caller(execution="arn:d-1", arn="arn:role/approvers", person=person, at=NOON)
    assert terminal.run_json("events", "letters")[1][0]["details"] == {"execution": "arn:d-1"}
    terminal.records.callers["arn:d-1"] = caller
    assert terminal.run_json("events", "letters")[1][0]["details"]["person"] == (person or caller.arn)
    assert shown in [who(each) for each in with_people(terminal.records, {"": told}).values()]


def test_evaluations_are_listed_oldest_first_with_their_numbers(judged: Terminal) -> None:
    code, shown = judged.run_json("evaluations", "letters")
    assert code == 0
    assert [each["id"] for each in shown] == ["look-0", "look-5", "look-10"]
    assert shown[-1]["criteria"][0]["errors"] == 200
    assert [each["id"] for each in judged.run_json("evaluations", "letters", "--last", "2")[1]] == ["look-5", "look-10"]
    assert "200 of 400" in judged.run("evaluations", "letters")[1]


def test_a_replay_that_gives_every_stored_verdict_is_exit_code_0(judged: Terminal) -> None:
    code, shown = judged.run_json("evaluations", "letters", "--replay")
    assert code == 0
    assert shown == {"rollout": "letters", "replayed": 3, "different": []}


def test_a_replay_that_differs_is_exit_code_1_and_names_what_differs(judged: Terminal) -> None:
    judged.records.looks.append(evaluation(15, 200, Verdict.PASS))
    code, shown = judged.run_json("evaluations", "letters", "--replay")
    assert code == 1
    assert shown["error"]["message"] == "1 of 4 evaluations are judged otherwise now"
    assert [(p["where"], p["message"]) for p in shown["error"]["problems"]] == [
        ("look-15 download error rate", "stored pass, now fail")
    ]
