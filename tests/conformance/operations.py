"""Generated requests of every operation that the service uses, on few keys, so that they meet.

Requests name the table `TABLE`, and their tokens begin with it; whoever sends them puts a real
name there. DynamoDB knows a token for all tables of an account."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from service.storage.codec import Item, encode_item
from service.storage.keys import Key
from service.storage.writes import Delete, Put, Update, When, Write, request
from tests.conformance.expressions import NAMES, Expressions
from tests.conformance.malformed import MALFORMED
from tests.conformance.values import TEXTS, deep, large, number, text, value

TABLE = "the table"
PARTITIONS = ("USER#ann", "USER#björn", "US\"'\\\x01😀")
SORTS = ("METADATA", "JOB#1", "JOB#2", "JOB#3", "JÖB#\u0301😀", "JOB\\\"'\n")
INDEXES = ("GSI1", "GSI2")
_PREFIXES = ("", "J", "JOB#", "JÖ", "M", "z")
_UNITS = ("NONE", "TOTAL", "TOTAL", "INDEXES")
_OLD = ("NONE", "ALL_OLD")
_CHANGED = (*_OLD, "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW")

T = TypeVar("T")
Parameters = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One request. `name` is the kind of mistake in it, or the operation."""

    operation: str
    parameters: Parameters
    name: str = ""


class Operations:
    """Requests made of one seed. The same seed makes the same requests."""

    def __init__(self, seed: object) -> None:
        self._random = Random(repr(seed))
        self._tokens: list[Request] = []

    def next(self) -> Request:
        kind = self._random.choices(tuple(_SHARES), tuple(_SHARES.values()))[0]
        return kind(self)

    def get(self) -> Request:
        expressions = Expressions(self._random)
        parameters = self._on_table({"Key": self._key(), **self._consistent()})
        if self._chance(0.3):
            parameters["ProjectionExpression"] = expressions.projection()
        return Request("GetItem", parameters | expressions.placeholders())

    def batch_get(self) -> Request:
        expressions = Expressions(self._random)
        wanted = {"Keys": self._keys(self._random.randint(1, 12)), **self._consistent()}
        if self._chance(0.5):
            wanted["ProjectionExpression"] = f"{expressions.projection()}, SK"
        items = {TABLE: wanted | expressions.placeholders()}
        return Request("BatchGetItem", {"RequestItems": items, **self._units()})

    def transact_get(self) -> Request:
        gets = [{"Get": {"TableName": TABLE, "Key": key}} for key in self._keys()]
        return Request("TransactGetItems", {"TransactItems": gets, **self._units()})

    def query(self) -> Request:
        expressions = Expressions(self._random)
        place, prefix = expressions.value({"S": self._partition()}), self._pick(_PREFIXES)
        condition = f"PK = {place}"
        if prefix:
            condition += f" AND begins_with(SK, {expressions.value({'S': prefix})})"
        parameters = self._page() | self._consistent()
        if self._chance(0.3):
            pk = {"PK": expressions.placeholders()["ExpressionAttributeValues"][place]}
            within = [sort for sort in SORTS if sort.startswith(prefix)] or [prefix]
            parameters["ExclusiveStartKey"] = {**pk, "SK": {"S": self._pick(within)}}
        if self._chance(0.2):
            parameters["FilterExpression"] = _outside_keys(expressions)
        if self._chance(0.1):
            parameters |= {"Select": "COUNT"}
        parameters["KeyConditionExpression"] = condition
        return Request("Query", self._on_table(parameters | expressions.placeholders()))

    def query_index(self) -> Request:
        index, expressions = self._pick(INDEXES), Expressions(self._random)
        condition = f"{index}PK = {expressions.value({'S': self._pick(TEXTS[:3])})}"
        if self._chance(0.5):
            condition += f" AND {index}SK <= {expressions.value({'S': text(self._random)})}"
        parameters = self._page() | {"IndexName": index, "KeyConditionExpression": condition}
        if self._chance(0.3):
            partition = expressions.placeholders()["ExpressionAttributeValues"][":v0"]
            place = {f"{index}PK": partition, f"{index}SK": {"S": text(self._random)}}
            parameters["ExclusiveStartKey"] = self._key() | place
        return Request("Query", self._on_table(parameters | expressions.placeholders()))

    def scan(self) -> Request:
        parameters = self._page() | self._consistent()
        parameters.pop("ScanIndexForward", None)
        if self._chance(0.6):
            segments = self._random.randint(1, 4)
            segment = self._random.randrange(segments)
            parameters |= {"Segment": segment, "TotalSegments": segments}
        if self._chance(0.3):
            parameters["ExclusiveStartKey"] = self._key()
        return Request("Scan", self._on_table(parameters))

    def put(self) -> Request:
        return Request(
            "PutItem", {**self._put(), **self._units(), "ReturnValues": self._pick(_OLD)}
        )

    def update(self) -> Request:
        changed = {"ReturnValues": self._pick(_CHANGED)}
        return Request("UpdateItem", {**self._update(), **self._units(), **changed})

    def delete(self) -> Request:
        old = {"ReturnValues": self._pick(_OLD)}
        return Request("DeleteItem", {**self._delete(), **self._units(), **old})

    def write_of_the_service(self) -> Request:
        kind, parameters = request(TABLE, self._write(self._plain_key()))
        return Request(f"{kind}Item", parameters)

    def transaction(self) -> Request:
        actions = [self._action(key) for key in self._keys(self._random.choice((1, 1, 2, 3, 6)))]
        return self._transact(actions)

    def transaction_of_the_service(self) -> Request:
        keys = self._random.sample(_PLAIN_KEYS, self._random.randint(1, 6))
        return self._transact([dict([request(TABLE, self._write(key))]) for key in keys])

    def repeated_transaction(self) -> Request:
        """A token that was used before: with the same content, or with another one."""
        if not self._tokens:
            return self.transaction()
        former = self._pick(self._tokens[-20:])
        if self._chance(0.5):
            return former
        token = {"ClientRequestToken": former.parameters["ClientRequestToken"]}
        return Request("TransactWriteItems", self.transaction().parameters | token)

    def malformed(self) -> Request:
        name = self._pick(tuple(MALFORMED))
        operation, parameters = MALFORMED[name](TABLE, self._key())
        return Request(operation, parameters, name)

    def _transact(self, actions: list[Parameters]) -> Request:
        token = f"{TABLE}{self._random.getrandbits(64):016x}"
        made = Request(
            "TransactWriteItems",
            {"TransactItems": actions, "ClientRequestToken": token, **self._units()},
        )
        self._tokens.append(made)
        return made

    def _action(self, key: Parameters) -> Parameters:
        kind = self._pick(("Put", "Update", "Delete", "ConditionCheck"))
        if kind == "Put":
            put = self._put()
            return {kind: {**put, "Item": {**put["Item"], **key}}}
        if kind == "Update":
            return {kind: {**self._update(), "Key": key}}
        if kind == "Delete":
            return {kind: {**self._delete(), "Key": key}}
        expressions = Expressions(self._random)
        condition = {"ConditionExpression": expressions.condition(), "Key": key}
        return {kind: {"TableName": TABLE, **condition, **expressions.placeholders(), **_kept()}}

    def _put(self) -> Parameters:
        item = {**self._attributes(), **self._key()}
        return self._conditional({"Item": item}, Expressions(self._random))

    def _update(self) -> Parameters:
        expressions = Expressions(self._random)
        change = {"Key": self._key(), "UpdateExpression": expressions.change()}
        return self._conditional(change, expressions)

    def _delete(self) -> Parameters:
        return self._conditional({"Key": self._key()}, Expressions(self._random))

    def _conditional(self, parameters: Parameters, expressions: Expressions) -> Parameters:
        if self._chance(0.4):
            parameters["ConditionExpression"] = expressions.condition()
        kept = _kept() if self._chance(0.7) else {}
        return {"TableName": TABLE, **parameters, **expressions.placeholders(), **kept}

    def _write(self, key: Key) -> Write:
        status: Item = {"status": self._pick((None, "open", "x\\\"'é"))}
        when = When(
            equals=status if self._chance(0.4) else {"nowhere": None},
            below={"version": 3} if self._chance(0.2) else {},
        )
        item: Item = {
            "status": self._pick(("open", "x\\\"'é")),
            "version": self._random.randrange(5),
        }
        match self._random.randrange(3):
            case 0:
                tags = frozenset(self._random.sample(TEXTS, 2))
                return Put(key, {**item, "tags": tags, "facts": {"lots": (1, ("é",))}}, when)
            case 1:
                return Update(key, when, item, ("facts",), {"count": 1})
        return Delete(key, when)

    def _attributes(self) -> Parameters:
        random = self._random
        names = random.sample(NAMES, random.randint(0, 5))
        item = {name: value(random) for name in names}
        if "version" in item:
            item["version"] = number(random)
        item.pop("GSI1SK", None)
        for index in INDEXES:
            if self._chance(0.3):
                item[f"{index}PK"] = {"S": self._pick(TEXTS[:3])}
                item[f"{index}SK"] = {"S": text(random)}
        if self._chance(0.03):
            item["deep"] = deep(random.randint(5, 31))
        if self._chance(0.03):
            item["large"] = large(random)
        return item

    def _key(self) -> Parameters:
        return encode_item({"PK": self._partition(), "SK": self._pick(SORTS)})

    def _keys(self, count: int = 0) -> list[Parameters]:
        keys = self._random.sample(_KEYS, count or self._random.randint(1, 6))
        return [encode_item(key.attributes()) for key in keys]

    def _plain_key(self) -> Key:
        return self._pick(_PLAIN_KEYS)

    def _partition(self) -> str:
        return self._pick(PARTITIONS)

    def _page(self) -> Parameters:
        limit = {"Limit": self._random.randint(1, 8)} if self._chance(0.6) else {}
        return {"ScanIndexForward": self._chance(0.5), **limit, **self._units()}

    def _on_table(self, parameters: Parameters) -> Parameters:
        return {"TableName": TABLE, **parameters, **self._units()}

    def _units(self) -> Parameters:
        return {"ReturnConsumedCapacity": self._pick(_UNITS)}

    def _consistent(self) -> Parameters:
        return {"ConsistentRead": True} if self._chance(0.8) else {}

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _pick(self, choices: Sequence[T]) -> T:
        return self._random.choice(choices)


def _kept() -> Parameters:
    return {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def _outside_keys(expressions: Expressions) -> str:
    """A filter. DynamoDB refuses key attributes in it."""
    return f"attribute_exists({expressions.name('status')})"


_KEYS = [Key(pk, sk) for pk in PARTITIONS for sk in SORTS]
_PLAIN_KEYS = [key for key in _KEYS if key.pk.startswith("USER")]
_SHARES: dict[Callable[[Operations], Request], float] = {
    Operations.get: 8,
    Operations.batch_get: 6,
    Operations.transact_get: 7,
    Operations.query: 12,
    Operations.query_index: 8,
    Operations.scan: 6,
    Operations.put: 12,
    Operations.update: 10,
    Operations.delete: 4,
    Operations.write_of_the_service: 6,
    Operations.transaction: 12,
    Operations.transaction_of_the_service: 8,
    Operations.repeated_transaction: 3,
    Operations.malformed: 8,
}
