"""The only adapter of DynamoDB. It sends each request once, and says of every failure whether it
may have been applied. The client is made in `storage.connection`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
)

from service.core.errors import Unavailable
from service.core.fifo_gate import FifoGate, WaitedTooLong
from service.storage.codec import Item, RawItem, decode_item, encode_item
from service.storage.keys import READINESS, Key
from service.storage.settings import CALL_WAIT_SECONDS
from service.storage.writes import Write, request

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

Response = TypeVar("Response")

MAX_WRITES = 100
READ_TRIES = 2
MAX_CALLS = 1000

_NOT_APPLIED = {
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TransactionConflictException",
    "LimitExceededException",
    "ReplicatedWriteConflictException",
}
_MAYBE_APPLIED = {"InternalServerError", "ServiceUnavailable", "TransactionInProgressException"}
_NEVER_LEFT = (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
)
_OURS = {"ConditionalCheckFailedException", "TransactionCanceledException", "ValidationException"}
_CANCELLED_BY_OTHERS = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


class StorageUnavailable(Unavailable):
    """The table did not respond as expected."""

    code = "STORAGE_UNAVAILABLE"
    summary = "The service cannot reach its table right now. Nothing is lost; try again shortly."
    retry_after = 2


class NotApplied(StorageUnavailable):
    """A throttle or a conflict: surely nothing was written, and trying again makes sense."""


class NotReached(NotApplied):
    """No connection, or no credentials to sign with yet: the request never left."""


class TableSaturated(NotApplied):
    """This process had no place for another call in time: the request never left. Trying again at
    once would only queue behind the calls that wait already."""


class MaybeApplied(StorageUnavailable):
    """The response was lost: only reading shows whether the write happened, and it may still
    happen."""


class StorageRefused(StorageUnavailable):
    """DynamoDB turned the call down (no such table, no permission): an operator has to act, trying
    again does not help."""


class ConditionFailed(Exception):
    """A write's condition did not hold; nothing was written. `item` is what lies there."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("condition failed")
        self.item = item


class Cancelled(Exception):
    """A transaction whose conditions did not all hold; nothing was written.

    `refused` maps the position of each refused write to the item that lies there (None: no such
    item)."""

    def __init__(self, refused: dict[int, Item | None]) -> None:
        super().__init__("transaction cancelled")
        self.refused = refused


@dataclass(frozen=True)
class Page:
    """Some items in key order; `more` says that the limit, not the end, was reached."""

    items: tuple[Item, ...]
    more: bool


@dataclass(frozen=True)
class Reading:
    """A page as stored, in DynamoDB's own types: one odd item does not spoil the others. `after`
    says where to go on (None: that was all), `units` how many read units it took."""

    items: tuple[RawItem, ...]
    after: Key | None
    units: float


@dataclass(frozen=True)
class IndexHit:
    """What an index says lies where, and under which sort key."""

    key: Key
    sort: str


class Table:
    """The one table. Reads are strongly consistent unless they go to an index.

    Every method raises `NotApplied` or `MaybeApplied` when DynamoDB does not serve it; reads are
    tried twice first. At most `max_calls` are under way at once, and others wait their turn, up to
    `CALL_WAIT_SECONDS`: botocore would open a connection for each call that its pool has no room
    for, and a process with a thousand calls under way takes responses for lost because it is late
    to read them. A call whose turn does not come raises `TableSaturated`, and is not tried again.
    """

    def __init__(self, client: "DynamoDBClient", name: str, max_calls: int = MAX_CALLS) -> None:
        self._client = client
        self._name = name
        self._calls = FifoGate(max_calls)

    def get(self, key: Key) -> Item | None:
        """One item, or None."""
        response = self._read(
            lambda: self._client.get_item(
                TableName=self._name, Key=encode_item(key.attributes()), ConsistentRead=True
            )
        )
        return decode_item(response["Item"]) if "Item" in response else None

    def get_together(self, keys: Sequence[Key]) -> tuple[Item | None, ...]:
        """Several items as they were at one moment (a snapshot), None for each that is not
        there."""
        gets: Any = [
            {"Get": {"TableName": self._name, "Key": encode_item(key.attributes())}} for key in keys
        ]
        response = self._read(lambda: self._client.transact_get_items(TransactItems=gets))
        return tuple(
            decode_item(found["Item"]) if found.get("Item") else None
            for found in response["Responses"]
        )

    def get_many(self, keys: Sequence[Key], attributes: Sequence[str]) -> dict[Key, Item]:
        """Those attributes of up to 100 items, each as it was at a moment of its own. Items that
        are not there are left out, and so is what DynamoDB does not get to."""
        wanted: Any = {
            "Keys": [encode_item(key.attributes()) for key in dict.fromkeys(keys)],
            "ProjectionExpression": ", ".join(["PK", "SK", *(f"#{name}" for name in attributes)]),
            "ExpressionAttributeNames": {f"#{name}": name for name in attributes},
            "ConsistentRead": True,
        }
        response = self._read(
            lambda: self._client.batch_get_item(RequestItems={self._name: wanted})
        )
        found = [decode_item(item) for item in response["Responses"].get(self._name, ())]
        return {Key.of_item(item): item for item in found}

    def query(
        self, pk: str, prefix: str, *, limit: int, after: str = "", ascending: bool = True
    ) -> Page:
        """At most `limit` items of a partition whose sort key begins so, beyond the sort key
        `after` in that direction."""
        start: Any = {"ExclusiveStartKey": encode_item({"PK": pk, "SK": after})} if after else {}
        response = self._read(
            lambda: self._client.query(
                TableName=self._name,
                KeyConditionExpression="PK = :pk AND begins_with(SK, :prefix)",
                ExpressionAttributeValues=encode_item({":pk": pk, ":prefix": prefix}),
                ConsistentRead=True,
                ScanIndexForward=ascending,
                Limit=limit,
                **start,
            )
        )
        return Page(
            tuple(decode_item(item) for item in response["Items"]), "LastEvaluatedKey" in response
        )

    def query_index(
        self, index: str, pk: str, *, limit: int, up_to: str = ""
    ) -> tuple[IndexHit, ...]:
        """At most `limit` items of an index partition in order, up to a sort key. An index lags: a
        hint, never a truth."""
        condition = f"{index}PK = :pk" + (f" AND {index}SK <= :up_to" if up_to else "")
        values = {":pk": pk, ":up_to": up_to} if up_to else {":pk": pk}
        response = self._read(
            lambda: self._client.query(
                TableName=self._name,
                IndexName=index,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=encode_item(values),
                Limit=limit,
            )
        )
        found = [decode_item(item) for item in response["Items"]]
        return tuple(IndexHit(Key.of_item(hit), str(hit[f"{index}SK"])) for hit in found)

    def browse(self, pk: str, prefix: str, *, limit: int, after: str = "") -> Reading:
        """As `query`, for the audit. An empty prefix means the whole partition."""
        start: Any = {"ExclusiveStartKey": encode_item({"PK": pk, "SK": after})} if after else {}
        condition = "PK = :pk" + (" AND begins_with(SK, :prefix)" if prefix else "")
        return self._reading(
            lambda: self._client.query(
                TableName=self._name,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=encode_item({":pk": pk, ":prefix": prefix or None}),
                ConsistentRead=True,
                Limit=limit,
                ReturnConsumedCapacity="TOTAL",
                **start,
            )
        )

    def scan(self, *, segment: int, segments: int, limit: int, after: Key | None = None) -> Reading:
        """One page of one segment of the whole table, for the audit."""
        start: Any = {"ExclusiveStartKey": encode_item(after.attributes())} if after else {}
        return self._reading(
            lambda: self._client.scan(
                TableName=self._name,
                ConsistentRead=True,
                Segment=segment,
                TotalSegments=segments,
                Limit=limit,
                ReturnConsumedCapacity="TOTAL",
                **start,
            )
        )

    def settled(self, key: Key) -> bool:
        """Whether no transaction that writes the item is under way; false also when DynamoDB is
        throttled or not reached. Not tried again. Queries and scans read a transaction's items one
        by one, strongly consistent ones too, while a transactional read conflicts with it (Amazon
        DynamoDB Developer Guide, "Transaction isolation levels")."""
        get: Any = {"Get": {"TableName": self._name, "Key": encode_item(key.attributes())}}
        try:
            self._send_read(lambda: self._client.transact_get_items(TransactItems=[get]))
        except NotApplied:
            return False
        return True

    def write(self, write: Write) -> None:
        """One conditional write. Raises `ConditionFailed`."""
        kind, parameters = request(self._name, write)
        send: Any = getattr(self._client, f"{kind.lower()}_item")
        try:
            self._send(lambda: send(**parameters))
        except ClientError as error:
            if _code(error) != "ConditionalCheckFailedException":
                raise
            item: Any = error.response.get("Item")
            raise ConditionFailed(decode_item(item) if item else None) from None

    def transact(self, writes: Sequence[Write]) -> None:
        """All of the writes or none. Raises `Cancelled`. Every call carries a token of its own: a
        repeated one would succeed for a write that has been undone since."""
        if not 0 < len(writes) <= MAX_WRITES:
            raise ValueError(f"a transaction takes 1 to {MAX_WRITES} writes")
        items: Any = [dict([request(self._name, write)]) for write in writes]
        try:
            self._send(lambda: self._client.transact_write_items(TransactItems=items))
        except ClientError as error:
            raise _cancelled(error) from None

    def ready(self) -> bool:
        """Whether the table responds."""
        try:
            self.get(READINESS)
        except StorageUnavailable:
            return False
        return True

    def _reading(self, send: Callable[[], Any]) -> Reading:
        response = self._read(send)
        last = decode_item(response.get("LastEvaluatedKey", {}))
        after = Key.of_item(last) if last else None
        return Reading(
            tuple(response["Items"]),
            after,
            response.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0),
        )

    def _read(self, send: Callable[[], Response]) -> Response:
        for _ in range(READ_TRIES - 1):
            try:
                return self._send_read(send)
            except TableSaturated:
                raise
            except StorageUnavailable:
                continue
        return self._send_read(send)

    def _send_read(self, send: Callable[[], Response]) -> Response:
        try:
            return self._send(send)
        except ClientError as error:
            raise _cancelled(error) from None

    def _send(self, send: Callable[[], Response]) -> Response:
        """Translates what botocore raises into our words; a failed condition passes through as
        `ClientError`."""
        self._take_turn()
        try:
            return send()
        except ClientError as error:
            code = _code(error)
            if code in _OURS:
                raise
            if code in _NOT_APPLIED:
                raise NotApplied from error
            if code in _MAYBE_APPLIED or _status(error) >= 500:
                raise MaybeApplied from error
            raise StorageRefused from error
        except _NEVER_LEFT as error:
            raise NotReached from error
        except BotoCoreError as error:
            raise MaybeApplied from error
        finally:
            self._calls.leave()

    def _take_turn(self) -> None:
        try:
            self._calls.enter(CALL_WAIT_SECONDS)
        except WaitedTooLong:
            raise TableSaturated from None


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))


def _cancelled(error: ClientError) -> Exception:
    """A cancelled transaction in our words: conflicts and throttles are worth a retry, refused
    conditions are a result, anything else (a malformed request) is our fault and stays as it is.
    One without reasons was cancelled all the same, and nothing of it was written."""
    reasons: list[Any] = error.response.get("CancellationReasons", [])
    codes = {reason.get("Code") for reason in reasons} - {"None", None}
    unexplained = not codes and _code(error) == "TransactionCanceledException"
    if unexplained or codes & _CANCELLED_BY_OTHERS:
        return NotApplied()
    if codes == {"ConditionalCheckFailed"}:
        refused: dict[int, Item | None] = {
            position: decode_item(reason["Item"]) if reason.get("Item") else None
            for position, reason in enumerate(reasons)
            if reason.get("Code") == "ConditionalCheckFailed"
        }
        return Cancelled(refused)
    return error
