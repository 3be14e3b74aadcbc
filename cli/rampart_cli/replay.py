"""Judging stored evidence again: an evaluation must give its own verdicts, or someone must know why not."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rampart.evidence import RULE_VERSION
from rampart.evidence.judgement import Kind
from rampart.evidence.series import Series, from_stored
from rampart.evidence.window import Window
from rampart.finding import Finding, FindingKind
from rampart.rollout.evaluate import judge_all
from rampart_cli.growing import Growing, shared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rampart.evidence.series import Measured
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

    id: str
    differences: tuple[Difference, ...]
    why: str = ""
    """What else differs: the plan, or the rule's version."""

    @property
    def same(self) -> bool:
        """Whether every stored verdict came out again."""
        return not self.differences

    def problems(self) -> Iterator[Finding]:
        for d in self.differences:
            yield REPLAY_DIFFERS.at(f"{self.id} {d.criterion}", f"stored {d.stored}, now {d.now}", self.why)


@dataclass(slots=True)
class Replaying:
    """Judges evaluations again, one after the other.

    Each is judged by its own evidence, over its own window and with its own share of requests. What is the same in two
    evaluations, number by number, is read and walked once: in the order of time that is nearly everything.
    """

    plan: Plan
    plan_hash: str
    _earlier: defaultdict[str, Growing] = field(default_factory=lambda: defaultdict(Growing))
    _read: dict[str, tuple[Any, Series]] = field(default_factory=dict)

    def __call__(self, evaluation: Evaluation) -> Replay:
        """Judge one evaluation's stored evidence again, and compare."""
        answers = {key: self._answer(key, stored) for key, stored in evaluation.evidence.items()}
        window, share = Window(*evaluation.window), evaluation.percent / 100
        earlier = {name: self._earlier[name] for name in self.plan.criteria}
        judgements = judge_all(self.plan, answers, window, share=share, earlier=earlier)
        now = {judgement.name: judgement.verdict.value for judgement in judgements}
        # A monitor's judgement is what Datadog said of it at that moment: there is no evidence to judge again.
        judged = [each for each in evaluation.judgements if each.get("kind") != Kind.MONITOR]
        stored = {str(each["name"]): str(each["verdict"]) for each in judged}
        differences = tuple(
            Difference(name, stored.get(name, "nothing"), now.get(name, "nothing"))
            for name in sorted(now.keys() | stored.keys())
            if stored.get(name) != now.get(name)
        )
        return Replay(evaluation.id, differences, self._why(evaluation))

    def _answer(self, key: str, stored: Mapping[str, Any]) -> Measured:
        """What `from_stored` makes of an answer; points that the last look had too are taken from there."""
        points = stored.get("points")
        before, series = self._read.get(key, ((), Series(())))
        if not isinstance(points, list) or "unavailable" in stored:
            return from_stored(stored)
        same = shared(before, points)
        newer = from_stored({"points": points[same:]})
        if isinstance(newer, Series):
            newer = Series((*series.points[:same], *newer.points))
            self._read[key] = points, newer
        return newer

    def _why(self, evaluation: Evaluation) -> str:
        if evaluation.rule_version != RULE_VERSION:
            return f"judged by rule {evaluation.rule_version}, replayed by {RULE_VERSION}"
        if evaluation.plan_hash != self.plan_hash:
            return "another plan was judged"
        return "rule and plan are the same: a defect"
