"""The table's items and the models that they stand for.

| item | keys | besides the model's own fields |
|---|---|---|
| record | `ROLLOUT#id` / `STATE` | `plan` as JSON text; `watched`, for the index, is "yes" or the status |
| plan | `ROLLOUT#id` / `PLAN#hash` | `document`: JSON text as submitted |
| gate | `ROLLOUT#id` / `GATE` | written by the state machines: `question` and `answer.reported` are JSON text |
| evaluation | `ROLLOUT#id` / `EVALUATION#time` | `evidence` as compressed JSON, `judgements` as JSON text, `expires` |
| event | `ROLLOUT#id` / `EVENT#time#n` | `details`: JSON text; `telling_CHANNEL`, `told_CHANNEL`. Machines write too |
| claim | `FLAG#name` / `CLAIM` | |
| freeze | `ROLLOUT#all rollouts` / `FREEZE` | its events are in the same partition |
| caller | `CALLER#execution` / `CALLER` | written by `witness` alone; `expires` |

An evaluation that `builds_on` another, by its sort key, holds only what its evidence has beyond that one's.

Times are text of one width, so that comparing text compares times. What may hold any JSON is kept as text: a number of
DynamoDB's has a smaller range than a float. Attributes that a model does not know are ignored: a later Rampart may add
some. What this Rampart would misread raises the item's `schema_version`, and is refused. A `…_from` raises ValueError
for an item that it cannot understand.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate
from typing import Any, TypeGuard

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from rampart.absence import AbsenceReason
from rampart.adapters.json_text import read_json
from rampart.errors import StoreError
from rampart.evidence.series import Unavailable, to_stored
from rampart.model import Model
from rampart.numbers import finite
from rampart.plan.model import Plan
from rampart.rollout.caller import Caller
from rampart.rollout.drift import Drift, DriftSide
from rampart.rollout.evaluation import Evaluation
from rampart.rollout.event import EVERY_ROLLOUT, Event
from rampart.rollout.freeze import Freeze
from rampart.rollout.gate import Gate, Question
from rampart.rollout.state import SCHEMA_VERSION, Claim, RolloutState, Standing
from rampart.words import timestamp

Attributes = dict[str, Any]
"""An item as plain Python values."""
Item = dict[str, Any]
"""An item as DynamoDB's API has it, every value with its type."""

MOST_EVIDENCE = 32 * 1024
"""Bytes of compressed evidence that an evaluation may keep; a write costs by the kilobyte."""
NEWEST_VERSION = 2
"""Evaluations that hold only what is new since another one are of version 2; everything else is of the first."""
WHOLE_EVERY = timedelta(hours=1)
"""How old an evaluation may be that others build on."""
WATCHED = "yes"
"""What the index holds of a rollout that ticks look at; of every other it holds the status."""

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def to_item(attributes: Mapping[str, Any]) -> Item:
    """Plain values as DynamoDB's API wants them; floats become decimals, times text."""
    return {name: _serializer.serialize(_plain(value)) for name, value in attributes.items()}


def to_attributes(item: Mapping[str, Any]) -> Attributes:
    """An item of DynamoDB's API, or of its stream, as plain values; numbers are decimals.

    Raises StoreError for an item of a version that this Rampart does not know.
    """
    attributes = {name: _deserializer.deserialize(value) for name, value in item.items()}
    version = attributes.get("schema_version", SCHEMA_VERSION)  # the index projects keys only
    newest = NEWEST_VERSION if "builds_on" in attributes else SCHEMA_VERSION
    if version > newest:
        raise StoreError(
            f"{attributes.get('pk')} {attributes.get('sk')} was stored in version {version} of the items, and this "
            f"Rampart reads them up to version {newest}: use the later Rampart that stored it"
        )
    return attributes


def rollout_key(rollout: str, sort_key: str) -> dict[str, str]:
    return {"pk": f"ROLLOUT#{rollout}", "sk": sort_key}


def claim_key(flag: str) -> dict[str, str]:
    return {"pk": f"FLAG#{flag}", "sk": "CLAIM"}


STANDING = {name: name for name in Standing.model_fields} | {"started": "stage_started"}
"""The attributes of the record that hold where it stands: the state machines ask for `stage`."""


def state_attributes(state: RolloutState) -> Attributes:
    """The record's attributes, without those that are None."""
    attributes = _fields(state) | {"plan": state.plan.model_dump_json(by_alias=True)}
    attributes["percent"] = state.percent
    attributes["watched"] = WATCHED if state.watched else state.status
    if state.standing is not None:
        del attributes["standing"]
        attributes |= {STANDING[name]: value for name, value in _fields(state.standing).items()}
    return {name: _plain(value) for name, value in attributes.items()}


def state_from(attributes: Mapping[str, Any]) -> RolloutState:
    given = _known(RolloutState, attributes)
    given |= {"plan": Plan.model_validate_json(attributes["plan"]), "watched": attributes.get("watched") == WATCHED}
    if "stage" in attributes:
        given["standing"] = {name: attributes[key] for name, key in STANDING.items() if key in attributes}
    if isinstance(given.get("drift"), str):
        given["drift"] = _drift_in_words(given["drift"])
    return RolloutState.model_validate(given)


_DRIFT_IN_WORDS = re.compile(
    r"(?P<side>above|below) its record of (?P<record>\S+)%: (?P<flag>.+) reads (?P<reads>\S+)%"
)
_GONE_IN_WORDS = re.compile(r"(?P<side>below) its record of (?P<record>\S+)%: (?P<flag>.+) does not exist any more")


def _drift_in_words(text: str) -> Drift:
    """A drift as the first version stored it: in words; only a flag that couldn't be read had no record in them."""
    found = _DRIFT_IN_WORDS.fullmatch(text) or _GONE_IN_WORDS.fullmatch(text)
    if found is None:
        unread = text.partition(": ")[2].removesuffix(" cannot be read")
        return Drift(side=DriftSide.UNREAD, flag=unread, record=0)
    return Drift.model_validate({"reads": None, **found.groupdict(), "since": None})


def caller_key(execution: str) -> dict[str, str]:
    return {"pk": f"CALLER#{execution}", "sk": "CALLER"}


def caller_attributes(caller: Caller, kept: timedelta) -> Attributes:
    """A caller's attributes; it is needed for as long as its rollout can run, and in its report."""
    expires = int((caller.at + kept).timestamp())
    return _fields(caller) | caller_key(caller.execution) | {"expires": expires, "schema_version": SCHEMA_VERSION}


def caller_from(attributes: Mapping[str, Any]) -> Caller:
    return Caller.model_validate(_known(Caller, attributes))


FREEZE = rollout_key(EVERY_ROLLOUT, "FREEZE")
"""Keys of what stops every advance: those who may write it may write this partition, and no other."""


def freeze_attributes(freeze: Freeze) -> Attributes:
    """A freeze's attributes."""
    return _fields(freeze) | FREEZE | {"schema_version": SCHEMA_VERSION}


def freeze_from(attributes: Mapping[str, Any]) -> Freeze:
    """A freeze; raises ValueError when it cannot be understood."""
    return Freeze.model_validate(_known(Freeze, attributes))


def plan_attributes(state: RolloutState, submitted: str) -> Attributes:
    keys = rollout_key(state.rollout, f"PLAN#{state.plan_hash}")
    return keys | {"document": submitted, "schema_version": SCHEMA_VERSION}


def gate_from(attributes: Mapping[str, Any]) -> Gate:
    given = _known(Gate, attributes)
    if "question" in given:
        given["question"] = Question.model_validate_json(given["question"])
    if "answer" in given:
        answer = dict(given["answer"])
        given["answer"] = answer | {"reported": _reported(answer.get("reported"))}
    return Gate.model_validate(given)


def _reported(text: str | None) -> dict[str, float]:
    """What a person reported, where it is a number: anything else was not reported, and must not end the attempt."""
    said: object = None
    with suppress(ValueError):
        said = read_json(text or "{}")
    found: dict[str, float] = {}
    for name, value in said.items() if isinstance(said, dict) else ():
        with suppress(ValueError):
            found[name] = finite(value)
    return found


def event_attributes(event: Event, number: str) -> Attributes:
    """An event's attributes; `number` tells events of the same millisecond apart."""
    keys = rollout_key(event.rollout, f"EVENT#{timestamp(event.at)}#{number}")
    details = json.dumps(event.details, sort_keys=True, default=str)
    return _fields(event) | keys | {"details": details, "schema_version": SCHEMA_VERSION}


def event_from(attributes: Mapping[str, Any]) -> Event:
    details = json.loads(attributes["details"])
    return Event.model_validate(_known(Event, attributes) | {"details": details})


def event_of_image(image: Item) -> tuple[str, Event]:
    """The sort key and the event of an item as DynamoDB's stream shows it; raises ValueError for anything else."""
    attributes = to_attributes(image)
    return attributes["sk"], event_from(attributes)


@dataclass(frozen=True, slots=True)
class Whole:
    """An evaluation that is stored whole, for later ones to build on, and when it expires."""

    of: Evaluation
    expires: int

    @property
    def sort_key(self) -> str:
        return f"EVALUATION#{timestamp(self.of.at)}"

    def serves(self, evaluation: Evaluation) -> bool:
        """Whether an evaluation looks at the same stage, and not too long after this one."""
        same = (self.of.attempt, self.of.stage, self.of.plan_hash) == (
            evaluation.attempt,
            evaluation.stage,
            evaluation.plan_hash,
        )
        return same and timedelta(0) < evaluation.at - self.of.at <= WHOLE_EVERY


def evaluation_attributes(
    evaluation: Evaluation, retention: timedelta, whole: Whole | None = None
) -> tuple[Attributes, tuple[str, ...]]:
    """An evaluation's attributes, and the keys of the evidence that was too large to keep.

    What is not kept is replaced by a note in its place, so that a replay finds it missing instead of empty. With a
    `whole` evaluation that serves, only what differs from its evidence is kept: most buckets were there an hour before.
    """
    base = whole if whole is not None and whole.serves(evaluation) else None
    evidence, dropped = compress_evidence(evaluation.evidence, base=base.of.evidence if base else {})
    attributes = _fields(evaluation) | rollout_key(evaluation.rollout, f"EVALUATION#{timestamp(evaluation.at)}")
    attributes |= {
        "evidence": evidence,
        "judgements": json.dumps(evaluation.judgements, default=str),
        "expires": base.expires if base else expiry(evaluation, retention),
        "schema_version": NEWEST_VERSION if base else SCHEMA_VERSION,
    }
    attributes |= {"builds_on": base.sort_key} if base else {}
    return attributes | ({"dropped": dropped} if dropped else {}), dropped


def expiry(evaluation: Evaluation, retention: timedelta) -> int:
    """When an evaluation that is kept whole is deleted, in epoch seconds."""
    return int((evaluation.at + retention).timestamp())


def evaluation_from(attributes: Mapping[str, Any], base: Mapping[str, Any] | None = None) -> Evaluation:
    """An evaluation; `base` is the evidence of the one that it builds on."""
    evidence = expand_evidence(bytes(attributes["evidence"]), base or {})
    judgements = json.loads(attributes["judgements"])
    return Evaluation.model_validate(_known(Evaluation, attributes) | {"evidence": evidence, "judgements": judgements})


def compress_evidence(
    evidence: Mapping[str, Any], most: int = MOST_EVIDENCE, *, base: Mapping[str, Any] | None = None
) -> tuple[bytes, tuple[str, ...]]:
    """Evidence as compressed JSON of at most `most` bytes; the largest series go first, a note in the place of each."""
    kept = {key: _columns(_news(value, (base or {}).get(key))) for key, value in evidence.items()}
    dropped: list[str] = []
    while len(content := zlib.compress(json.dumps(kept).encode(), level=9)) > most:
        largest = max(kept.keys() - set(dropped), key=lambda key: len(json.dumps(kept[key])), default=None)
        if largest is None:
            break  # notes alone never come near the bound
        note = Unavailable(AbsenceReason.MALFORMED, f"not kept: more than {most} bytes of evidence in one evaluation")
        kept[largest] = to_stored(note)
        dropped.append(largest)
    return content, tuple(dropped)


def expand_evidence(content: bytes, base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    kept = json.loads(zlib.decompress(content)).items()
    return {key: _with_old(_rows(value), (base or {}).get(key)) for key, value in kept}


def _news(value: object, base: object) -> object:
    """A series without the points that it begins with in another, and between which of its points those are."""
    if not _is_series(value) or not _is_series(base):
        return value
    points, old = [list(each) for each in value["points"]], [list(each) for each in base["points"]]
    first = next((index for index, each in enumerate(old) if points and each[0] == points[0][0]), None)
    if first is None:
        return value
    same = 0
    for mine, theirs in zip(points, old[first:], strict=False):
        if mine != theirs:
            break
        same += 1
    return {**value, "points": points[same:], "old": [first, first + same]} if same else value


def _with_old(value: object, base: object) -> object:
    """A series with the points that it shares with another."""
    if not isinstance(value, Mapping) or "old" not in value:
        return value
    if not _is_series(base):
        raise ValueError("what it builds on isn't there")
    first, after = value["old"]
    points = [*base["points"][first:after], *value["points"]]
    return {name: each for name, each in value.items() if name != "old"} | {"points": points}


def _is_series(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping) and "points" in value


def _columns(value: object) -> object:
    """Points as the steps between their times and their values: regular steps shrink to almost nothing."""
    if not isinstance(value, Mapping) or "points" not in value:
        return value
    times = [time for time, _ in value["points"]]
    steps = [after - before for before, after in zip([0, *times], times, strict=False)]
    return {**value, "points": [steps, [number for _, number in value["points"]]]}


def _rows(value: object) -> object:
    if not isinstance(value, Mapping) or "points" not in value:
        return value
    steps, numbers = value["points"]
    return {**value, "points": list(map(list, zip(accumulate(steps), numbers, strict=True)))}


def claim_attributes(claim: Claim) -> Attributes:
    return _fields(claim) | claim_key(claim.flag) | {"schema_version": SCHEMA_VERSION}


def claim_from(attributes: Mapping[str, Any]) -> Claim:
    return Claim.model_validate(_known(Claim, attributes))


def _fields(model: Model) -> Attributes:
    return {name: value for name in type(model).model_fields if (value := getattr(model, name)) is not None}


def _known(model: type[Model], attributes: Mapping[str, Any]) -> Attributes:
    return {name: attributes[name] for name in model.model_fields if name in attributes}


def _plain(value: object) -> object:
    """A value as the serializer takes it: times and enums as text, floats as decimals, models as maps."""
    match value:
        case Model():
            return {name: _plain(each) for name, each in _fields(value).items()}
        case Mapping():
            return {name: _plain(each) for name, each in value.items()}
        case datetime():
            return timestamp(value)
        case StrEnum():
            return value.value
        case float():
            return Decimal(repr(value))
        case Sequence() if not isinstance(value, str | bytes):
            return [_plain(each) for each in value]
    return value
