"""The metrics of Datadog's stand-in follow the flag, and every second of them is settled once and for all."""

import json
import math
import signal
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from local.datadog_standin import DatadogStandIn, Gauge, PathScope, Points, Scenario
from local.flipper_standin import FlipperStandIn
from local.standin import control
from rampart.adapters.datadog import bucketed
from tests.contract.conftest import CLAIM_LETTERS, ERRORS, FLAG, KEYS, START, TOTAL, Clock, claim_letters

LIGHTHOUSE = "vets_api.statsd.api_external_http_request_BenefitsDocuments"
COHORT = " + ".join(
    f"sum:{LIGHTHOUSE}_{outcome}{{endpoint:documents/download}}.as_count()" for outcome in ("success", "failed")
)


def ask(datadog: DatadogStandIn, queries: list[str], start: int, end: int, interval: int = 1) -> dict[str, Any]:
    """Ask for counts in buckets, as Rampart does, and hand the answer's attributes back."""
    attributes = {
        "from": start * 1000,
        "to": end * 1000,
        "interval": interval * 1000,
        "queries": [{"data_source": "metrics", "name": f"q{i}", "query": text} for i, text in enumerate(queries)],
    }
    body = {"data": {"type": "timeseries_request", "attributes": attributes}}
    answer = requests.post(f"{datadog.url}/api/v2/query/timeseries", json=body, headers=KEYS, timeout=10)
    answer.raise_for_status()
    answered: dict[str, Any] = answer.json()["data"]["attributes"]
    return answered


def counts(datadog: DatadogStandIn, query: str, start: int, end: int, interval: int = 1) -> dict[int, float]:
    answered = ask(datadog, [query], start, end, interval)
    values = answered["values"][0] if answered["values"] else []
    return {at // 1000: value for at, value in zip(answered["times"], values, strict=True)}


@settings(max_examples=25)
@given(start=st.integers(START - 5000, START), length=st.integers(1, 400), width=st.sampled_from([2, 5, 10, 60]))
def test_a_second_has_the_same_counts_whatever_the_bucket(start: int, length: int, width: int) -> None:
    with DatadogStandIn(claim_letters(), tick_seconds=0, clock=lambda: START) as datadog:
        end = min(start + length, START)
        seconds = counts(datadog, TOTAL, start, end) if start < end else {}
        wide = counts(datadog, TOTAL, start, end, width) if start < end else {}
    regrouped: dict[int, float] = {}
    for at, value in seconds.items():
        regrouped[at // width * width] = regrouped.get(at // width * width, 0) + value
    assert wide == regrouped


def test_what_is_over_is_not_changed_by_a_flip_and_what_comes_follows_it(
    flipper: FlipperStandIn, datadog: DatadogStandIn, clock: Clock
) -> None:
    now = int(clock.now)
    before = ask(datadog, [ERRORS, TOTAL, COHORT], now - 300, now)
    flipper.set_gates(FLAG, percentage_of_actors=50)
    datadog.change("download", new_error_rate=0.5)
    clock.forward(300)
    assert ask(datadog, [ERRORS, TOTAL, COHORT], now - 300, now) == before
    errors, total, cohort = (sum(counts(datadog, query, now, now + 300).values()) for query in (ERRORS, TOTAL, COHORT))
    assert total == pytest.approx(300 * 20, rel=0.1)
    assert cohort == pytest.approx(total / 2, rel=0.1)
    assert errors == pytest.approx(total * (0.5 * 0.5 + 0.5 * 0.02), rel=0.1)


def test_the_cohort_has_no_traffic_at_all_at_zero_percent(datadog: DatadogStandIn, clock: Clock) -> None:
    now = int(clock.now)
    assert ask(datadog, [COHORT], now - 300, now) == {"series": [], "times": [], "values": []}


def test_the_other_seed_is_another_world(clock: Clock) -> None:
    worlds = []
    for seed in (1, 1, 2):
        with DatadogStandIn(claim_letters(seed=seed), tick_seconds=0, clock=clock) as datadog:
            worlds.append(counts(datadog, TOTAL, START - 60, START))
    assert worlds[0] == worlds[1] != worlds[2]


def test_the_same_requests_come_again_with_the_rates_of_their_own_time(clock: Clock) -> None:
    with DatadogStandIn(claim_letters(repeats=60), tick_seconds=0, clock=clock) as datadog:
        before, after = (counts(datadog, TOTAL, at, at + 60) for at in (START - 120, START - 60))
        assert {at + 60: count for at, count in before.items()} == after
        datadog.change("download", at=START - 60, old_error_rate=0.5)
        failed = [sum(counts(datadog, ERRORS, at, at + 60).values()) for at in (START - 120, START - 60)]
        assert failed[1] > 10 * failed[0]


@pytest.mark.parametrize("partial", [False, True])
def test_the_newest_seconds_are_missing_or_grow_within_the_lag(
    datadog: DatadogStandIn, clock: Clock, partial: bool
) -> None:
    now = int(clock.now)
    whole = counts(datadog, TOTAL, now - 20, now)
    datadog.scenario = claim_letters(lag=10, partial=partial)
    early = counts(datadog, TOTAL, now - 20, now)
    assert all(early[at] == whole[at] for at in range(now - 20, now - 10))
    lagging = [(early.get(at, 0), whole[at]) for at in range(now - 9, now)]
    assert all(seen < real for seen, real in lagging)
    assert (sum(seen for seen, _ in lagging) > 0) is partial
    clock.forward(10)
    assert counts(datadog, TOTAL, now - 20, now) == whole


def test_a_flip_reaches_the_hosts_late_and_brings_a_burst_of_errors(
    flipper: FlipperStandIn, datadog: DatadogStandIn, clock: Clock
) -> None:
    datadog.scenario = claim_letters(propagation=30)
    datadog.scenario.traffic[1].flip_burst_seconds = 10
    datadog.scenario.traffic[1].flip_burst_error_rate = 1.0
    now = int(clock.now)
    flipper.set_gates(FLAG, percentage_of_actors=100)
    clock.forward(100)
    assert min(counts(datadog, COHORT, now, now + 100)) == now + 30
    errors, total = counts(datadog, ERRORS, now, now + 100), counts(datadog, TOTAL, now, now + 100)
    assert [at for at in total if errors.get(at) == total[at]] == list(range(now + 30, now + 40))


def test_a_value_mixes_both_paths_by_the_share(flipper: FlipperStandIn, clock: Clock) -> None:
    latency = Gauge(metric="latency", flag=FLAG, old=[(0, 100)], new=[(0, 300)])
    of_cohort = Gauge(metric="latency.cohort", flag=FLAG, old=[(0, 100)], new=[(0, 300)], scope=PathScope.COHORT)
    with DatadogStandIn(Scenario(gauges=[latency, of_cohort]), flipper=flipper, tick_seconds=0, clock=clock) as datadog:
        flipper.set_gates(FLAG, percentage_of_actors=25)
        clock.forward(10)
        assert set(counts(datadog, "avg:latency{*}", START, START + 10, 10).values()) == {150}
        assert set(counts(datadog, "p95:latency.cohort{*}", START - 10, START + 10, 10).values()) == {300}


def test_more_than_1500_points_are_coarsened(datadog: DatadogStandIn, clock: Clock) -> None:
    now = int(clock.now)
    times = sorted(counts(datadog, TOTAL, now - 4000, now))
    assert len(times) <= 1500
    assert {later - earlier for earlier, later in pairwise(times)} == {5}


def test_nonsense_is_passed_on_as_it_was_scripted(clock: Clock) -> None:
    points = Points(metric="odd", points=[(START, math.nan), (START + 1, -3.0), (START + 2, None)])
    with DatadogStandIn(Scenario(points=[points]), tick_seconds=0, clock=clock) as datadog:
        clock.forward(10)
        values = counts(datadog, "sum:odd{*}.as_count()", START, START + 5)
    assert math.isnan(values.pop(START))
    assert values == {START + 1: -3}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "sum:",
        "sum:a",
        "sum:a{b",
        "sum:a{b c}",
        "sum:a{*}.rollup(sum)",
        "sum:a{*}.guess()",
        "(sum:a{*}",
        "sum:a{*} 5",
    ],
)
def test_a_broken_query_is_a_400_with_a_list_of_errors(datadog: DatadogStandIn, query: str) -> None:
    with pytest.raises(requests.HTTPError, match="400") as refused:
        ask(datadog, [query], START, START + 10)
    assert all(isinstance(error, str) and error for error in refused.value.response.json()["errors"])


def test_filters_match_as_tags_do(clock: Clock) -> None:
    tags = [{"env": "prod", "status": "500"}, {"env": "prod", "status": "200"}, {"env": "test", "status": "503"}]
    points = [Points(metric="m", tags=each, points=[(START, 10.0**index)]) for index, each in enumerate(tags)]
    expected = {"*": 111, "env:prod": 11, "env:PROD AND status:5*": 1, "!env:prod": 100, "status:5*,!env:test": 1}
    with DatadogStandIn(Scenario(points=points), tick_seconds=0, clock=clock) as datadog:
        found = {each: counts(datadog, f"sum:m{{{each}}}.as_count()", START, START + 1)[START] for each in expected}
    assert found == expected


def test_the_hour_has_so_many_queries_for_everybody(clock: Clock) -> None:
    with DatadogStandIn(queries_per_hour=2, tick_seconds=0, clock=clock) as datadog:
        url, body = f"{datadog.url}/api/v2/query/scalar", {"data": {"type": "wrong"}}
        answers = [requests.post(url, json=body, headers=KEYS, timeout=10) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [400, 400, 429]
        assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
        clock.forward(3600)
        assert requests.post(url, json=body, headers=KEYS, timeout=10).status_code == 400


def test_it_follows_flipper_in_another_process_and_remembers_while_it_is_down(
    flipper: FlipperStandIn, clock: Clock
) -> None:
    with DatadogStandIn(claim_letters(), flipper=flipper.url, tick_seconds=0, clock=clock) as datadog:
        flipper.set_gates(FLAG, percentage_of_actors=100)
        clock.forward(10)
        seen = counts(datadog, COHORT, START, START + 10)
        assert len(seen) == 10
        flipper.down()
        assert counts(datadog, COHORT, START, START + 10) == seen


def test_the_scenario_is_changed_over_http(datadog: DatadogStandIn, clock: Clock) -> None:
    control(datadog.url, "POST", "/change", {"name": "download", "per_second": 0})
    control(datadog.url, "PATCH", "/scenario", {"lag": 2})
    now = int(clock.now)
    clock.forward(60)
    assert counts(datadog, TOTAL, now, now + 50) == {}
    assert datadog.scenario.lag == 2
    with pytest.raises(OSError, match="400"):
        control(datadog.url, "POST", "/change", {"name": "unheard of", "per_second": 0})


def test_a_process_of_its_own_plays_a_scenario_from_a_file() -> None:
    command = [sys.executable, "-m", "local.datadog_standin", "--scenario", str(CLAIM_LETTERS), "--api-key", "other"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        started = json.loads(process.stdout.readline())
        assert control(started["url"], "GET", "/scenario") == claim_letters().model_dump(mode="json")
        answer = requests.get(f"{started['url']}/api/v1/validate", headers={"DD-API-KEY": "other"}, timeout=10)
        assert answer.json() == {"valid": True}
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_both_paths_are_counted_apart_and_together_they_are_everyone(
    datadog: DatadogStandIn, flipper: FlipperStandIn, clock: Clock
) -> None:
    """A tag tells the paths apart: what a comparison asks for; at 0% there is only the old one."""
    downloads = "sum:vets_api.claim_letters.downloads{{env:eks-prod,provider:{}}}.as_count()"
    new, old, everyone = downloads.format("lighthouse"), downloads.format("vbms"), TOTAL
    now = int(clock.now)
    before = [sum(counts(datadog, query, now - 300, now).values()) for query in (new, old, everyone)]
    assert before[0] == 0
    assert before[1] == before[2] > 0
    flipper.set_gates(FLAG, percentage_of_actors=50)
    clock.forward(300)
    after = [sum(counts(datadog, query, now, now + 300).values()) for query in (new, old, everyone)]
    assert after[0] + after[1] == after[2]
    assert after[0] == pytest.approx(after[1], rel=0.1)


def test_a_control_of_the_week_before_reads_what_was_then(datadog: DatadogStandIn, clock: Clock) -> None:
    """As the adapter asks for it: the same hour a week earlier, at the times that are asked about."""
    week, now = 7 * 86_400, int(clock.now)
    datadog.change("download", new_error_rate=1.0, old_error_rate=1.0)
    clock.forward(300)
    shifted = counts(datadog, bucketed(f"week_before({ERRORS})", 100), now, now + 300, 100)
    then = counts(datadog, bucketed(ERRORS, 100), now - week, now - week + 300, 100)
    assert shifted == {at + week: count for at, count in then.items()}
    assert sum(shifted.values()) < sum(counts(datadog, bucketed(ERRORS, 100), now, now + 300, 100).values()) / 10
    both = counts(datadog, f"week_before({ERRORS} + {ERRORS})", now, now + 300, 100)
    assert both == {at: 2 * count for at, count in shifted.items()}
