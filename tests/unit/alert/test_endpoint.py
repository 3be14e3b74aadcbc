from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.alert.payload import KNOWN, MOST_BYTES, ROLLING_BACK
from rampart.errors import RollbackUndoneError, SecretUnavailableError
from rampart.rollout.request import Cause
from rampart.rollout.rollback import RollbackOutcome, RollbackResult
from tests.unit.alert.door import BODY, NOW, TOKEN, Door


@pytest.fixture
def door() -> Door:
    return Door()


# Done.


def test_an_alert_rolls_back_what_it_names(door: Door) -> None:
    status, answer = door.post()
    assert (status, answer) == (200, {"outcome": "rolled_back", "rollouts": ["letters"]})
    (request,) = door.asked
    assert (request.cause, request.flags, request.by) == (Cause.ALERT, ("letters_api",), "datadog")
    assert (request.monitor, request.cycle, request.asked_at) == ("12345", "987654", NOW)
    assert "monitor 12345" in request.reason


def test_several_flags_travel_in_one_text_with_their_capitals(door: Door) -> None:
    door.post(flags="Letters_Api, mobile:letters,, web.letters ")
    assert door.asked[0].flags == ("Letters_Api", "mobile:letters", "web.letters")


def test_flags_may_be_a_list_too(door: Door) -> None:
    door.post(flags=["a", "b"])
    assert door.asked[0].flags == ("a", "b")


def test_numbers_may_be_numbers(door: Door) -> None:
    assert door.post(monitor=12345, cycle=7, date=int(NOW.timestamp() * 1000))[0] == 200
    assert door.asked[0].monitor == "12345"


def test_unknown_fields_of_datadog_do_not_keep_a_flag_up(door: Door) -> None:
    assert door.post(color="green")[0] == 200
    assert door.asked


def test_nothing_live_is_200_so_that_datadog_is_satisfied(door: Door) -> None:
    door.result = RollbackResult(RollbackOutcome.NOTHING)
    assert door.post() == (200, {"outcome": "nothing", "why": "no live rollout holds letters_api"})
    assert door.post(flags="a, b")[1]["why"] == "no live rollout holds a, b"


# Who may speak.


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + " ", TOKEN.upper(), TOKEN[:-1], "\ud800", "é" * 100])
def test_no_token_or_a_wrong_one_is_401_and_nothing_else(door: Door, token: str | None) -> None:
    assert door.post(token) == (401, {"error": "unauthorized"})
    assert door.asked == []


@pytest.mark.parametrize(
    "headers", [None, [], "X-Rampart-Token: a", {}, {"X-Rampart-Token": None}, {"Authorization": TOKEN}]
)
def test_headers_without_a_token_are_401(door: Door, headers: object) -> None:
    assert door.event({"headers": headers, "body": json.dumps(BODY)})["statusCode"] == 401


def test_who_may_not_speak_is_not_told_whether_the_body_is_any_good(door: Door) -> None:
    assert door.event({"headers": {}, "body": "no json"})["statusCode"] == 401


@pytest.mark.parametrize("header", ["x-rampart-token", "X-RAMPART-TOKEN", "X-Rampart-Token"])
def test_a_headers_name_has_no_case(door: Door, header: str) -> None:
    assert door.post(header=header)[0] == 200


def test_during_a_rotation_both_tokens_are_believed(door: Door) -> None:
    door.tokens.known = ("old", "new")
    assert [door.post(token)[0] for token in ("old", "new")] == [200, 200]
    assert door.tokens.refreshes == 0


def test_a_token_newer_than_the_cache_is_read_again_before_it_is_refused(door: Door) -> None:
    door.tokens.real = ("brand new",)
    assert door.post("brand new")[0] == 200
    assert door.post("wrong")[0] == 401


def test_an_empty_secret_lets_nobody_in(door: Door) -> None:
    door.tokens.known = door.tokens.real = ("",)
    assert door.post("")[0] == 401
    assert door.post(" ")[0] == 401


# Not understood.


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (None, "no body"),
        ("", "no body"),
        ({"already": "parsed"}, "no body"),
        ("no json", "JSON"),
        ("[]", "body"),
        ("{}", "transition"),
        ("null", "body"),
        ("[" * 10_000, "JSON"),
        ('{"a": ' * 5_000, "JSON"),
        ("\ud800", ""),
        ("x" * (MOST_BYTES + 1), f"more than {MOST_BYTES}"),
        ("é" * (MOST_BYTES // 2 + 1), f"more than {MOST_BYTES}"),
    ],
)
def test_a_body_that_cannot_be_understood_is_400_and_says_why(door: Door, body: object, why: str) -> None:
    answer = door.event({"headers": {"x-rampart-token": TOKEN}, "body": body})
    assert answer["statusCode"] == 400
    assert why in json.loads(answer["body"])["why"]
    assert door.asked == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"transition": "Exploded"}, "transition: unknown transition 'Exploded'"),
        ({"transition": ""}, "transition: unknown transition"),
        ({"transition": "Triggered Recovered"}, "transition: unknown transition"),
        ({"transition": "x" * 3000}, "transition: is too long"),
        ({"transition": "$ALERT_TRANSITION"}, "$ALERT_TRANSITION was not substituted"),
        ({"monitor": "$ALERT_ID"}, "$ALERT_ID was not substituted"),
        ({"flags": "$TAGS[flags]"}, "$TAGS[flags] was not substituted"),
        ({"flags": "$FLAGS_2"}, "$FLAGS_2 was not substituted"),
        ({"flags": "web,$FLAG"}, "flags.1"),
        ({"flags": ""}, "flags: names no flag"),
        ({"flags": " , "}, "flags"),
        ({"flags": "../admin"}, "flags.0"),
        ({"flags": "a," * 25}, "flags"),
        ({"flags": None}, "flags"),
        ({"monitor": ["a"]}, "monitor"),
        ({"transition": None}, "transition: must be text"),
        ({"flags": "a/b"}, "flags.0: isn't a valid flag name"),
    ],
)
def test_a_field_that_cannot_be_understood_is_named(door: Door, changes: dict[str, Any], why: str) -> None:
    status, answer = door.post(**changes)
    assert status == 400
    assert why in answer["why"]
    assert door.asked == []


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "x" * 3000},
        {"title": ["no", "text"]},
        {"title": "$EVENT_TITLE", "cycle": "$ALERT_CYCLE_KEY", "date": "$DATE"},
        {"title": None, "cycle": {}, "date": []},
    ],
)
def test_what_is_only_told_does_not_keep_an_alert_from_being_believed(door: Door, changes: dict[str, Any]) -> None:
    """Datadog never sends again what was answered 400, and the flag would stay up for the sake of a title."""
    assert door.post(**changes)[0] == 200
    assert len(door.asked[0].reason) < 2100
    assert "$" not in door.asked[0].reason


def test_a_body_may_come_encoded(door: Door) -> None:
    encoded = base64.b64encode(json.dumps(BODY).encode()).decode()
    event = {"headers": {"x-rampart-token": TOKEN}, "body": encoded, "isBase64Encoded": True}
    assert door.event(event)["statusCode"] == 200
    assert door.asked


@pytest.mark.parametrize("body", ["not base64!", "AAA", "é", "//8="])
def test_a_body_that_is_not_what_its_encoding_says_is_400(door: Door, body: str) -> None:
    event = {"headers": {"x-rampart-token": TOKEN}, "body": body, "isBase64Encoded": True}
    assert door.event(event)["statusCode"] == 400


# A token where it does not belong.


@pytest.mark.parametrize("field", ["transition", "monitor", "cycle", "title", "date", "flags", "color"])
@pytest.mark.parametrize("text", ["{}", "see {} there", "$RAMPART_TOKEN={}", "[TEST] {}"])
def test_a_payload_that_holds_the_token_is_400_and_says_where_it_belongs(door: Door, field: str, text: str) -> None:
    """Anyone who wrote `$RAMPART_TOKEN` into the payload would have it in the log, the record and every notice."""
    status, answer = door.post(**{field: text.format(TOKEN)})
    assert status == 400
    assert "$RAMPART_TOKEN" in answer["why"]
    assert "payload" in answer["why"]
    assert TOKEN not in json.dumps(answer)
    assert door.asked == []


@pytest.mark.parametrize("token", ["old", "new"])
@pytest.mark.parametrize("other", ["old", "new"])
def test_during_a_rotation_neither_token_may_be_in_the_payload(door: Door, token: str, other: str) -> None:
    door.tokens.known = door.tokens.real = tuple(f"{each}-shared-token" for each in ("old", "new"))
    status, answer = door.post(f"{token}-shared-token", title=f"{other}-shared-token")
    assert status == 400
    assert f"{other}-shared-token" not in json.dumps(answer)
    assert door.asked == []


def test_a_token_in_an_encoded_body_is_found_too(door: Door) -> None:
    encoded = base64.b64encode(json.dumps(BODY | {"title": TOKEN}).encode()).decode()
    answer = door.event({"headers": {"x-rampart-token": TOKEN}, "body": encoded, "isBase64Encoded": True})
    assert answer["statusCode"] == 400
    assert TOKEN not in answer["body"]
    assert door.asked == []


def test_a_token_is_found_however_json_writes_it(door: Door) -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in TOKEN)
    body = json.dumps(BODY | {"title": "TITLE"}).replace("TITLE", escaped)
    answer = door.event({"headers": {"x-rampart-token": TOKEN}, "body": body})
    assert answer["statusCode"] == 400
    assert TOKEN not in answer["body"]
    assert door.asked == []


def test_a_token_in_the_body_is_not_an_oracle_without_a_valid_header(door: Door) -> None:
    """401 whether or not the body holds the token: no one learns by it that a guess was right."""
    assert door.post("wrong", title=TOKEN) == door.post("wrong", title="guess") == (401, {"error": "unauthorized"})


# Understood, and no reason.


@pytest.mark.parametrize("transition", sorted(KNOWN))
def test_only_what_is_bad_now_rolls_back(door: Door, transition: str) -> None:
    status, answer = door.post(transition=transition)
    assert status == 200
    assert bool(door.asked) is (transition in {"Triggered", "Re-Triggered", "Renotify"})
    assert answer["outcome"] == ("rolled_back" if transition in ROLLING_BACK else "ignored")


def test_a_test_notification_is_answered_and_moves_nothing(door: Door) -> None:
    status, answer = door.post(title="[TEST] [Triggered] download error rate")
    assert (status, answer["outcome"]) == (200, "ignored")
    assert "test notification" in answer["why"]
    assert door.asked == []


@pytest.mark.parametrize(
    ("age", "rolls_back"),
    [
        (timedelta(), True),
        (timedelta(seconds=900), True),
        (timedelta(seconds=901), False),
        (timedelta(days=365), False),
        (-timedelta(minutes=5), True),
        (-timedelta(minutes=6), False),
    ],
)
def test_an_old_alert_that_is_played_again_moves_nothing(door: Door, age: timedelta, rolls_back: bool) -> None:
    status, answer = door.post(date=str(int((NOW - age).timestamp() * 1000)))
    assert status == 200
    assert bool(door.asked) is rolls_back
    assert rolls_back or "the alert is from" in answer["why"]


@pytest.mark.parametrize("date", ["", "yesterday", 0, "0", "9" * 400, 10**300, "NaN"])
def test_an_alert_without_a_date_that_can_be_read_is_believed(door: Door, date: object) -> None:
    assert door.post(date=date)[0] == 200
    assert door.asked


# Not done.


@pytest.mark.parametrize(
    "failure", [RollbackUndoneError("letters_api reads 25%"), SecretUnavailableError("flipper-secret is denied")]
)
def test_a_rollback_that_is_not_done_is_503_so_that_it_is_sent_again(door: Door, failure: Exception) -> None:
    door.failure = failure
    status, answer = door.post()
    assert status == 503
    assert str(failure) not in json.dumps(answer)


def test_a_secret_that_cannot_be_read_is_503_and_not_401(door: Door) -> None:
    door.tokens.down = True
    assert door.post()[0] == 503
    assert door.asked == []


# Whatever anyone sends.

texts = st.text(st.characters())
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
likely = st.fixed_dictionaries(
    {},
    optional={
        "transition": st.sampled_from([*sorted(KNOWN), "$ALERT_TRANSITION"]) | json_values,
        "monitor": json_values,
        "cycle": json_values,
        "title": texts | st.just("[TEST] x"),
        "date": json_values | st.integers(0, 2**45).map(str),
        "flags": st.just("letters_api") | json_values,
    },
)
bodies = texts | st.none() | json_values | likely.map(json.dumps) | json_values.map(json.dumps) | likely
headers = st.none() | texts | st.dictionaries(texts | st.just("X-Rampart-Token"), json_values, max_size=3)
events = st.fixed_dictionaries({}, optional={"body": bodies, "isBase64Encoded": st.booleans(), "headers": headers})


@given(events)
def test_without_the_token_nothing_moves_and_nothing_breaks(event: dict[str, Any]) -> None:
    door = Door()
    assert door.event(event)["statusCode"] == 401
    assert door.asked == []


@given(events, st.sampled_from([None, RollbackUndoneError("x"), SecretUnavailableError("x")]))
def test_with_the_token_every_answer_is_one_of_four_and_never_429(
    event: dict[str, Any], failure: Exception | None
) -> None:
    door = Door(failure=failure)
    answer = door.event(event | {"headers": {"X-Rampart-Token": TOKEN}})
    assert answer["statusCode"] in {200, 400, 503}
    assert isinstance(json.loads(answer["body"]), dict)
    if failure is None:
        assert bool(door.asked) is ('"rolled_back"' in answer["body"])
