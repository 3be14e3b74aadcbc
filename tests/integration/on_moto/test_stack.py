"""The stack as CloudFormation shows it, and what stands in the place of AWS."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest

from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart.rollout.event import EventKind
from rampart_cli.failures import InputError, UnreachableError
from rampart_cli.main import main
from rampart_cli.stack import connect
from tests.integration.on_moto.conftest import SessionWith, run
from tests.unit.cli.conftest import event, live


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
    for topic in ("PageTopicArn", "ActTopicArn"):
        boto3.client("sns").subscribe(TopicArn=outputs[topic], Protocol="sqs", Endpoint=arn)
    assert run(outputs, "status") == 0
    assert "No one gets notices" not in capsys.readouterr().out


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
