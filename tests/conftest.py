"""What every test may ask for: a table, made from the template, on DynamoDB Local."""

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import structlog
from botocore.config import Config

from devstack.dynamodb import DynamoDbLocal
from devstack.table import create_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_NO_RETRIES = Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=64)


@pytest.fixture(autouse=True, scope="session")
def _no_real_aws() -> Iterator[None]:
    """Credentials that open nothing, and no look at this machine's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "local")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        patch.delenv("AWS_PROFILE", raising=False)
        patch.delenv("AWS_SESSION_TOKEN", raising=False)
        yield


@pytest.fixture(autouse=True, scope="session")
def _usual_logs() -> dict[str, Any]:
    return structlog.get_config()


@pytest.fixture(autouse=True)
def _logs_as_usual(_usual_logs: dict[str, Any]) -> Iterator[None]:
    """A test, or what it shares with others, that sets up logging (every command of an operator
    does) must not make the next one silent."""
    yield
    structlog.configure(**_usual_logs)


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[DynamoDbLocal]:
    """One DynamoDB Local in memory for the whole session (one in each worker of pytest-xdist)."""
    with DynamoDbLocal() as server:
        yield server


@pytest.fixture(scope="session")
def client(dynamodb: DynamoDbLocal) -> "DynamoDBClient":
    """A plain client of it that never repeats a request."""
    return boto3.client(
        "dynamodb", endpoint_url=dynamodb.url, region_name="us-east-1", config=_NO_RETRIES
    )


@pytest.fixture
def table_name(client: "DynamoDBClient") -> Iterator[str]:
    """A fresh, empty table of its own for each test, as the template describes it."""
    name = f"Test-{uuid.uuid4().hex}"
    create_table(client, name)
    yield name
    client.delete_table(TableName=name)
