"""Creates the table exactly as the CloudFormation template describes it, so that they cannot
differ."""

from pathlib import Path
from typing import TYPE_CHECKING

from devstack.errors import LocalSetupError
from devstack.template import TABLE_TEMPLATE, table_properties

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import CreateTableInputTypeDef, TableDescriptionTypeDef

_POLL_SECONDS = 1
_MAX_POLLS = 60


def table_arguments(table_name: str, template: Path = TABLE_TEMPLATE) -> "CreateTableInputTypeDef":
    """The arguments of `create_table` for this template: keys, attributes, indexes and billing.

    Recovery, encryption and deletion protection are omitted: DynamoDB Local does not know them.
    """
    properties = table_properties(template)
    return {
        "TableName": table_name,
        "AttributeDefinitions": properties["AttributeDefinitions"],
        "KeySchema": properties["KeySchema"],
        "GlobalSecondaryIndexes": properties["GlobalSecondaryIndexes"],
        "BillingMode": properties["BillingMode"],
    }


def create_table(
    client: "DynamoDBClient", table_name: str, template: Path = TABLE_TEMPLATE
) -> None:
    """Creates the table if it does not exist; returns when it is active and expires items as the
    template says.

    May be called repeatedly and concurrently. Raises `LocalSetupError` if a table of that name has
    other keys or indexes."""
    arguments = table_arguments(table_name, template)
    try:
        found = client.create_table(**arguments)["TableDescription"]
    except client.exceptions.ResourceInUseException:
        found = _active_table(client, table_name)
        if _shape_found(found) != _shape_wanted(arguments):
            raise LocalSetupError(
                f"The table {table_name} was made from another template; "
                "`make reset` deletes the data."
            ) from None
        if _expires_items(client, table_name):
            return
    if found.get("TableStatus") != "ACTIVE":
        _active_table(client, table_name)
    expiry = table_properties(template)["TimeToLiveSpecification"]
    client.update_time_to_live(TableName=table_name, TimeToLiveSpecification=expiry)


def _active_table(client: "DynamoDBClient", table_name: str) -> "TableDescriptionTypeDef":
    waiter = client.get_waiter("table_exists")
    waiter.wait(
        TableName=table_name, WaiterConfig={"Delay": _POLL_SECONDS, "MaxAttempts": _MAX_POLLS}
    )
    return client.describe_table(TableName=table_name)["Table"]


def _expires_items(client: "DynamoDBClient", table_name: str) -> bool:
    present = client.describe_time_to_live(TableName=table_name)["TimeToLiveDescription"]
    return present.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")


def _shape_wanted(arguments: "CreateTableInputTypeDef") -> dict[str, list[tuple[str, str]]]:
    indexes = {
        index["IndexName"]: index["KeySchema"] for index in arguments["GlobalSecondaryIndexes"]
    }
    schemas = {"": arguments["KeySchema"], **indexes}
    return {
        name: sorted((key["AttributeName"], key["KeyType"]) for key in keys)
        for name, keys in schemas.items()
    }


def _shape_found(table: "TableDescriptionTypeDef") -> dict[str, list[tuple[str, str]]]:
    indexes = {
        index["IndexName"]: index["KeySchema"] for index in table.get("GlobalSecondaryIndexes", [])
    }
    schemas = {"": table["KeySchema"], **indexes}
    return {
        name: sorted((key["AttributeName"], key["KeyType"]) for key in keys)
        for name, keys in schemas.items()
    }
