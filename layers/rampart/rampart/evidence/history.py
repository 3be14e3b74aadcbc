"""The week before a rollout, judged by the rule that will judge the rollout: does a criterion fail without the flag?

what the week shows                               what becomes of it
more than one hour in twenty contradicts itself   refused: what cannot be counted cannot be judged; a single odd hour
                                                  is left out
no errors, where the baseline expects ten clumps  refused: the query most likely counts nothing
the rate is beyond the bar, outages left out      refused: it fails without the flag too
the last three hours are, nothing left out        refused: it fails right now
errors came and stopped, while requests go on     refused, in the words of a stage's judgement; if the baseline says
                                                  that none are to be expected, they were fixed: what came since counts
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from rampart.evidence.buckets import MOST_ODD, Bucket, Judgeable, pair
from rampart.evidence.hours import HOUR, hours_of, sums
from rampart.evidence.outage import outages
from rampart.evidence.rate import judge_rate
from rampart.evidence.rule import RateRule, Walk
from rampart.evidence.series import Series
from rampart.evidence.silence import SILENCE_EXPECTS, errors_stopped
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window
from rampart.words import count, moment, percent

if TYPE_CHECKING:
    from rampart.evidence.criteria import RateCriterion

NOW = 3
"""How many of the newest hours say what is so right now."""
_FEWER = 10.0
"""How many times less than before must be expected where errors were fixed."""


class WeekTrouble(StrEnum):
    """Why a rollout may not start after such a week."""

    CONTRADICTS = "contradicts"
    """The counts cannot be."""
    FINDS_NOTHING = "finds_nothing"
    """The errors query counts nothing, or everything, where the baseline expects otherwise."""
    FAILS = "fails"
    """The criterion fails without the flag."""
    STOPPED = "stopped"
    """Errors came, and stopped, while requests go on."""


@dataclass(frozen=True, slots=True)
class WeekFlaw:
    """What is wrong with a week, in words."""

    trouble: WeekTrouble
    what: str


@dataclass(frozen=True, slots=True)
class Week:
    """What the week before the start shows of one criterion; counts are those of the hours that were not left out."""

    errors: float
    requests: float
    hours: int
    left_out: tuple[Bucket, ...]
    limits: tuple[float, float]
    """Between which rates the rule is sure that the week's lies."""
    flaw: WeekFlaw | None = None
    fixed_since: int | None = None
    """Since when errors stay away as the baseline says, epoch seconds: only the hours since then count."""

    @property
    def rate(self) -> float | None:
        """Errors over requests, a fraction; None without requests."""
        return self.errors / self.requests if self.requests else None


def judge_week(criterion: RateCriterion, errors: Series, total: Series, *, bucket: int = HOUR) -> Week:
    """What hourly counts of the week before the start say of a criterion over everyone's requests.

    `bucket` is the width in seconds of the buckets that the rollout will be judged in: no bucket weighs more than the
    rule's cap, and an hour counts as so many of them.
    """
    hours = hours_of(errors, total)
    out = outages(hours.buckets)
    even = [hour for hour in hours.buckets if hour not in out]
    steady = [hour for hour in hours.buckets if hour not in out or hour.errors == 0]
    stopped = _stopped(criterion, steady)
    fixed = _fixed_since(criterion, steady) if stopped else None
    flaw = (
        _contradiction(hours)
        or _nothing(criterion, hours.buckets)
        or _failure(criterion, hours.buckets, even, bucket)
        or (stopped if fixed is None else None)
    )
    if fixed is not None:
        even = [hour for hour in steady if hour.start >= fixed]
    bad, requests = sums(even)
    limits = _limits(criterion, even, bucket) if even else (0.0, 1.0)
    return Week(bad, requests, len(even), out, limits, flaw, fixed)


def outcome_of(criterion: RateCriterion) -> str:
    """What the errors query counts, in a word: where a rate must stay above its bar, it is successes."""
    return "failed" if criterion.fails_high else "succeeded"


def _contradiction(hours: Judgeable) -> WeekFlaw | None:
    odd, all_hours = len(hours.odd), len(hours.odd) + len(hours.buckets)
    if odd <= max(1, all_hours * MOST_ODD):
        return None
    first = hours.odd[0]
    where = f"in {odd} of {all_hours} hours of the week before the start: at {moment(first.start)}"
    return WeekFlaw(
        WeekTrouble.CONTRADICTS, f"the counts contradict themselves {where}: at {moment(first.start)} {first.what}"
    )


def _nothing(criterion: RateCriterion, hours: Sequence[Bucket]) -> WeekFlaw | None:
    """None of what the baseline expects many of: errors of a rate that must stay low, or either of a floor."""
    errors, requests = sums(hours)
    baseline = criterion.baseline
    if not requests or baseline is None:
        return None
    near = percent(baseline, near=criterion.bar)
    if errors == 0 and baseline * requests / criterion.clump >= SILENCE_EXPECTS:
        what = "errors" if criterion.fails_high else "successes"
        told_none = f"0 {what} in {count(requests)} requests, where the plan's baseline of {near} expects about "
        expected = count(round(baseline * requests))
        return WeekFlaw(WeekTrouble.FINDS_NOTHING, f"{told_none}{expected}: is the errors query misspelled?")
    failures = (1 - baseline) * requests
    if not criterion.fails_high and errors == requests and failures / criterion.clump >= SILENCE_EXPECTS:
        told_all = f"all of {count(requests)} requests succeeded, where the plan's baseline of {near} expects about "
        return WeekFlaw(
            WeekTrouble.FINDS_NOTHING,
            f"{told_all}{count(round(failures))} failures: does the errors query count them too?",
        )
    return None


def _failure(criterion: RateCriterion, hours: Sequence[Bucket], even: Sequence[Bucket], bucket: int) -> WeekFlaw | None:
    """Whether the rule is sure at the end of the week, outages aside, or of the newest hours as they are."""
    newest = [hour for hour in hours if hour.start >= hours[-1].start - (NOW - 1) * HOUR] if hours else []
    for judged, when in ((even, "in the week before the start"), (newest, f"in the newest {NOW} hours")):
        if judged and _fails(criterion, judged, bucket):
            errors, requests = sums(judged)
            rate, bar = (percent(part, near=criterion.bar) for part in (errors / requests, criterion.bar))
            seen = f"{rate} of requests {outcome_of(criterion)} {when}, with the flag off"
            counts = f"({count(errors)} of {count(requests)})"
            return WeekFlaw(WeekTrouble.FAILS, f"{seen} {counts}, and the bar is {bar}: it fails without the flag too")
    return None


def _fails(criterion: RateCriterion, hours: Sequence[Bucket], bucket: int) -> bool:
    lower, upper = _limits(criterion, hours, bucket)
    return lower > criterion.bar if criterion.fails_high else upper < criterion.bar


def _limits(criterion: RateCriterion, hours: Sequence[Bucket], bucket: int) -> tuple[float, float]:
    """The rule's interval of some hours together: beyond the bar where it fails at the end, not at any moment."""
    rule = RateRule.of(criterion, len(hours))
    walk, parts = Walk(rule), max(1, HOUR // bucket)
    for hour in hours:
        errors, requests = rule.tempered(hour.errors / parts, hour.requests / parts)
        walk.errors += hour.errors
        walk.requests += hour.requests
        walk.weighed_errors += errors * parts
        walk.weighed_requests += requests * parts
    return walk.interval


def _stopped(criterion: RateCriterion, steady: Sequence[Bucket]) -> WeekFlaw | None:
    """What a stage's judgement calls silence, though there are requests to the end: then it is the errors' silence."""
    if not steady:
        return None
    judgement = judge_rate(criterion, *_series(steady), _window(steady), share=1.0)
    return WeekFlaw(WeekTrouble.STOPPED, judgement.message) if judgement.verdict is Verdict.NO_DATA else None


def _fixed_since(criterion: RateCriterion, steady: Sequence[Bucket]) -> int | None:
    """Since when errors stay away, if the plan says so too: its baseline expects few, and a tenth of their pace."""
    window = _window(steady)
    silent = errors_stopped(criterion, pair(*_series(steady), window).buckets, window)
    if silent is None or criterion.baseline is None:
        return None
    wrong = criterion.baseline if criterion.fails_high else 1 - criterion.baseline
    expected = wrong * sum(hour.requests for hour in steady if hour.start >= silent.since)
    is_few = expected / criterion.clump < SILENCE_EXPECTS and expected <= silent.expected / _FEWER
    return silent.since if is_few else None


def _series(hours: Sequence[Bucket]) -> tuple[Series, Series]:
    errors = Series(tuple((hour.start, hour.errors) for hour in hours))
    return errors, Series(tuple((hour.start, hour.requests) for hour in hours))


def _window(hours: Sequence[Bucket]) -> Window:
    start, end = hours[0].start, hours[-1].start + HOUR
    return Window(start=start, end=end, bucket=HOUR, planned_buckets=max(1, (end - start) // HOUR))
