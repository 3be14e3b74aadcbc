from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.errors import AnnouncementError, StoreError
from rampart.rollout.event import Event, EventKind
from rampart.rollout.gate import Gate
from rampart.rollout.notice import Notice
from rampart.rollout.notify import LEASE, WAIT, Notify, Turn
from rampart.rollout.state import RolloutState
from tests.doubles import FixedClock, MemoryAnnouncer

NOW = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)
EVENT = Event(at=NOW, kind=EventKind.ROLLED_BACK, rollout="letters", attempt=1, message="read at 0%")
KEY = "EVENT#2026-03-10T14:00:00.000Z#1"

Mark = tuple[str, str, str]


class KilledError(BaseException):
    """The process ends here: nothing that follows in it is done."""


@dataclass
class Marks:
    """Who tells, and what was told; `kill` names the calls, counted from 0, before which the process dies."""

    telling: dict[Mark, datetime] = field(default_factory=dict)
    told: set[Mark] = field(default_factory=set)
    kill: set[int] = field(default_factory=set)
    calls: int = 0
    dead: bool = False

    def step(self) -> None:
        """One step of a process that may die before it."""
        self.dead = self.dead or self.calls in self.kill
        self.calls += 1
        if self.dead:
            raise KilledError

    def state(self, rollout: str) -> RolloutState | None:
        return None

    def gate(self, rollout: str) -> Gate | None:
        return None

    def claim_telling(self, rollout: str, sort_key: str, channel: str, now: datetime, *, lapsed: datetime) -> Turn:
        self.step()
        mark = (rollout, sort_key, channel)
        if mark in self.told:
            return Turn.NOBODYS
        if mark in self.telling and lapsed < self.telling[mark] != now:
            return Turn.OTHERS
        self.telling[mark] = now
        return Turn.OURS

    def release_telling(self, rollout: str, sort_key: str, channel: str, claimed: datetime) -> None:
        self.step()
        if self.telling.get((rollout, sort_key, channel)) == claimed:
            del self.telling[rollout, sort_key, channel]

    def mark_told(self, rollout: str, sort_key: str, channel: str, now: datetime) -> None:
        self.step()
        self.told.add((rollout, sort_key, channel))


@dataclass
class Mortal(MemoryAnnouncer):
    """An announcer of a process that may die before it tells."""

    marks: Marks = field(default_factory=Marks)

    def announce(self, notice: Notice) -> None:
        self.marks.step()
        super().announce(notice)


@dataclass
class Channels:
    topic: MemoryAnnouncer = field(default_factory=lambda: MemoryAnnouncer("topic"))
    bus: MemoryAnnouncer = field(default_factory=lambda: MemoryAnnouncer("bus"))
    marks: Marks = field(default_factory=Marks)
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    pauses: list[float] = field(default_factory=list)

    def tell(self, key: str = KEY, event: Event = EVENT) -> tuple[str, ...]:
        notify = Notify(store=self.marks, announcers=(self.topic, self.bus), clock=self.clock, pause=self.pauses.append)
        return notify(key, event)

    def claim(self, channel: str) -> None:
        """Someone else begins to tell."""
        earlier = self.clock.now() - timedelta(milliseconds=1)
        assert self.marks.claim_telling("letters", KEY, channel, earlier, lapsed=earlier - LEASE) is Turn.OURS


@pytest.fixture
def channels() -> Channels:
    return Channels()


def test_every_channel_is_told_once_with_a_stable_id(channels: Channels) -> None:
    assert channels.tell() == ("topic", "bus")
    assert channels.topic.announced == channels.bus.announced == [(f"letters/{KEY}", EVENT)]


def test_a_batch_that_comes_again_tells_nobody_twice(channels: Channels) -> None:
    channels.tell()
    channels.clock.move(timedelta(days=1))
    assert channels.tell() == ()
    assert len(channels.topic.announced) == len(channels.bus.announced) == 1
    assert channels.pauses == []


def test_two_events_are_two_notices(channels: Channels) -> None:
    channels.tell()
    assert channels.tell("EVENT#2026-03-10T14:00:00.000Z#2") == ("topic", "bus")


def test_one_channel_that_fails_does_not_keep_the_others_and_is_told_later(channels: Channels) -> None:
    channels.topic.failure = AnnouncementError("throttled")
    with pytest.raises(AnnouncementError, match="throttled"):
        channels.tell()
    assert len(channels.bus.announced) == 1
    channels.topic.failure = None
    channels.clock.move(timedelta(seconds=1))
    assert channels.tell() == ("topic",)
    assert len(channels.topic.announced) == len(channels.bus.announced) == 1


def test_who_finds_somebody_telling_neither_tells_nor_lets_it_be_lost(channels: Channels) -> None:
    channels.claim("topic")
    with pytest.raises(AnnouncementError, match=f"someone else is telling topic of letters/{KEY}"):
        channels.tell()
    assert channels.topic.announced == []
    assert len(channels.bus.announced) == 1


def test_a_second_notifier_waits_long_enough_to_outlast_the_first_ones_lease(channels: Channels) -> None:
    channels.claim("topic")
    channels.claim("bus")
    with pytest.raises(AnnouncementError, match="topic, bus"):
        channels.tell()
    assert channels.pauses == [WAIT.total_seconds()]


def test_who_died_over_telling_is_followed_when_the_lease_ends(channels: Channels) -> None:
    channels.claim("topic")
    channels.clock.move(LEASE - timedelta(milliseconds=2))
    with pytest.raises(AnnouncementError):
        channels.tell()
    channels.clock.move(timedelta(milliseconds=1))
    assert channels.tell() == ("topic",)
    assert len(channels.topic.announced) == len(channels.bus.announced) == 1


@pytest.mark.parametrize("accident", [RuntimeError("a defect"), KeyboardInterrupt()])
def test_an_accident_while_telling_lets_the_next_try_tell_at_once(channels: Channels, accident: BaseException) -> None:
    class Broken(MemoryAnnouncer):
        def announce(self, notice: Notice) -> None:
            raise accident

    channels.topic = Broken("topic")
    with pytest.raises(type(accident)):
        channels.tell()
    channels.topic = MemoryAnnouncer("topic")
    channels.clock.move(timedelta(seconds=1))
    assert channels.tell() == ("topic", "bus")


def test_a_record_that_nobody_can_read_keeps_no_one_from_being_told(channels: Channels) -> None:
    class Broken(Marks):
        def state(self, rollout: str) -> RolloutState | None:
            raise StoreError("the record cannot be understood")

    channels.marks = Broken()
    assert channels.tell() == ("topic", "bus")


def test_a_store_that_is_down_tells_nobody_yet(channels: Channels) -> None:
    class Down(Marks):
        def claim_telling(self, rollout: str, sort_key: str, channel: str, now: datetime, *, lapsed: datetime) -> Turn:
            raise StoreError("down")

    channels.marks = Down()
    with pytest.raises(StoreError):
        channels.tell()
    assert channels.topic.announced == []


def try_until_told(channels: Channels, kill: Iterable[int]) -> int:
    """Bring the event again and again, as the stream does, every ten seconds; give the number of deaths."""
    deaths = 0
    channels.marks.kill = set(kill)
    for _ in range(200):
        channels.marks.dead = False
        try:
            channels.tell()
        except KilledError:
            deaths += 1
        except AnnouncementError:
            pass
        else:
            return deaths
        channels.clock.move(timedelta(seconds=10))
    raise AssertionError("no one was told in 200 tries")


def mortal() -> Channels:
    marks = Marks()
    return Channels(topic=Mortal("topic", marks=marks), bus=Mortal("bus", marks=marks), marks=marks)


@given(kill=st.sets(st.integers(0, 20)))
def test_every_channel_is_told_despite_kills_and_twice_only_after_a_kill(kill: set[int]) -> None:
    channels = mortal()
    deaths = try_until_told(channels, kill)
    for channel in (channels.topic, channels.bus):
        assert 1 <= len(channel.announced) <= 1 + deaths
        assert {event_id for event_id, _ in channel.announced} == {f"letters/{KEY}"}


@pytest.mark.parametrize(("before", "times"), [("the claim", 1), ("telling", 1), ("the mark", 2)])
def test_only_a_death_between_telling_and_its_mark_tells_twice(before: str, times: int) -> None:
    channels = mortal()
    try_until_told(channels, [["the claim", "telling", "the mark"].index(before)])
    assert len(channels.topic.announced) == times
    assert len(channels.bus.announced) == 1
