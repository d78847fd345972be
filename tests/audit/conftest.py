"""A bucket of its own for each test, at a moto that serves S3 alone, and the site of the daily
audit."""

import logging
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from devstack.ports import LOOPBACK
from tests.audit.daily_site import DAY_SECONDS, USERS, Site, damage
from tests.doubles.memory_client import memory_client
from tests.doubles.service_harness import ServiceHarness


@pytest.fixture(scope="package")
def s3_url() -> Iterator[str]:
    log = logging.getLogger("werkzeug")
    before = log.level
    log.setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    yield f"http://{LOOPBACK}:{server.get_host_and_port()[1]}"
    server.stop()
    log.setLevel(before)


@pytest.fixture
def s3(s3_url: str) -> Any:
    """A plain client that never repeats a request."""
    once = Config(retries={"mode": "standard", "total_max_attempts": 1})
    return boto3.client("s3", endpoint_url=s3_url, region_name="us-east-1", config=once)


@pytest.fixture
def bucket(s3: Any) -> str:
    """Empty and, as the deployed one, versioned."""
    name = f"records-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture
def site(s3: Any, bucket: str) -> Site:
    """Over a table in memory: the audit reads DynamoDB Local in other tests, and here hundreds of
    times."""
    world = ServiceHarness(None, "Memory", connected=memory_client())
    for number in range(USERS):
        world.submit(f"user-{number}", f"device-{number}", key="k")
    for number in (3, 5):
        damage(world, f"USER#user-{number}", "METADATA", "held")
    # The table's day has hours left: a walk with pauses stays within it.
    world.clock.advance(DAY_SECONDS - world.clock.now() / 1000 % DAY_SECONDS + 900)
    return Site(world, s3, bucket)
