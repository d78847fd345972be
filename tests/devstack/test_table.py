from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devstack.errors import LocalSetupError
from devstack.table import create_table, table_arguments
from devstack.template import parse_template, table_properties
from release.join import text_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


def key(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


def test_the_template_has_exactly_the_keys_and_indexes_of_the_design() -> None:
    names = ("PK", "SK", "GSI1PK", "GSI1SK", "GSI2PK", "GSI2SK")
    keys_only = {"ProjectionType": "KEYS_ONLY"}
    assert table_arguments("Somewhere") == {
        "TableName": "Somewhere",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in names],
        "KeySchema": key("PK", "SK"),
        "GlobalSecondaryIndexes": [
            {"IndexName": "GSI1", "KeySchema": key("GSI1PK", "GSI1SK"), "Projection": keys_only},
            {"IndexName": "GSI2", "KeySchema": key("GSI2PK", "GSI2SK"), "Projection": keys_only},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }


def test_the_deployed_table_is_kept_recoverable_encrypted_and_guarded_in_production() -> None:
    properties = table_properties()
    assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert properties["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]},
    }
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
    assert properties["DeletionProtectionEnabled"] == {"Fn::If": ["IsProduction", True, False]}
    assert properties["TableName"] == {"Fn::Sub": "${TableName}-${Stage}"}


def test_the_deployed_table_outlives_its_stack() -> None:
    resources: dict[str, Any] = parse_template(text_of(Path("cloudformation/data.yaml")))[
        "Resources"
    ]
    assert {resource["DeletionPolicy"] for resource in resources.values()} == {"Retain"}
    replaced = {
        name for name, resource in resources.items() if resource["UpdateReplacePolicy"] != "Retain"
    }
    assert replaced == {"BackupSelection"}, (
        "it holds nothing; beside its successor it would go on selecting"
    )


def test_a_created_table_is_active_and_expires_items(
    client: "DynamoDBClient", table_name: str
) -> None:
    table = client.describe_table(TableName=table_name)["Table"]
    expiry = client.describe_time_to_live(TableName=table_name)["TimeToLiveDescription"]
    assert table["TableStatus"] == "ACTIVE"
    assert {
        index["IndexName"]: index["Projection"]["ProjectionType"]
        for index in table["GlobalSecondaryIndexes"]
    } == {
        "GSI1": "KEYS_ONLY",
        "GSI2": "KEYS_ONLY",
    }
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expiresAt"}


def test_creating_a_table_that_exists_keeps_its_items(
    client: "DynamoDBClient", table_name: str
) -> None:
    client.put_item(TableName=table_name, Item={"PK": {"S": "a"}, "SK": {"S": "b"}})
    create_table(client, table_name)
    assert client.scan(TableName=table_name)["Count"] == 1


def test_a_table_with_other_indexes_is_refused(
    client: "DynamoDBClient", table_name: str, tmp_path: Path
) -> None:
    other = tmp_path / "data.yaml"
    other.write_text(Path("cloudformation/data/table.yaml").read_text().replace("GSI2", "GSI3"))
    with pytest.raises(LocalSetupError, match="another template"):
        create_table(client, table_name, other)


@pytest.mark.parametrize("text", ["Resources: {}", "- a list", "Resources: [broken"])
def test_a_template_without_one_table_is_refused(text: str, tmp_path: Path) -> None:
    template = tmp_path / "data.yaml"
    template.write_text(text)
    with pytest.raises(LocalSetupError):
        table_arguments("Any", template)
