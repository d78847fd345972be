"""Requests that DynamoDB refuses, each because of one mistake."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.conformance.values import deep

Parameters = dict[str, Any]
Malformed = Callable[[str, Parameters], tuple[str, Parameters]]
NO_TABLE = "No-Such-Table"
# DynamoDB Local fails at it with a 500, which is no refusal.
A_FAILURE = "a limit that is a text"


def _put(**more: Any) -> Malformed:
    """A PutItem with these attributes; one that is None is left out."""
    return lambda table, key: ("PutItem", {"TableName": table, "Item": _without_none(key | more)})


def _get(key: Parameters) -> Malformed:
    return lambda table, _: ("GetItem", {"TableName": table, "Key": key})


def _update(**more: Any) -> Malformed:
    return lambda table, key: ("UpdateItem", {"TableName": table, "Key": key, **more})


def _delete(**more: Any) -> Malformed:
    return lambda table, key: ("DeleteItem", {"TableName": table, "Key": key, **more})


def _query(**more: Any) -> Malformed:
    whole = {
        "KeyConditionExpression": "PK = :pk",
        "ExpressionAttributeValues": {":pk": {"S": "USER#ann"}},
    }
    return lambda table, _: ("Query", _without_none({"TableName": table, **whole, **more}))


def _scan(**more: Any) -> Malformed:
    return lambda table, _: ("Scan", {"TableName": table, **more})


def _transact(actions: Callable[[str, Parameters], list[Parameters]], **more: Any) -> Malformed:
    return lambda table, key: (
        "TransactWriteItems",
        {"TransactItems": actions(table, key), **more},
    )


def _action(kind: str, **more: Any) -> Callable[[str, Parameters], list[Parameters]]:
    return lambda table, key: [{kind: {"TableName": table, "Key": key, **more}}]


def _many(count: int) -> Callable[[str, Parameters], list[Parameters]]:
    return lambda table, _: [
        {"Delete": {"TableName": table, "Key": _numbered(n)}} for n in range(count)
    ]


def _numbered(number: int) -> Parameters:
    return {"PK": {"S": "MANY"}, "SK": {"S": str(number)}}


def _without_none(parameters: Parameters) -> Parameters:
    return {name: value for name, value in parameters.items() if value is not None}


def _text(value: str) -> Parameters:
    return {"S": value}


_ONE: Parameters = {":v": {"N": "1"}}

MALFORMED: Mapping[str, Malformed] = {
    # Tables and keys.
    "unknown table": lambda _, key: ("GetItem", {"TableName": NO_TABLE, "Key": key}),
    "unknown table in a put": lambda _, key: ("PutItem", {"TableName": NO_TABLE, "Item": key}),
    "unknown table in a query": lambda _, key: (
        "Query",
        {
            "TableName": NO_TABLE,
            "KeyConditionExpression": "PK = :pk",
            "ExpressionAttributeValues": {":pk": key["PK"]},
        },
    ),
    "unknown table in a transaction": lambda _, key: (
        "TransactWriteItems",
        {"TransactItems": [{"Delete": {"TableName": NO_TABLE, "Key": key}}]},
    ),
    "unknown table in a batch": lambda _, key: (
        "BatchGetItem",
        {"RequestItems": {NO_TABLE: {"Keys": [key]}}},
    ),
    "table name too short": lambda _, key: ("GetItem", {"TableName": "T", "Key": key}),
    "no table name": lambda _, key: ("GetItem", {"Key": key}),
    "empty partition key": _get({"PK": _text(""), "SK": _text("x")}),
    "empty sort key": _put(SK=_text("")),
    "no sort key": _get({"PK": _text("x")}),
    "a key too many": _get({"PK": _text("x"), "SK": _text("x"), "more": _text("x")}),
    "no key at all": _get({}),
    "a key of another type": _get({"PK": {"N": "1"}, "SK": _text("x")}),
    "a partition key too long": _get({"PK": _text("x" * 2_049), "SK": _text("x")}),
    "a sort key too long": _get({"PK": _text("x"), "SK": _text("é" * 513)}),
    "an item without its key": _put(PK=None),
    "an index key of another type": _put(GSI1PK={"N": "1"}, GSI1SK=_text("x")),
    "an empty index key": _put(GSI1PK=_text(""), GSI1SK=_text("x")),
    # Values.
    "a number with 39 digits": _put(n={"N": "1" * 39}),
    "a number that is none": _put(n={"N": "one"}),
    "an empty number": _put(n={"N": ""}),
    "not a number": _put(n={"N": "NaN"}),
    "infinity": _put(n={"N": "Infinity"}),
    "a number too large": _put(n={"N": "1E126"}),
    "a number too small": _put(n={"N": "1E-131"}),
    "an empty set": _put(s={"SS": []}),
    "a set with a value twice": _put(s={"SS": ["a", "a"]}),
    "a set with a number twice": _put(s={"NS": ["1", "1.0"]}),
    "a value of two types": _put(v={"S": "x", "N": "1"}),
    "a value of no type": _put(v={}),
    "a null that is false": _put(v={"NULL": False}),
    "a value too deep": _put(v=deep(33)),
    "an item too large": _put(v=_text("x" * 410_000)),
    # Expressions.
    "an unused name": _update(
        UpdateExpression="SET a = :v",
        ExpressionAttributeNames={"#unused": "x"},
        ExpressionAttributeValues=_ONE,
    ),
    "an unused value": _update(
        UpdateExpression="REMOVE a", ExpressionAttributeValues={":unused": {"N": "1"}}
    ),
    "an undeclared name": _update(UpdateExpression="REMOVE #undeclared"),
    "an undeclared value": _update(UpdateExpression="SET a = :undeclared"),
    "an empty expression": _update(UpdateExpression=""),
    "empty names": _update(UpdateExpression="REMOVE a", ExpressionAttributeNames={}),
    "empty values": _update(UpdateExpression="REMOVE a", ExpressionAttributeValues={}),
    "an expression that does not parse": _delete(ConditionExpression="a = = b"),
    "a bracket too many": _delete(ConditionExpression="attribute_exists(a))"),
    "an unknown function": _delete(ConditionExpression="exists(a)"),
    "a reserved word": _delete(ConditionExpression="attribute_exists(status)"),
    "a function with too few operands": _delete(ConditionExpression="begins_with(a)"),
    "a change of the key": _update(
        UpdateExpression="SET SK = :v", ExpressionAttributeValues={":v": _text("x")}
    ),
    "two changes of one attribute": _update(
        UpdateExpression="SET a = :v, a = :v", ExpressionAttributeValues=_ONE
    ),
    "overlapping paths": _update(
        UpdateExpression="SET a = :v, a.b = :v", ExpressionAttributeValues=_ONE
    ),
    "a verb twice": _update(
        UpdateExpression="SET a = :v SET b = :v", ExpressionAttributeValues=_ONE
    ),
    "an addition of a text": _update(
        UpdateExpression="ADD a :v", ExpressionAttributeValues={":v": _text("x")}
    ),
    "a path that is not there": _update(
        UpdateExpression="SET nowhere.b = :v", ExpressionAttributeValues=_ONE
    ),
    "expressions and old-style conditions": _delete(
        ConditionExpression="attribute_exists(a)", Expected={"a": {"Exists": False}}
    ),
    # Parameters.
    "an unknown return value": _delete(ReturnValues="EVERYTHING"),
    "a return value of another operation": _delete(ReturnValues="ALL_NEW"),
    "a limit of zero": _query(Limit=0),
    "a negative limit": _query(Limit=-1),
    A_FAILURE: _query(Limit="many"),
    "an unknown index": _query(IndexName="GSI9"),
    "a consistent read of an index": _query(
        IndexName="GSI1", KeyConditionExpression="GSI1PK = :pk", ConsistentRead=True
    ),
    "a query without a condition": _query(
        KeyConditionExpression=None, ExpressionAttributeValues=None
    ),
    "a query without the partition key": _query(KeyConditionExpression="SK = :pk"),
    "a query of two partitions": _query(KeyConditionExpression="PK = :pk OR PK = :pk"),
    "a query with another comparison of the key": _query(KeyConditionExpression="PK > :pk"),
    "a filter on the key": _query(FilterExpression="SK = :pk"),
    "a start in another partition": _query(
        ExclusiveStartKey={"PK": _text("USER#bob"), "SK": _text("x")}
    ),
    "a start that is no key": _query(ExclusiveStartKey={"PK": _text("USER#ann")}),
    "a segment beyond the segments": _scan(Segment=4, TotalSegments=4),
    "a segment without segments": _scan(Segment=0),
    "no segments": _scan(Segment=0, TotalSegments=0),
    "too many segments": _scan(Segment=0, TotalSegments=1_000_001),
    # Batches and transactions.
    "no keys": lambda table, _: ("BatchGetItem", {"RequestItems": {table: {"Keys": []}}}),
    "no tables": lambda table, _: ("BatchGetItem", {"RequestItems": {}}),
    "a key twice": lambda table, key: (
        "BatchGetItem",
        {"RequestItems": {table: {"Keys": [key, key]}}},
    ),
    "101 keys": lambda table, _: (
        "BatchGetItem",
        {"RequestItems": {table: {"Keys": [_numbered(number) for number in range(101)]}}},
    ),
    "no actions": _transact(lambda table, key: []),
    "101 actions": _transact(_many(101)),
    "two actions on one item": _transact(
        lambda table, key: [
            {"Put": {"TableName": table, "Item": key}},
            {"Delete": {"TableName": table, "Key": key}},
        ]
    ),
    "one action of two kinds": _transact(
        lambda table, key: [
            {
                "Put": {"TableName": table, "Item": key},
                "Delete": {"TableName": table, "Key": _numbered(1)},
            }
        ]
    ),
    "an action of no kind": _transact(lambda table, key: [{}]),
    "a check without a condition": _transact(_action("ConditionCheck")),
    "a bad expression in a transaction": _transact(
        _action("Delete", ConditionExpression="a = = b")
    ),
    "an unused value in a transaction": _transact(
        _action("Delete", ExpressionAttributeValues=_ONE)
    ),
    "an addition of a text in a transaction": _transact(
        _action("Update", UpdateExpression="ADD a :v", ExpressionAttributeValues={":v": _text("x")})
    ),
    "an item too large in a transaction": _transact(
        lambda table, key: [
            {"Put": {"TableName": table, "Item": {**key, "v": _text("x" * 410_000)}}}
        ]
    ),
    "an empty key in a transaction": _transact(
        lambda table, key: [{"Delete": {"TableName": table, "Key": {**key, "SK": _text("")}}}]
    ),
    "a token too long": _transact(_action("Delete"), ClientRequestToken="x" * 37),
    "no gets": lambda table, key: ("TransactGetItems", {"TransactItems": []}),
    "101 gets": lambda table, key: (
        "TransactGetItems",
        {
            "TransactItems": [
                {"Get": {"TableName": table, "Key": _numbered(number)}} for number in range(101)
            ]
        },
    ),
    "an item twice in a transaction of gets": lambda table, key: (
        "TransactGetItems",
        {"TransactItems": [{"Get": {"TableName": table, "Key": key}}] * 2},
    ),
}
"""Each by the name of its mistake: from a table's name and a key, an operation and its
parameters."""
