"""Judging stored evidence again: an evaluation must give its own verdicts, or someone must know why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rampart.evidence import RULE_VERSION
from rampart.evidence.judgement import Kind
from rampart.evidence.series import from_stored
from rampart.evidence.window import Window
from rampart.finding import Finding, FindingKind
from rampart.rollout.evaluate import judge_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rampart.plan.model import Plan
    from rampart.rollout.evaluation import Evaluation


REPLAY_DIFFERS = FindingKind(
    "ReplayDiffers", "Stored evidence is judged differently now.", "Compare the plan's hash and the rule's version"
)


@dataclass(frozen=True, slots=True)
class Difference:
    criterion: str
    stored: str
    now: str


@dataclass(frozen=True, slots=True)
class Replay:
    """One evaluation, judged again."""

    evaluation: Evaluation
    differences: tuple[Difference, ...]
    why: str = ""
    """What else differs: the plan, or the rule's version."""

    @property
    def same(self) -> bool:
        """Whether every stored verdict came out again."""
        return not self.differences

    def problems(self) -> Iterator[Finding]:
        for d in self.differences:
            where = f"{self.evaluation.id} {d.criterion}"
            yield REPLAY_DIFFERS.at(where, f"stored {d.stored}, now {d.now}", self.why)


def replay(plan: Plan, plan_hash: str, evaluation: Evaluation) -> Replay:
    """Judge one evaluation's stored evidence again, over its own window and with its own share of requests."""
    answers = {key: from_stored(stored) for key, stored in evaluation.evidence.items()}
    judgements = judge_all(plan, answers, Window(*evaluation.window), share=evaluation.percent / 100)
    now = {judgement.name: judgement.verdict.value for judgement in judgements}
    # A monitor's judgement is what Datadog said of it at that moment: there is no evidence to judge again.
    judged = [each for each in evaluation.judgements if each.get("kind") != Kind.MONITOR]
    stored = {str(each["name"]): str(each["verdict"]) for each in judged}
    differences = tuple(
        Difference(name, stored.get(name, "nothing"), now.get(name, "nothing"))
        for name in sorted(now.keys() | stored.keys())
        if stored.get(name) != now.get(name)
    )
    return Replay(evaluation, differences, _why(evaluation, plan_hash))


def _why(evaluation: Evaluation, plan_hash: str) -> str:
    if evaluation.rule_version != RULE_VERSION:
        return f"judged by rule {evaluation.rule_version}, replayed by {RULE_VERSION}"
    return "another plan was judged" if evaluation.plan_hash != plan_hash else "rule and plan are the same: a defect"
