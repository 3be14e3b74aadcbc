"""What could not be done and waits in the stack's dead-letter queue: what each message is, and doing it again.

| message | comes from | done again by |
|---|---|---|
| a rollback request | Lambda, or its queue | calling `rollback`; as a repetition it cannot touch a newer attempt |
| an execution's end | EventBridge, or Lambda | calling `rollback`, which believes only the execution on record |
| a tick | Lambda, for `evaluate` | nothing: the next minute's tick saw newer evidence |
| a stretch of the stream | Lambda, for `notify` | calling `notify` with the events from the table: each is told once |
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from rampart.adapters.items import event_attributes, to_item
from rampart.rollout.request import RollbackRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from rampart_cli.records import Records

_AT_ONCE = 10
"""Messages that SQS gives at a time: its own limit."""
_HIDDEN_SECONDS = 120
"""How long a message is kept from others while it is looked at or done again; longer than `rollback` runs."""
_SLACK = timedelta(minutes=15)
"""How much older than its arrival in the stream an event may say it is: a write is retried for minutes."""


class LetterKind(StrEnum):
    ROLLBACK = "rollback"
    """A rollback that was asked for and not done."""
    EXECUTION = "execution"
    """An execution ended badly, and `rollback` could not be told."""
    TICK = "tick"
    """A tick of `evaluate` that failed."""
    NOTICES = "notices"
    """Events that people and systems were not told about."""
    UNKNOWN = "unknown"
    """Something that this version of Rampart does not know; it is left alone."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message: what it is about in words, and what is needed to delete it."""

    id: str
    kind: LetterKind
    about: str
    sent: datetime
    why: str
    body: Mapping[str, Any]
    receipt: str

    def to_dict(self) -> dict[str, Any]:
        return {"id": self.id, "kind": self.kind.value, "about": self.about, "sent": self.sent, "why": self.why}


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of a message."""

    letter: Letter
    done: bool
    told: str

    def to_dict(self) -> dict[str, Any]:
        return {**self.letter.to_dict(), "done": self.done, "told": self.told}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """The queue, and the function that does rollbacks again."""

    queue_url: str
    rollback_function: str
    sqs: SQSClient
    functions: LambdaClient

    def take(self, most: int) -> list[Letter]:
        """Take messages, hidden from others for a while."""
        letters: dict[str, Letter] = {}
        while len(letters) < most:
            answer = self.sqs.receive_message(
                QueueUrl=self.queue_url,
                MaxNumberOfMessages=min(_AT_ONCE, most - len(letters)),
                VisibilityTimeout=_HIDDEN_SECONDS,
                MessageSystemAttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            )
            found = [letter_of(message) for message in answer.get("Messages", [])]
            if not found or all(letter.id in letters for letter in found):
                break
            letters |= {letter.id: letter for letter in found}
        return list(letters.values())

    def put_back(self, letters: Sequence[Letter]) -> None:
        """Let others see messages again at once."""
        for letter in letters:
            self.sqs.change_message_visibility(
                QueueUrl=self.queue_url, ReceiptHandle=letter.receipt, VisibilityTimeout=0
            )

    def redrive(self, letter: Letter, records: Records, rollouts: Sequence[str]) -> Redriven:
        """Do one message again; it is deleted only when that is done, and put back otherwise.

        `rollouts` are those whose events a stretch of the stream may hold: it names none itself.
        """
        match letter.kind:
            case LetterKind.ROLLBACK:
                done, told = self._roll_back({"asked_at": letter.sent.isoformat(), **letter.body, "queued": True})
            case LetterKind.EXECUTION:
                done, told = self._roll_back(letter.body)
            case LetterKind.TICK:
                done, told = True, "nothing to do: later ticks saw newer evidence"
            case LetterKind.NOTICES:
                done, told = self._notify(letter, records, rollouts)
            case LetterKind.UNKNOWN:
                done, told = False, "left alone: this version of Rampart does not know it"
        if done:
            self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=letter.receipt)
        else:
            self.put_back([letter])
        return Redriven(letter, done, told)

    def _roll_back(self, payload: Mapping[str, Any]) -> tuple[bool, str]:
        answer, failure = self._call(self.rollback_function, payload)
        return failure is None, failure or f"rollback answers: {answer.get('outcome', answer)}"

    def _notify(self, letter: Letter, records: Records, rollouts: Sequence[str]) -> tuple[bool, str]:
        batch = letter.body["DDBStreamBatchInfo"]
        wanted = int(batch["batchSize"])
        first, last = (batch[f"approximateArrivalOf{which}Record"] for which in ("First", "Last"))
        begin, end = datetime.fromisoformat(first) - _SLACK, datetime.fromisoformat(last) + _SLACK
        found = _stream_records(records, rollouts, begin, end)
        if len(found) < wanted:
            return False, (
                f"left alone: it stands for {wanted} events, and {', '.join(rollouts) or 'no rollout'} has "
                f"{len(found)} from that time; name the other rollouts with --rollout"
            )
        # Telling more than the stretch held does no harm: each event is told once on each channel.
        function = letter.body["requestContext"]["functionArn"]  # its caller's policy bounds what can be called
        answer, failure = self._call(function, {"Records": found})
        if failure is None and answer.get("batchItemFailures"):
            failure = "notify could not tell everyone; its log says why"
        return failure is None, failure or f"notify went through {len(found)} events"

    def _call(self, function: str, payload: Mapping[str, Any]) -> tuple[Mapping[str, Any], str | None]:
        answer = self.functions.invoke(FunctionName=function, Payload=json.dumps(payload).encode())
        said = json.loads(answer["Payload"].read() or b"{}")
        if "FunctionError" in answer:
            return {}, f"not done yet: {said.get('errorMessage', answer['FunctionError'])}"
        return said if isinstance(said, dict) else {}, None


def letter_of(message: MessageTypeDef) -> Letter:
    """What a message is about; anything that cannot be understood is UNKNOWN."""
    body = _json(message.get("Body", ""))
    attributes = message.get("MessageAttributes", {})
    said = [attributes[name].get("StringValue", "") for name in _REASONS if name in attributes]
    kind, about = _kind(body)
    sent = int(message.get("Attributes", {}).get("SentTimestamp", "0")) / 1000
    return Letter(
        id=message.get("MessageId", ""),
        kind=kind,
        about=about,
        sent=datetime.fromtimestamp(sent, UTC),
        why=said[0] if said else str(body.get("requestContext", {}).get("condition", "")),
        body=body,
        receipt=message.get("ReceiptHandle", ""),
    )


_REASONS = ("ErrorMessage", "ERROR_MESSAGE")
"""How Lambda and EventBridge name the error of a message."""


def _json(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _kind(body: Mapping[str, Any]) -> tuple[LetterKind, str]:
    if batch := body.get("DDBStreamBatchInfo"):
        first = str(batch.get("approximateArrivalOfFirstRecord", "?"))
        return LetterKind.NOTICES, f"{batch.get('batchSize', '?')} events of {first} that no one was told about"
    if body.get("source") == "aws.states":
        detail = body.get("detail", {})
        return LetterKind.EXECUTION, f"execution {detail.get('name', '?')} ended: {detail.get('status', '?')}"
    if body.get("source") == "aws.events":
        return LetterKind.TICK, f"a tick of evaluate at {body.get('time', '?')}"
    try:
        request = RollbackRequest.model_validate({"asked_at": datetime.min.replace(tzinfo=UTC), **body})
    except ValidationError:
        return LetterKind.UNKNOWN, f"unknown: {', '.join(sorted(body))[:80] or 'no JSON object'}"
    subject = request.rollout or ", ".join(request.flags)
    return LetterKind.ROLLBACK, f"roll back {subject} ({request.cause.value}): {request.reason}"


def _stream_records(records: Records, rollouts: Sequence[str], first: datetime, last: datetime) -> list[dict[str, Any]]:
    return [
        {
            "eventName": "INSERT",
            "dynamodb": {"SequenceNumber": key, "NewImage": to_item(event_attributes(event, "") | {"sk": key})},
        }
        for rollout in rollouts
        for key, event in records.events(rollout).items()
        if first <= event.at <= last
    ]
