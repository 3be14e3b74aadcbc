"""One DynamoDB table: questions and writes, with every failure as a StoreError of its own kind."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from rampart.adapters import items
from rampart.errors import ConflictError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import KeysAndAttributesTypeDef, TransactWriteItemTypeDef

_MOST_KEYS = 100  # of one BatchGetItem
_PAUSES = (0.03, 0.1, 0.3)
"""Seconds before a write is tried again that met another transaction; those last milliseconds."""


class Table:
    """Asks one table and writes to it; raises StoreError."""

    def __init__(self, name: str, client: DynamoDBClient, *, pause: Callable[[float], None] = time.sleep) -> None:
        self.name = name
        self._client = client
        self._pause = pause

    def get(self, key: Mapping[str, str]) -> items.Attributes | None:
        """The item of a key, read consistently."""
        with _asking(f"read {key['pk']}"):
            # The capacity is asked for because an absent item leaves nothing else in an answer that was understood.
            answer = self._client.get_item(
                TableName=self.name, Key=items.to_item(key), ConsistentRead=True, ReturnConsumedCapacity="TOTAL"
            )
        _understood(answer, "ConsumedCapacity")
        return items.to_attributes(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Sequence[Mapping[str, str]], what: str) -> Iterator[items.Attributes]:
        """The items of those keys that have one, in any order, read consistently."""
        for first in range(0, len(keys), _MOST_KEYS):
            some = [items.to_item(key) for key in keys[first : first + _MOST_KEYS]]
            with _asking(f"read {what}"):
                wanted: KeysAndAttributesTypeDef = {"Keys": some, "ConsistentRead": True}
                answer = self._client.batch_get_item(RequestItems={self.name: wanted})
            if answer.get("UnprocessedKeys"):
                raise StoreError(f"the table is throttled: it left {what} unread")
            yield from map(items.to_attributes, _understood(answer, "Responses").get(self.name, []))

    def query(self, query: Mapping[str, Any]) -> Iterator[items.Attributes]:
        """Every item that a query finds, page by page."""
        with _asking("query the table"):
            for page in self._client.get_paginator("query").paginate(TableName=self.name, **query):
                yield from map(items.to_attributes, _understood(page, "Items"))

    def transact(self, what: str, operations: Sequence[TransactWriteItemTypeDef]) -> None:
        """Write all of it or nothing, again where others write at that moment; raises RefusedWriteError, too."""
        for pause in (*_PAUSES, None):
            try:
                with _asking(f"write {what}"):
                    self._client.transact_write_items(TransactItems=operations)
            except _CanceledError as canceled:
                refused = [index for index, code in enumerate(canceled.codes) if code == _REFUSED]
                if refused:
                    raise RefusedWriteError(refused) from canceled
                if _BUSY not in canceled.codes:
                    raise StoreError(f"{what}: the table refused the write: {canceled}") from canceled
                if pause is None:
                    raise ConflictError(f"{what}: others kept writing at the same moment") from canceled
                self._pause(pause)
            else:
                return

    def update(
        self,
        key: Mapping[str, str],
        names: Mapping[str, str],
        update: str,
        condition: str,
        values: Mapping[str, Any],
    ) -> None:
        """Change one item where a condition holds; raises RefusedUpdateError with the item where it doesn't."""
        with _asking(f"mark {key['pk']}"):
            self._client.update_item(
                TableName=self.name,
                Key=items.to_item(key),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=items.to_item(values),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )


_REFUSED = "ConditionalCheckFailed"
_BUSY = "TransactionConflict"


class _CanceledError(StoreError):
    """A transaction was canceled; `codes` says why, one for each operation."""

    def __init__(self, codes: Sequence[str]) -> None:
        super().__init__(", ".join(sorted({code for code in codes if code != "None"})))
        self.codes = codes


class RefusedWriteError(StoreError):
    """Conditions of a transaction did not hold; `indexes` says of which of its operations."""

    def __init__(self, indexes: Sequence[int]) -> None:
        super().__init__("conditions of the write did not hold")
        self.indexes = indexes


class RefusedUpdateError(StoreError):
    """The condition of a single write did not hold; `item` is what was there instead, empty for nothing."""

    def __init__(self, message: str, item: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.item = item


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Turn what botocore raises into StoreErrors."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "TransactionCanceledException":
            reasons: Any = error.response.get("CancellationReasons", [])
            raise _CanceledError([reason.get("Code", "None") for reason in reasons]) from error
        if code == "ConditionalCheckFailedException":
            there: Any = error.response.get("Item", {})
            raise RefusedUpdateError(f"could not {what}", there) from error
        raise StoreError(f"could not {what}: the table answered {code}") from error
    except BotoCoreError as error:
        raise StoreError(f"could not {what}: {error}") from error


def _understood(answer: Mapping[str, Any], part: str) -> Any:  # noqa: ANN401  parts are plain JSON of many forms
    """The part that every answer has; botocore takes a body that isn't JSON, or none, for an answer without any part.

    Raises StoreError: what was garbled on its way must not be taken for an empty table.
    """
    if part not in answer:
        raise StoreError(f"the table's answer cannot be understood: it has no {part}")
    return answer[part]


@contextmanager
def understanding(what: str) -> Iterator[None]:
    """Turn an item that cannot be understood into a StoreError."""
    try:
        yield
    except (ValueError, KeyError) as error:
        raise StoreError(f"{what} cannot be understood; was it written by a later version of Rampart?") from error
