"""The flag store on a stand-in of Flipper's API: what it reads, what it writes, and every way not to be answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.faults import Fault, FaultKind
from local.flipper_standin import FlipperStandIn
from rampart.adapters.flipper import FlipperFlagStore, Timeouts, headers_of, reading_of
from rampart.errors import (
    FlagCredentialsError,
    FlagStoreError,
    SecretUnavailableError,
    UnknownFlagError,
)
from rampart.plan.stage import Member, MemberKind
from rampart.rollout.flag import FlagReading
from tests.doubles import FixedSecret

FLAG = "claim_letters"
STAFF, ANA = Member(kind=MemberKind.GROUP, name="staff"), Member(kind=MemberKind.ACTOR, name="User;1")
TOKEN = "local-token"
SHORT = Timeouts(connect=0.5, read=0.3, total=0.6)


class SilentServer(Protocol):
    url: str


@pytest.fixture
def flipper() -> Iterator[FlipperStandIn]:
    with FlipperStandIn(flags={FLAG: 0}, token=TOKEN, groups=["staff"]) as stand_in:
        yield stand_in


@pytest.fixture
def store(flipper: FlipperStandIn) -> FlipperFlagStore:
    return FlipperFlagStore(flipper.api, FixedSecret({"token": TOKEN}), timeouts=SHORT)


def test_a_percentage_is_written_and_read_back(store: FlipperFlagStore) -> None:
    for percent in (1, 25.0, 12.5, 0.125, 100, 0):
        store.set_percentage(FLAG, percent)
        assert store.read(FLAG) == FlagReading(FLAG, percent=percent)


def test_a_percentage_is_sent_as_a_plain_json_number(store: FlipperFlagStore, flipper: FlipperStandIn) -> None:
    """Flipper parses text leniently, "%25" as 0, and does not see a body with any other content type."""
    for percent in (25.0, 33.33333, 0.001):
        store.set_percentage(FLAG, percent)
    assert [request["body"] for request in flipper.requests] == [
        {"percentage": 25},
        {"percentage": 33.333},
        {"percentage": 0.001},
    ]
    assert isinstance(flipper.requests[0]["body"]["percentage"], int)


def test_every_gate_is_read(store: FlipperFlagStore, flipper: FlipperStandIn) -> None:
    flipper.set_gates(
        FLAG,
        boolean=True,
        expression={"Equal": [1, 1]},
        actors=["tester@example.gov"],
        percentage_of_actors=25,
        percentage_of_time=0.5,
        groups=["staff"],
    )
    assert store.read(FLAG) == FlagReading(
        FLAG,
        percent=25,
        boolean=True,
        expression=True,
        percent_of_time=0.5,
        actors=("tester@example.gov",),
        groups=("staff",),
    )


def test_closing_the_gates_leaves_nobody_in(store: FlipperFlagStore, flipper: FlipperStandIn) -> None:
    flipper.set_gates(FLAG, boolean=True, percentage_of_time=10, actors=["tester"])
    store.close_gates(FLAG)
    assert store.read(FLAG) == FlagReading(FLAG)


@pytest.mark.parametrize("member", [STAFF, ANA], ids=str)
def test_someone_is_let_in_by_name_and_no_longer(
    store: FlipperFlagStore, flipper: FlipperStandIn, member: Member
) -> None:
    flipper.set_gates(FLAG, percentage_of_actors=25, actors=["tester"])
    before = store.read(FLAG)
    store.open_to(FLAG, member)
    assert set(store.read(FLAG).members) == {*before.members, member}
    store.close_to(FLAG, member)
    assert store.read(FLAG) == before


def test_a_group_that_the_application_does_not_know_is_named(store: FlipperFlagStore) -> None:
    with pytest.raises(FlagStoreError, match="registers no such group; fix the group's name in the plan"):
        store.open_to(FLAG, Member(kind=MemberKind.GROUP, name="staf"))


def test_a_group_is_closed_that_the_application_no_longer_knows(
    store: FlipperFlagStore, flipper: FlipperStandIn
) -> None:
    flipper.set_gates(FLAG, groups=["gone"])
    store.close_to(FLAG, Member(kind=MemberKind.GROUP, name="gone"))
    assert store.read(FLAG) == FlagReading(FLAG)


def test_a_flag_that_is_turned_on_is_on_for_every_check(store: FlipperFlagStore, flipper: FlipperStandIn) -> None:
    flipper.set_gates(FLAG, percentage_of_actors=100, groups=["staff"])
    store.turn_on(FLAG)
    assert store.read(FLAG) == FlagReading(FLAG, boolean=True)
    assert flipper.gates(FLAG).state == "on"


def test_an_unknown_flag_is_named_and_not_made(store: FlipperFlagStore, flipper: FlipperStandIn) -> None:
    with pytest.raises(UnknownFlagError, match="claim_leters"):
        store.read("claim_leters")
    assert list(flipper.state.gates) == [FLAG]


def test_a_name_is_quoted(flipper: FlipperStandIn, store: FlipperFlagStore) -> None:
    name = "a/b c?d#e%41"
    flipper.set_gates(name, percentage_of_actors=5)
    store.set_percentage(name, 7)
    assert store.read(name).percent == 7
    assert set(flipper.state.gates) == {FLAG, name}


@pytest.mark.parametrize("prefix", ["", "/flipper/api", "/ops/v2/flags/"])
def test_the_api_may_live_under_any_path(prefix: str) -> None:
    with FlipperStandIn(flags={FLAG: 25}, prefix=prefix) as stand_in:
        assert FlipperFlagStore(stand_in.url + prefix, FixedSecret({})).read(FLAG).percent == 25


def test_basic_credentials_are_accepted() -> None:
    with FlipperStandIn(flags={FLAG: 25}, basic="rampart:pass:word") as stand_in:
        secret = FixedSecret({"username": "rampart", "password": "pass:word"})
        assert FlipperFlagStore(stand_in.api, secret).read(FLAG).percent == 25


def test_a_gateways_headers_go_beside_the_credentials() -> None:
    headers = headers_of({"token": " t \n", "headers": {"X-Gateway-Key": "k"}})
    assert headers == {"Authorization": "Bearer t", "X-Gateway-Key": "k"}


def test_credentials_of_a_netrc_file_do_not_take_the_place_of_the_secret(
    store: FlipperFlagStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert store.read(FLAG).percent == 0


class RotatingSecret:
    """A secret whose newer content is only seen when it is read again."""

    def __init__(self, known: Mapping[str, Any], newer: Mapping[str, Any] | Exception) -> None:
        self.known = known
        self.newer = newer
        self.refreshes = 0

    def __call__(self) -> Mapping[str, Any]:
        return self.known

    def refresh(self) -> Mapping[str, Any]:
        self.refreshes += 1
        if isinstance(self.newer, Exception):
            raise self.newer
        self.known = self.newer
        return self.known


def test_a_rotated_token_is_read_again_once(flipper: FlipperStandIn) -> None:
    secret = RotatingSecret({"token": "old"}, {"token": TOKEN})
    store = FlipperFlagStore(flipper.api, secret)
    assert store.read(FLAG).percent == 0
    store.set_percentage(FLAG, 1)
    assert secret.refreshes == 1
    assert [request["status"] for request in flipper.requests] == [401, 200, 200]


def test_a_token_that_is_wrong_is_refused_after_one_look_at_the_secret(flipper: FlipperStandIn) -> None:
    secret = RotatingSecret({"token": "wrong"}, {"token": "wrong"})
    with pytest.raises(FlagCredentialsError, match="401"):
        FlipperFlagStore(flipper.api, secret).read(FLAG)
    assert secret.refreshes == 1
    assert len(flipper.requests) == 1


def test_a_secret_that_cannot_be_read_is_an_error_of_the_flag_store(flipper: FlipperStandIn) -> None:
    secret = RotatingSecret({"token": "old"}, SecretUnavailableError("secret 'flipper' cannot be read: Throttled"))
    with pytest.raises(FlagStoreError, match="Throttled"):
        FlipperFlagStore(flipper.api, secret).read(FLAG)


@pytest.mark.parametrize(
    "secret", [{"token": "line\nbreak"}, {"token": "ünicode…"}, {"headers": {"X-Key": "a\r\nb"}}, {"headers": "none"}]
)
def test_a_secret_that_cannot_be_sent_is_refused_without_showing_it(
    flipper: FlipperStandIn, secret: Mapping[str, Any]
) -> None:
    with pytest.raises(FlagCredentialsError) as caught:
        FlipperFlagStore(flipper.api, FixedSecret(secret)).read(FLAG)
    assert "break" not in str(caught.value)
    assert "nicode" not in str(caught.value)
    assert not flipper.requests


@pytest.mark.parametrize(
    ("status", "body", "error", "advice"),
    [
        (403, {}, FlagCredentialsError, "fix the credentials"),
        (404, {"code": 2, "message": "Group not registered."}, FlagStoreError, "fix Flipper's URL"),
        (404, "<html>", FlagStoreError, "fix Flipper's URL"),
        (302, "", FlagStoreError, "fix Flipper's URL"),
        (422, {"code": 3, "message": "Percentage must be positive."}, FlagStoreError, "Percentage must be positive."),
        (429, {}, FlagStoreError, "tried again"),
        (500, "Internal Server Error", FlagStoreError, "tried again"),
        (503, {}, FlagStoreError, "tried again"),
    ],
)
def test_a_refusal_says_the_status_and_what_to_do(
    store: FlipperFlagStore, flipper: FlipperStandIn, status: int, body: object, error: type[Exception], advice: str
) -> None:
    flipper.faults.add(Fault(kind=FaultKind.STATUS, status=status, body=body, headers={"Location": "/sign-in"}))
    with pytest.raises(error, match=f"{status}.*{advice}") as caught:
        store.read(FLAG)
    assert not isinstance(caught.value, UnknownFlagError)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.REFUSE),
        Fault(kind=FaultKind.HANG, seconds=30),
        Fault(kind=FaultKind.TRICKLE, seconds=30),
        Fault(kind=FaultKind.RESET_MID_BODY),
        Fault(kind=FaultKind.MALFORMED_BODY),
        Fault(kind=FaultKind.EMPTY_BODY),
        Fault(kind=FaultKind.LOST_ANSWER),
        Fault(kind=FaultKind.STATUS, status=200, body=[]),
        Fault(kind=FaultKind.STATUS, status=200, body={"key": FLAG, "state": "off"}),
        Fault(kind=FaultKind.STATUS, status=200, body={"key": FLAG, "gates": [{"key": "boolean"}]}),
        Fault(kind=FaultKind.STATUS, status=200, body={"key": FLAG, "gates": ["boolean"]}),
    ],
    ids=lambda fault: f"{fault.kind.value} {str(fault.body)[:40]}",
)
def test_a_read_that_is_not_answered_plainly_is_an_error_of_the_flag_store(
    store: FlipperFlagStore, flipper: FlipperStandIn, fault: Fault
) -> None:
    flipper.faults.add(fault.model_copy(update={"times": 1}))
    with pytest.raises(FlagStoreError) as caught:
        store.read(FLAG)
    assert type(caught.value) is FlagStoreError
    assert len(flipper.requests) <= 1, "nothing is retried inside"
    flipper.faults.clear()
    assert store.read(FLAG).percent == 0


def test_an_answer_without_end_is_cut_off(store: FlipperFlagStore, flipper: FlipperStandIn) -> None:
    flipper.set_gates(FLAG, actors=[f"tester-{number:06d}" for number in range(60_000)])
    with pytest.raises(FlagStoreError, match="larger than 1000000 bytes"):
        store.read(FLAG)


def test_a_slow_trickle_ends_at_the_deadline_though_every_packet_is_in_time(flipper: FlipperStandIn) -> None:
    flipper.faults.add(Fault(kind=FaultKind.TRICKLE, seconds=60))
    timeouts = Timeouts(connect=1, read=30, total=0.5)
    with pytest.raises(FlagStoreError, match=r"in 0\.5 s"):
        FlipperFlagStore(flipper.api, FixedSecret({"token": TOKEN}), timeouts=timeouts).read(FLAG)


def test_a_server_that_takes_a_call_and_says_nothing_is_given_up(silent_server: SilentServer) -> None:
    with pytest.raises(FlagStoreError, match="in time"):
        FlipperFlagStore(silent_server.url, FixedSecret({}), timeouts=Timeouts(1, 0.2, 30)).read(FLAG)


def test_a_server_that_is_not_there_is_an_error_of_the_flag_store() -> None:
    with pytest.raises(FlagStoreError, match="could not be reached"):
        FlipperFlagStore("http://127.0.0.1:1", FixedSecret({})).set_percentage(FLAG, 0)


def test_a_write_whose_answer_is_lost_may_have_been_done(store: FlipperFlagStore, flipper: FlipperStandIn) -> None:
    """So the use case reads back: the store neither retries nor guesses."""
    flipper.faults.add(Fault(kind=FaultKind.LOST_ANSWER, times=1))
    with pytest.raises(FlagStoreError):
        store.set_percentage(FLAG, 25)
    assert store.read(FLAG).percent == 25


@pytest.mark.parametrize("kind", [FaultKind.MALFORMED_BODY, FaultKind.EMPTY_BODY, FaultKind.LIE])
def test_a_writes_answer_is_not_believed(store: FlipperFlagStore, flipper: FlipperStandIn, kind: FaultKind) -> None:
    flipper.faults.add(Fault(kind=kind, times=1))
    store.set_percentage(FLAG, 25)
    assert store.read(FLAG).percent == (0 if kind is FaultKind.LIE else 25)


def test_credentials_do_not_follow_a_redirect(store: FlipperFlagStore, flipper: FlipperStandIn) -> None:
    with FlipperStandIn(flags={FLAG: 25}) as elsewhere:
        location = {"Location": f"{elsewhere.api}/features/{FLAG}"}
        flipper.faults.add(Fault(kind=FaultKind.STATUS, status=302, headers=location))
        with pytest.raises(FlagStoreError, match="302"):
            store.read(FLAG)
        assert not elsewhere.requests


def body(**values: object) -> dict[str, Any]:
    percentages: dict[str, object] = {"percentage_of_actors": None, "percentage_of_time": None}
    gates = {"boolean": None, "expression": None, "actors": [], "groups": []} | percentages | values
    return {"key": FLAG, "state": "off", "gates": [{"key": key, "value": value} for key, value in gates.items()]}


@pytest.mark.parametrize("zero", [None, "0", "0.0", 0])
def test_zero_is_written_in_many_ways(zero: object) -> None:
    assert reading_of(FLAG, body(percentage_of_actors=zero, percentage_of_time=zero)).is_down


@pytest.mark.parametrize(
    "wrong",
    [
        {"percentage_of_actors": "many"},
        {"percentage_of_actors": "101"},
        {"percentage_of_actors": "-1"},
        {"percentage_of_actors": "nan"},
        {"percentage_of_actors": True},
        {"percentage_of_time": [1]},
        {"actors": "tester"},
        {"actors": [1]},
        {"groups": {"staff": True}},
        {"block_list": ["everyone"]},
    ],
)
def test_what_a_gate_says_is_never_guessed(wrong: Mapping[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        reading_of(FLAG, body(**wrong))


def test_another_flags_answer_is_not_taken() -> None:
    with pytest.raises(ValueError, match="not the feature"):
        reading_of("another", body())


def test_a_host_of_an_older_flipper_has_no_expressions() -> None:
    older = body(percentage_of_actors="25")
    older["gates"] = [gate for gate in older["gates"] if gate["key"] != "expression"]
    assert reading_of(FLAG, older) == FlagReading(FLAG, percent=25)


@pytest.mark.parametrize("key", ["boolean", "percentage_of_actors"])
def test_an_answer_without_the_gates_that_matter_is_not_taken(key: str) -> None:
    partial = body()
    partial["gates"] = [gate for gate in partial["gates"] if gate["key"] != key]
    with pytest.raises(ValueError, match="incomplete"):
        reading_of(FLAG, partial)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["boolean", "expression", "percentage_of_time"]), json_values)
def test_a_flag_is_down_only_when_every_gate_is_plainly_closed(gate: str, value: object) -> None:
    """Whatever a gate's value is, it is closed in one of the known ways, or the flag is not read as down."""
    try:
        reading = reading_of(FLAG, body(**{gate: value}))
    except (ValueError, TypeError):
        return
    assert not reading.is_down or value in (None, False, "", "false", "0", 0, [], {}) or float(str(value)) == 0


@given(json_values)
def test_no_answer_makes_the_reading_fall_over(answer: object) -> None:
    for given_body in (answer, {"key": FLAG, "gates": answer}, {"key": FLAG, "gates": [answer]}):
        with pytest.raises((ValueError, TypeError, KeyError)):
            reading_of(FLAG, given_body)


def test_many_threads_may_read_at_once(store: FlipperFlagStore, in_threads: Callable[..., list[Any]]) -> None:
    assert in_threads(lambda: store.read(FLAG), 8) == [FlagReading(FLAG)] * 8
