"""The monitors of Datadog's stand-in move between their states, and their webhooks are delivered as Datadog does."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from local.datadog_standin import DatadogStandIn, MonitorState, Points, Scenario, Transition
from local.datadog_standin.webhooks import text_for
from local.exchange import HttpAnswer, Request
from local.faults import Fault, FaultKind
from local.flipper_standin import FlipperStandIn
from local.standin import StandIn, control
from tests.contract.conftest import ERRORS, FLAG, KEYS, START, TOTAL, Clock, WaitUntil, claim_letters

RATE = f"sum(last_1m):( {ERRORS} / {TOTAL} ) * 100 > 8"
PAYLOAD = {
    "transition": "$ALERT_TRANSITION",
    "monitor": "$ALERT_ID",
    "date": "$DATE",
    "cycle": "$ALERT_CYCLE_KEY",
    "rollout": "$TAGS[rollout]",
    "team": "$TEAM",
    "unknown": "$NOT_THERE",
    "message": "$EVENT_MSG",
    "title": "$EVENT_TITLE",
}


class Receiver(StandIn[list[tuple[dict[str, str], dict[str, str]]]]):
    """Takes webhooks, and keeps their headers and bodies."""

    def __init__(self) -> None:
        super().__init__([])

    def answer(self, request: Request) -> HttpAnswer:
        self.state.append((dict(request.headers), request.json()))
        return HttpAnswer(body={})

    def bodies(self) -> list[dict[str, str]]:
        return [body for _, body in self.state]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as stand_in:
        yield stand_in


@pytest.fixture
def datadog(flipper: FlipperStandIn, receiver: Receiver, clock: Clock) -> Iterator[DatadogStandIn]:
    """A Datadog whose webhook `rampart` goes to the receiver, with a secret token."""
    with DatadogStandIn(claim_letters(), flipper=flipper, tick_seconds=0, retry_seconds=0.01, clock=clock) as stand_in:
        clock.forward(1000)
        configuration = "/api/v1/integration/webhooks/configuration"
        for name, value, is_secret in (("RAMPART_TOKEN", "hush", True), ("TEAM", "blue", False)):
            post(stand_in, f"{configuration}/custom-variables", name=name, value=value, is_secret=is_secret)
        headers = json.dumps({"X-Rampart-Token": "$RAMPART_TOKEN"})
        hook = {"name": "rampart", "url": receiver.url + "/alerts/datadog", "payload": json.dumps(PAYLOAD)}
        post(stand_in, f"{configuration}/webhooks", custom_headers=headers, **hook)
        yield stand_in


def post(datadog: DatadogStandIn, path: str, **body: object) -> dict[str, Any]:
    answer = requests.post(datadog.url + path, json=body, headers=KEYS, timeout=10)
    answer.raise_for_status()
    made: dict[str, Any] = answer.json()
    return made


def monitor(
    datadog: DatadogStandIn, query: str = RATE, message: str = "Look! @webhook-rampart", **options: object
) -> int:
    options.setdefault("thresholds", {"critical": 8})
    body = {"name": "downloads", "type": "metric alert", "query": query, "message": message, "options": options}
    made: int = post(datadog, "/api/v1/monitor", tags=["rollout:Claim-Letters"], **body)["id"]
    return made


def after(datadog: DatadogStandIn, clock: Clock, seconds: float = 60) -> MonitorState:
    """Let time pass, look at the monitors, and wait until all is delivered."""
    clock.forward(seconds)
    datadog.tick()
    datadog.deliverer.wait()
    return next(iter(datadog.state.monitors.by_id.values())).state


def test_a_failing_flag_raises_the_alert_and_a_lowered_one_ends_it(
    flipper: FlipperStandIn, datadog: DatadogStandIn, receiver: Receiver, clock: Clock
) -> None:
    number = monitor(datadog)
    flipper.set_gates(FLAG, percentage_of_actors=50)
    assert after(datadog, clock) is MonitorState.OK
    datadog.change("download", new_error_rate=0.5)
    assert [after(datadog, clock) for _ in range(2)] == [MonitorState.ALERT] * 2
    flipper.set_gates(FLAG, percentage_of_actors=0)
    assert [after(datadog, clock) for _ in range(2)] == [MonitorState.OK] * 2

    triggered, recovered = receiver.bodies()
    assert triggered["transition"] == "Triggered"
    assert recovered["transition"] == "Recovered"
    assert triggered["cycle"] == recovered["cycle"] != ""
    assert triggered["monitor"] == str(number)
    assert triggered["title"] == "[Triggered] downloads"
    assert int(triggered["date"]) == (START + 1000 + 120) * 1000


def test_each_cycle_has_its_own_key(datadog: DatadogStandIn, receiver: Receiver, clock: Clock) -> None:
    monitor(datadog)
    for rate in (0.5, 0.0, 0.5):
        datadog.change("download", old_error_rate=rate)
        after(datadog, clock)
    first, recovered, second = (body["cycle"] for body in receiver.bodies())
    assert first == recovered != second


def test_variables_are_filled_in_and_unknown_ones_stay(
    datadog: DatadogStandIn, receiver: Receiver, clock: Clock
) -> None:
    """Tag values arrive in lower case; secret variables reach the header though no one can read them."""
    monitor(datadog, message='over "8%"\n@webhook-rampart')
    datadog.change("download", old_error_rate=0.5)
    after(datadog, clock)
    headers, body = receiver.state[0]
    assert (body["rollout"], body["team"], body["unknown"]) == ("claim-letters", "blue", "$NOT_THERE")
    assert body["message"] == 'over "8%"\n@webhook-rampart'
    assert headers["x-rampart-token"] == "hush"
    assert "hush" not in json.dumps(datadog.deliverer.shown() + datadog.requests[2:])


def test_only_the_blocks_of_a_transition_are_meant(datadog: DatadogStandIn, receiver: Receiver, clock: Clock) -> None:
    monitor(
        datadog, message="{{#is_alert}}@webhook-rampart{{/is_alert}} {{#is_recovery}}@webhook-no one{{/is_recovery}}"
    )
    for rate in (0.5, 0.0):
        datadog.change("download", old_error_rate=rate)
        after(datadog, clock)
    assert [body["transition"] for body in receiver.bodies()] == ["Triggered"]


def test_blocks_may_be_nested_and_negated() -> None:
    message = "{{#is_alert}}a{{#is_renotify}}b{{/is_renotify}}{{/is_alert}}{{^is_alert}}c{{/is_alert}}"
    wanted = {Transition.TRIGGERED: "a", Transition.RE_TRIGGERED: "ab", Transition.RECOVERED: "c", Transition.WARN: "c"}
    assert {transition: text_for(message, transition) for transition in wanted} == wanted


def test_a_warning_comes_before_the_alert(datadog: DatadogStandIn, receiver: Receiver, clock: Clock) -> None:
    monitor(datadog, thresholds={"critical": 30, "warning": 8}, query=RATE.replace("> 8", "> 30"))
    states = []
    for rate in (0.15, 0.6, 0.0):
        datadog.change("download", old_error_rate=rate)
        states.append(after(datadog, clock))
    assert states == [MonitorState.WARN, MonitorState.ALERT, MonitorState.OK]
    assert [body["transition"] for body in receiver.bodies()] == ["Warn", "Triggered", "Recovered"]


def test_an_alert_that_stays_is_told_again_after_the_interval(
    datadog: DatadogStandIn, receiver: Receiver, clock: Clock
) -> None:
    monitor(datadog, renotify_interval=10, renotify_statuses=["alert"])
    datadog.change("download", old_error_rate=0.5)
    for seconds in (60, 599, 1):
        after(datadog, clock, seconds)
    assert [body["transition"] for body in receiver.bodies()] == ["Triggered", "Re-Triggered"]


@pytest.mark.parametrize("is_told", [False, True])
def test_silence_is_shown_and_told_only_if_wanted(
    datadog: DatadogStandIn, receiver: Receiver, clock: Clock, is_told: bool
) -> None:
    monitor(datadog, notify_no_data=is_told)
    after(datadog, clock)
    datadog.change("download", per_second=0)
    assert after(datadog, clock) is MonitorState.NO_DATA
    datadog.change("download", per_second=20)
    assert after(datadog, clock) is MonitorState.OK
    assert [body["transition"] for body in receiver.bodies()] == (["No Data", "Recovered"] if is_told else [])


def test_the_window_ends_as_early_as_the_delay_says(datadog: DatadogStandIn, clock: Clock) -> None:
    monitor(datadog, evaluation_delay=60)
    datadog.change("download", old_error_rate=0.5)
    assert [after(datadog, clock) for _ in range(2)] == [MonitorState.OK, MonitorState.ALERT]


@pytest.mark.parametrize(("full", "state"), [(False, MonitorState.ALERT), (True, MonitorState.NO_DATA)])
def test_a_window_that_is_not_full_is_not_judged_when_a_full_one_is_wanted(
    datadog: DatadogStandIn, clock: Clock, full: bool, state: MonitorState
) -> None:
    newest = Points(metric="errors", points=[(START + 1050, 100.0)])
    datadog.scenario = Scenario(points=[newest])
    monitor(datadog, query="sum(last_1m):sum:errors{*}.as_count() > 8", require_full_window=full)
    assert after(datadog, clock) is state


def test_sums_are_taken_before_dividing(datadog: DatadogStandIn, clock: Clock) -> None:
    """10 of 10 once and 0 of 990 otherwise is 1%, not the mean of the buckets."""
    points = [(START + 1001, 10.0), (START + 1002, 990.0)]
    errors, total = Points(metric="e", points=points[:1]), Points(metric="t", points=points)
    datadog.scenario = Scenario(points=[errors, total])
    monitor(datadog, query="sum(last_1m):( sum:e{*}.as_count() / sum:t{*}.as_count() ) * 100 > 8")
    assert after(datadog, clock, 30) is MonitorState.OK


# --- silence ---


def mute(datadog: DatadogStandIn, number: int) -> None:
    post(datadog, f"/api/v1/monitor/{number}/mute")


def mute_another_scope(datadog: DatadogStandIn, number: int) -> None:
    post(datadog, f"/api/v1/monitor/{number}/mute", scope="env:staging")


def mute_until_just_now(datadog: DatadogStandIn, number: int) -> None:
    post(datadog, f"/api/v1/monitor/{number}/mute", end=int(datadog.clock()))


def downtime(datadog: DatadogStandIn, number: int) -> None:
    post(datadog, "/api/v1/downtime", scope="*", monitor_id=number)


def downtime_of_its_tag(datadog: DatadogStandIn, number: int) -> None:
    post(datadog, "/api/v1/downtime", scope=["env:eks-prod"], monitor_tags=["rollout:Claim-Letters"])


def downtime_of_others(datadog: DatadogStandIn, number: int) -> None:
    post(datadog, "/api/v1/downtime", scope="*", monitor_tags=["rollout:other"])
    post(datadog, "/api/v1/downtime", scope="*", monitor_id=number + 1)
    post(datadog, "/api/v1/downtime", scope="*", start=int(datadog.clock()) + 3600)


def draft(datadog: DatadogStandIn, number: int) -> None:
    body = {"draft_status": "draft"}
    requests.put(f"{datadog.url}/api/v1/monitor/{number}", json=body, headers=KEYS, timeout=10).raise_for_status()


@pytest.mark.parametrize(
    ("silence", "told"),
    [
        (mute, []),
        (downtime, []),
        (downtime_of_its_tag, []),
        (draft, []),
        (mute_another_scope, ["Triggered"]),
        (mute_until_just_now, ["Triggered"]),
        (downtime_of_others, ["Triggered"]),
    ],
)
def test_a_silent_monitor_turns_red_and_tells_nobody(
    datadog: DatadogStandIn,
    receiver: Receiver,
    clock: Clock,
    silence: Callable[[DatadogStandIn, int], None],
    told: list[str],
) -> None:
    silence(datadog, monitor(datadog))
    datadog.change("download", old_error_rate=0.5)
    assert after(datadog, clock) is MonitorState.ALERT
    assert [body["transition"] for body in receiver.bodies()] == told


def test_what_turned_red_in_silence_is_not_told_when_the_silence_is_over(
    datadog: DatadogStandIn, receiver: Receiver, clock: Clock
) -> None:
    number = monitor(datadog)
    scheduled = post(datadog, "/api/v1/downtime", scope="*", monitor_id=number)
    datadog.change("download", old_error_rate=0.5)
    after(datadog, clock)
    requests.delete(f"{datadog.url}/api/v1/downtime/{scheduled['id']}", headers=KEYS, timeout=10).raise_for_status()
    assert after(datadog, clock) is MonitorState.ALERT
    assert receiver.bodies() == []


# --- delivery ---


def alert(datadog: DatadogStandIn) -> list[int | None]:
    """Raise an alert by hand and tell the statuses of the attempts to deliver it (None: no answer)."""
    datadog.notify(monitor(datadog), Transition.TRIGGERED)
    datadog.deliverer.wait()
    assert datadog.deliverer.log[-1].done
    return [attempt.status for attempt in datadog.deliverer.log[-1].attempts]


def test_a_5xx_is_tried_again_until_it_works(datadog: DatadogStandIn, receiver: Receiver) -> None:
    receiver.faults.add(Fault(kind=FaultKind.STATUS, status=503, times=2))
    assert alert(datadog) == [503, 503, 200]
    assert datadog.deliverer.log[-1].delivered


def test_a_5xx_is_tried_again_five_times_and_no_more(datadog: DatadogStandIn, receiver: Receiver) -> None:
    receiver.faults.add(Fault(kind=FaultKind.STATUS, status=500))
    assert alert(datadog) == [500] * 6
    assert not datadog.deliverer.log[-1].delivered


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
def test_a_4xx_is_never_tried_again(datadog: DatadogStandIn, receiver: Receiver, status: int) -> None:
    receiver.faults.add(Fault(kind=FaultKind.STATUS, status=status))
    assert alert(datadog) == [status]


@pytest.mark.parametrize("kind", [FaultKind.REFUSE, FaultKind.LOST_ANSWER])
def test_a_dropped_connection_is_tried_again(datadog: DatadogStandIn, receiver: Receiver, kind: FaultKind) -> None:
    receiver.faults.add(Fault(kind=kind, times=1))
    assert alert(datadog) == [None, 200]


def test_a_refused_connection_is_tried_again(datadog: DatadogStandIn, receiver: Receiver) -> None:
    receiver.down()
    assert alert(datadog) == [None] * 6


def test_a_time_out_is_not_tried_again(datadog: DatadogStandIn, receiver: Receiver) -> None:
    assert datadog.deliverer.timeout_seconds == 15
    datadog.deliverer.timeout_seconds = 0.1
    receiver.faults.add(Fault(kind=FaultKind.HANG, seconds=60))
    assert alert(datadog) == [None]
    assert datadog.deliverer.log[-1].attempts[0].error == "timed out"


def test_a_slow_receiver_does_not_keep_the_monitors_from_being_looked_at(
    datadog: DatadogStandIn, receiver: Receiver, clock: Clock, wait_until: WaitUntil
) -> None:
    monitor(datadog)
    receiver.faults.add(Fault(kind=FaultKind.HANG, seconds=60, times=1))
    for rate in (0.5, 0.0):
        datadog.change("download", old_error_rate=rate)
        clock.forward(60)
        datadog.tick()
        wait_until(lambda: not receiver.faults.listing())  # the first delivery hangs
    wait_until(receiver.bodies)
    assert [body["transition"] for body in receiver.bodies()] == ["Recovered"]


def test_a_test_notification_is_really_sent_and_says_so(datadog: DatadogStandIn, receiver: Receiver) -> None:
    number = monitor(datadog)
    control(datadog.url, "POST", f"/monitors/{number}/notify", {"transition": "Triggered", "test": True})
    control(datadog.url, "POST", f"/monitors/{number}/notify", {"transition": "Renotify"})
    datadog.deliverer.wait()
    assert {body["title"] for body in receiver.bodies()} == {"[TEST] [Triggered] downloads", "[Renotify] downloads"}


def test_the_monitors_are_looked_at_by_themselves(flipper: FlipperStandIn, wait_until: WaitUntil, clock: Clock) -> None:
    with DatadogStandIn(claim_letters(), flipper=flipper, tick_seconds=0.01, clock=clock) as datadog:
        monitor(datadog)
        wait_until(lambda: control(datadog.url, "GET", "/monitors")[0]["overall_state"] == "OK")
    wait_until(lambda: "monitors" not in {thread.name for thread in threading.enumerate()})


def test_an_alert_with_a_recovery_threshold_goes_on_until_it_is_clearly_back(
    flipper: FlipperStandIn, datadog: DatadogStandIn, clock: Clock
) -> None:
    monitor(datadog, thresholds={"critical": 8, "critical_recovery": 5})
    flipper.set_gates(FLAG, percentage_of_actors=100)
    datadog.change("download", new_error_rate=0.2)
    assert [after(datadog, clock) for _ in range(2)][-1] is MonitorState.ALERT
    datadog.change("download", new_error_rate=0.065)
    assert [after(datadog, clock) for _ in range(2)] == [MonitorState.ALERT] * 2
    datadog.change("download", new_error_rate=0.01)
    assert [after(datadog, clock) for _ in range(2)][-1] is MonitorState.OK


def test_a_minute_lasts_as_long_as_it_is_told(flipper: FlipperStandIn, datadog: DatadogStandIn, clock: Clock) -> None:
    """With a minute of two seconds, a window of five minutes that ends a minute ago ends two seconds ago."""
    datadog.minute_seconds = 2
    query = f"sum(last_5m):{TOTAL} > 0"
    monitor(datadog, query, thresholds={"critical": 0}, evaluation_delay=60)
    assert after(datadog, clock, 1) is MonitorState.ALERT
    datadog.change("download", per_second=0)
    assert after(datadog, clock, 11) is MonitorState.ALERT
    assert after(datadog, clock, 2) is MonitorState.NO_DATA
