"""One local stack for the whole run: the real template, deployed by the real SAM CLI, with IAM enforced."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from local.claim_letters import compressed, scenario
from local.ministack import ROOT
from local.stack import LocalStack, running_stack, webhook
from rampart_cli.doctor.subscribers import TOPICS
from tests.e2e.rollouts import Rollout


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    with running_stack(scenario(), {}, retry_seconds=2.0, minute_seconds=1.0, looks_per_minute=60) as running:
        ended = threading.Event()
        threading.Thread(target=_tick, args=(running, ended), daemon=True).start()
        yield running
        ended.set()


def _tick(stack: LocalStack, ended: threading.Event) -> None:
    """Evaluate every second; what goes wrong shows in the tests, which wait for what a tick does."""
    while not ended.wait(1.0):
        with suppress(RuntimeError, OSError, BotoCoreError, ClientError):  # throttled, too
            stack.evaluate()


_numbers = itertools.count(1)


@pytest.fixture
def new_rollout(stack: LocalStack) -> Iterator[Callable[..., Rollout]]:
    """Make a rollout of the claim-letters plan with a flag of its own; keyword arguments replace parts of the plan.

    All are abandoned at the test's end: what lives on is looked at by every tick of the tests that follow.
    """
    made: list[Rollout] = []

    def make(**changes: Any) -> Rollout:
        name = f"letters-{next(_numbers)}"
        flag = name.replace("-", "_")
        stack.flipper.set_gates(flag, percentage_of_actors=0)
        plan = compressed(yaml.safe_load((ROOT / "events/claim-letters.yaml").read_text()))
        quick = {"lag": "1s", "stages": [{**stage, "hold": "5s"} for stage in plan["stages"]]}
        made.append(Rollout(stack, {**plan, **quick, "rollout": name, "flags": [flag], "monitors": [], **changes}))
        return made[-1]

    yield make
    for rollout in made:
        ending = {"cause": "abandon", "rollout": rollout.name, "by": "the test", "reason": "the test is over"}
        with suppress(RuntimeError, OSError, BotoCoreError, ClientError):  # throttled, too
            stack.invoke("RollbackFunction", ending)


@pytest.fixture(scope="session")
def notices(stack: LocalStack) -> Callable[[], list[dict[str, Any]]]:
    """Everything that the topics told so far, through a queue that is subscribed as a person's address would be."""
    sqs, sns = stack.ministack.client("sqs"), stack.ministack.client("sns")
    url = sqs.create_queue(QueueName="notices")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    for topic in TOPICS:
        raw = {"RawMessageDelivery": "true"}
        sns.subscribe(TopicArn=stack.outputs[f"{topic}Arn"], Protocol="sqs", Endpoint=arn, Attributes=raw)
    kept: list[dict[str, Any]] = []

    def read() -> list[dict[str, Any]]:
        while received := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in received:
                kept.append(message)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return kept

    return read


@pytest.fixture(scope="session")
def guarded(stack: LocalStack) -> Callable[[Rollout], str]:
    """Set up Datadog's webhook for a rollout's flags; its name."""

    def guard(rollout: Rollout) -> str:
        name = f"rampart-{rollout.name}"
        webhook(stack, name, ",".join(rollout.plan["flags"]))
        return name

    return guard
