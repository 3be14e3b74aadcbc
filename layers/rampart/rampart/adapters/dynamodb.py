"""The records in one DynamoDB table; `items` says how each item looks."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from rampart.adapters import items
from rampart.adapters.deadline import within
from rampart.adapters.dynamodb_table import RefusedUpdateError, RefusedWriteError, Table, understanding
from rampart.adapters.dynamodb_writes import FROZEN, Writes
from rampart.errors import ConflictError, FrozenError, StoreError
from rampart.rollout.notify import Turn
from rampart.rollout.state import Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient

    from rampart.rollout.caller import Caller
    from rampart.rollout.evaluation import Evaluation
    from rampart.rollout.event import Event
    from rampart.rollout.freeze import Freeze
    from rampart.rollout.gate import Gate
    from rampart.rollout.state import RolloutState, Status

_log = logging.getLogger(__name__)

WATCHED_INDEX = "watched"
_IMPATIENCE = 0.2
"""Seconds that an alert's flags may wait for the first look at who holds them."""
_PATIENCE = 2.0
"""Seconds for which the claims are asked for again before the table counts as down, of the 14 that an alert has; and
those that opening the connection may take."""
_PAUSE = 0.03  # seconds before such a look is repeated, and twice as long each time: one that is refused is so at once


class DynamoRolloutStore:
    """Implements `RolloutStore` and what `notify` and the command line read; evaluations are kept for `retention`."""

    def __init__(
        self,
        table_name: str,
        client: DynamoDBClient,
        *,
        retention: timedelta = timedelta(days=400),
        claims_within: timedelta | None = None,
        patience: timedelta = timedelta(0),
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = Table(table_name, client, pause=pause)
        self._retention = retention
        self._claims_within = claims_within
        self._patience = patience
        self._pause = pause
        self._whole: dict[str, items.Whole] = {}
        """The newest evaluation of each rollout that this process stored whole."""

    @classmethod
    def impatient(cls, table_name: str) -> DynamoRolloutStore:
        """A store whose look at the claims is for the alert's path: 200 ms, and 2 s more before the table is down.

        The connection is open already: making one costs as much as the look, and a slow one isn't an outage.
        """
        import boto3  # late: tests and the command line bring their own client
        from botocore.config import Config

        config = Config(connect_timeout=_PATIENCE, read_timeout=_PATIENCE, retries={"total_max_attempts": 1})
        client = boto3.client("dynamodb", config=config)
        first, patience = timedelta(seconds=_IMPATIENCE), timedelta(seconds=_PATIENCE)
        store = cls(table_name, client, claims_within=first, patience=patience)
        with suppress(StoreError, TimeoutError):  # whatever it answers, the connection is there, or the look will say
            within(_PATIENCE, store.freeze)
        return store

    # What use cases read.

    def watched(self) -> Sequence[str]:
        """Ids of the rollouts that a tick looks at, from the index; what was just written may be missing."""
        return self._indexed(items.WATCHED)

    def unwatched(self, status: Status) -> Sequence[str]:
        """Ids of the rollouts of a status that no tick looks at any more; the first version's aren't in the index."""
        return self._indexed(status)

    def _indexed(self, watched: str) -> Sequence[str]:
        found = self._table.query(
            {
                "IndexName": WATCHED_INDEX,
                "KeyConditionExpression": "#watched = :watched",
                "ExpressionAttributeNames": {"#watched": "watched"},
                "ExpressionAttributeValues": items.to_item({":watched": watched}),
            }
        )
        return [each["pk"].removeprefix("ROLLOUT#") for each in found]

    def state(self, rollout: str) -> RolloutState | None:
        """The record, read consistently."""
        found = self._table.get(items.rollout_key(rollout, "STATE"))
        with understanding(f"the record of {rollout}"):
            return None if found is None else items.state_from(found)

    def gate(self, rollout: str) -> Gate | None:
        """The newest gate with its answer, read consistently."""
        found = self._table.get(items.rollout_key(rollout, "GATE"))
        with understanding(f"the gate of {rollout}"):
            return None if found is None else items.gate_from(found)

    def claims(self, flags: Sequence[str]) -> Mapping[str, Claim]:
        """Who holds each flag, read consistently; a flag that no one holds is missing.

        A look that is bounded and overruns is repeated for as long as the store's patience lasts.
        """
        if self._claims_within is None:
            return self._claims(flags)
        seconds, pause = self._claims_within.total_seconds(), _PAUSE
        ends = time.monotonic() + seconds + self._patience.total_seconds()
        while True:
            try:
                return within(seconds, lambda: self._claims(flags))
            except (TimeoutError, StoreError) as error:
                seconds = ends - time.monotonic() - pause
                if seconds <= 0:
                    raise StoreError(
                        f"the table did not say who holds {', '.join(flags)}: {error or 'no answer'}"
                    ) from error
                self._pause(pause)
                pause *= 2

    def _claims(self, flags: Sequence[str]) -> Mapping[str, Claim]:
        keys = [items.claim_key(flag) for flag in dict.fromkeys(flags)]
        claims: dict[str, Claim] = {}
        for item in self._table.get_many(keys, "claims"):
            with understanding("a claim"):
                claim = items.claim_from(item)
            claims[claim.flag] = claim
        return claims

    # What use cases write.

    def open(self, state: RolloutState, submitted: str, events: Sequence[Event]) -> None:
        """Begin a rollout: record, plan, events and the claims of all its flags, or nothing; raises ConflictError."""
        writes = Writes(self._table.name)
        record = items.rollout_key(state.rollout, "STATE") | items.state_attributes(state)
        writes.put(record, f"there is a rollout {state.rollout!r} already")
        writes.put(items.plan_attributes(state, submitted), "its plan is stored already")
        for flag in state.plan.flags:
            claim = Claim(flag=flag, rollout=state.rollout, flags=state.plan.flags)
            writes.put(items.claim_attributes(claim), f"{flag} is claimed already")
        writes.put_events(state, events)
        self._write(state.rollout, writes)

    def commit(
        self,
        before: RolloutState,
        after: RolloutState,
        *,
        events: Sequence[Event] = (),
        evaluation: Evaluation | None = None,
        answered: str | None = None,
        release: bool = False,
        claim: bool = False,
        unless_frozen: bool = False,
    ) -> None:
        """Write the fields that changed, if the record is still at `before.epoch`; raises ConflictError.

        Fields that did not change are left alone: the state machine opens gates on the record without a new epoch.
        Raises FrozenError where a freeze stands, and ValueError when `after` is not the next version of `before`.
        """
        if after.epoch != before.epoch + 1:
            raise ValueError(f"{before.rollout}: epoch {after.epoch} does not follow {before.epoch}")
        writes = Writes(self._table.name)
        writes.update_record(before, after)
        writes.put_events(after, events)
        dropped: tuple[str, ...] = ()
        builds_on = False
        if evaluation is not None:
            whole = self._whole.get(before.rollout)
            attributes, dropped = items.evaluation_attributes(evaluation, self._retention, whole)
            builds_on = "builds_on" in attributes
            if dropped:
                _log.warning("%s: evidence too large to keep: %s", before.rollout, ", ".join(dropped))
            writes.put(attributes, "its evaluation is stored already")
        if answered is not None:
            writes.check_answered(before.rollout, answered)
        for flag in before.plan.flags if release else ():
            writes.release(before.rollout, flag)
        for flag in before.plan.flags if claim else ():
            writes.claim(Claim(flag=flag, rollout=before.rollout, flags=before.plan.flags))
        if unless_frozen:
            writes.check_thawed()
        self._write(before.rollout, writes)
        if evaluation is not None and not builds_on and not dropped:
            self._whole[before.rollout] = items.Whole(evaluation, items.expiry(evaluation, self._retention))

    def note(self, event: Event) -> None:
        """Keep an event that changes no record."""
        writes = Writes(self._table.name)
        writes.put(items.event_attributes(event, f"{0:06d}.0"), "its event is stored already")
        self._write(event.rollout, writes)

    # Who started what.

    def caller(self, execution: str) -> Caller | None:
        """Who started an execution by AWS's own record, where one has come."""
        found = self._table.get(items.caller_key(execution))
        with understanding(f"the caller of {execution}"):
            return None if found is None else items.caller_from(found)

    def keep(self, caller: Caller) -> bool:
        """Keep who started an execution; whether it is news: the first word stands."""
        writes = Writes(self._table.name)
        writes.put(items.caller_attributes(caller, self._retention), "its caller is known already")
        try:
            self._write(caller.execution, writes)
        except ConflictError:
            return False
        return True

    # The freeze.

    def freeze(self) -> Freeze | None:
        """What stops every advance, read consistently."""
        found = self._table.get(items.FREEZE)
        with understanding("the freeze"):
            return None if found is None else items.freeze_from(found)

    def put_freeze(self, freeze: Freeze, event: Event) -> None:
        """Stop every advance, and tell of it; raises ConflictError where a freeze stands already."""
        writes = Writes(self._table.name)
        writes.put(items.freeze_attributes(freeze), "a freeze stands already")
        writes.put(items.event_attributes(event, "freeze"), "its event is stored already")
        self._write(event.rollout, writes)

    def lift_freeze(self, freeze: Freeze, event: Event) -> None:
        """Let rollouts advance again, and tell of it; raises ConflictError where this freeze doesn't stand."""
        writes = Writes(self._table.name)
        writes.lift(freeze)
        writes.put(items.event_attributes(event, "thaw"), "its event is stored already")
        self._write(event.rollout, writes)

    def _write(self, rollout: str, writes: Writes) -> None:
        try:
            self._table.transact(rollout, writes.operations)
        except RefusedWriteError as refused:
            why = [writes.refusals[index] for index in refused.indexes]
            if FROZEN in why:
                raise FrozenError(str(self.freeze() or FROZEN)) from refused
            raise ConflictError(f"{rollout}: {'; '.join(why)}") from refused

    # What `notify` and the command line need.

    def events(self, rollout: str) -> Mapping[str, Event]:
        """Everything that happened, oldest first, by sort key."""
        with understanding(f"an event of {rollout}"):
            return {each["sk"]: items.event_from(each) for each in self._items_of(rollout, "EVENT#")}

    def event(self, rollout: str, sort_key: str) -> Event | None:
        found = self._table.get(items.rollout_key(rollout, sort_key))
        with understanding(f"an event of {rollout}"):
            return None if found is None else items.event_from(found)

    def evaluations(self, rollout: str, *, newest_first: bool = False) -> Iterator[Evaluation]:
        """Every evaluation that is kept, oldest first unless told otherwise, read page by page."""
        whole, kept = "", None  # the one that others build on, and its evidence: read and expanded once for all of them
        for each in self._items_of(rollout, "EVALUATION#", newest_first=newest_first):
            builds_on = each.get("builds_on")
            if builds_on is not None and builds_on != whole:
                found = self._table.get(items.rollout_key(rollout, builds_on))
                with understanding(f"an evaluation of {rollout}"):
                    whole, kept = builds_on, items.evaluation_from(found).evidence if found else None
            if builds_on is not None and kept is None:
                continue  # what it builds on has expired, and so has this one
            with understanding(f"an evaluation of {rollout}"):
                evaluation = items.evaluation_from(each, kept if builds_on is not None else None)
            if builds_on is None:
                whole, kept = each["sk"], evaluation.evidence
            yield evaluation

    def plan_document(self, rollout: str, plan_hash: str) -> str | None:
        """The plan as it was submitted, JSON."""
        found = self._table.get(items.rollout_key(rollout, f"PLAN#{plan_hash}"))
        return None if found is None else str(found["document"])

    def claim_telling(self, rollout: str, sort_key: str, channel: str, now: datetime, *, lapsed: datetime) -> Turn:
        """Claim the turn to tell of an event; a refusal brings the item with it, so that nothing must be read."""
        # A claim of this very moment is our own: the client tries again when the first answer was lost.
        free = "(attribute_not_exists(#telling) OR #telling <= :lapsed OR #telling = :now)"
        try:
            self._table.update(
                items.rollout_key(rollout, sort_key),
                {"#told": f"told_{channel}", "#telling": f"telling_{channel}"},
                "SET #telling = :now",
                f"attribute_exists(pk) AND attribute_not_exists(#told) AND {free}",
                {":now": now, ":lapsed": lapsed},
            )
        except RefusedUpdateError as refused:
            return Turn.NOBODYS if not refused.item or f"told_{channel}" in refused.item else Turn.OTHERS
        return Turn.OURS

    def release_telling(self, rollout: str, sort_key: str, channel: str, claimed: datetime) -> None:
        """Give the claim of that time back; someone else's is left alone."""
        names = {"#telling": f"telling_{channel}"}
        with suppress(RefusedUpdateError):
            self._table.update(
                items.rollout_key(rollout, sort_key),
                names,
                "REMOVE #telling",
                "#telling = :claimed",
                {":claimed": claimed},
            )

    def mark_told(self, rollout: str, sort_key: str, channel: str, now: datetime) -> None:
        """Mark an event as told, whichever run holds the claim now; an event that is not there stays so."""
        names = {"#told": f"told_{channel}", "#telling": f"telling_{channel}"}
        with suppress(RefusedUpdateError):
            update = "SET #told = :now REMOVE #telling"
            self._table.update(
                items.rollout_key(rollout, sort_key), names, update, "attribute_exists(pk)", {":now": now}
            )

    def _items_of(self, rollout: str, prefix: str, *, newest_first: bool = False) -> Iterator[items.Attributes]:
        partition = items.rollout_key(rollout, prefix)
        return self._table.query(
            {
                "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
                "ExpressionAttributeValues": items.to_item({":pk": partition["pk"], ":prefix": prefix}),
                "ScanIndexForward": not newest_first,
            }
        )
