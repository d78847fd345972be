from collections.abc import Iterator

import pytest

from tests.identity.issuer import Issuer, publishing


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with publishing() as publisher:
        issuer = Issuer(publisher)
        yield issuer
        issuer.connections.clear()
