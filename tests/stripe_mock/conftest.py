from collections.abc import Iterator

import pytest

from tests.stripe_mock.mock import Mock, running


@pytest.fixture(scope="session")
def mock() -> Iterator[Mock]:
    with running() as started:
        yield started
