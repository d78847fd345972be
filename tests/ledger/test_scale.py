"""A table says in which scale its amounts are written, and a release of another does not start."""

from typing import Any

import pytest

from service.core.amounts import SCALE
from service.core.settings import SettingsError
from service.ledger import keys, scale
from service.ledger.scale import check_scale
from service.storage.codec import encode_item
from service.storage.writes import Put
from tests.doubles.service_harness import ServiceHarness


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name)


def test_a_new_table_records_the_scale_once(world: ServiceHarness) -> None:
    wire = world.wire()
    check_scale(world.table)
    check_scale(world.table)
    assert wire.calls == ["GetItem", "PutItem", "GetItem"]
    assert world.table.get(keys.SCALE) == {**keys.SCALE.attributes(), "scale": SCALE}
    assert world.audit().violations == ()


def test_a_table_of_another_scale_stops_the_start_and_stays_as_it_is(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_scale(world.table)
    before = world.items()
    monkeypatch.setattr(scale, "SCALE", 100)
    with pytest.raises(SettingsError, match=r"parts of 1/1000, this release of 1/100"):
        check_scale(world.table)
    assert world.items() == before


def test_of_two_releases_that_start_at_once_the_first_decides(
    world: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(operation: str) -> None:
        if operation == "PutItem" and world.table.get(keys.SCALE) is None:
            wire.leave()
            world.table.write(Put(keys.SCALE, {"scale": 100}))

    wire = world.wire()
    wire.before(begin)
    with pytest.raises(SettingsError, match=r"1/100, this release of 1/1000"):
        check_scale(world.table)


def test_a_table_that_does_not_respond_does_not_keep_a_process_from_starting(
    world: ServiceHarness,
) -> None:
    world.wire().plan("GetItem", "unreachable", times=2)
    check_scale(world.table)
    assert world.table.get(keys.SCALE) is None


def test_a_record_that_was_changed_is_a_violation(world: ServiceHarness) -> None:
    world.client.put_item(
        TableName=world.table._name, Item=encode_item({**keys.SCALE.attributes(), "scale": 100})
    )
    [violation] = world.audit().violations
    assert (violation.item, violation.what) == (
        "SYSTEM/SCALE",
        "is not 1000, in which this release counts",
    )
