"""What a pause of the machine must not end: a connection to a server of this machine."""

from collections.abc import Iterator

import pytest

from service.providers import downloads, http, streams


@pytest.fixture(autouse=True, scope="module")
def _time_to_connect() -> Iterator[None]:
    """Each call's own time limit holds all the same."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (http, streams, downloads):
            patch.setattr(module, "CONNECT_SECONDS", 60.0)
        yield
