"""What a text of OpenAI's routes costs in DynamoDB: as much as one of our own route, and the item
by which its retry finds it."""

from typing import Any

import pytest

from tests.compatible.conftest import CHAT, RESPONSES, Site, site_over
from tests.doubles.meter import Meter
from tests.text.conftest import text_world

HOLD = ["TransactGetItems", "TransactWriteItems"]
STORE = ["GetItem", "PutItem"]
CAPTURE = ["TransactGetItems", "TransactWriteItems"]


@pytest.fixture
def site(client: Any, table_name: str) -> Site:
    site = site_over(text_world(client, table_name))
    site.welcome("ann")
    return site


@pytest.fixture
def meter(client: Any, site: Site) -> Meter:
    return Meter(site.world.dynamodb, client)


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
@pytest.mark.parametrize("stream", [False, True])
def test_a_text_takes_six_calls_and_seventeen_units(
    site: Site, meter: Meter, path: str, stream: bool
) -> None:
    """And reads nothing back for its response."""
    with meter.watch() as bill:
        assert site.post(path, "ann", stream=stream).status_code == 200
    assert bill.calls == [*HOLD, *STORE, *CAPTURE]
    assert bill.writes == 15 + 2
    assert bill.max_bytes["IMPLICIT"] <= 300


def test_a_key_of_its_own_costs_the_same(site: Site, meter: Meter) -> None:
    with meter.watch() as bill:
        site.post(CHAT, "ann", headers={"Idempotency-Key": "k"})
    assert bill.calls == [*HOLD, *STORE, *CAPTURE]
    assert bill.writes == 15 + 2
    assert "IMPLICIT" not in bill.max_bytes


def test_the_same_text_of_our_own_route(site: Site, meter: Meter) -> None:
    """For comparison: it reads its result back."""
    with meter.watch() as bill:
        site.welcome("ann")
    assert len(bill.calls) >= len([*HOLD, *STORE, *CAPTURE])
    assert bill.writes == 15
