"""DynamoDB Local for experiments that need correct responses."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from devstack.dynamodb import DynamoDbLocal
from devstack.table import create_table
from tests.doubles.meter import Meter
from tests.doubles.provider import LikeKling
from tests.doubles.service_harness import ServiceHarness

CREDITS = 1_000_000


@dataclass(frozen=True)
class ScanCursor:
    """A fresh table and how to reach it."""

    url: str
    table_name: str
    client: Any

    def world(self) -> ServiceHarness:
        """The real parts over the table, with a clock and a provider that the experiment
        controls."""
        return ServiceHarness(
            self.client,
            self.table_name,
            provider=LikeKling(),
            max_users=1_000,
            welcome_credits=CREDITS,
        )

    def meter(self, world: ServiceHarness) -> Meter:
        return Meter(world.dynamodb, self.client)


@contextmanager
def dynamodb() -> Iterator[ScanCursor]:
    config = Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=64)
    with DynamoDbLocal() as server:
        client = boto3.client(
            "dynamodb", endpoint_url=server.url, region_name="us-east-1", config=config
        )
        name = f"Bench-{uuid.uuid4().hex}"
        create_table(client, name)
        yield ScanCursor(server.url, name, client)
