"""What tests of data keys start from."""

from typing import Any

import pytest

from service.storage.data_keys import DataKeys
from service.storage.dynamodb import DynamoDb
from service.storage.table import Table
from tests.doubles.clock import FakeClock
from tests.doubles.counted_wrapping import CountedWrapping
from tests.doubles.service_harness import local_client
from tests.faults.library.wire import Wire


@pytest.fixture
def dynamodb_client(client: Any) -> DynamoDb:
    return local_client(client.meta.endpoint_url)


@pytest.fixture
def key_table(dynamodb_client: DynamoDb, table_name: str) -> Table:
    return Table(dynamodb_client, table_name)


@pytest.fixture
def key_wire(dynamodb_client: DynamoDb) -> Wire:
    return Wire(dynamodb_client)


@pytest.fixture
def wrapping() -> CountedWrapping:
    return CountedWrapping()


@pytest.fixture
def keys(key_table: Table, wrapping: CountedWrapping) -> DataKeys:
    return DataKeys(key_table, "UserCredits", wrapping, FakeClock())
