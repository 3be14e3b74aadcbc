from __future__ import annotations

import pytest

from rampart.errors import FlagStoreError, FlagUnconfirmedError
from rampart.rollout.flag import FlagReading
from rampart.rollout.lower import lower, lower_one
from tests.doubles import MemoryFlagStore, Moment


def test_one_write_between_two_reads_is_enough_for_a_flag_that_obeys() -> None:
    flags, calls = MemoryFlagStore.at(web=25), list[str]()
    flags.on_call = lambda call, moment: calls.append(call) if moment is Moment.BEFORE else None
    assert lower_one(flags, "web") == FlagReading("web")
    assert calls == ["flags.read", "flags.set_percentage", "flags.read"]


def test_a_write_that_was_overwritten_is_written_again() -> None:
    flags = MemoryFlagStore.at(web=25)
    others = [50.0, 75.0]

    def another_writer(call: str, moment: Moment) -> None:
        if call == "flags.set_percentage" and moment is Moment.AFTER and others:
            flags.put(FlagReading("web", percent=others.pop()))

    flags.on_call = another_writer
    assert lower_one(flags, "web").is_down


def test_it_gives_up_after_so_many_tries_and_says_what_it_read() -> None:
    flags = MemoryFlagStore.at(web=25)
    flags.ignores_writes = True
    with pytest.raises(FlagUnconfirmedError, match="web was set to 0% but reads 25%"):
        lower_one(flags, "web", tries=2)


def test_gates_are_only_cleared_where_zero_percent_cannot_be_real_otherwise() -> None:
    flags = MemoryFlagStore({"web": FlagReading("web", percent=25, actors=("tester",))})
    assert lower_one(flags, "web").actors == ("tester",)


def test_several_flags_are_all_tried_whatever_becomes_of_one() -> None:
    flags = MemoryFlagStore.at(web=25, mobile=25, kiosk=25)

    def refuse_mobile(call: str, moment: Moment) -> None:
        if call == "flags.read" and moment is Moment.AFTER and flags.flags["mobile"].percent == 0:
            flags.put(FlagReading("mobile", percent=25))

    flags.on_call = refuse_mobile
    with pytest.raises(FlagStoreError):
        lower(flags, ["web", "kiosk", "absent-minded", "mobile"], tries=0)
    assert [reading.flag for reading in lower(flags, ["web", "kiosk"])] == ["web", "kiosk"]


@pytest.mark.parametrize(
    ("reading", "exposure", "is_down"),
    [
        (FlagReading("f"), 0, True),
        (FlagReading("f", percent=25), 25, False),
        (FlagReading("f", percent=25, percent_of_time=30), 30, False),
        (FlagReading("f", percent_of_time=30), 30, False),
        (FlagReading("f", boolean=True), 100, False),
        (FlagReading("f", expression=True), 100, False),
        (FlagReading("f", actors=("a",), groups=("g",)), 0, True),
    ],
)
def test_a_flag_is_down_when_nobody_but_hand_picked_people_is_let_in(
    reading: FlagReading, exposure: float, is_down: bool
) -> None:
    assert (reading.exposure, reading.is_down) == (exposure, is_down)
