"""`rampart doctor`: each thing that can be wrong with an installation is found, and told with what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import requests
from botocore.exceptions import ClientError

from rampart_cli.doctor.checks import CHECKS
from rampart_cli.doctor.installation import Alarm, FunctionFacts, LoggedError
from rampart_cli.doctor.subscribers import Subscriber

from .conftest import NOON, TOKEN, FakeInstallation, Terminal

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeAlarms")


def test_where_all_is_well_every_check_says_so_and_the_exit_code_is_zero(terminal: Terminal) -> None:
    code, told = terminal.run_json("doctor")
    assert (code, told["healthy"]) == (0, True)
    assert {line["check"] for line in told["checks"]} == CHECKS.keys()
    assert {line["health"] for line in told["checks"]} == {"ok"}
    code, out, _ = terminal.run("doctor")
    assert (code, "Rampart works." in out) == (0, True)


def _stopped(stack: FakeInstallation) -> None:
    stack.stack_status = "UPDATE_ROLLBACK_FAILED"


def _broken_function(stack: FakeInstallation) -> None:
    stack.functions["Evaluate"] = FunctionFacts("Failed", "its subnet is gone", "Successful", {})


def _stale_function(stack: FakeInstallation) -> None:
    stack.functions["Notify"] = FunctionFacts("Active", "the image is gone", "Failed", {})


def _no_address(stack: FakeInstallation) -> None:
    stack.functions["Prepare"] = FunctionFacts("Active", "", "Successful", {"FLIPPER_URL": "", "DATADOG_URL": ""})


def _no_flipper(stack: FakeInstallation) -> None:
    stack.unreached["flags"] = "Flipper answered 401 to GET /features/rampart_doctor: fix the credentials in its secret"


def _no_metrics(stack: FakeInstallation) -> None:
    stack.unreached["metrics"] = "refused_credentials: 403"


def _no_monitors(stack: FakeInstallation) -> None:
    stack.unreached["monitors"] = "Datadog answered 403"


def _no_role(stack: FakeInstallation) -> None:
    stack.unreached["cloudwatch"] = "refused_credentials: AWS (AssumeRole) answered AccessDenied"


def _no_prepare(stack: FakeInstallation) -> None:
    stack.unprepared = "FLIPPER_URL field required"


def _disabled(stack: FakeInstallation) -> None:
    stack.state_of_schedule = "DISABLED"


def _silent(stack: FakeInstallation) -> None:
    stack.ticks = 0


def _alarm(stack: FakeInstallation) -> None:
    stack.alarmed.append(Alarm("rampart-RollbackWaitingAlarm", "ALARM", "a flag may be up", NOON - timedelta(hours=3)))


def _no_alarms(stack: FakeInstallation) -> None:
    stack.alarmed.clear()


def _no_one(stack: FakeInstallation) -> None:
    stack.subscribed = [replace(each, is_confirmed=each.topic != "ActTopic") for each in stack.subscribed]


def _letters(stack: FakeInstallation) -> None:
    stack.queued["DeadLetters"] = 2


def _open_endpoint(stack: FakeInstallation) -> None:
    stack.answers[False] = 200


def _other_token(stack: FakeInstallation) -> None:
    stack.answers[True] = 401


def _busy_endpoint(stack: FakeInstallation) -> None:
    stack.answers[True] = 503


def _new_range(stack: FakeInstallation) -> None:
    stack.published = ("3.228.26.16/32", "52.192.175.207/32")


def _fast_clock(stack: FakeInstallation) -> None:
    stack.ahead = timedelta(minutes=6)


PROBLEMS: list[tuple[Callable[[FakeInstallation], None], str, str, str]] = [
    (_stopped, "stack", "UPDATE_ROLLBACK_FAILED", "make deploy"),
    (
        _broken_function,
        "functions",
        "evaluate is Failed, its last update Successful: its subnet",
        "make deploy",
    ),
    (_stale_function, "functions", "notify is Active, its last update Failed: the image is gone", "make deploy"),
    (_no_address, "functions", "prepare has no value for FLIPPER_URL", "parameters"),
    (_no_flipper, "outside", "the functions can't read Flipper's flags: Flipper answered 401", "FlipperUrl"),
    (_no_metrics, "outside", "the functions can't read Datadog's metrics: refused_credentials", "timeseries_query"),
    (_no_monitors, "outside", "the functions can't read Datadog's monitors: Datadog answered 403", "monitors_read"),
    (_no_role, "outside", "the functions can't read CloudWatch's metrics: refused_credentials", "CloudWatchRoleArn"),
    (_no_prepare, "outside", "prepare can't check Flipper and Datadog: FLIPPER_URL field required", "rampart-prepare"),
    (_disabled, "schedule", "the schedule is DISABLED: no rollout is being judged", "Enable"),
    (
        _silent,
        "schedule",
        "evaluate hasn't ticked in the last 10 minutes",
        "logs tail /aws/lambda/rampart-evaluate",
    ),
    (_alarm, "alarms", "RollbackWaitingAlarm is on for 3 hours: a flag may be up", "operating.md"),
    (_no_alarms, "alarms", "the stack has no alarms", "make deploy"),
    (_no_one, "subscribers", "No one gets notices: ActTopic has no confirmed subscriber", "NoticeEmail"),
    (_letters, "queues", "2 messages are in the dead-letter queue", "rampart dead-letters list"),
    (
        _open_endpoint,
        "endpoint",
        "answers 200 to a test notification without a token; it should answer 401",
        "rollback",
    ),
    (_other_token, "endpoint", "answers 401 to a test notification with the token; it should answer 200", "token"),
    (_busy_endpoint, "endpoint", "answers 503 to a test notification with the token", "rampart-rollback"),
    (
        _new_range,
        "ranges",
        "alerts from 52.192.175.207/32 are refused, and Datadog's webhooks come from there",
        "Set AlertSourceRanges to 3.228.26.0/25,3.228.27.7/32,52.192.175.207/32, and deploy",
    ),
    (_fast_clock, "clock", "this machine's clock is 6 minutes ahead of AWS's", "NTP"),
]


@pytest.mark.parametrize(("breaks", "check", "told", "fix"), PROBLEMS, ids=lambda each: getattr(each, "__name__", ""))
def test_what_is_wrong_is_told_with_its_fix_and_ends_with_one(
    terminal: Terminal, breaks: Callable[[FakeInstallation], None], check: str, told: str, fix: str
) -> None:
    breaks(terminal.installation)
    code, found = terminal.run_json("doctor")
    assert (code, found["healthy"]) == (1, False)
    bad = [line for line in found["checks"] if line["health"] == "problem"]
    assert {line["check"] for line in bad} == {check}
    assert told in bad[0]["message"]
    assert fix in bad[0]["fix"]


def test_every_check_has_a_wrong_case_here() -> None:
    assert {check for _, check, _, _ in PROBLEMS} == CHECKS.keys()


def _undone(stack: FakeInstallation) -> None:
    stack.stack_status = "UPDATE_ROLLBACK_COMPLETE"


def _deploying(stack: FakeInstallation) -> None:
    stack.stack_status = "UPDATE_IN_PROGRESS"


def _errors(stack: FakeInstallation) -> None:
    stack.failed["Evaluate"] = 3, LoggedError(NOON - timedelta(hours=5), "StoreError: the table is busy")


def _pending(stack: FakeInstallation) -> None:
    stack.subscribed.append(Subscriber("email", "second@example.gov", is_confirmed=False, topic="PageTopic"))


def _waiting(stack: FakeInstallation) -> None:
    stack.queued["RollbackQueue"] = 1


def _just_deployed(stack: FakeInstallation) -> None:
    stack.ticks, stack.scheduled = 0, NOON - timedelta(minutes=9)


@pytest.mark.parametrize(
    ("breaks", "check", "told"),
    [
        (_undone, "stack", "the last deployment failed and was undone"),
        (_deploying, "stack", "UPDATE_IN_PROGRESS"),
        (_errors, "functions", "3 times in the last 24 hours, last 5 hours ago: StoreError: the table is busy"),
        (_pending, "subscribers", "second@example.gov never confirmed"),
        (_waiting, "queues", "1 message is in the rollback queue"),
        (_just_deployed, "schedule", "the schedule is on, 9 minutes old, and no tick has been counted yet"),
    ],
)
def test_what_someone_should_look_at_is_a_warning_and_ends_with_zero(
    terminal: Terminal, breaks: Callable[[FakeInstallation], None], check: str, told: str
) -> None:
    breaks(terminal.installation)
    code, found = terminal.run_json("doctor")
    assert (code, found["healthy"]) == (0, True)
    (line,) = [line for line in found["checks"] if line["health"] == "warning"]
    assert line["check"] == check
    assert told in line["message"]
    assert line["fix"]


def _denied(stack: FakeInstallation) -> None:
    stack.failure = DENIED


def _secret_denied(stack: FakeInstallation) -> None:
    stack.token = None


def _elsewhere(stack: FakeInstallation) -> None:
    stack.answers = {False: 403, True: 403}


def _no_list(stack: FakeInstallation) -> None:
    stack.published = requests.ConnectionError()


def _no_network(stack: FakeInstallation) -> None:
    stack.answers = {False: requests.ConnectionError(), True: requests.ConnectionError()}


@pytest.mark.parametrize(
    ("breaks", "check", "told"),
    [
        (_denied, "alarms", "AWS answers AccessDenied to DescribeAlarms"),
        (_secret_denied, "endpoint", "secret 'rampart/alerts' cannot be read"),
        (_elsewhere, "endpoint", "only AlertSourceRanges may post"),
        (_no_network, "endpoint", "can't be reached from here: ConnectionError"),
        (_no_list, "ranges", "Datadog's address ranges can't be read from here: ConnectionError"),
    ],
)
def test_what_cannot_be_checked_is_no_good_news_and_keeps_no_other_check_from_running(
    terminal: Terminal, breaks: Callable[[FakeInstallation], None], check: str, told: str
) -> None:
    breaks(terminal.installation)
    code, found = terminal.run_json("doctor")
    assert (code, found["healthy"]) == (1, False)
    unknown = [line for line in found["checks"] if line["health"] == "unknown"]
    assert {line["check"] for line in unknown} == {check}
    assert told in unknown[0]["message"]
    assert unknown[0]["fix"]
    assert {line["check"] for line in found["checks"]} == CHECKS.keys()


def test_where_everyone_may_post_alerts_datadogs_ranges_are_not_asked_for(terminal: Terminal) -> None:
    terminal.installation.ranges, terminal.installation.published = ("0.0.0.0/0",), AssertionError()
    code, found = terminal.run_json("doctor")
    [line] = [line for line in found["checks"] if line["check"] == "ranges"]
    assert (code, line["health"]) == (0, "ok")
    assert "only the token" in line["message"]


def test_no_secret_is_ever_shown(terminal: Terminal) -> None:
    terminal.installation.answers[True] = 500
    for options in ((), ("--json",)):
        _, out, err = terminal.run("doctor", *options)
        assert TOKEN not in out + err


def test_status_and_list_say_loudly_that_no_one_is_told(terminal: Terminal) -> None:
    terminal.installation.subscribed.clear()
    for command in ("status", "list"):
        assert "No one gets notices: PageTopic and ActTopic have no" in terminal.run(command)[1]
    for topic in ("PageTopic", "ActTopic"):
        terminal.installation.subscribed.append(Subscriber("sqs", "queue", is_confirmed=True, topic=topic))
    assert "No one gets notices" not in terminal.run("status")[1]


def test_status_goes_on_where_the_subscribers_may_not_be_seen(terminal: Terminal) -> None:
    terminal.no_subscribers = DENIED
    code, out, _ = terminal.run("status")
    assert (code, "No one gets notices" in out) == (0, False)


def test_a_freeze_is_shown_also_where_no_rollout_is_live(terminal: Terminal) -> None:
    terminal.run("freeze", "--note", "an incident", "--by", "Ada")
    for command in ("status", "list"):
        assert "Ada froze every rollout" in terminal.run(command)[1]
