"""A user's items in the table, read and damaged."""

import copy
import re
from collections.abc import Mapping
from typing import Any

from tests.doubles.service_harness import ServiceHarness

_ASSIGNMENT = re.compile(r"#?([\w.\[\]]+) = :(\w+)")


def items_of(world: ServiceHarness, user_id: str, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.client.query(
        TableName=world.table._name,
        ConsistentRead=True,
        Limit=1000,
        KeyConditionExpression="PK = :pk AND begins_with(SK, :kind)",
        ExpressionAttributeValues={":pk": {"S": f"USER#{user_id}"}, ":kind": {"S": kind}},
    )["Items"]
    return found


def remove(world: ServiceHarness, user_id: str, sk: str) -> None:
    (item,) = items_of(world, user_id, sk)
    world.client.delete_item(TableName=world.table._name, Key={"PK": item["PK"], "SK": item["SK"]})


def change(world: ServiceHarness, user_id: str, sk: str, expression: str, **values: Any) -> None:
    """A path into a list or a map is set by writing the whole item: the table in memory knows no
    such paths."""
    (item,) = items_of(world, user_id, sk)
    if "[" in expression or "." in expression:
        assignments = _ASSIGNMENT.findall(expression)
        assert _ASSIGNMENT.sub("", expression).strip("SET, ") == "", "nothing else is understood"
        set_within(world, item, {path: values[name] for path, name in assignments})
        return
    names = {name: name.lstrip("#") for name in re.findall(r"#\w+", expression)}
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": item["PK"], "SK": item["SK"]},
        UpdateExpression=expression,
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        **({"ExpressionAttributeNames": names} if names else {}),
    )


def set_within(world: ServiceHarness, item: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Sets what is at paths such as `lots[0][2]` or `usage.videos` of the item."""
    changed = copy.deepcopy(item)
    for path, value in values.items():
        *way, last = re.findall(r"\w+", path)
        inner: Any = changed
        for step in way:
            (inner,) = inner[_place(inner, step)].values()
        inner[_place(inner, last)] = value
    world.client.put_item(TableName=world.table._name, Item=changed)


def _place(within: Any, step: str) -> Any:
    return int(step) if isinstance(within, list) else step
