"""The last of the end-to-end tests: nothing that the whole run wrote anywhere holds a token or a key."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from local.stack import LocalStack
from rampart.rollout.event import EventKind
from rampart.rollout.state import Status
from tests.e2e.rollouts import Rollout, eventually

Written = Iterator[tuple[str, str]]
"""Where something was written, and its text."""


@pytest.fixture
def bus_events(stack: LocalStack) -> Callable[[], list[str]]:
    """Everything that has come over the event bus since, however often it is asked."""
    sqs, events = stack.ministack.client("sqs"), stack.ministack.client("events")
    url = sqs.create_queue(QueueName="bus-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    bus, pattern = stack.outputs["BusName"], json.dumps({"source": ["rampart"]})
    events.put_rule(Name="everything", EventBusName=bus, EventPattern=pattern)
    events.put_targets(Rule="everything", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    told: dict[str, str] = {}  # what was received is hidden for a while

    def all_so_far() -> list[str]:
        told.update(messages(stack, url))
        return list(told.values())

    return all_so_far


def leaks(seen: Mapping[str, Sequence[tuple[str, str]]], secrets: Mapping[str, str]) -> set[tuple[str, str, str]]:
    """Where which secret stands."""
    return {
        (place, where, name)
        for place, texts in seen.items()
        for where, text in texts
        for name, secret in secrets.items()
        if secret in text
    }


def test_nothing_that_was_written_holds_a_token_or_a_key(
    stack: LocalStack,
    new_rollout: Callable[..., Rollout],
    notices: Callable[[], list[dict[str, Any]]],
    bus_events: Callable[[], list[str]],
) -> None:
    """One more rollout with all that may go wrong, so that this test says something when it runs alone too.

    What is told while no one listens yet (bus, topic) is made of events that the table keeps. A message that the queue
    gave up already was the request that `rollback` logs as `asked`.
    """
    rollout, answers = a_rollout_that_goes_wrong(stack, new_rollout)
    events = rollout.store.events(rollout.name)
    keys = set(events)
    mailed = {key for key, event in events.items() if event.kind is not EventKind.VERDICT_CHANGED}

    def all_told() -> list[str]:
        told = bus_events()
        return told if all(any(key in text and rollout.name in text for text in told) for key in keys) else []

    told = eventually(all_told, "every event on the bus")
    eventually(lambda: mailed <= {key for key in mailed for n in notices() if key in n["Body"]}, "every notice")
    wrote = {
        "the endpoint's answers": iter(answers),
        "the table": table_items(stack),
        "the logs": log_lines(stack),
        "the executions": executions(stack),
        "the queues": (
            m for name in ("RollbackQueueUrl", "DeadLettersUrl") for m in messages(stack, stack.outputs[name])
        ),
        "the notices": ((str(number), json.dumps(notice)) for number, notice in enumerate(notices())),
        "the bus": (("bus", text) for text in told),
        "Datadog's events": (("datadog", json.dumps(event)) for event in stack.datadog.state.events.posted),
        "the stack": settings(stack),
    }
    seen = {place: list(texts) for place, texts in wrote.items()}
    assert leaks(seen, secrets_of(stack)) == set()
    asked = [text for _, text in seen["the logs"] if '"asked"' in text and f'"{rollout.flag}"' in text]
    assert asked, "what was asked of `rollback` is in its log, as it would be in its queue"
    empty = {place for place, texts in seen.items() if not texts}
    assert empty <= {"the queues"}, "a place where nothing was found shows nothing"


def test_the_search_finds_what_is_there(stack: LocalStack) -> None:
    """What is looked for is what is used: the secrets' own store holds all of it."""
    vault = stack.ministack.client("secretsmanager")
    kept = [vault.get_secret_value(SecretId=name)["SecretString"] for name in SECRETS]

    assert stack.alert_token in secrets_of(stack).values()
    plain = {name: secret for name, secret in secrets_of(stack).items() if "base64" not in name}
    assert all(any(secret in text for text in kept) for secret in plain.values())


def test_nobody_is_shown_a_task_token(stack: LocalStack) -> None:
    """Who has one can answer a gate without `decision`: it is in no input or output that the console shows."""
    tokens = [item["token"]["S"] for item in scan(stack) if item["sk"]["S"] == "GATE" and "token" in item]

    shown = [(where, text) for where, text in executions(stack) if "/shown/" in where]

    assert tokens
    assert shown
    assert [where for where, text in shown for token in tokens if token in text] == []


def a_rollout_that_goes_wrong(
    stack: LocalStack, new_rollout: Callable[..., Rollout]
) -> tuple[Rollout, list[tuple[str, str]]]:
    """Every kind of answer of the endpoint, and every kind of event that a stranger or a person may bring about."""
    rollout = new_rollout()
    rollout.start()
    rollout.at(1)
    alert, token = rollout.alert(), stack.alert_token
    sent = {
        "a wrong token": stack.post_alert(alert, token=f"{token}x"),
        "a token without its end": stack.post_alert(alert, token=token[:-1]),
        "no transition": stack.post_alert({**alert, "transition": token[::-1]}),
        "no flag": stack.post_alert({**alert, "flags": "$FLAGS"}),
        "no JSON": stack.post_alert("{"),
        "a recovery": stack.post_alert({**alert, "transition": "Recovered"}),
        "a test": stack.post_alert({**alert, "title": "[TEST] down"}),
        "another's flag": rollout.alerted(flags="letters_of_nobody"),
    }
    stack.flipper.set_gates(rollout.flag, percentage_of_actors=1, actors=["tester@example.gov"])
    sent["an alert"] = rollout.alerted()
    rollout.ended(Status.ROLLED_BACK)
    sent["the same again"] = rollout.alerted()
    statuses = {name: answer.status_code for name, answer in sent.items()}
    assert list(statuses.values()) == [401, 401, 400, 400, 400, 200, 200, 200, 200, 200], statuses
    assert rollout.decide(decision="resume", stage=0, note="fixed")["status"] == "SUCCEEDED"
    rollout.at(1)
    assert rollout.decide(decision="roll_back", note="blank letters")["status"] == "SUCCEEDED"
    assert rollout.decide(decision="abandon", note="not now")["status"] == "SUCCEEDED"
    rollout.ended(Status.ABANDONED)
    seen = {event.kind for event in rollout.store.events(rollout.name).values()}
    assert {
        EventKind.STARTED,
        EventKind.ADVANCED,
        EventKind.ROLLED_BACK,
        EventKind.RESUMED,
        EventKind.ABANDONED,
    } <= seen
    return rollout, [(name, f"{answer.headers} {answer.text}") for name, answer in sent.items()]


SECRETS = ("rampart/flipper", "rampart/datadog", "rampart/alerts")


def secrets_of(stack: LocalStack) -> dict[str, str]:
    """Every token and key by a name that may be shown, plain and as a basic credential would carry it."""
    vault = stack.ministack.client("secretsmanager")
    found = {"alerts/first": stack.alert_token}
    for secret in SECRETS:
        content = json.loads(vault.get_secret_value(SecretId=secret)["SecretString"])
        found |= {f"{secret}/{name}": value for name, value in content.items()}
    return found | {f"{name} in base64": base64.b64encode(value.encode()).decode() for name, value in found.items()}


def scan(stack: LocalStack) -> list[dict[str, Any]]:
    pages = stack.ministack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["TableName"])
    return [item for page in pages for item in page["Items"]]


def table_items(stack: LocalStack) -> Written:
    for item in scan(stack):
        unpacked = {
            name: zlib.decompress(bytes(value["B"])).decode() if "B" in value else value for name, value in item.items()
        }
        yield f"{item['pk']['S']} {item['sk']['S']}", json.dumps(unpacked)


def log_lines(stack: LocalStack) -> Written:
    """What every function logged, to its end: MiniStack answers with the first 10,000 lines and no next page."""
    logs = stack.ministack.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        name, since, seen = group["logGroupName"], 0, set[tuple[str, str]]()
        while page := logs.filter_log_events(logGroupName=name, startTime=since)["events"]:
            lines = {(event["logStreamName"], event["message"]) for event in page} - seen
            if not lines:
                break
            yield from ((name, message) for _, message in lines)
            since, seen = page[-1]["timestamp"], seen | lines


def executions(stack: LocalStack) -> Written:
    """What executions were given, gave and did; what people look at first is `shown`."""
    machines = stack.machines
    for machine in ("RolloutMachine", "DecisionMachine"):
        listed = machines.get_paginator("list_executions").paginate(stateMachineArn=stack.outputs[machine])
        for execution in (each for page in listed for each in page["executions"]):
            arn = execution["executionArn"]
            described = machines.describe_execution(executionArn=arn)
            yield f"{arn}/shown/description", json.dumps(described, default=str)
            for page in machines.get_paginator("get_execution_history").paginate(executionArn=arn):
                for event in page["events"]:
                    shown = event["type"].endswith(("StateEntered", "StateExited"))
                    yield f"{arn}{'/shown' if shown else ''}/{event['type']}", json.dumps(event, default=str)


def messages(stack: LocalStack, url: str) -> Written:
    """What waits in a queue; it stays there."""
    sqs = stack.ministack.client("sqs")
    seen: dict[str, str] = {}
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=5).get("Messages"):
        if all(message["MessageId"] in seen for message in found):
            break
        seen |= {message["MessageId"]: json.dumps(message) for message in found}
    return iter(seen.items())


def settings(stack: LocalStack) -> Written:
    """Parameters, outputs and template, and what every function has in its environment."""
    clouds = stack.ministack.client("cloudformation")
    yield "stack", json.dumps(clouds.describe_stacks(StackName="rampart"), default=str)
    yield "template", json.dumps(clouds.get_template(StackName="rampart"), default=str)
    for function in stack.ministack.client("lambda").list_functions()["Functions"]:
        yield function["FunctionName"], json.dumps(function, default=str)
