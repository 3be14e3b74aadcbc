from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from rampart.adapters.memory import FixedClock, MemoryAnnouncer
from rampart.errors import AnnouncementError, StoreError
from rampart.rollout.notify import Notify
from rampart.rollout.state import Event, EventKind

NOW = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)
EVENT = Event(at=NOW, kind=EventKind.ROLLED_BACK, rollout="letters", attempt=1, message="read at 0%")
KEY = "EVENT#2026-03-10T14:00:00.000Z#1"


@dataclass
class Marks:
    """What was told on which channel."""

    told: set[tuple[str, str, str]] = field(default_factory=set)

    def mark_told(self, rollout: str, sort_key: str, channel: str, now: datetime) -> bool:
        mark = (rollout, sort_key, channel)
        is_new = mark not in self.told
        self.told.add(mark)
        return is_new

    def unmark_told(self, rollout: str, sort_key: str, channel: str) -> None:
        self.told.remove((rollout, sort_key, channel))


@dataclass
class Channels:
    topic: MemoryAnnouncer = field(default_factory=lambda: MemoryAnnouncer("topic"))
    bus: MemoryAnnouncer = field(default_factory=lambda: MemoryAnnouncer("bus"))
    marks: Marks = field(default_factory=Marks)

    def tell(self, key: str = KEY, event: Event = EVENT) -> tuple[str, ...]:
        notify = Notify(store=self.marks, announcers=(self.topic, self.bus), clock=FixedClock(NOW))
        return notify(key, event)


@pytest.fixture
def channels() -> Channels:
    return Channels()


def test_every_channel_is_told_once_with_a_stable_id(channels: Channels) -> None:
    assert channels.tell() == ("topic", "bus")
    assert channels.topic.announced == channels.bus.announced == [(f"letters/{KEY}", EVENT)]


def test_a_batch_that_comes_again_tells_nobody_twice(channels: Channels) -> None:
    channels.tell()
    assert channels.tell() == ()
    assert len(channels.topic.announced) == len(channels.bus.announced) == 1


def test_two_events_are_two_notices(channels: Channels) -> None:
    channels.tell()
    assert channels.tell("EVENT#2026-03-10T14:00:00.000Z#2") == ("topic", "bus")


def test_one_channel_that_fails_does_not_keep_the_others_and_is_told_later(channels: Channels) -> None:
    channels.topic.failure = AnnouncementError("throttled")
    with pytest.raises(AnnouncementError, match="throttled"):
        channels.tell()
    assert len(channels.bus.announced) == 1
    channels.topic.failure = None
    assert channels.tell() == ("topic",)
    assert len(channels.topic.announced) == len(channels.bus.announced) == 1


@pytest.mark.parametrize("accident", [RuntimeError("a defect"), KeyboardInterrupt()])
def test_an_accident_while_telling_leaves_no_mark_that_says_it_was_told(
    channels: Channels, accident: BaseException
) -> None:
    class Broken(MemoryAnnouncer):
        def announce(self, event_id: str, event: Event) -> None:
            raise accident

    channels.topic = Broken("topic")
    with pytest.raises(type(accident)):
        channels.tell()
    channels.topic = MemoryAnnouncer("topic")
    assert channels.tell() == ("topic", "bus")


def test_a_store_that_is_down_tells_nobody_yet(channels: Channels) -> None:
    class Down(Marks):
        def mark_told(self, rollout: str, sort_key: str, channel: str, now: datetime) -> bool:
            raise StoreError("down")

    channels.marks = Down()
    with pytest.raises(StoreError):
        channels.tell()
    assert channels.topic.announced == []
