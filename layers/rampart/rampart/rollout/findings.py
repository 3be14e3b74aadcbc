"""What a look found, as people see it: how bad a fail became, and what of it is news."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rampart.evidence.judgement import Judgement
from rampart.evidence.series import Measured
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window
from rampart.evidence.worsening import at_its_worst
from rampart.plan.criterion import OnFail
from rampart.plan.queries import criteria_of, measured_for
from rampart.rollout.state import RolloutState
from rampart.rollout.waiver import WAIVED, Shown, shown_of
from rampart.words import in_words

_TOLD = frozenset({Verdict.FAIL, Verdict.ERROR, Verdict.NO_DATA})


def as_bad_as_they_became(
    state: RolloutState, judgements: Iterable[Judgement], answers: Mapping[str, Measured], window: Window
) -> list[Judgement]:
    """The judgements, with each fail that only holds the stage as bad as it became: there the flag stays up."""
    criteria = criteria_of(state.plan)

    def by_now(judged: Judgement) -> Judgement:
        spec = state.plan.criteria.get(judged.name)
        if judged.verdict is not Verdict.FAIL or spec is None or spec.on_fail is not OnFail.HOLD:
            return judged
        return at_its_worst(
            criteria[judged.name],
            judged,
            measured=measured_for(judged.name, answers),
            window=window,
            share=state.percent / 100,
            limits=state.limits(judged.name),
        )

    return [by_now(judged) for judged in judgements]


def shown_to(state: RolloutState, judgement: Judgement) -> Shown:
    """What people are shown of a judgement."""
    spec = state.plan.criteria.get(judgement.name)
    return shown_of(judgement, falls=getattr(spec, "above", None) is not None)


def news_of(before: RolloutState, after: RolloutState) -> str | None:
    """What people must hear of an evaluation; None where they know it all. What someone waived reads so.

    It ends otherwise than the one before, or a criterion went wrong or silent, or beyond what was waived.
    """
    old, new = before.latest, after.latest
    if new is None:
        return None
    known, waived = before.verdicts, after.waived
    turned = {name for name, verdict in new.verdicts.items() if verdict in _TOLD and known.get(name) is not verdict}
    turned |= {name for name in before.waived - waived if new.verdicts.get(name) in _TOLD}
    if old is not None and old.verdict is new.verdict and not turned:
        return None
    verdict = after.effective_verdict
    said = {name: WAIVED if name in waived else each for name, each in new.verdicts.items()}
    telling = turned | {name for name, each in said.items() if each == verdict}
    told = "; ".join(message for name, message in after.evidence_in_words.items() if name in telling)
    return told if verdict == WAIVED else f"{in_words(verdict)}: {told}"


def tried_out(before: RolloutState, after: RolloutState) -> str | None:
    """What people must hear of the criteria that are only tried out; None where none of them went wrong or silent.

    A stage that has only begun is silent, and no one needs to hear of that.
    """
    old, new = before.latest, after.latest
    known = old.told if old is not None else {}
    told = new.told if new is not None else {}
    bad = {name for name, verdict in told.items() if verdict in _TOLD and known.get(name) is not verdict}
    turned = [name for name in told if name in bad and (name in known or told[name] is not Verdict.NO_DATA)]
    if not turned or new is None:
        return None
    said = "; ".join(f"{in_words(told[name])}: {new.messages.get(name, name)}" for name in turned)
    return f"{said}. It is only tried out (on_fail: tell), so nothing moves"
