"""The stack as CloudFormation, Step Functions, SQS and Lambda show it: on moto, with machines that really run."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart.adapters.items import event_of_image
from rampart.rollout import refusals
from rampart.rollout.request import Cause, RollbackRequest
from rampart.rollout.state import EventKind, Status
from rampart_cli.dead_letters import DeadLetters, LetterKind, Redriven
from rampart_cli.failures import InputError, UnreachableError
from rampart_cli.machines import AlreadyStartedError, Execution, StepFunctionsMachines
from rampart_cli.main import main
from rampart_cli.stack import connect
from tests.table import create_table
from tests.unit.cli.conftest import NOON, event, live

MACHINES = "arn:aws:states:us-east-1:123456789012:stateMachine:rampart"


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield


@pytest.fixture
def outputs() -> dict[str, str]:
    """The outputs of a deployed stack, whose table and queue are there."""
    create_table(boto3.client("dynamodb"), "rampart-table")
    return {
        "TableName": "rampart-table",
        "TopicArn": boto3.client("sns").create_topic(Name="notices")["TopicArn"],
        "DeadLettersUrl": boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"],
        "RolloutMachine": f"{MACHINES}-rollout",
        "DecisionMachine": f"{MACHINES}-decision",
        "RollbackFunction": "rollback",
    }


class FakeFormation:
    """CloudFormation with these stacks and their outputs; moto's own needs a schema library besides."""

    def __init__(self, stacks: Mapping[str, Mapping[str, str]]) -> None:
        self.stacks = stacks

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if StackName not in self.stacks:
            said: Any = {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}
            raise ClientError({"Error": said}, "DescribeStacks")
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.stacks[StackName].items()]
        return {"Stacks": [{"StackName": StackName, "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}


class SessionWith(boto3.Session):
    """A session on moto, with a CloudFormation of a test's own."""

    def __init__(self, stacks: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__()
        self.formation = FakeFormation(stacks)

    def client(self, service_name: str, *arguments: Any, **options: Any) -> Any:
        if service_name == "cloudformation":
            return self.formation
        made: Any = super().client
        return made(service_name, *arguments, **options)


@pytest.fixture
def store(outputs: dict[str, str]) -> DynamoRolloutStore:
    return DynamoRolloutStore(outputs["TableName"], boto3.client("dynamodb"))


def test_a_stack_is_found_by_its_name(outputs: dict[str, str]) -> None:
    stack = connect("rampart", SessionWith({"rampart": outputs}))
    assert stack.decision_machine == outputs["DecisionMachine"]
    assert list(stack.records.watched()) == []
    assert stack.who()


def test_an_unknown_stack_is_told_with_its_region() -> None:
    with pytest.raises(UnreachableError, match="no stack 'other' in us-east-1"):
        connect("other", SessionWith({}))


def test_a_stack_that_is_not_ramparts_is_told() -> None:
    with pytest.raises(UnreachableError, match="has no output DecisionMachine, RolloutMachine, TableName"):
        connect("other", SessionWith({"other": {"Bucket": "b"}}))


def run(outputs: Mapping[str, str], *arguments: str) -> int:
    """The command line on the real parts."""
    session = SessionWith({"rampart": outputs})
    return main(arguments, connect=lambda name: connect(name, session))


def test_the_whole_way_from_the_command_to_the_table(
    outputs: dict[str, str], store: DynamoRolloutStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.open(live(stage=None, gate=None, latest=None), "{}", [event(EventKind.STARTED, "letters starts")])
    assert run(outputs, "status", "--json") == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["rollout"], shown["events"][0]["message"]) == ("letters", "letters starts")


def test_a_topic_without_a_subscriber_is_told_until_there_is_one(
    outputs: dict[str, str], store: DynamoRolloutStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(outputs, "status") == 0
    assert "No one gets notices" in capsys.readouterr().out
    arn = "arn:aws:sqs:us-east-1:123456789012:dead-letters"
    boto3.client("sns").subscribe(TopicArn=outputs["TopicArn"], Protocol="sqs", Endpoint=arn)
    assert run(outputs, "status") == 0
    assert "No one gets notices" not in capsys.readouterr().out


# State machines


def machine(definition: Mapping[str, Any]) -> str:
    client = boto3.client("stepfunctions")
    role = "arn:aws:iam::123456789012:role/any"
    return client.create_state_machine(name="m", definition=json.dumps(definition), roleArn=role)["stateMachineArn"]


def ended(machines: StepFunctionsMachines, arn: str) -> Execution:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        execution = machines.describe(arn)
        if execution.is_over:
            return execution
        time.sleep(0.05)  # it runs on a thread of its own, which wants its turn
    raise AssertionError("the execution does not end")


def test_an_execution_that_fails_gives_error_and_cause() -> None:
    arn = machine({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Lapsed", "Cause": "too late"}}})
    machines = StepFunctionsMachines(boto3.client("stepfunctions"))
    execution = ended(machines, machines.start(arn, "one", {}))
    assert (execution.succeeded, execution.error, execution.cause) == (False, "Lapsed", "too late")


def test_an_execution_that_succeeds_gives_its_output_and_keeps_its_name() -> None:
    arn = machine({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"accepted": True}, "End": True}}})
    machines = StepFunctionsMachines(boto3.client("stepfunctions"))
    started = machines.start(arn, "one", {"a": 1})
    assert started == machines.arn_of(arn, "one")
    assert ended(machines, started).output == {"accepted": True}
    with pytest.raises(AlreadyStartedError):
        machines.start(arn, "one", {"a": 2})


def test_refusals_come_from_the_state_that_prepares() -> None:
    problems = [refusals.UNKNOWN_FLAG.at("flags: f", "no such flag", "Create it").to_wire()]
    definition = {
        "StartAt": "Prepare",
        "States": {
            "Prepare": {"Type": "Pass", "Result": {"outcome": "refused", "problems": problems}, "Next": "StartRefused"},
            "StartRefused": {"Type": "Fail", "Error": "UnknownFlag"},
        },
    }
    machines = StepFunctionsMachines(boto3.client("stepfunctions"))
    started = machines.start(machine(definition), "one", {})
    ended(machines, started)
    assert [each.to_wire() for each in machines.refusals(started)] == problems


# Dead letters


class FakeFunctions:
    """Lambda as `DeadLetters` calls it: keeps the calls and answers what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answer: dict[str, Any] = {"outcome": "rolled_back"}
        self.failed = False

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self.calls.append((FunctionName, json.loads(Payload)))
        answered: dict[str, Any] = {"Payload": io.BytesIO(json.dumps(self.answer).encode())}
        return answered | ({"FunctionError": "Unhandled"} if self.failed else {})


class Queue:
    """The dead-letter queue with what a test puts there."""

    def __init__(self, url: str) -> None:
        self.sqs = boto3.client("sqs")
        self.url = url
        self.functions = FakeFunctions()
        functions: Any = self.functions
        self.letters = DeadLetters(queue_url=url, rollback_function="rollback", sqs=self.sqs, functions=functions)

    def put(self, body: object, **reasons: str) -> None:
        attributes: Any = {name: {"DataType": "String", "StringValue": value} for name, value in reasons.items()}
        text = body if isinstance(body, str) else json.dumps(body)
        self.sqs.send_message(QueueUrl=self.url, MessageBody=text, MessageAttributes=attributes)

    def left(self) -> int:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
        return int(answer["ApproximateNumberOfMessages"]) + int(answer["ApproximateNumberOfMessagesNotVisible"])


@pytest.fixture
def queue(outputs: dict[str, str]) -> Queue:
    return Queue(outputs["DeadLettersUrl"])


ROLLBACK = RollbackRequest(
    cause=Cause.EVIDENCE, reason="9% is above 8%", rollout="letters", attempt=1, execution="arn:one", asked_at=NOON
).model_dump(mode="json")
ENDED = {"source": "aws.states", "detail": {"name": "one", "status": "FAILED", "executionArn": "arn:one"}}
TICK = {"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-03-04T17:00:00Z"}


def stretch(size: int, at: datetime) -> dict[str, Any]:
    """What Lambda sends for a stretch of the table's stream that `notify` could not tell of."""
    arrived = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    return {
        "requestContext": {"functionArn": "notify-arn", "condition": "RetryAttemptsExhausted"},
        "DDBStreamBatchInfo": {
            "batchSize": size,
            "approximateArrivalOfFirstRecord": arrived,
            "approximateArrivalOfLastRecord": arrived,
        },
    }


def test_the_list_says_what_each_message_is_and_changes_nothing(queue: Queue) -> None:
    queue.put(ROLLBACK, ErrorMessage="Task timed out")
    queue.put(ENDED, ERROR_MESSAGE="throttled")
    queue.put(TICK)
    queue.put(stretch(2, NOON))
    queue.put({"what": "is this"})
    queue.put("no JSON")
    letters = queue.letters.take(100)
    queue.letters.put_back(letters)
    assert sorted(letter.kind for letter in letters) == sorted([*LetterKind, LetterKind.UNKNOWN])
    about = {letter.kind: (letter.about, letter.why) for letter in letters}
    assert about[LetterKind.ROLLBACK] == ("roll back letters (evidence): 9% is above 8%", "Task timed out")
    assert about[LetterKind.EXECUTION] == ("execution one ended: FAILED", "throttled")
    assert about[LetterKind.NOTICES][1] == "RetryAttemptsExhausted"
    assert len(queue.letters.take(100)) == 6
    assert queue.functions.calls == []


def redriven(queue: Queue, store: DynamoRolloutStore, *rollouts: str) -> Redriven:
    (letter,) = queue.letters.take(10)
    return queue.letters.redrive(letter, store, rollouts)


def test_a_redriven_rollback_cannot_touch_a_newer_attempt(queue: Queue, store: DynamoRolloutStore) -> None:
    queue.put(ROLLBACK)
    assert redriven(queue, store).done
    ((function, payload),) = queue.functions.calls
    assert function == "rollback"
    assert RollbackRequest.model_validate(payload).queued
    assert RollbackRequest.model_validate(payload).asked_at == NOON
    assert queue.left() == 0


def test_a_rollback_that_fails_again_stays(queue: Queue, store: DynamoRolloutStore) -> None:
    queue.put(ROLLBACK)
    queue.functions.failed, queue.functions.answer = True, {"errorMessage": "the flag is up"}
    result = redriven(queue, store)
    assert (result.done, result.told) == (False, "not done yet: the flag is up")
    assert queue.left() == 1


def test_an_executions_end_is_handed_to_rollback_as_it_came(queue: Queue, store: DynamoRolloutStore) -> None:
    queue.put(ENDED)
    assert redriven(queue, store).done
    assert queue.functions.calls == [("rollback", ENDED)]


def test_a_tick_is_dropped_because_later_ones_saw_more(queue: Queue, store: DynamoRolloutStore) -> None:
    queue.put(TICK)
    assert redriven(queue, store).done
    assert (queue.functions.calls, queue.left()) == ([], 0)


def test_what_is_unknown_is_left_alone(queue: Queue, store: DynamoRolloutStore) -> None:
    queue.put({"what": "is this"})
    assert not redriven(queue, store).done
    assert (queue.functions.calls, queue.left()) == ([], 1)


def with_event(store: DynamoRolloutStore, at: datetime) -> None:
    store.open(live(stage=None, gate=None, latest=None), "{}", [event(EventKind.STARTED, "letters starts", at=at)])


def test_untold_events_are_read_from_the_table_and_brought_to_notify(queue: Queue, store: DynamoRolloutStore) -> None:
    with_event(store, NOON)
    queue.put(stretch(1, NOON + timedelta(seconds=2)))
    queue.functions.answer = {"batchItemFailures": []}
    assert redriven(queue, store, "letters").done
    ((function, payload),) = queue.functions.calls
    assert function == "notify-arn"
    key, told = event_of_image(payload["Records"][0]["dynamodb"]["NewImage"])
    assert store.events("letters") == {key: told}
    assert queue.left() == 0


def test_untold_events_stay_when_notify_fails_again(queue: Queue, store: DynamoRolloutStore) -> None:
    with_event(store, NOON)
    queue.put(stretch(1, NOON))
    queue.functions.answer = {"batchItemFailures": [{"itemIdentifier": "x"}]}
    assert not redriven(queue, store, "letters").done
    assert queue.left() == 1


def test_untold_events_of_a_rollout_that_nobody_named_stay(queue: Queue, store: DynamoRolloutStore) -> None:
    with_event(store, NOON)
    queue.put(stretch(1, NOON))
    result = redriven(queue, store)
    assert not result.done
    assert "--rollout" in result.told
    assert queue.functions.calls == []


def test_events_of_another_time_are_not_taken_for_those_that_are_missing(
    queue: Queue, store: DynamoRolloutStore
) -> None:
    with_event(store, NOON - timedelta(days=2))
    queue.put(stretch(1, NOON))
    assert not redriven(queue, store, "letters").done


def test_the_commands_list_and_redrive(
    outputs: dict[str, str], queue: Queue, store: DynamoRolloutStore, capsys: pytest.CaptureFixture[str]
) -> None:
    queue.put(TICK)
    queue.put({"what": "is this"})
    assert run(outputs, "dead-letters", "list", "--json") == 0
    assert {each["kind"] for each in json.loads(capsys.readouterr().out)} == {"tick", "unknown"}
    assert run(outputs, "dead-letters", "redrive") == 1
    assert "stays" in capsys.readouterr().out
    assert queue.left() == 1
    assert run(outputs, "dead-letters", "list") == 0
    assert "unknown" in capsys.readouterr().out


def test_an_empty_queue_does_not_hide_a_rollback_that_is_not_done(
    outputs: dict[str, str], queue: Queue, store: DynamoRolloutStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.open(live(status=Status.HALTED), "{}", [])
    assert run(outputs, "dead-letters", "list") == 0
    out = capsys.readouterr().out
    assert "The dead-letter queue is empty" in out
    assert "The rollback of letters isn't done yet: rampart status letters" in out


def test_times_of_messages_are_when_they_were_sent(queue: Queue) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    queue.put(TICK)
    (letter,) = queue.letters.take(1)
    assert before < letter.sent < before + timedelta(minutes=2)


def test_the_region_of_the_aws_command_line_counts(outputs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 alone would not look at AWS_REGION."""
    asked_of: list[tuple[str | None, str | None]] = []

    class Recorded(SessionWith):
        def __init__(self, *, profile_name: str | None, region_name: str | None) -> None:
            super().__init__({"rampart": outputs})
            asked_of.append((profile_name, region_name))

    monkeypatch.setattr(boto3, "Session", Recorded)
    connect("rampart")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    connect("rampart")
    connect("rampart", profile="staging", region="us-gov-west-1")
    assert asked_of == [(None, None), (None, "eu-west-1"), ("staging", "us-gov-west-1")]


@pytest.mark.parametrize("address", ["127.0.0.1:4566", "http://127.0.0.1:4566x"])
def test_an_endpoint_that_is_not_an_address_is_wrong_input(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    with pytest.raises(InputError, match="address"):
        connect("rampart")


@pytest.mark.parametrize("page", [b"<html><body>Please sign in</body></html>", b"", b"{}", b"<a/>"])
def test_a_page_in_the_place_of_aws_is_told_as_one(
    page: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class SignIn(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Write nothing: the terminal is what is looked at."""

    with ThreadingHTTPServer(("127.0.0.1", 0), SignIn) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        assert main(["list", "--json"]) == 3
        server.shutdown()
    assert json.loads(capsys.readouterr().out)["error"]["name"] == "NotAws"


def test_a_stack_without_a_name_is_not_the_first_that_there_is(outputs: dict[str, str]) -> None:
    assert outputs
    with pytest.raises(InputError, match="no name"):
        connect(" ")
