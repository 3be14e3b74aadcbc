"""Outside systems that fail for a while, through the deployed stack: nothing passes, nothing is lost, it goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from local.faults import Fault, FaultKind
from local.stack import LocalStack
from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EventKind
from rampart.rollout.gate import GateKind
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.state import Status
from rampart_cli.dead_letters import DeadLetters, Letter, LetterKind, letter_of
from tests.e2e.rollouts import Rollout, eventually

NewRollout = Callable[..., Rollout]
TWO_STAGES = [{"percent": 1, "hold": "5s"}, {"percent": 100, "hold": "5s"}]


@pytest.fixture(autouse=True)
def _well_again(stack: LocalStack, new_rollout: NewRollout) -> Iterator[None]:
    """Before rollouts are abandoned: that too needs Flipper."""
    yield
    stack.flipper.faults.clear()
    stack.datadog.faults.clear()


def flipper_refuses(rollout: Rollout) -> None:
    fault = Fault(kind=FaultKind.STATUS, status=503, path=rf"/features/{rollout.flag}(/|$)")
    rollout.stack.flipper.faults.add(fault)


def test_a_rollback_that_flipper_refuses_completes_when_flipper_is_back(
    new_rollout: NewRollout, stack: LocalStack
) -> None:
    """Seconds stand for minutes, as everywhere here: each tick calls it again, for as long as the flag is up."""
    rollout = new_rollout()
    execution = rollout.start()
    rollout.at(1)
    flipper_refuses(rollout)

    answer = stack.post_alert(rollout.alert())

    assert answer.status_code == 503, "Datadog sends it again"
    rollout.ended(Status.HALTED)
    [told] = rollout.events(EventKind.ROLLING_BACK)
    assert "not yet confirmed at 0%" in told.message
    assert rollout.execution_end(execution)["error"] == "RolledBack", "no advance can come any more"
    assert kept_requests(stack) >= 1, "the queue keeps it"
    assert rollout.percentage == 1

    stack.flipper.faults.clear()

    rollout.ended(Status.ROLLED_BACK)
    assert rollout.percentage == 0
    [done] = rollout.events(EventKind.ROLLED_BACK)
    assert "is at 0% (verified)" in done.message
    assert len(rollout.events(EventKind.ROLLING_BACK)) == 1


def kept_requests(stack: LocalStack) -> int:
    """How many rollbacks the queue keeps."""
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    found = stack.ministack.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs["RollbackQueueUrl"], AttributeNames=names
    )
    return sum(int(found["Attributes"][name]) for name in names)


def test_a_rollback_that_only_the_queue_remembers_is_done(new_rollout: NewRollout, stack: LocalStack) -> None:
    """Anyone who was asked first was cut off before the flag was down."""
    rollout = new_rollout()
    rollout.start()
    state = rollout.at(1)
    request = RollbackRequest(
        cause=Cause.ALERT, reason="kept", flags=(rollout.flag,), asked_at=state.updated, queued=True
    )

    stack.ministack.client("sqs").send_message(
        QueueUrl=stack.outputs["RollbackQueueUrl"], MessageBody=request.model_dump_json()
    )

    rollout.ended(Status.ROLLED_BACK)
    assert rollout.percentage == 0


def test_what_lambda_gave_up_is_shown_in_words_and_done_again_by_hand(
    new_rollout: NewRollout, stack: LocalStack
) -> None:
    """What comes again anyway is not kept; a call that someone made by hand comes once."""
    rollout = new_rollout()
    execution = rollout.start()
    state = rollout.at(1)
    flipper_refuses(rollout)
    request = RollbackRequest(
        cause=Cause.PERSON,
        reason="too many errors",
        rollout=rollout.name,
        attempt=1,
        execution=execution,
        asked_at=state.updated,
    )

    functions, alias = stack.ministack.client("lambda"), stack.outputs["RollbackFunction"]
    name = alias.removesuffix(":live")
    # The local CloudFormation leaves out what becomes of failed calls; the template says it. One try shows it all.
    functions.update_function_configuration(FunctionName=name, DeadLetterConfig={"TargetArn": dead_letters_arn(stack)})
    functions.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=request.model_dump_json())

    about = f"roll back {rollout.name} (person): too many errors"

    def ours() -> list[Letter]:
        """Ticks call for the halted rollout too, and are given up like this one."""
        return [letter for letter in letters_about(stack, rollout) if letter.about == about]

    [letter] = eventually(ours, "the dead letter")
    assert letter.kind is LetterKind.ROLLBACK

    stack.flipper.faults.clear()
    redriven = dead_letters(stack).redrive(letter, rollout.store, [])

    assert (redriven.done, redriven.told) == (True, "rollback answers: rolled_back")
    assert ours() == []
    assert rollout.percentage == 0


def dead_letters(stack: LocalStack) -> DeadLetters:
    """What `rampart dead-letters` shows and does again."""
    return DeadLetters(
        queue_url=stack.outputs["DeadLettersUrl"],
        rollback_function=stack.outputs["RollbackFunction"],
        sqs=stack.ministack.client("sqs"),
        functions=stack.ministack.client("lambda"),
    )


def dead_letters_arn(stack: LocalStack) -> str:
    found = stack.ministack.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs["DeadLettersUrl"], AttributeNames=["QueueArn"]
    )
    return str(found["Attributes"]["QueueArn"])


def letters_about(stack: LocalStack, rollout: Rollout) -> list[Letter]:
    """The dead letters about a rollout; the local AWS wraps each as for a destination, where AWS keeps the event."""
    found = stack.ministack.client("sqs").receive_message(
        QueueUrl=stack.outputs["DeadLettersUrl"],
        MaxNumberOfMessages=10,
        VisibilityTimeout=0,
        MessageSystemAttributeNames=["SentTimestamp"],
    )
    letters = []
    for message in found.get("Messages", []):
        body = json.loads(message["Body"])
        message["Body"] = json.dumps(body.get("requestPayload", body))
        letters.append(letter_of(message))
    return [letter for letter in letters if rollout.name in letter.about]


def datadog_fails(stack: LocalStack) -> None:
    stack.datadog.faults.add(Fault(kind=FaultKind.STATUS, status=503, path="timeseries"))


def blinded(rollout: Rollout) -> datetime:
    """Wait until an evaluation could not see anything; when that was."""
    state = rollout.until("an error", lambda s: s.latest is not None and s.latest.verdict is Verdict.ERROR)
    assert state.latest is not None
    return state.latest.at


def test_while_datadog_is_down_nothing_passes_and_nobody_is_asked(new_rollout: NewRollout, stack: LocalStack) -> None:
    rollout = new_rollout(stages=[{"percent": 1, "hold": "15s"}, {"percent": 100, "hold": "1s"}])
    rollout.start()
    standing = rollout.at(1).standing
    assert standing is not None
    datadog_fails(stack)
    since = blinded(rollout)

    after = max(since, standing.hold_ends) + timedelta(seconds=4)
    state = rollout.until("looks after the hold", lambda s: s.latest is not None and s.latest.at > after)

    assert state.gate is not None
    assert (state.gate.kind, state.percent, rollout.percentage) == (GateKind.BAKE, 1, 1)
    assert rollout.events(EventKind.ASKED) == []
    assert "503" in rollout.events(EventKind.VERDICT_CHANGED)[-1].message
    assert gate_was_left_alone(stack, rollout, since)

    stack.datadog.faults.clear()

    rollout.asked(1)


def gate_was_left_alone(stack: LocalStack, rollout: Rollout, since: datetime) -> bool:
    """Whether the function's log says that it did nothing at the gate: no heartbeat, no answer."""
    events = stack.ministack.client("logs").filter_log_events(
        logGroupName="/aws/lambda/rampart-evaluate", startTime=int(since.timestamp() * 1000), filterPattern="evaluated"
    )["events"]
    looks = [json.loads(event["message"]) for event in events if f'"{rollout.name}"' in event["message"]]
    blind = [look["did"] for look in looks if look.get("verdict") == Verdict.ERROR.value]
    return bool(blind) and not any(blind)


def test_an_approval_is_not_acted_on_while_datadog_is_down(new_rollout: NewRollout, stack: LocalStack) -> None:
    """The answer was given for evidence that passed; when it arrives, no one can see any more."""
    rollout = new_rollout(stages=TWO_STAGES)
    rollout.start()
    gate = rollout.asked(1).gate
    assert gate is not None
    datadog_fails(stack)
    blinded(rollout)

    assert (
        rollout.decide(decision="approve", gate=gate.id, reported={"call center complaints": 0})["status"]
        == "SUCCEEDED"
    )

    [held] = eventually(lambda: rollout.events(EventKind.HELD), "the refusal")
    assert "the newest evaluation says error" in held.message
    assert rollout.percentage == 1
    stack.datadog.faults.clear()
    assert rollout.approve(1)["status"] == "SUCCEEDED"
    rollout.at(100)


def test_alerts_are_accepted_throughout_a_token_rotation(new_rollout: NewRollout, stack: LocalStack) -> None:
    """Both tokens are in the secret while Datadog is given the new one; caches follow by themselves."""
    rollout = new_rollout()
    test = rollout.alert(title="[TEST] Download error rate")
    old, new = stack.alert_token, "the-next-token-of-the-alerts"
    vault = stack.ministack.client("secretsmanager")

    def believed(token: str) -> bool:
        return stack.post_alert(test, token=token).status_code == 200

    vault.put_secret_value(SecretId="rampart/alerts", SecretString=json.dumps({"token": new, "previous_token": old}))

    def follows() -> bool:
        assert believed(old), "the old token is believed at every moment"
        return believed(new)

    eventually(follows, "the new token to be believed")
    assert believed(old)
