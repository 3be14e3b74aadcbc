"""The stand-in of Flipper answers as Flipper does, and fails as it is told to."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from local.faults import Fault, FaultKind, rate_limited
from local.flipper_standin import FlagGates, FlipperStandIn
from local.standin import control

FLAG = "appeals_new_list"
JSON = {"Content-Type": "application/json"}
MORE_INFO = "https://flippercloud.io/docs/api#error-code-reference"
GATES: dict[str, tuple[str, Any]] = {
    "boolean": ("boolean", None),
    "expression": ("expression", None),
    "actors": ("actor", []),
    "percentage_of_actors": ("percentage_of_actors", None),
    "percentage_of_time": ("percentage_of_time", None),
    "groups": ("group", []),
}


@pytest.fixture
def flipper() -> Iterator[FlipperStandIn]:
    with FlipperStandIn(flags={FLAG: 0}) as stand_in:
        yield stand_in


def write(flipper: FlipperStandIn, percentage: float, timeout: float = 10) -> requests.Response:
    url = f"{flipper.api}/features/{FLAG}/percentage_of_actors"
    return requests.post(url, json={"percentage": percentage}, headers=JSON, timeout=timeout)


def read(flipper: FlipperStandIn, timeout: float = 10) -> requests.Response:
    return requests.get(f"{flipper.api}/features/{FLAG}", timeout=timeout)


def expected_body(response: dict[str, Any]) -> object:
    """Write out what the exchanges abbreviate: a feature by its open gates, an error by code and message."""
    if "error" in response:
        code, message = response["error"]
        return {"code": code, "message": message, "more_info": MORE_INFO}
    if "feature" not in response:
        return response.get("body")
    feature = response["feature"]
    gates = [{"key": key, "value": feature.get(key, closed), "name": name} for key, (name, closed) in GATES.items()]
    return {"key": feature["key"], "state": feature["state"], "gates": gates}


def ask(api: str, request: dict[str, Any], token: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} | (JSON if "json" in request else {})
    return requests.request(
        request["method"],
        api + request["path"],
        params=request.get("params"),
        data=json.dumps(request["json"]) if "json" in request else request.get("text", request.get("form")),
        headers=headers | request.get("headers", {}),
        timeout=10,
    )


def test_every_exchange_written_from_the_facts_is_answered_as_flipper_answers(
    exchanges: Callable[[str], dict[str, Any]],
) -> None:
    document = exchanges("flipper")
    with FlipperStandIn(**document["server"]) as flipper:
        for exchange in document["exchanges"]:
            answer = ask(flipper.api, exchange["request"], "let-me-in")
            assert answer.status_code == exchange["response"]["status"], exchange["note"]
            if answer.status_code == 500:
                continue
            assert answer.headers["Content-Type"] == "application/json", exchange["note"]
            body = expected_body(exchange["response"])
            assert (answer.json() if answer.content else None) == body, exchange["note"]


def test_every_original_recording_is_answered_alike(recordings: Path) -> None:
    recorded = json.loads((recordings / "flipper" / "api.json").read_text())["exchanges"]
    with FlipperStandIn(token="t") as flipper:
        for exchange in recorded:
            asked, expected = exchange["request"], exchange["response"]
            as_json = "Content-Type" in asked.get("headers", {})
            body = json.dumps(asked["body"]) if as_json else asked.get("body")
            token = {} if "no credentials" in exchange["note"] else {"Authorization": "Bearer t"}
            answer = requests.request(
                asked["method"],
                flipper.api + asked["path"],
                params=asked.get("params"),
                data=body,
                headers=asked.get("headers", {}) | token,
                timeout=10,
            )
            assert answer.status_code == expected["status"], exchange["note"]
            assert answer.headers["Content-Type"] == expected.get("content_type", "application/json"), exchange["note"]
            assert (answer.json() if answer.content else "") == expected["body"], exchange["note"]


@given(smaller=st.floats(0, 100), larger=st.floats(0, 100), actor=st.text(max_size=20))
def test_whoever_is_in_stays_in_when_the_percentage_grows(smaller: float, larger: float, actor: str) -> None:
    smaller, larger = sorted((smaller, larger))
    if FlagGates(percentage_of_actors=str(smaller)).lets_in(FLAG, actor):
        assert FlagGates(percentage_of_actors=str(larger)).lets_in(FLAG, actor)


@pytest.mark.parametrize("percentage", [0, 1, 25, 50, 75, 100])
def test_as_many_actors_are_in_as_the_percentage_says(percentage: int) -> None:
    gates = FlagGates(percentage_of_actors=str(percentage))
    inside = sum(gates.lets_in(FLAG, f"user-{number}") for number in range(20_000))
    assert inside == pytest.approx(200 * percentage, abs=200)
    assert (inside == 0) is (percentage == 0)


def test_an_actor_is_in_by_the_checksum_of_flag_and_id() -> None:
    """The check value of CRC-32 is 0xCBF43926 for "123456789": bucket 80,262 of 100,000."""
    assert not FlagGates(percentage_of_actors="80.262").lets_in("12345", "6789")
    assert FlagGates(percentage_of_actors="80.263").lets_in("12345", "6789")


def test_the_share_of_traffic_is_kept_with_its_times(flipper: FlipperStandIn) -> None:
    for percentage in (1, 25, 0):
        write(flipper, percentage)
    requests.post(f"{flipper.api}/features/{FLAG}/boolean", timeout=10)
    times, shares = zip(*flipper.shares(FLAG), strict=True)
    assert shares == (0, 0.01, 0.25, 0, 1)
    assert list(times) == sorted(times)


def test_basic_authentication_and_another_prefix_are_possible() -> None:
    with FlipperStandIn(flags={FLAG: 5}, basic="rampart:pw", prefix="/admin/flags/") as flipper:
        url = f"{flipper.url}/admin/flags/features/{FLAG}"
        assert requests.get(url, auth=("rampart", "pw"), timeout=10).json()["state"] == "conditional"
        assert requests.get(url, auth=("rampart", "no"), timeout=10).status_code == 401


def test_another_writer_can_undo_a_write(flipper: FlipperStandIn) -> None:
    flipper.other_writer(FLAG, 25)
    assert write(flipper, 0).json()["state"] == "off"
    assert flipper.percentage(FLAG) == 25
    write(flipper, 0)
    assert flipper.percentage(FLAG) == 0


# --- faults, which both stand-ins share ---


def test_a_status_is_shown_as_often_as_told_and_nothing_is_done(flipper: FlipperStandIn) -> None:
    flipper.faults.add(Fault(kind=FaultKind.STATUS, status=503, times=2, method="POST"))
    assert [write(flipper, 25).status_code for _ in range(3)] == [503, 503, 200]
    assert len(flipper.shares(FLAG)) == 2


def test_a_fault_may_come_later_and_elsewhere(flipper: FlipperStandIn) -> None:
    flipper.faults.add(Fault(kind=FaultKind.STATUS, status=404, after=1, path=f"{FLAG}$", times=1))
    assert write(flipper, 1).status_code == 200
    assert [read(flipper).status_code for _ in range(3)] == [200, 404, 200]


@pytest.mark.parametrize("reset_seconds", [None, 7])
def test_a_throttled_call_says_when_to_come_back_or_does_not(
    flipper: FlipperStandIn, reset_seconds: int | None
) -> None:
    flipper.faults.add(rate_limited(reset_seconds=reset_seconds))
    answer = read(flipper)
    assert answer.status_code == 429
    assert answer.headers.get("X-RateLimit-Reset") == (None if reset_seconds is None else "7")


@pytest.mark.parametrize(
    ("kind", "is_done"),
    [
        (FaultKind.REFUSE, False),
        (FaultKind.HANG, False),
        (FaultKind.LOST_ANSWER, True),
        (FaultKind.RESET_MID_BODY, True),
    ],
)
def test_a_broken_connection_may_or_may_not_have_written(
    flipper: FlipperStandIn, kind: FaultKind, is_done: bool
) -> None:
    flipper.faults.add(Fault(kind=kind, times=1, seconds=0.05))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        write(flipper, 25)
    assert flipper.percentage(FLAG) == (25 if is_done else 0)
    assert write(flipper, 30).status_code == 200


def test_a_hang_outlasts_the_client(flipper: FlipperStandIn) -> None:
    flipper.faults.add(Fault(kind=FaultKind.HANG, seconds=60))
    with pytest.raises(requests.ReadTimeout):
        read(flipper, timeout=0.2)


def test_a_delayed_write_lands_after_the_client_gave_up(
    flipper: FlipperStandIn, wait_until: Callable[[Callable[[], object]], None]
) -> None:
    flipper.faults.add(Fault(kind=FaultKind.DELAY, seconds=0.5, times=1))
    with pytest.raises(requests.ReadTimeout):
        write(flipper, 25, timeout=0.1)
    wait_until(lambda: flipper.percentage(FLAG) == 25)


def test_a_trickling_answer_arrives_in_the_end(flipper: FlipperStandIn) -> None:
    flipper.faults.add(Fault(kind=FaultKind.TRICKLE, seconds=0.3))
    assert read(flipper).json()["key"] == FLAG


@pytest.mark.parametrize("kind", [FaultKind.MALFORMED_BODY, FaultKind.EMPTY_BODY])
def test_a_body_that_is_no_json_comes_with_a_200(flipper: FlipperStandIn, kind: FaultKind) -> None:
    flipper.faults.add(Fault(kind=kind))
    answer = read(flipper)
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_a_lie_looks_like_a_write_but_is_not_one(flipper: FlipperStandIn) -> None:
    flipper.faults.add(Fault(kind=FaultKind.LIE, method="POST", times=1))
    assert write(flipper, 25).json()["gates"][3]["value"] == "25"
    assert read(flipper).json()["gates"][3]["value"] == "0"
    assert len(flipper.shares(FLAG)) == 1


def test_a_stale_read_shows_what_was_before_the_last_write(flipper: FlipperStandIn) -> None:
    write(flipper, 25)
    write(flipper, 50)
    flipper.faults.add(Fault(kind=FaultKind.STALE_READ, method="GET", times=1))
    assert [read(flipper).json()["gates"][3]["value"] for _ in range(2)] == ["25", "50"]


def test_nobody_listens_while_it_is_down_and_old_connections_break(flipper: FlipperStandIn) -> None:
    with requests.Session() as session:
        session.get(f"{flipper.api}/features", timeout=10)
        flipper.down()
        with pytest.raises(requests.ConnectionError):
            session.get(f"{flipper.api}/features", timeout=10)
        flipper.up()
        assert session.get(f"{flipper.api}/features", timeout=10).status_code == 200


def test_the_log_tells_of_every_request_and_holds_no_credentials() -> None:
    with FlipperStandIn(flags={FLAG: 0}, token="hush") as flipper:
        flipper.faults.add(Fault(kind=FaultKind.REFUSE, times=1))
        headers = {"Authorization": "Bearer hush"}
        with pytest.raises(requests.ConnectionError):
            requests.get(flipper.api + "/features", headers=headers, timeout=10)
        requests.get(flipper.api + "/features", headers=headers, timeout=10)
        assert [(seen["status"], seen["fault"]) for seen in flipper.requests] == [(None, "refuse"), (200, None)]
        assert "hush" not in json.dumps(flipper.requests)


# --- as a process ---

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "local.flipper_standin", "--flag", "a=25"], stdout=subprocess.PIPE)
sys.stdout.write(child.stdout.readline().decode())
sys.stdout.flush()
sys.stdin.readline()
"""


def test_a_process_of_its_own_is_controlled_over_http_and_ends_with_its_parent(
    wait_until: Callable[[Callable[[], object]], None],
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        started = json.loads(parent.stdout.readline())
        control(started["url"], "PUT", "/gates/a", {"percentage_of_actors": 50, "actors": ["pat"]})
        control(started["url"], "POST", "/faults", {"kind": "status", "status": 500, "times": 1})
        answers = [requests.get(started["api"] + "/features/a", timeout=10) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [500, 200]
        assert [share for _, share in control(started["url"], "GET", "/shares/a")] == [0.25, 0.5]
        parent.kill()

    def is_gone() -> bool:
        try:
            requests.get(started["url"], timeout=1)
        except requests.ConnectionError:
            return True
        return False

    wait_until(is_gone)
