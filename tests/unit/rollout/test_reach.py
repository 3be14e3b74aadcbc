"""Whether the outside answers is asked without writing anything, and every refusal comes back in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rampart.absence import AbsenceReason
from rampart.errors import FlagCredentialsError, MonitorsUnreadableError
from rampart.evidence.monitor import MonitorReading
from rampart.evidence.series import Measured, Series, Unavailable
from rampart.rollout.flag import FlagReading
from rampart.rollout.reach import Reach, Reached
from tests.doubles import FixedClock, MemoryFlagStore

NOW = datetime(2026, 3, 4, 17, 3, 20, tzinfo=UTC)


class AnsweringMetrics:
    """Answers everything with nothing, and keeps the windows that it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []

    def read(self, queries: Mapping[str, str], *, start: int, end: int, bucket: int) -> Mapping[str, Measured]:
        self.asked.append((start, end, bucket))
        return dict.fromkeys(queries, Series(()))

    def read_monitors(self, ids: Sequence[int]) -> Mapping[int, MonitorReading]:
        return {number: MonitorReading(monitor=number, state="OK") for number in ids}


class RefusingMetrics:
    def read(self, queries: Mapping[str, str], *, start: int, end: int, bucket: int) -> Mapping[str, Measured]:
        return dict.fromkeys(queries, Unavailable(AbsenceReason.REFUSED_CREDENTIALS, "Datadog answered 403"))

    def read_monitors(self, ids: Sequence[int]) -> Mapping[int, MonitorReading]:
        raise MonitorsUnreadableError("Datadog answered 403 to the monitors")


class RefusingFlags(MemoryFlagStore):
    def read(self, flag: str) -> FlagReading:
        raise FlagCredentialsError("Flipper answered 401")


def test_that_no_such_flag_exists_is_an_answer() -> None:
    metrics, flags = AnsweringMetrics(), MemoryFlagStore()
    assert Reach(flags=flags, metrics=metrics, clock=FixedClock(NOW))() == Reached(None, None, None)
    ((start, end, bucket),) = metrics.asked
    assert (end - start, bucket, end % bucket) == (300, 300, 0)
    assert 0 <= NOW.timestamp() - end < 300


def test_every_refusal_comes_back_in_words() -> None:
    found = Reach(flags=RefusingFlags(), metrics=RefusingMetrics(), clock=FixedClock(NOW))()
    assert found.to_wire() == {
        "outcome": "reached",
        "flags": "Flipper answered 401",
        "metrics": "refused_credentials: Datadog answered 403",
        "monitors": "Datadog answered 403 to the monitors",
    }


def test_cloudwatch_is_asked_only_where_a_role_may_refuse_itself() -> None:
    """Without one the template's own permission is enough, and private subnets need no way there."""
    found = Reach(flags=MemoryFlagStore(), metrics=RefusingMetrics(), clock=FixedClock(NOW), has_role=True)()
    assert found.to_wire()["cloudwatch"] == "refused_credentials: Datadog answered 403"
    answered = Reach(flags=MemoryFlagStore(), metrics=AnsweringMetrics(), clock=FixedClock(NOW), has_role=True)()
    assert answered.others == {"cloudwatch": None}
