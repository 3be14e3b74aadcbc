"""Whatever JSON comes back from outside, and whatever comes in its place: only the errors with a name come out."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from datadog_api_client.exceptions import ApiException
from hypothesis import example, given
from hypothesis import strategies as st

from rampart.adapters import flipper
from rampart.adapters.datadog import DatadogMetricSource
from rampart.adapters.flipper import FlipperFlagStore, headers_of
from rampart.adapters.items import gate_from
from rampart.adapters.json_text import read_json
from rampart.adapters.secrets import AlertTokens, SecretsManagerSecrets
from rampart.entry.trigger import request_of_execution
from rampart.errors import (
    FlagCredentialsError,
    FlagStoreError,
    MonitorsUnreadableError,
    SecretUnavailableError,
)
from rampart.evidence.series import Series, Unavailable, from_stored
from tests.doubles import FixedSecret

NOW = datetime(2026, 3, 10, 14, tzinfo=UTC)
START, BUCKET = 1_764_000_000, 300

HUGE = "1" + "0" * 400
NESTED = "[" * 100_000 + "]" * 100_000
FOLLOWED = "[" * 900 + "]" * 900
"""Nested as deep as Python just reads, and too deep for it to write."""
ODD = [HUGE, f"-{HUGE}", "1" * 5000, "1e999", "-1e999", "NaN", "Infinity", "true", "null", '""', NESTED, FOLLOWED]
ODD += [
    '"' + "x" * 500_000 + '"',
    '"\\ud800"',
    '{"a": ' * 500 + "1" + "}" * 500,
    '"1e999"',
    f'"{HUGE}"',
    "1e308",
    "5e-324",
]

numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 2**53, 1e308])
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def of_shape(*keys: str) -> st.SearchStrategy[Any]:
    """JSON that has the keys of the real answer, so that what is behind them is reached."""
    inner = json_values | st.dictionaries(st.sampled_from(keys), json_values)
    inner |= st.lists(st.dictionaries(st.sampled_from(keys), json_values), max_size=6)
    return st.dictionaries(st.sampled_from(keys), inner | st.dictionaries(st.sampled_from(keys), inner)) | json_values


def ids(text: str) -> str:
    return text[:12]


def flag_store(body: bytes, status: int = 200) -> FlipperFlagStore:
    """Flipper, which answers everything alike."""
    store = FlipperFlagStore("http://flipper", FixedSecret({}))
    answer = flipper._Answer(status, body)
    store._exchange = lambda *_: answer  # type: ignore[method-assign]  # the wire alone is replaced
    return store


def gates(**values: str) -> bytes:
    texts = {"boolean": "null", "percentage_of_actors": "null"} | values
    listed = ", ".join(f'{{"key": "{key}", "value": {value}}}' for key, value in texts.items())
    return f'{{"key": "letters", "gates": [{listed}]}}'.encode()


@pytest.mark.parametrize("value", ODD, ids=ids)
@pytest.mark.parametrize(
    "gate", ["percentage_of_actors", "percentage_of_time", "actors", "groups", "boolean", "expression", "new"]
)
def test_a_gate_of_any_value_is_read_or_refused_by_name(gate: str, value: str) -> None:
    try:
        reading = flag_store(gates(**{gate: value})).read("letters")
    except FlagStoreError as error:
        told = str(error)
        assert len(told) < 500
    else:
        assert 0 <= reading.percent <= 100


@pytest.mark.parametrize("value", [HUGE, "1" * 5000, "1e999", "NaN", "true", NESTED, FOLLOWED, f'"{HUGE}"'], ids=ids)
def test_a_value_that_is_not_a_percentage_is_refused_by_name(value: str) -> None:
    with pytest.raises(FlagStoreError, match="cannot be understood"):
        flag_store(gates(percentage_of_actors=value)).read("letters")


@pytest.mark.parametrize("status", [200, 400, 404, 500])
@pytest.mark.parametrize(
    "body", [*ODD, "", "<html>", "{", *(f'{{"message": {each}, "code": {each}}}' for each in ODD)], ids=ids
)
def test_whatever_flipper_answers_only_named_errors_come_out(status: int, body: str) -> None:
    with pytest.raises(FlagStoreError) as refused:
        flag_store(body.encode(), status).read("letters")
    assert len(str(refused.value)) < 500


@given(
    of_shape("key", "gates", "value", "boolean", "percentage_of_actors", "message", "code").map(json.dumps),
    st.integers(200, 599),
)
def test_whatever_json_flipper_answers_only_named_errors_come_out(body: str, status: int) -> None:
    with contextlib.suppress(FlagStoreError):
        flag_store(body.encode(), status).read("letters")


@given(st.binary(max_size=60))
def test_whatever_bytes_flipper_answers_only_named_errors_come_out(body: bytes) -> None:
    with contextlib.suppress(FlagStoreError):
        flag_store(body).read("letters")


class Datadog(DatadogMetricSource):
    """Datadog, which answers everything alike."""

    def __init__(self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__("datadoghq.com", FixedSecret({"api_key": "a", "app_key": "b"}), pause=lambda _: None)
        response = SimpleNamespace(
            status=status,
            reason="",
            data=body,
            headers=headers or {},
            read=lambda *_, **__: body,
            release_conn=lambda: None,
        )

        def answer(_: object) -> object:
            if status >= 300:
                raise ApiException(http_resp=response)  # type: ignore[no-untyped-call]  # its constructors have no types
            return response

        call = self._api.call
        self._api.call = lambda ask: call(cast("Any", answer))  # type: ignore[method-assign]  # the wire alone is replaced

    def one(self) -> Series | Unavailable:
        answers = self.read({"q": "sum:x{*}"}, start=START, end=START + 2 * BUCKET, bucket=BUCKET)
        return answers["q"]


def timeseries(value: str = "1", at: str = str(START * 1000), index: str = "0") -> bytes:
    shape = '{{"data": {{"attributes": {{"times": [{}], "values": [[{}]], "series": [{{"query_index": {}}}]}}}}}}'
    return shape.format(at, value, index).encode()


def test_the_answer_of_these_tests_is_one_that_is_read() -> None:
    assert Datadog(timeseries()).one() == Series(((START, 1.0),))


@pytest.mark.parametrize("place", ["value", "at", "index"])
@pytest.mark.parametrize("odd", ODD, ids=ids)
def test_a_point_of_any_value_is_read_or_not_available(place: str, odd: str) -> None:
    answer = Datadog(timeseries(**{place: odd})).one()
    if isinstance(answer, Unavailable):
        assert len(answer.detail) < 500
    else:
        assert place != "at"


@pytest.mark.parametrize("odd", [HUGE, "1" * 5000, "1e999", "true", NESTED, FOLLOWED, '"1"'], ids=ids)
def test_a_value_that_no_float_can_hold_is_not_available(odd: str) -> None:
    assert isinstance(Datadog(timeseries(value=odd)).one(), Unavailable)


@pytest.mark.parametrize("status", [200, 400, 403, 404, 429, 500])
@pytest.mark.parametrize("body", [*ODD, "", "<html>", "{", *(f'{{"errors": [{each}]}}' for each in ODD)], ids=ids)
def test_whatever_datadog_answers_it_is_not_available(status: int, body: str) -> None:
    source = Datadog(body.encode("utf-8", "surrogatepass"), status)
    answer = source.one()
    if isinstance(answer, Unavailable):
        assert len(answer.detail) < 700
    if status != 404:
        with pytest.raises(MonitorsUnreadableError):
            source.read_monitors([77])


KEYS = ("data", "attributes", "times", "values", "series", "query_index", "group_tags", "errors", "error", "status")


@given(of_shape(*KEYS, "overall_state").map(json.dumps), st.sampled_from([200, 400, 403, 404, 429, 500]))
def test_whatever_json_datadog_answers_only_named_errors_come_out(body: str, status: int) -> None:
    source = Datadog(body.encode(), status)
    assert isinstance(source.one(), Series | Unavailable)
    with contextlib.suppress(MonitorsUnreadableError):
        source.read_monitors([77])


@given(json_values.map(json.dumps), json_values.map(json.dumps), json_values.map(json.dumps))
def test_whatever_stands_at_the_place_of_a_number_it_is_read_or_not_available(value: str, at: str, index: str) -> None:
    for body in (timeseries(value=value), timeseries(at=at), timeseries(index=index)):
        assert isinstance(Datadog(body).one(), Series | Unavailable)


@pytest.mark.parametrize("reset", [HUGE, "1e999", "nan", "-1", "", "soon", "1" * 5000, "5, 6", "٣", "1_0"], ids=ids)
def test_whatever_a_rate_limit_says_of_its_end_it_is_a_limit(reset: str) -> None:
    answer = Datadog(b"{}", 429, {"X-RateLimit-Reset": reset}).one()
    assert isinstance(answer, Unavailable)
    assert answer.reason == "rate_limited"


def secret(text: str) -> Mapping[str, Any]:
    client = SimpleNamespace(get_secret_value=lambda **_: {"SecretString": text})
    return SecretsManagerSecrets(cast("Any", client)).named("rampart/flipper")()


@pytest.mark.parametrize("text", [*(each for each in ODD if each[0] != "{"), "", "{", '{"token": '], ids=ids)
def test_a_secret_that_is_not_an_object_is_refused_without_its_text(text: str) -> None:
    with pytest.raises(SecretUnavailableError) as refused:
        secret(text)
    assert refused.value.__cause__ is None
    assert len(str(refused.value)) < 100


@given(json_values, json_values, json_values, json_values)
def test_whatever_a_secret_holds_only_named_errors_come_out(token: Any, name: Any, word: Any, headers: Any) -> None:
    said = {"token": token, "username": name, "password": word, "headers": headers, "previous_token": name}
    for content in (said, said | {"token": None}, said | {"api_key": token, "app_key": name}):
        with contextlib.suppress(FlagCredentialsError):
            headers_of(content)
        with contextlib.suppress(SecretUnavailableError):
            AlertTokens(FixedSecret(content)).current()


def test_credentials_that_nest_without_end_are_refused_by_name() -> None:
    deep = json.loads(FOLLOWED)
    for content in ({"token": deep}, {"username": deep}, {"username": "a", "password": deep}, {"headers": {"X": deep}}):
        with pytest.raises(FlagCredentialsError):
            headers_of(content)
    source = DatadogMetricSource("datadoghq.com", FixedSecret({"api_key": deep, "app_key": True}))
    answer = source.read({"q": "sum:x{*}"}, start=START, end=START + BUCKET, bucket=BUCKET)["q"]
    assert isinstance(answer, Unavailable)
    assert answer.reason == "refused_credentials"


@given(st.text(max_size=40) | json_values.map(json.dumps) | st.sampled_from(ODD))
def test_a_text_is_json_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        read_json(text)


@pytest.mark.parametrize("text", ODD, ids=ids)
def test_an_execution_with_any_input_asks_for_nothing_or_for_its_rollout(text: str) -> None:
    detail = {"input": text, "executionArn": "e", "name": "n", "status": "FAILED"}
    assert request_of_execution({"detail": detail}, NOW) is None


@given(json_values | st.dictionaries(st.sampled_from(["points", "unavailable", "detail"]), json_values))
@example({"points": [[0, 10**400]]})
@example({"points": [[float("inf"), 1]]})
@example({"points": [[1, 2, 3]]})
@example({"unavailable": "weather", "detail": ""})
@example({"unavailable": "malformed"})
def test_stored_evidence_is_an_answer_or_a_value_error(stored: Any) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(from_stored(stored), Series | Unavailable)


@pytest.mark.parametrize("odd", [*ODD, '"how many?"', '"3"', "-1e400"], ids=ids)
def test_a_report_that_is_not_a_number_counts_as_not_reported(odd: str) -> None:
    """An answer that cannot be read would end the attempt; one without its number only passes nothing."""
    answer = {"decision": "override", "by": "b", "note": "n", "execution": "e", "at": "2026-03-10T10:00:00.000Z"}
    gate = {
        "id": "g",
        "kind": "approval",
        "attempt": 1,
        "stage": 0,
        "token": "t",
        "opened": "2026-03-10T10:00:00.000Z",
        "answer": answer | {"reported": f'{{"odd": {odd}, "calls": 3}}'},
    }
    read = gate_from(gate).answer
    assert read is not None
    expected = {"1e308": {"odd": 1e308, "calls": 3}, "5e-324": {"odd": 5e-324, "calls": 3}}
    unread = {} if odd in (NESTED, "1" * 5000) else {"calls": 3}
    assert read.reported == expected.get(odd, unread)
