"""A user's items in the table, read and damaged."""

import re
from typing import Any

from tests.doubles.service_harness import ServiceHarness


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
    (item,) = items_of(world, user_id, sk)
    names = {name: name.lstrip("#") for name in re.findall(r"#\w+", expression)}
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": item["PK"], "SK": item["SK"]},
        UpdateExpression=expression,
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        **({"ExpressionAttributeNames": names} if names else {}),
    )
