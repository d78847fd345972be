import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server

from service import cli
from service.app import create_app
from tests.doubles.service_harness import ServiceHarness
from tests.doubles.signer import SHARED_SECRET
from tests.faults.enumeration.tables import MemoryBehind


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    """Over a table in memory: about operators, not about the table. What moves credits, or races,
    has a `world` of its own."""
    return ServiceHarness(memory, memory.name)


@pytest.fixture
def url(world: ServiceHarness) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(world.parts), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def farebox(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command. Returns its exit code, output and messages."""
    monkeypatch.setenv("FAREBOX_URL", url)
    monkeypatch.setenv("FAREBOX_KEY", f"machine:hmac-sha256:{SHARED_SECRET}")

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(words)
        written = capsys.readouterr()
        return code, written.out, written.err

    return run
