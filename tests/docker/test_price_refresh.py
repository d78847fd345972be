"""A web process of the real service, under gunicorn, reads the prices before anybody needs them."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.ports import free_port
from service.catalog.entities import IMAGE_TO_VIDEO
from service.catalog.price_list import PriceList
from service.catalog.pricing import Flat, Price
from service.catalog.store import list_write
from service.core.clock import SystemClock
from tests.doubles.operator import operator_environment
from tests.doubles.service_harness import ServiceHarness

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 200.0


@pytest.fixture
def environment(client: Any, table_name: str, tmp_path: Path) -> dict[str, str]:
    """Only the background reads the prices again: a request would after an hour."""
    return {
        **os.environ,
        **operator_environment(client.meta.endpoint_url, table_name),
        "PORT": str(free_port()),
        "TMPDIR": str(tmp_path),
        "WEB_CONCURRENCY": "1",
        "PRICE_REFRESH_SECONDS": "0.2",
        "PRICE_LEAD_SECONDS": "3600",
    }


@pytest.fixture
def url(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    configuration = str(ROOT / "docker" / "gunicorn.conf.py")
    command = [sys.executable, "-m", "gunicorn", "-c", configuration]
    with (tmp_path / "log").open("wb") as out:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=out, stderr=out)
    try:
        yield f"http://127.0.0.1:{environment['PORT']}"
    finally:
        process.kill()
        process.wait()


def credits_of_prompts(url: str) -> object:
    """None while the process does not respond."""
    try:
        with urllib.request.urlopen(f"{url}/prompts", timeout=30) as response:
            return json.load(response)["data"]["prompts"][0]["price"]["credits"]
    except OSError:
        return None


def until(url: str, expected: object) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while (found := credits_of_prompts(url)) != expected:
        assert time.monotonic() < end, found
        time.sleep(0.05)


def test_a_running_process_takes_over_a_price_without_a_request_that_reads_it(
    client: Any, table_name: str, environment: dict[str, str], url: str
) -> None:
    until(url, 1)
    world = ServiceHarness(client, table_name)
    price = Price(IMAGE_TO_VIDEO, Flat(2500), SystemClock().now() - 1000)
    prices = PriceList().with_price(price, SystemClock().now())
    key = environment["LEDGER_MAC_KEY"].encode()
    world.table.write(list_write(PriceList(), prices, key))
    until(url, 2.5)
