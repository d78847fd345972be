"""A real client whose table is in memory, for tests whose subject is not the table."""

from service.storage.dynamodb import DynamoDb, Wire
from tests.faults.enumeration.tables import MemoryBehind

_SCOPE = "local/20260101/us-east-1/dynamodb/aws4_request"
_HEADERS = {
    "host": "localhost",
    "content-type": "application/x-amz-json-1.0",
    "authorization": f"AWS4-HMAC-SHA256 Credential={_SCOPE}, SignedHeaders=host, Signature=0",
}


class Unsigned:
    """Names the operation and signs nothing. DynamoDB Local reads who signed, and checks
    nothing."""

    def headers(self, operation: str, body: bytes) -> dict[str, str]:
        return _HEADERS | {"x-amz-target": f"DynamoDB_20120810.{operation}"}

    def set_clock(self, date: str) -> None:
        raise AssertionError(f"no clock is wrong here: {date}")


def memory_client(behind: Wire | None = None) -> DynamoDb:
    """A client of one table, the simulation's, which is held against DynamoDB Local; an empty one
    unless one is given."""
    return DynamoDb(behind or MemoryBehind(), Unsigned())
