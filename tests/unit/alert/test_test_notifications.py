"""A test notification shows what the alert would do, so that a misspelled flag is found before it is needed."""

from __future__ import annotations

import json

import pytest

from tests.unit.alert.door import Door

HELD = {"letters_api": "letters", "mobile:letters": "letters", "forms_api": "forms"}


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ("letters_api", "it would roll back letters"),
        ("letters_api, mobile:letters", "it would roll back letters"),
        ("letters_api, forms_api", "it would roll back letters, forms"),
        ("lettres_api", "no live rollout holds lettres_api: check the flag's spelling"),
        ("Letters_api, b", "no live rollout holds Letters_api, b: check the flag's spelling"),
        (
            "letters_api, lettres_api",
            "it would roll back letters; no live rollout holds lettres_api: check the flag's spelling",
        ),
    ],
)
def test_it_names_the_rollouts_it_would_roll_back_and_unclaimed_flags(flags: str, why: str) -> None:
    door = Door(held=HELD)
    answer = door.post(title="[TEST] [Triggered] download error rate", flags=flags)
    assert answer == (200, {"outcome": "ignored", "why": f"a test notification: {why}"})
    assert door.asked == []


def test_one_of_a_recovery_says_that_a_recovery_rolls_nothing_back() -> None:
    _, answer = Door(held=HELD).post(title="[TEST] x", transition="Recovered")
    assert answer["why"] == ("a test notification: Recovered isn't a reason to, but Triggered would roll back letters")


def test_an_old_one_is_answered_as_well() -> None:
    assert "would roll back letters" in Door(held=HELD).post(title="[TEST] x", date="1")[1]["why"]


def test_while_the_table_cannot_be_asked_it_is_503_so_that_it_is_sent_again() -> None:
    door = Door(store_is_down=True)
    status, answer = door.post(title="[TEST] x")
    assert (status, answer) == (
        503,
        {"error": "rollback_pending", "message": "Not confirmed yet. Send the alert again."},
    )
    assert door.told == ["the table is throttled"]


def test_a_true_alert_asks_nobody_but_the_rollback() -> None:
    door = Door(store_is_down=True)
    assert door.post()[0] == 200
    assert "throttled" not in json.dumps(door.told)


@pytest.mark.parametrize("title", ["down [TEST]", "[Triggered] [TEST] down", "TEST down", "[test] down", "x [TEST]"])
def test_only_a_title_that_begins_so_is_a_test(title: str) -> None:
    door = Door(held=HELD)
    assert door.post(title=title)[1]["outcome"] == "rolled_back"
