"""Judging recorded series as stages are judged: the first fail or pass of each, and where it came."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import Any, Literal

from rampart.evidence.buckets import Bucket, Judgeable, is_number, pair
from rampart.evidence.compare import PARTS, judge_compare
from rampart.evidence.criteria import CompareCriterion, RateCriterion
from rampart.evidence.judge import judge
from rampart.evidence.judgement import FiredBy, Judgement
from rampart.evidence.ratio import RatioRule, RatioWalk
from rampart.evidence.rule import Counts, RateRule, Ruling, Walk, decide
from rampart.evidence.series import Series
from rampart.evidence.sides import Sides, counts_of
from rampart.evidence.silence import Silence, errors_stopped, requests_stopped
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window
from rampart.words import count
from rampart_cli.recorded import RATE_PARTS, NumberedLine, Recorded, parse_line

_WORTH_A_POOL = 64
"""Fewer series are judged sooner than processes are started."""
_CHUNK = 16


@dataclass(frozen=True, slots=True)
class BacktestSettings:
    criterion: RateCriterion | CompareCriterion
    planned_buckets: int | None = None
    only: Literal["fail"] | None = None
    """Look for fails alone; then a pass ends nothing."""

    @property
    def rate(self) -> RateCriterion:
        """The criterion, where it is a rate; raises TypeError where it is a comparison."""
        if isinstance(self.criterion, CompareCriterion):
            raise TypeError("a comparison isn't a rate")
        return self.criterion

    @property
    def parts(self) -> tuple[str, ...]:
        """What a bucket of each series holds."""
        return PARTS if isinstance(self.criterion, CompareCriterion) else RATE_PARTS


@dataclass(frozen=True, slots=True)
class BacktestResult:
    id: Any
    verdict: Verdict
    at_bucket: int | None
    """Zero-based; None where nothing was decided."""
    test: FiredBy | None
    errors: float
    requests: float
    interval: tuple[float, float] | None
    then_fails_at: int | None = None
    """Where a stage that passed would have been rolled back later; None where it would not, or where nothing passed."""
    control_errors: float | None = None
    control_requests: float | None = None
    reason: str = ""
    """Why there is nothing to say, for people."""

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON; whole counts without a decimal point."""
        written = asdict(self) | {"errors": _whole(self.errors), "requests": _whole(self.requests)}
        del written["reason"]
        for name in ("then_fails_at", "control_errors", "control_requests"):
            if (number := written.pop(name)) is not None:
                written[name] = _whole(number)
        return written


@dataclass(frozen=True, slots=True)
class Backtest:
    """One series under the rule: what of it could be judged, and where that ended."""

    series: Recorded
    rule: RateRule
    criterion: RateCriterion
    window: Window
    """In buckets, counted from 0."""
    evidence: Judgeable
    ruling: Ruling
    at: int | None
    """The bucket after which a look first fails or passes; None where none does."""

    @classmethod
    def of(cls, series: Recorded, settings: BacktestSettings) -> Backtest:
        """Look at one series after each bucket, up to the first fail or pass, or to its end."""
        length = len(series.buckets)
        criterion, planned = settings.rate, settings.planned_buckets or length
        rule = RateRule.of(criterion, planned)
        errors, total = (Series(tuple((at, each[part]) for at, each in enumerate(series.buckets))) for part in (0, 1))
        window = Window(start=0, end=length, bucket=1, planned_buckets=planned)
        end = None if settings.only else _first_decided(criterion, errors, total, window)
        evidence = pair(errors, total, window)
        seen = evidence if end is None else pair(errors, total, replace(window, end=end + 1))
        ruling = decide(rule, _counts(seen.buckets))
        if settings.only and ruling.at is not None:
            end = seen.buckets[ruling.at].start
        elif end is not None and ruling.at is None:
            ruling = replace(ruling, at=len(seen.buckets) - 1)
        return cls(series, rule, criterion, window, evidence, ruling, end)

    @property
    def result(self) -> BacktestResult:
        """What the rule says: the first fail or pass, or what a look at the end says."""
        ruling, fired = self.ruling, self.ruling.walk.fired
        decided = self.at is not None
        verdict, reason = (Verdict.FAIL if fired else Verdict.PASS, "") if decided else self._undecided()
        return BacktestResult(
            id=self.series.id,
            verdict=verdict,
            at_bucket=self.at,
            test=FiredBy.MIXTURE if decided and fired is None else fired,
            errors=ruling.errors,
            requests=ruling.requests,
            interval=None if fired is FiredBy.CHANGE_DETECTOR else ruling.walk.interval,
            then_fails_at=self._fails_later() if verdict is Verdict.PASS else None,
            reason=reason,
        )

    def _fails_later(self) -> int | None:
        """A pass ends nothing: the stage is held to its end, and what fails until then is rolled back."""
        buckets = self.evidence.buckets
        at = decide(self.rule, _counts(buckets)).at
        return None if at is None else buckets[at].start

    def _undecided(self) -> tuple[Verdict, str]:
        """What a look at the end says of a series without a decision, in the order in which a stage is judged."""
        fault, buckets = self.evidence.fault, self.evidence.buckets
        if fault is not None:
            return Verdict.ERROR, f"at bucket {fault.start} {fault.what}"
        if not buckets:
            return Verdict.NO_DATA, "there are no requests"
        if (quiet := requests_stopped(buckets, self.window)) is not None:
            return Verdict.NO_DATA, f"no requests from {_expected(quiet)}"
        if (silent := errors_stopped(self.criterion, buckets, self.window)) is not None:
            return Verdict.NO_DATA, f"no errors from {_expected(silent)}"
        return Verdict.INCONCLUSIVE, ""


def _expected(silence: Silence) -> str:
    return f"bucket {silence.since} on, where about {count(round(silence.expected))} were to be expected"


def _first_decided(criterion: RateCriterion, errors: Series, total: Series, window: Window) -> int | None:
    """The first bucket after which a look fails or passes.

    Where no bucket contradicts itself, what is judged of a bucket does not depend on what comes after it, and one walk
    finds the place. Elsewhere each look is made as a stage makes it.
    """
    asked = dict(total.points)
    bad = [start for start, errors_of in errors.points if _may_be_odd(errors_of, asked.get(start))]
    clean_until = min(bad, default=window.end)
    found = _walked(criterion, errors, total, replace(window, end=clean_until))
    if found is not None or clean_until == window.end:
        return found
    measured = {"errors": errors, "total": total}
    for end in range(clean_until + 1, window.end + 1):
        verdict = judge(criterion, measured=measured, window=replace(window, end=end)).verdict
        if verdict in {Verdict.FAIL, Verdict.PASS}:
            return end - 1
    return None


def _may_be_odd(errors: float | None, requests: float | None) -> bool:
    bad, asked = (0 if value is None else value for value in (errors, requests))
    return not (is_number(bad) and is_number(asked) and 0 <= bad <= asked)


def _walked(criterion: RateCriterion, errors: Series, total: Series, window: Window) -> int | None:
    buckets = pair(errors, total, window).buckets
    walk = Walk(RateRule.of(criterion, window.planned_buckets))
    for index, bucket in enumerate(buckets):
        if walk.step(bucket.errors, bucket.requests) is not None:
            return bucket.start
        if walk.passes:
            seen = replace(window, end=bucket.start + 1)
            if errors_stopped(criterion, buckets[: index + 1], seen) is None:
                return bucket.start
    return None


def _counts(buckets: Iterable[Bucket]) -> Iterator[Counts]:
    return ((bucket.errors, bucket.requests) for bucket in buckets)


def judge_all(lines: Iterable[NumberedLine], settings: BacktestSettings) -> Iterator[BacktestResult]:
    """Judge many lines in their order, on every core where that pays."""
    rest = iter(lines)
    few = list(islice(rest, _WORTH_A_POOL))
    judge_one = partial(_judge_line, settings=settings)
    if len(few) < _WORTH_A_POOL:
        yield from map(judge_one, few)
        return
    # Spawned, not forked: the parent may have threads, and a fork would copy their locks.
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(judge_one, chain(few, rest), chunksize=_CHUNK)


def _judge_line(numbered: NumberedLine, settings: BacktestSettings) -> BacktestResult:
    return judge_recorded(parse_line(numbered, settings.parts), settings)


def judge_recorded(series: Recorded, settings: BacktestSettings) -> BacktestResult:
    """Judge one series as a stage is judged, look by look."""
    if isinstance(settings.criterion, CompareCriterion):
        return _judge_comparison(series, settings, settings.criterion)
    return Backtest.of(series, settings).result


def _judge_comparison(series: Recorded, settings: BacktestSettings, criterion: CompareCriterion) -> BacktestResult:
    length = len(series.buckets)
    measured = {
        part: Series(tuple((at, bucket[column]) for at, bucket in enumerate(series.buckets)))
        for column, part in enumerate(PARTS)
    }
    whole = Window(start=0, end=length, bucket=1, planned_buckets=settings.planned_buckets or length)

    def look(end: int) -> Judgement:
        return judge_compare(criterion, measured, replace(whole, end=end))

    wanted = {Verdict.FAIL} if settings.only == "fail" else {Verdict.FAIL, Verdict.PASS}
    clean = next((at for at, bucket in enumerate(series.buckets) if _has_odd_side(bucket)), length)
    ends = chain(
        _ends_worth_a_look(criterion, measured, replace(whole, end=clean), wanted), range(clean + 1, length + 1)
    )
    decided = next(((end, judged) for end in ends if (judged := look(end)).verdict in wanted), None)
    end, judged = decided or (None, look(length))
    later = look(length).decided_at if end is not None and judged.verdict is Verdict.PASS else None
    return BacktestResult(
        id=series.id,
        verdict=judged.verdict,
        at_bucket=None if end is None else end - 1,
        test=judged.test,
        errors=judged.errors or 0,
        requests=judged.requests or 0,
        interval=judged.interval,
        then_fails_at=None if later is None else later - 1,
        control_errors=judged.control_errors or 0,
        control_requests=judged.control_requests or 0,
        reason="" if judged.requests is not None else judged.message.removeprefix(f"{criterion.name} "),
    )


def _has_odd_side(bucket: Sequence[float | None]) -> bool:
    return _may_be_odd(bucket[0], bucket[1]) or _may_be_odd(bucket[2], bucket[3])


def _ends_worth_a_look(
    criterion: CompareCriterion, measured: Mapping[str, Series], window: Window, wanted: AbstractSet[Verdict]
) -> Iterator[int]:
    """The ends at which a look may decide, where no bucket contradicts itself: one walk finds them all."""
    errors, total, control_errors, control_total = (measured[part] for part in PARTS)
    sides = Sides.of((errors, total), (control_errors, control_total), window)
    walk = RatioWalk(RatioRule.of(criterion, window.planned_buckets))
    for pair_of_buckets in sides.pairs:
        walk.step(counts_of(pair_of_buckets))
        if walk.fired is not None or (Verdict.PASS in wanted and walk.passing is not None):
            yield pair_of_buckets[0].start + 1


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number
