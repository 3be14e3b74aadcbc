"""What a plan needs in Datadog, made with the real client on the stand-in: once, kept up to date, and taken away."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest
import requests
import yaml

from local.datadog_standin import API_KEY, APP_KEY, DatadogStandIn
from local.faults import Fault, FaultKind
from local.ministack import ROOT
from rampart.adapters.datadog_api import DatadogApi
from rampart.plan.model import Plan
from rampart_cli.datadog.account import DatadogAccount
from rampart_cli.datadog.changes import Action
from rampart_cli.datadog.sync import SyncSteps, apply, changes_for, look, removals
from rampart_cli.datadog.target import Target
from rampart_cli.datadog.wanted import ThingKind
from rampart_cli.failures import CommandError, RefusedError, UnreachableError
from tests.doubles import FixedSecret

KEYS = {"DD-API-KEY": API_KEY, "DD-APPLICATION-KEY": APP_KEY}
TOKEN = "the-token-of-the-endpoint"
URL = "https://abc.execute-api.us-east-1.amazonaws.com/live/alerts/datadog"
STACK = "us-east-1/123456789012/rampart"


def plan_with(**changes: Any) -> Plan:
    document = yaml.safe_load((ROOT / "events/claim-letters.yaml").read_text())
    return Plan.model_validate({**document, **changes})


PLAN = plan_with()


@pytest.fixture
def datadog() -> Iterator[DatadogStandIn]:
    with DatadogStandIn(tick_seconds=0) as stand_in:
        yield stand_in


@pytest.fixture
def account(datadog: DatadogStandIn) -> DatadogAccount:
    return DatadogAccount(DatadogApi("", FixedSecret({"api_key": API_KEY, "app_key": APP_KEY}), url=datadog.url))


def target_of(plan: Plan = PLAN, *, stack: str = STACK, url: str = URL, version: str = "v1") -> Target:
    return Target.of(plan, stack=stack, alert_url=url, token_version=version)


def synced(account: DatadogAccount, plan: Plan = PLAN, target: Target | None = None) -> SyncSteps:
    target = target or target_of(plan)
    return apply(account, changes_for(plan, target, look(account, plan, target)), TOKEN)


def removed(account: DatadogAccount, plan: Plan = PLAN) -> SyncSteps:
    target = target_of(plan)
    return apply(account, removals(look(account, plan, target), target))


def everything(datadog: DatadogStandIn) -> dict[str, Any]:
    """All that the account holds, of whatever kind."""
    state = datadog.state
    return deepcopy(
        {
            "monitors": {number: monitor.body for number, monitor in state.monitors.by_id.items()},
            "webhooks": state.webhooks.hooks,
            "variables": state.webhooks.variables,
            "dashboards": state.dashboards.by_id,
        }
    )


def writes(datadog: DatadogStandIn) -> list[Mapping[str, Any]]:
    return [each for each in datadog.requests if each["method"] != "GET"]


def actions(changes: SyncSteps) -> list[tuple[Action, ThingKind]]:
    return [(step.action, step.kind) for step in changes.to_do]


def test_a_sync_makes_what_the_plan_needs(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    synced(account)

    monitors = [monitor.body for monitor in datadog.state.monitors.by_id.values()]
    assert [each["name"] for each in monitors] == [
        "[Rampart] claim-letters-lighthouse: index error rate",
        "[Rampart] claim-letters-lighthouse: download error rate",
    ]
    for each in monitors:
        assert {"managed_by:rampart", "rollout:claim-letters-lighthouse"} <= set(each["tags"])
        assert "{{#is_alert}}" in each["message"]
        assert "@webhook-rampart-claim-letters-lighthouse" in each["message"]
        assert each["options"]["renotify_statuses"] == ["alert"]
        assert each["options"]["notify_no_data"] is True
    assert monitors[1]["options"]["thresholds"]["critical"] == 8
    (hook,) = datadog.state.webhooks.hooks.values()
    assert hook["url"] == URL
    assert json.loads(hook["payload"])["flags"] == "cst_claim_letters_use_lighthouse_api_provider"
    (variable,) = datadog.state.webhooks.variables.values()
    assert variable == {"name": variable["name"], "value": TOKEN, "is_secret": True}
    assert json.loads(hook["custom_headers"])["X-Rampart-Token"] == f"${variable['name']}"
    (board,) = datadog.state.dashboards.by_id.values()
    graphs = [widget["definition"] for widget in board["widgets"] if widget["definition"]["type"] == "timeseries"]
    assert all(graph["events"] == [{"q": "tags:rollout:claim-letters-lighthouse"}] for graph in graphs)
    assert [graph["markers"][0]["value"] for graph in graphs if "markers" in graph] == ["y = 1", "y = 8"]


def test_a_second_sync_writes_nothing(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    synced(account)
    before = everything(datadog)
    datadog.requests.clear()

    again = synced(account)

    assert again.to_do == ()
    assert writes(datadog) == []
    assert everything(datadog) == before


def test_the_token_is_in_the_variable_and_nowhere_else(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    changes = synced(account)
    assert TOKEN not in json.dumps([step.to_dict() for step in changes.steps])
    assert TOKEN not in repr(changes)
    elsewhere = everything(datadog) | {"variables": {}}
    assert TOKEN not in json.dumps(elsewhere)


def test_remove_takes_away_what_was_made_and_nothing_else(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    api = f"{datadog.url}/api/v1"
    theirs = {"type": "metric alert", "name": "theirs", "query": "avg(last_5m):avg:system.load.1{*} > 4"}
    requests.post(
        f"{api}/monitor", json=theirs | {"tags": ["rollout:claim-letters-lighthouse"]}, headers=KEYS, timeout=10
    )
    board = {"title": "theirs", "layout_type": "ordered", "widgets": []}
    requests.post(f"{api}/dashboard", json=board, headers=KEYS, timeout=10)
    hook = {"name": "rampart-by-hand", "url": URL}
    requests.post(f"{api}/integration/webhooks/configuration/webhooks", json=hook, headers=KEYS, timeout=10)
    before = everything(datadog)

    synced(account)
    assert everything(datadog) != before
    removed(account)

    assert everything(datadog) == before
    assert removed(account).to_do == ()


def test_a_changed_plan_changes_what_it_touches(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    synced(account)
    ids = set(datadog.state.monitors.by_id)
    stricter = plan_with(criteria=document_criteria() | stricter_download())

    changes = synced(account, stricter)

    assert actions(changes) == [(Action.UPDATE, ThingKind.MONITOR), (Action.UPDATE, ThingKind.DASHBOARD)]
    assert set(datadog.state.monitors.by_id) == ids
    fields = [each.field for each in changes.to_do[0].differences]
    assert {"query", "options.thresholds.critical"} <= set(fields)


def document_criteria() -> dict[str, Any]:
    criteria: dict[str, Any] = yaml.safe_load((ROOT / "events/claim-letters.yaml").read_text())["criteria"]
    return criteria


def stricter_download() -> dict[str, Any]:
    return {"download error rate": document_criteria()["download error rate"] | {"below": "5%"}}


def test_a_criterion_that_the_plan_no_longer_has_loses_its_monitor(
    account: DatadogAccount, datadog: DatadogStandIn
) -> None:
    synced(account)
    fewer = plan_with(criteria={k: v for k, v in document_criteria().items() if k != "index error rate"})

    changes = synced(account, fewer)

    assert (Action.DELETE, ThingKind.MONITOR) in actions(changes)
    assert [each.body["name"] for each in datadog.state.monitors.by_id.values()] == [
        "[Rampart] claim-letters-lighthouse: download error rate"
    ]


def test_what_people_set_themselves_stays(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    synced(account)
    monitor = next(iter(datadog.state.monitors.by_id.values())).body
    monitor["tags"].append("team:letters")
    monitor["priority"] = 2
    monitor["options"]["timeout_h"] = 24
    assert synced(account).to_do == ()
    monitor["message"] = "edited"

    changes = synced(account)

    assert [each.field for each in changes.to_do[0].differences] == ["message"]
    assert "team:letters" in monitor["tags"]
    assert (monitor["priority"], monitor["options"]["timeout_h"]) == (2, 24)


def test_a_new_token_goes_to_the_variable_once(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    synced(account)
    rotated = target_of(version="v2")

    changes = apply(account, changes_for(PLAN, rotated, look(account, PLAN, rotated)), "the-next-token")

    assert actions(changes) == [(Action.UPDATE, ThingKind.VARIABLE), (Action.UPDATE, ThingKind.WEBHOOK)]
    (variable,) = datadog.state.webhooks.variables.values()
    assert variable["value"] == "the-next-token"
    assert synced(account, target=rotated).to_do == ()


def test_a_webhook_that_a_person_made_well_is_left_and_used(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    synced(account)
    (made,) = (dict(each) for each in datadog.state.webhooks.hooks.values())
    removed(account)
    by_hand = made | {"custom_headers": json.dumps({"X-Rampart-Token": "$RAMPART_TOKEN"})}
    datadog.state.webhooks.hooks[made["name"]] = by_hand

    changes = synced(account)

    assert datadog.state.webhooks.hooks == {made["name"]: by_hand}
    assert not datadog.state.webhooks.variables
    assert any("stays as it is" in note for note in changes.notes)
    removed(account)
    assert datadog.state.webhooks.hooks == {made["name"]: by_hand}


@pytest.mark.parametrize("field", ["url", "payload", "custom_headers"])
def test_a_webhook_that_a_person_made_otherwise_is_refused_before_anything_is_made(
    account: DatadogAccount, datadog: DatadogStandIn, field: str
) -> None:
    name = target_of().webhook
    synced(account)
    hook = datadog.state.webhooks.hooks[name] | {"custom_headers": json.dumps({"X-Rampart-Token": "$MINE"})}
    removed(account)
    datadog.state.webhooks.hooks[name] = hook | {field: "https://elsewhere" if field == "url" else "{}"}
    before = everything(datadog)

    with pytest.raises(RefusedError, match="wasn't made by"):
        synced(account)

    assert everything(datadog) == before


def test_two_plans_do_not_fight_over_a_webhook(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    """Both would write their flags into its payload, in turns, and each alert would roll back the wrong flags."""
    first, second = plan_with(webhook="rampart-letters"), plan_with(rollout="other", webhook="rampart-letters")
    synced(account, first)
    before = everything(datadog)

    with pytest.raises(RefusedError, match="was made for us-east-1/123456789012/rampart/claim-letters-lighthouse"):
        synced(account, second)

    assert everything(datadog) == before


def test_two_plans_and_two_stacks_live_side_by_side(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    other = plan_with(rollout="claim-letters-lighthouse-2")
    staging = target_of(plan_with(webhook="rampart-staging"), stack="us-east-1/123456789012/rampart-staging")
    synced(account)
    synced(account, other)
    synced(account, plan_with(webhook="rampart-staging"), staging)
    assert len(datadog.state.monitors.by_id) == 6
    assert len(datadog.state.webhooks.variables) == 3
    assert [synced(account).to_do, synced(account, other).to_do] == [(), ()]

    removed(account)

    assert len(datadog.state.monitors.by_id) == 4
    assert synced(account, other).to_do == ()
    assert synced(account, plan_with(webhook="rampart-staging"), staging).to_do == ()


def test_a_webhook_of_another_name_leaves_no_old_one_behind(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    named = plan_with(webhook="rampart-letters")
    synced(account, named)
    renamed = plan_with(webhook="rampart-claims")

    synced(account, renamed)

    assert set(datadog.state.webhooks.hooks) == {"rampart-claims"}
    assert synced(account, renamed).to_do == ()


def test_a_copy_of_a_monitor_is_told_and_left(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    """A copy that someone makes in Datadog keeps its original's tags; it isn't Rampart's to change or remove."""
    synced(account)
    original = next(iter(datadog.state.monitors.by_id.values())).body
    api = f"{datadog.url}/api/v1/monitor"
    wanted = {key: original[key] for key in ("type", "query", "tags")} | {"name": "my copy", "message": "mine"}
    copy = requests.post(api, json=wanted, headers=KEYS, timeout=10).json()

    again = synced(account)
    gone = removed(account)

    assert again.to_do == ()
    assert f"monitor {copy['id']}" in again.notes[0]
    assert list(datadog.state.monitors.by_id) == [copy["id"]]
    assert gone.notes == again.notes


def test_what_is_gone_is_made_again(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    synced(account)
    before = everything(datadog)
    for name in list(datadog.state.webhooks.variables):
        del datadog.state.webhooks.variables[name]
    datadog.state.dashboards.by_id.clear()

    changes = synced(account)

    assert actions(changes) == [(Action.CREATE, ThingKind.VARIABLE), (Action.CREATE, ThingKind.DASHBOARD)]
    assert everything(datadog)["variables"] == before["variables"]


@pytest.mark.parametrize("nth", range(5))
def test_a_sync_that_broke_off_goes_on_where_it_was(account: DatadogAccount, datadog: DatadogStandIn, nth: int) -> None:
    """The answer to one write is lost: what it made is found again, and nothing is made twice."""
    writes_only = Fault(kind=FaultKind.LOST_ANSWER, method="POST", after=nth, times=1)
    datadog.faults.add(writes_only)
    with pytest.raises(UnreachableError):
        synced(account)

    synced(account)

    assert len(datadog.state.monitors.by_id) == 2
    assert len(datadog.state.webhooks.hooks) == len(datadog.state.webhooks.variables) == 1
    assert len(datadog.state.dashboards.by_id) == 1
    assert synced(account).to_do == ()


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (Fault(kind=FaultKind.STATUS, status=403, method="GET"), "DatadogCredentialsRefused"),
        (Fault(kind=FaultKind.STATUS, status=400, method="POST", body={"errors": ["no"]}), "DatadogRefused"),
        (Fault(kind=FaultKind.STATUS, status=429, method="GET"), "DatadogUnreachable"),
        (Fault(kind=FaultKind.REFUSE), "DatadogUnreachable"),
        (Fault(kind=FaultKind.MALFORMED_BODY, method="GET"), "DatadogUnreachable"),
    ],
)
def test_a_datadog_that_does_not_answer_is_an_error_in_words(
    account: DatadogAccount, datadog: DatadogStandIn, fault: Fault, name: str
) -> None:
    datadog.faults.add(fault)
    with pytest.raises(CommandError) as failed:
        synced(account)
    assert failed.value.name == name
    assert failed.value.fix


def test_more_monitors_than_a_page_holds_are_all_seen(account: DatadogAccount, datadog: DatadogStandIn) -> None:
    """Datadog lists a hundred at a time; one that was overlooked would be made a second time."""
    for _ in range(120):
        other = {
            "type": "query alert",
            "name": "x",
            "query": "avg(last_5m):avg:a{*} > 4",
            "tags": list(target_of().tags),
        }
        datadog.state.monitors.create(other, 0)
    for _ in range(120):
        datadog.state.dashboards.put({"title": "x", "layout_type": "ordered", "widgets": []}, 0)
    synced(account)
    assert synced(account).to_do == ()
