"""Two empty tables of DynamoDB Local, one for each client."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from devstack.table import create_table
from service.storage.dynamodb import DynamoDb, connect
from tests.conformance.clients import Boto3Client, OurClient


@contextmanager
def both_clients(url: str) -> Iterator[tuple[OurClient, Boto3Client]]:
    """The service's client and boto3's."""
    local = boto3.client("dynamodb", endpoint_url=url, region_name="us-east-1")
    # Short: a request's token begins with it, and has at most 36 characters.
    names = [f"{side}-{uuid.uuid4().hex[:8]}" for side in ("ours", "boto3")]
    for name in names:
        create_table(local, name)
    yield OurClient(our_client(url), names[0]), Boto3Client(url, names[1])
    for name in names:
        local.delete_table(TableName=name)


def our_client(url: str) -> DynamoDb:
    return connect("us-east-1", url, connect_seconds=10, read_seconds=60, connections=4)
