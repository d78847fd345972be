"""A real client whose table is in memory, for tests whose subject is not the table."""

from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from service.storage.connection import connect
from tests.faults.enumeration.tables import NOWHERE, MemoryBehind

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


def memory_client(behind: MemoryBehind | None = None) -> "DynamoDBClient":
    """A client of one table, the simulation's, which is held against DynamoDB Local; an empty one
    unless one is given. Faults and watchers that a test registers come before it."""
    behind = behind or MemoryBehind()

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        return behind.send(request)

    client = connect("us-east-1", NOWHERE, 1.0, 1.0, connections=1)
    client.meta.events.register_last("before-send.dynamodb", send)
    return client
