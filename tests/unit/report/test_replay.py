"""Stored evidence gives the stored verdict again, and `rampart evaluations --replay` says where it does not."""

from __future__ import annotations

from rampart.evidence.monitor import MonitorReading, judge_monitor
from rampart.plan.model import Plan
from rampart.rollout.evaluation import Evaluation
from rampart_cli.replay import Replay, Replaying

from .conftest import Story


def replay(plan: Plan, plan_hash: str, evaluation: Evaluation) -> Replay:
    return Replaying(plan, plan_hash)(evaluation)


def doctored(look: Evaluation) -> Evaluation:
    """An evaluation with five times the errors in its evidence."""
    evidence = {
        key: {"points": [[start, value * 5 if key.endswith("errors") else value] for start, value in stored["points"]]}
        for key, stored in look.evidence.items()
    }
    return look.model_copy(update={"evidence": evidence})


def test_replaying_the_stored_evidence_gives_the_stored_verdicts(story: Story) -> None:
    judge_again = Replaying(story.plan, story.plan.digest)
    done = [judge_again(look) for look in story.records.looks]
    assert len(done) == 127
    assert all(each.same for each in done)


def test_evidence_that_was_changed_is_noticed(story: Story) -> None:
    result = replay(story.plan, story.plan.digest, doctored(story.records.looks[-1]))
    assert [(d.stored, d.now) for d in result.differences] == [("pass", "fail"), ("pass", "inconclusive")]
    assert result.why == "rule and plan are the same: a defect"


def test_evidence_that_was_changed_is_noticed_among_others(story: Story) -> None:
    looks = story.records.looks
    judge_again = Replaying(story.plan, story.plan.digest)
    done = [judge_again(doctored(look) if index == 60 else look) for index, look in enumerate(looks)]
    assert [each.id for each in done if not each.same] == [looks[60].id]


def test_another_rule_or_another_plan_is_named_as_the_reason(story: Story) -> None:
    look = doctored(story.records.looks[-1])
    assert "another plan" in replay(story.plan, "0" * 64, look).why
    assert (
        "judged by rule 0" in replay(story.plan, story.plan.digest, look.model_copy(update={"rule_version": "0"})).why
    )


def test_what_monitors_said_is_no_evidence_and_is_not_judged_again(story: Story) -> None:
    look = story.records.looks[-1]
    said = judge_monitor(MonitorReading(monitor=77, state="Alert"), now=look.at).to_dict()
    assert replay(story.plan, story.plan.digest, look.model_copy(update={"judgements": (*look.judgements, said)})).same


def test_a_criterion_that_was_not_judged_then_is_a_difference(story: Story) -> None:
    look = story.records.looks[-1]
    shorter = look.model_copy(update={"judgements": look.judgements[:1]})
    (difference,) = replay(story.plan, story.plan.digest, shorter).differences
    assert (difference.criterion, difference.stored) == ("download error rate", "nothing")
