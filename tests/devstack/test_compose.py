"""`python -m devstack.compose`, the steps of `docker compose up`."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from devstack.compose import await_response, main
from devstack.dynamodb import DynamoDbLocal
from devstack.errors import LocalSetupError
from devstack.ports import free_port
from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from tests.doubles.clock import FakeClock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


class _Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def web() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Ready) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(5)


def test_the_table_is_made_once_and_found_the_next_time(
    dynamodb: DynamoDbLocal, client: "DynamoDBClient"
) -> None:
    arguments = ["table", f"--endpoint={dynamodb.url}", "--name=ByCompose"]
    assert main(arguments) == 0
    client.put_item(TableName="ByCompose", Item={"PK": {"S": "a"}, "SK": {"S": "b"}})
    assert main(arguments) == 0
    assert client.scan(TableName="ByCompose")["Count"] == 1
    client.delete_table(TableName="ByCompose")


def test_the_welcome_shows_the_published_ports_and_calls_the_simulators_at_their_own_address(
    web: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = ["--port=8181", "--dynamodb-port=8182", "--simulator-port=8183"]
    with SimulatorServer(SimulatorSettings(port=0)) as simulators:
        assert main(["welcome", f"--web={web}", f"--simulators={simulators.url}", *ports]) == 0
    shown = capsys.readouterr().out
    assert "curl -s http://127.0.0.1:8181/videos" in shown
    assert "http://127.0.0.1:8183" in shown
    assert "TOKEN=ey" in shown
    assert "docker compose exec web farebox audit" in shown
    assert simulators.url not in shown


def test_what_does_not_come_up_is_said_in_one_sentence() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(LocalSetupError, match="did not start within 3 s"):
        await_response(url, bool, FakeClock(), up_seconds=3)
