"""The operations of one transaction of the table, each with what it means when its condition does not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rampart.adapters import items

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from rampart.rollout.event import Event
    from rampart.rollout.freeze import Freeze
    from rampart.rollout.state import Claim, RolloutState

_NEW = "attribute_not_exists(pk)"
FROZEN = "every advance is frozen"


class Writes:
    """The operations of one transaction, each with what it means when its condition does not hold."""

    def __init__(self, table: str) -> None:
        self._table = table
        self.operations: list[TransactWriteItemTypeDef] = []
        self.refusals: list[str] = []

    def put(self, attributes: Mapping[str, Any], refusal: str) -> None:
        put = {"Item": items.to_item(attributes), "ConditionExpression": _NEW}
        self._add("Put", put, refusal)

    def put_events(self, state: RolloutState, events: Sequence[Event]) -> None:
        # The epoch makes the number one that no other write of this rollout has.
        for index, event in enumerate(events):
            self.put(items.event_attributes(event, f"{state.epoch:06d}.{index}"), "its event is stored already")

    def update_record(self, before: RolloutState, after: RolloutState) -> None:
        old, new = items.state_attributes(before), items.state_attributes(after)
        changed = {name: value for name, value in new.items() if old.get(name) != value}
        removed = sorted(old.keys() - new.keys())
        sets = ", ".join(f"#{name} = :{name}" for name in changed)
        removes = " REMOVE " + ", ".join(f"#{name}" for name in removed) if removed else ""
        update = {
            "Key": items.to_item(items.rollout_key(before.rollout, "STATE")),
            "UpdateExpression": f"SET {sets}{removes}",
            "ConditionExpression": "#epoch = :before",
            "ExpressionAttributeNames": {f"#{name}": name for name in (*changed, *removed)},
            "ExpressionAttributeValues": items.to_item(
                {f":{name}": value for name, value in changed.items()} | {":before": before.epoch}
            ),
        }
        self._add("Update", update, f"the record is not at version {before.epoch} any more")

    def check_answered(self, rollout: str, gate: str) -> None:
        check = {
            "Key": items.to_item(items.rollout_key(rollout, "GATE")),
            "ConditionExpression": "#id = :gate AND attribute_exists(#answer)",
            "ExpressionAttributeNames": {"#id": "id", "#answer": "answer"},
            "ExpressionAttributeValues": items.to_item({":gate": gate}),
        }
        self._add("ConditionCheck", check, f"gate {gate} holds no answer")

    def check_thawed(self) -> None:
        self._add("ConditionCheck", {"Key": items.to_item(items.FREEZE), "ConditionExpression": _NEW}, FROZEN)

    def lift(self, freeze: Freeze) -> None:
        delete = {
            "Key": items.to_item(items.FREEZE),
            "ConditionExpression": "#at = :at",
            "ExpressionAttributeNames": {"#at": "at"},
            "ExpressionAttributeValues": items.to_item({":at": freeze.at}),
        }
        self._add("Delete", delete, "another freeze stands, or none")

    def claim(self, claim: Claim) -> None:
        """Take a flag that no other rollout holds."""
        put = {
            "Item": items.to_item(items.claim_attributes(claim)),
            "ConditionExpression": f"{_NEW} OR #rollout = :rollout",
            "ExpressionAttributeNames": {"#rollout": "rollout"},
            "ExpressionAttributeValues": items.to_item({":rollout": claim.rollout}),
        }
        self._add("Put", put, f"{claim.flag} is another rollout's")

    def release(self, rollout: str, flag: str) -> None:
        delete = {
            "Key": items.to_item(items.claim_key(flag)),
            "ConditionExpression": "#rollout = :rollout",
            "ExpressionAttributeNames": {"#rollout": "rollout"},
            "ExpressionAttributeValues": items.to_item({":rollout": rollout}),
        }
        self._add("Delete", delete, f"{flag} is not its own")

    def _add(self, kind: str, operation: Mapping[str, Any], refusal: str) -> None:
        self.operations.append({kind: {"TableName": self._table, **operation}})  # type: ignore[misc]  # kind is one of four
        self.refusals.append(refusal)
