"""`rampart datadog`: one command wires a plan, says what it did, and shows no one the token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from local.datadog_standin.expression import Leaf, MetricQuery, evaluate
from local.datadog_standin.monitors import parse_monitor_query
from rampart.evidence.handles import webhooks_notified
from rampart.plan.model import Plan
from rampart.rollout.state import Status
from rampart_cli.datadog import guards
from rampart_cli.datadog.account import page_of
from rampart_cli.datadog.guards import guards_of
from rampart_cli.datadog.sync import guarding
from rampart_cli.datadog.target import Target, criterion_tags
from rampart_cli.datadog.wanted import ThingKind, wanted_of
from rampart_cli.failures import RefusedError, UnreachableError
from rampart_cli.monitors_line import NoPlaceError, with_monitors

from .conftest import PLAN, TOKEN, Terminal, live

RATE = PLAN["criteria"]["download error rate"]
EVERYONE = RATE | {"scope": "everyone", "baseline": "0.3%"}


def plan_with(criterion: dict[str, Any], **changes: Any) -> Plan:
    measured = RATE if criterion["kind"] == "reported" or criterion.get("on_fail") == "tell" else criterion
    return Plan.model_validate(PLAN | {"criteria": {"it": criterion, "measured": measured}} | changes)


def guard_of(criterion: dict[str, Any], **changes: Any) -> Any:
    return dict(guards_of(plan_with(criterion, **changes)))["it"]


@pytest.mark.parametrize(
    ("criterion", "query", "recovery"),
    [
        (EVERYONE, "sum(last_10m):( sum:errors{*}.as_count() / sum:requests{*}.as_count() ) * 100 > 8", 7.2),
        (
            EVERYONE | {"errors": "sum:a{*}.as_count() + sum:b{*}.as_count()"},
            "sum(last_10m):( ( sum:a{*}.as_count() + sum:b{*}.as_count() ) / sum:requests{*}.as_count() ) * 100 > 8",
            7.2,
        ),
        (
            {**EVERYONE, "below": None, "above": "99%"},
            "sum(last_120m):( sum:errors{*}.as_count() / sum:requests{*}.as_count() ) * 100 < 99",
            99.1,
        ),
        (
            {"kind": "count", "query": "sum:dead{*}.as_count()", "at_most": 10},
            "sum(last_5m):sum:dead{*}.as_count() > 10",
            9,
        ),
        (
            {"kind": "count", "query": "sum:dead{*}.as_count()", "at_most": 0},
            "sum(last_5m):sum:dead{*}.as_count() > 0",
            None,
        ),
        ({"kind": "value", "query": "avg:lag{*}", "below": 200, "for": "15m"}, "min(last_15m):avg:lag{*} >= 200", 180),
        ({"kind": "value", "query": "avg:free{*}", "above": 10, "for": "1h"}, "max(last_60m):avg:free{*} <= 10", 11),
    ],
)
def test_a_monitor_compares_as_the_plan_does(criterion: dict[str, Any], query: str, recovery: float | None) -> None:
    guard = guard_of({k: v for k, v in criterion.items() if v is not None})
    assert guard.query == query
    assert guard.recovery == (None if recovery is None else pytest.approx(recovery))


COMPARED = {
    "kind": "compare",
    "errors": "sum:e{p:new}.as_count()",
    "total": "sum:r{p:new}.as_count()",
    "control_errors": "sum:e{p:old}.as_count()",
    "control_total": "sum:r{p:old}.as_count()",
    "at_most": "2x",
    "baseline": "1%",
}


def test_a_comparison_is_guarded_by_the_ratio_of_both_rates() -> None:
    guard = guard_of(COMPARED)
    own = "( sum:e{p:new}.as_count() / sum:r{p:new}.as_count() )"
    control = "( sum:e{p:old}.as_count() / sum:r{p:old}.as_count() )"
    assert guard.query == f"sum(last_1440m):{own} / {control} > 2"  # five errors of 2% on 1% of 400 requests an hour
    assert guard.recovery == pytest.approx(1.8)
    assert guard.bar_text == "at most 2x the control's rate"
    assert not guard.silence_is_a_fault
    floored = guard_of(COMPARED | {"ignore_below": "0.5%"})
    assert floored.query == f"sum(last_1440m):{own} / clamp_min({control}, 0.0025) > 2"


@pytest.mark.parametrize(("own", "control", "alerts"), [(0.03, 0.01, True), (0.004, 0.001, False), (0.01, 0.01, False)])
def test_a_comparison_alerts_where_the_rate_is_above_both_of_its_bars(own: float, control: float, alerts: bool) -> None:
    """A ratio of four doesn't matter at 0.4%, where the plan ignores what is below 0.5%."""
    monitor = parse_monitor_query(guard_of(COMPARED | {"ignore_below": "0.5%"}).query)
    counts = {"e{p:new}": 1e5 * own, "r{p:new}": 1e5, "e{p:old}": 1e6 * control, "r{p:old}": 1e6}

    def value_of(leaf: Leaf) -> float:
        assert isinstance(leaf, MetricQuery)
        return counts[leaf.text.removeprefix("sum:").removesuffix(".as_count()")]

    value = evaluate(monitor.node, value_of)
    assert value is not None
    assert monitor.beyond(value, monitor.bar) is alerts


@pytest.mark.parametrize(
    ("traffic", "minutes"), [("400/hour", 10), ("4000/hour", 5), ("40/hour", 120), ("1/hour", 1440), (None, 5)]
)
def test_the_less_traffic_the_longer_is_the_window(traffic: str | None, minutes: int) -> None:
    """One error among three requests at night is 33%, and no reason to roll back."""
    assert f"last_{minutes}m" in guard_of(EVERYONE, traffic=traffic).query


def test_a_cohort_has_the_traffic_of_its_first_stage() -> None:
    assert "last_1440m" in guard_of(RATE).query


@pytest.mark.parametrize(
    ("criterion", "is_a_fault"),
    [
        (EVERYONE, True),
        (RATE, False),
        ({"kind": "count", "query": "sum:dead{*}.as_count()", "at_most": 0}, False),
        ({"kind": "value", "query": "avg:lag{*}", "below": 200}, True),
    ],
)
def test_silence_is_a_fault_where_something_must_be_measured(criterion: dict[str, Any], is_a_fault: bool) -> None:
    """At 0% no one is in a cohort, and a healthy service may have nothing to count."""
    assert guard_of(criterion).silence_is_a_fault is is_a_fault


def test_every_kind_that_is_measured_has_a_guard() -> None:
    """A new kind of criterion belongs into the table of guards, or among those that people report."""
    shapes = Plan.model_json_schema()["$defs"].values()
    kinds = {shape["properties"]["kind"]["const"] for shape in shapes if "kind" in shape.get("properties", {})}
    assert kinds > {"reported"}
    assert set(guards._GUARDS) == kinds - {"reported"}


def target(plan: Plan) -> Target:
    return Target.of(plan, stack="us-east-1/1/rampart", alert_url="https://x", token_version="v1")


def messages(plan: Plan) -> list[str]:
    return [each.body["message"] for each in wanted_of(plan, target(plan)) if each.kind is ThingKind.MONITOR]


def test_a_criterion_that_only_holds_calls_no_webhook() -> None:
    """The webhook rolls back, which the plan doesn't want for this one."""
    holding = plan_with(EVERYONE | {"on_fail": "hold"})
    assert [bool(webhooks_notified(each)) for each in messages(holding)] == [False, False]
    assert all(webhooks_notified(each) == ("webhook-rampart-letters",) for each in messages(plan_with(EVERYONE)))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"on_fail": "tell"}, "only tries this criterion out"),
        (
            {
                "blame": "flag_only",
                "control_errors": "sum:e{p:old}.as_count()",
                "control_total": "sum:r{p:old}.as_count()",
            },
            "first checks whether the old path fails too",
        ),
    ],
)
def test_an_alert_does_not_anticipate_what_the_plan_leaves_to_the_evidence(changes: dict[str, Any], says: str) -> None:
    """Its webhook would take down what is only tried out, or a flag that an outage of both paths isn't the fault of."""
    plan = plan_with(RATE | changes)
    message, *_ = messages(plan)
    assert webhooks_notified(message) == ()
    assert says in message
    assert not [name for name in guarding(plan, target(plan)) if name.endswith(": it")]


@pytest.mark.parametrize("name", ["@all", "{{/is_alert}}@pagerduty", "a {{#is_match}}"])
def test_a_criterions_name_notifies_no_one_and_opens_no_block(name: str) -> None:
    plan = Plan.model_validate(PLAN | {"owner": name, "criteria": {name: EVERYONE}})
    (message,) = messages(plan)
    assert webhooks_notified(message) == ("webhook-rampart-letters",)
    assert message.count("@") == 1
    assert message.count("{{") == 2


def test_criteria_that_would_be_tagged_alike_are_told_apart() -> None:
    tags = criterion_tags(["Error rate", "error rate", "latency", "…", "???"])
    assert len(set(tags.values())) == 5
    assert tags["latency"] == "criterion:latency"


@pytest.mark.parametrize(("first", "second"), [("a", "a-token"), ("rampart", "rampart-token"), ("x", "x-y")])
def test_no_variables_name_is_the_beginning_of_another(first: str, second: str) -> None:
    names = [target(plan_with(EVERYONE, rollout=each * 2)).variable for each in (first, second)]
    assert len(set(names)) == 2
    assert len({len(each) for each in names}) == 1
    assert all(set(each) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") for each in names)


@pytest.mark.parametrize(
    ("site", "page"),
    [
        ("ddog-gov.com", "https://app.ddog-gov.com/dashboard/x"),
        ("us2.ddog-gov.com", "https://us2.ddog-gov.com/dashboard/x"),
        ("datadoghq.com", "https://app.datadoghq.com/dashboard/x"),
        ("datadoghq.eu", "https://app.datadoghq.eu/dashboard/x"),
        ("us3.datadoghq.com", "https://us3.datadoghq.com/dashboard/x"),
    ],
)
def test_a_page_is_where_its_site_shows_it(site: str, page: str) -> None:
    assert page_of(site, "/dashboard/x") == page


# --- the commands ---


def test_a_dry_run_shows_everything_and_makes_nothing(terminal: Terminal, plan_file: Path) -> None:
    code, out, _ = terminal.run("datadog", "sync", str(plan_file), "--dry-run")
    assert code == 0
    assert "+ webhook rampart-letters" in out
    assert "+ monitor [Rampart] letters: download error rate" in out
    assert "4 to make, 0 to change, 0 to remove." in out
    assert not any(terminal.account.things.values())


def test_a_sync_makes_it_and_a_repeat_has_nothing_to_do(terminal: Terminal, plan_file: Path) -> None:
    code, made = terminal.run_json("datadog", "sync", str(plan_file))
    assert (code, made["applied"], made["monitors"]) == (0, True, [100])
    assert made["dashboard"] == "https://app.ddog-gov.com/dashboard/100"
    assert list(terminal.account.values.values()) == [TOKEN]
    code, out, _ = terminal.run("datadog", "sync", str(plan_file))
    assert (code, "Nothing to change: 4 things as the plan needs." in out) == (0, True)


def test_no_one_is_shown_the_token(terminal: Terminal, plan_file: Path) -> None:
    shown = [
        text
        for arguments in (["--dry-run"], ["--json"], [], ["--dry-run", "--json"])
        for text in terminal.run("datadog", "sync", str(plan_file), *arguments)[1:]
    ]
    assert len("".join(shown)) > 500
    assert TOKEN not in "".join(shown)


def test_the_monitors_are_written_into_the_plan_which_is_then_wired(terminal: Terminal, plan_file: Path) -> None:
    terminal.run("datadog", "sync", str(plan_file), "--write")
    assert yaml.safe_load(plan_file.read_text()) == PLAN | {"monitors": [100]}
    code, shown = terminal.run_json("plan", "check", str(plan_file), "--online")
    assert code == 0
    assert [each["code"] for each in shown["warnings"] if each["code"] in ("NotWired", "MonitorNotNamed")] == []


def test_monitors_that_are_not_written_are_told(terminal: Terminal, plan_file: Path) -> None:
    assert "monitors: [100]" in terminal.run("datadog", "sync", str(plan_file))[1]
    code, shown = terminal.run_json("plan", "check", str(plan_file), "--online")
    assert (code, "MonitorNotNamed" in [each["code"] for each in shown["warnings"]]) == (0, True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "monitor 4711 isn't renotified while it stays in alert"),
        (None, "monitor 4711 isn't renotified while it stays in alert"),
        ({"renotify_interval": 0}, "monitor 4711 isn't renotified while it stays in alert"),
        (
            {"renotify_interval": 10, "renotify_statuses": ["warn", "no data"]},
            "monitor 4711 is renotified for warn, no data, and not for alert",
        ),
        ({"renotify_interval": 10}, None),
        ({"renotify_interval": 10, "renotify_statuses": ["alert"]}, None),
    ],
)
def test_a_monitor_that_would_not_bring_a_lost_alert_again_is_told(
    terminal: Terminal, plan_file: Path, options: dict[str, Any] | None, told: str | None
) -> None:
    """Datadog gives up on a webhook after five tries; a monitor that isn't there is refused by the start itself."""
    plan_file.write_text(yaml.safe_dump(PLAN | {"monitors": [4711, 4712]}))
    terminal.account.things[ThingKind.MONITOR]["4711"] = {"id": 4711, "tags": [], "options": options}
    for command in (["plan", "check", "--online"], ["start", "--detach"]):
        code, shown = terminal.run_json(*command, str(plan_file))
        warnings = [each["message"] for each in shown["warnings"] if each["code"] == "MonitorSpeaksOnce"]
        assert (code, warnings) == (0, [told] if told else [])


def test_remove_leaves_nothing(terminal: Terminal, plan_file: Path) -> None:
    terminal.run("datadog", "sync", str(plan_file))
    code, out, _ = terminal.run("datadog", "remove", str(plan_file))
    assert (code, "0 made, 0 changed, 4 removed." in out) == (0, True)
    assert not any(terminal.account.things.values())
    assert "Nothing to remove." in terminal.run("datadog", "remove", str(plan_file))[1]


@pytest.mark.parametrize("status", [Status.LIVE, Status.HALTED])
def test_the_guards_of_a_live_rollout_are_not_removed(terminal: Terminal, plan_file: Path, status: Status) -> None:
    terminal.run("datadog", "sync", str(plan_file))
    terminal.records.states["letters"] = live(status=status)
    code, _, err = terminal.run("datadog", "remove", str(plan_file))
    assert (code, "rampart abandon letters" in err) == (1, True)
    assert all(terminal.account.things.values())


def test_a_start_says_what_is_not_wired_and_goes_on(terminal: Terminal, plan_file: Path) -> None:
    code, _, err = terminal.run("start", str(plan_file), "--detach")
    assert code == 0
    assert "there is no webhook 'rampart-letters'" in err
    assert len(terminal.machines.started) == 1


@pytest.mark.parametrize("failure", [RefusedError("no", fix="Ask."), UnreachableError("Datadog is down")])
def test_a_start_does_not_depend_on_datadog(
    terminal: Terminal, plan_file: Path, failure: RefusedError | UnreachableError
) -> None:
    terminal.no_datadog = failure
    code, shown = terminal.run_json("start", str(plan_file), "--detach")
    assert (code, [each["code"] for each in shown["warnings"]]) == (0, ["WiringUnknown"])
    assert terminal.run("plan", "check", str(plan_file), "--online")[0] == failure.exit_code


# --- the plan's file ---


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\ncriteria:\n  x: y\n", "a: 1\nmonitors: [7, 8]\ncriteria:\n  x: y\n"),
        ("monitors: [1]   # mine\ncriteria: {}\n", "monitors: [7, 8]   # mine\ncriteria: {}\n"),
        ("# monitors: [1]\ncriteria: {}\n", "# monitors: [1]\nmonitors: [7, 8]\ncriteria: {}\n"),
    ],
)
def test_one_line_is_written_and_nothing_else(before: str, after: str) -> None:
    assert with_monitors(before, [7, 8]) == after


@pytest.mark.parametrize("text", ["monitors:\n  - 1\ncriteria: {}\n", "{a: 1, criteria: {}}\n"])
def test_a_file_in_another_form_is_left_to_its_author(text: str) -> None:
    with pytest.raises(NoPlaceError):
        with_monitors(text, [7])
