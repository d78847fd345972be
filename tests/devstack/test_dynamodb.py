"""DynamoDB Local as we run it: on loopback only, losing nothing when stopped, leaving nothing
behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from devstack.dynamodb import READY, DynamoDbLocal, command
from devstack.errors import LocalSetupError
from devstack.jars import cache_directory
from devstack.ports import free_port
from devstack.table import create_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

TABLE = "UserCredits"


def connect(url: str) -> "DynamoDBClient":
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=20, read_timeout=60)
    return boto3.client("dynamodb", endpoint_url=url, region_name="us-east-1", config=config)


@contextmanager
def started(path: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    line = command(port, path, cache_directory())
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip().removeprefix(READY)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def gone(pid: int, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def own_addresses() -> list[str]:
    found = {address.address for card in psutil.net_if_addrs().values() for address in card}
    return sorted(
        address for address in found if address.count(".") == 3 and not address.startswith("127.")
    )


def test_it_listens_on_loopback_alone(dynamodb: DynamoDbLocal) -> None:
    listening = [
        found.laddr
        for found in psutil.Process(dynamodb.pid).net_connections("inet")
        if found.status == "LISTEN"
    ]
    assert [place.ip.removeprefix("::ffff:") for place in listening] == ["127.0.0.1"]


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "address", own_addresses() or [pytest.param("", marks=pytest.mark.skip("no other address"))]
)
def test_it_refuses_this_machines_other_addresses(dynamodb: DynamoDbLocal, address: str) -> None:
    port = int(dynamodb.url.rsplit(":", 1)[1])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, port), timeout=2)


def test_what_was_acknowledged_survives_a_stop_under_load(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    stopped = Event()

    def write(client: "DynamoDBClient", writer: int) -> None:
        number = 0
        while not stopped.is_set():
            name = f"{writer}-{number}"
            try:
                # It acknowledges a transaction before that is on disk: SIGKILL loses the last ones.
                client.transact_write_items(
                    TransactItems=[
                        {
                            "Put": {
                                "TableName": TABLE,
                                "Item": {"PK": {"S": name}, "SK": {"S": sort}},
                            }
                        }
                        for sort in "ab"
                    ]
                )
            except (BotoCoreError, ClientError):
                return
            acknowledged.append(name)
            number += 1

    with started(tmp_path) as (process, url), ThreadPoolExecutor(8) as pool:
        client = connect(url)
        create_table(client, TABLE)
        writers = [pool.submit(write, client, writer) for writer in range(8)]
        while len(acknowledged) < 100:
            time.sleep(0.01)
        process.terminate()
        assert process.wait(90) == 0
        stopped.set()
        for writer in writers:
            writer.result()
    with DynamoDbLocal(tmp_path) as server:
        pages = connect(server.url).get_paginator("scan").paginate(TableName=TABLE)
        kept = {item["PK"]["S"] for page in pages for item in page["Items"]}
    assert len(acknowledged) >= 100
    assert set(acknowledged) <= kept


def test_it_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import time\n"
        "from devstack.dynamodb import DynamoDbLocal\n"
        "with DynamoDbLocal() as db:\n"
        "    print(db.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        assert psutil.pid_exists(server)
        os.kill(parent.pid, signal.SIGKILL)
        assert gone(server)


def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with DynamoDbLocal(tmp_path), pytest.raises(LocalSetupError, match="already serves the data"):
        DynamoDbLocal(tmp_path).__enter__()


def test_a_taken_port_is_refused_with_one_sentence(dynamodb: DynamoDbLocal) -> None:
    port = int(dynamodb.url.rsplit(":", 1)[1])
    with pytest.raises(LocalSetupError, match=f"Port {port} is already in use"):
        DynamoDbLocal(port=port).__enter__()


def test_a_given_port_is_the_one_it_serves_on() -> None:
    port = free_port()
    with DynamoDbLocal(port=port) as server:
        assert server.url == f"http://127.0.0.1:{port}"
        assert connect(server.url).list_tables()["TableNames"] == []


def test_without_its_archives_it_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(LocalSetupError, match="DynamoDB Local cannot be read from"):
        DynamoDbLocal(jars=tmp_path).__enter__()
