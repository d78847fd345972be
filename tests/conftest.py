"""The fixtures of every test: a table on DynamoDB Local, made from the template; and the profiles
of Hypothesis."""

import gc
import os
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import structlog
from botocore.config import Config
from hypothesis import HealthCheck, settings

from devstack.dynamodb import DynamoDbLocal
from devstack.table import create_table
from tests.doubles.url_builders import keep_url_builders
from tests.faults.enumeration.tables import MemoryBehind

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

# A slow or busy machine is no fault of the code: no deadline, and no health check of the speed of
# generation, which fails by chance. `ci` tries the same examples in every run, so that a change is
# rejected only for what it changes; `make test` on a developer's machine and `make proof` explore.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("explore"), derandomize=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "explore"))

# Each run begins with these: a slow file that begins last leaves a core idle.
_SLOW_FILES = (
    "tests/journeys/test_fuzz.py",
    "tests/infrastructure/test_release.py",
    "tests/torture/test_torture.py",
    "tests/faults/test_enumeration.py",
    "tests/faults/test_kills.py",
    "tests/infrastructure/test_lint.py",
    "tests/clients/test_linters.py",
    "tests/simulation/test_simulation.py",
    "tests/browser/test_react_example.py",
    "tests/clients/test_typescript.py",
    "tests/browser/test_start_page.py",
    "tests/browser/test_docs_page.py",
    "tests/test_bench.py",
    "tests/bulk_grants/test_kills.py",
    "tests/crowd/test_crowd.py",
    "tests/devstack/test_stack.py",
    "tests/repair/test_torn_transactions.py",
    "tests/audit/test_daily_faults.py",
    "tests/docker/test_slow_clients.py",
    "tests/devstack/test_commands.py",
    "tests/audit/test_walk.py",
    "tests/audit/test_audit.py",
    "tests/audit/test_daily_command.py",
    "tests/journeys/test_video.py",
    "tests/journeys/test_races.py",
    "tests/journeys/test_surroundings.py",
    "tests/jobs/test_settlement_races.py",
    "tests/infrastructure/test_roles.py",
    "tests/infrastructure/test_deploy.py",
    "tests/devstack/test_dynamodb.py",
    "tests/docker/test_gunicorn.py",
    "tests/audit/test_daily.py",
    "tests/release/test_deploy.py",
    "tests/release/test_transcripts.py",
    "tests/infrastructure/test_measure.py",
    "tests/infrastructure/test_template_mutations.py",
)

keep_url_builders()
# Collection creates half a million objects that live until the end: to search them for garbage over
# and over takes a third of its time.
gc.disable()

_NO_RETRIES = Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=64)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow files first; the others, and the tests within each file, keep their places."""
    places = {file: place for place, file in enumerate(_SLOW_FILES)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


def pytest_collection_finish() -> None:
    """What has been collected is never garbage: from now on, only what the tests create may be."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _no_real_aws() -> Iterator[None]:
    """Credentials that are worth nothing, and none of this machine's own."""
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
def _default_logging() -> dict[str, Any]:
    return structlog.get_config()


@pytest.fixture(autouse=True)
def _restored_logging(_default_logging: dict[str, Any]) -> Iterator[None]:
    """Restores the logging that a test configured, as every operator command does, so that the
    next test still sees its log lines."""
    yield
    structlog.configure(**_default_logging)


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[DynamoDbLocal]:
    """One DynamoDB Local in memory for each session (each worker of pytest-xdist)."""
    with DynamoDbLocal() as server:
        yield server


@pytest.fixture(scope="session")
def client(dynamodb: DynamoDbLocal) -> "DynamoDBClient":
    """A client of it that never retries a request."""
    return boto3.client(
        "dynamodb", endpoint_url=dynamodb.url, region_name="us-east-1", config=_NO_RETRIES
    )


@pytest.fixture
def memory() -> MemoryBehind:
    """A new, empty table in memory, held against DynamoDB Local by its own tests. For tests about
    something else than money, races and DynamoDB: it costs nothing to create, and a twentieth of
    the CPU to use."""
    return MemoryBehind()


@pytest.fixture
def table_name(client: "DynamoDBClient") -> Iterator[str]:
    """A new, empty table for each test, as the template describes it."""
    name = f"Test-{uuid.uuid4().hex}"
    create_table(client, name)
    yield name
    client.delete_table(TableName=name)
