"""Private data of a user is encrypted for its place, and damage of any kind is noticed."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.storage.codec import Item
from service.storage.data_keys import (
    DataKeys,
    DataUnreadable,
)
from service.storage.key_cache import KEEP_SECONDS, MAX_KEYS, KeyCache
from service.storage.keys import Key, data_key, user_item
from service.storage.table import StorageUnavailable, Table
from service.storage.writes import Update, When
from tests.doubles.clock import FakeClock
from tests.doubles.counted_wrapping import CountedWrapping
from tests.doubles.service_harness import local_client
from tests.faults.library.wire import Wire

PROFILE = user_item("ann", "PROFILE")
NAME = "UserCredits"
EXISTS = When(equals={"PK": "USER#ann"})


def stored(table: Table, user_id: str = "ann") -> Item | None:
    return table.get(data_key(user_id))


def test_what_was_sealed_can_be_opened(keys: DataKeys) -> None:
    sealed = keys.seal("ann", PROFILE, "email", "ann@example.com \u00e9\U0001f600")
    assert keys.open("ann", PROFILE, "email", sealed) == "ann@example.com \u00e9\U0001f600"
    assert b"example" not in sealed


def test_the_same_text_is_sealed_differently_each_time(keys: DataKeys) -> None:
    assert len({keys.seal("ann", PROFILE, "email", "same") for _ in range(20)}) == 20


@pytest.mark.parametrize(
    ("user_id", "key", "attribute"),
    [
        ("ann", PROFILE, "note"),
        ("ann", user_item("ann", "NOTE#1"), "email"),
        ("ann", user_item("bob", "PROFILE"), "email"),
        ("bob", PROFILE, "email"),
    ],
)
def test_a_sealed_text_is_opened_only_in_its_place(
    keys: DataKeys, user_id: str, key: Key, attribute: str
) -> None:
    keys.seal("bob", PROFILE, "email", "bob@example.com")
    sealed = keys.seal("ann", PROFILE, "email", "ann@example.com")
    with pytest.raises(DataUnreadable), capture_logs() as logs:
        keys.open(user_id, key, attribute, sealed)
    assert [line["event"] for line in logs] == ["private_data_unreadable"]


def test_a_sealed_text_of_another_table_cannot_be_opened(
    keys: DataKeys, key_table: Table, wrapping: CountedWrapping
) -> None:
    sealed = keys.seal("ann", PROFILE, "email", "ann@example.com")
    with pytest.raises(DataUnreadable):
        DataKeys(key_table, "Other", wrapping, FakeClock()).open("ann", PROFILE, "email", sealed)


def test_every_altered_byte_is_noticed(keys: DataKeys) -> None:
    sealed = keys.seal("ann", PROFILE, "email", "ann@example.com")
    for position in range(len(sealed)):
        altered = bytearray(sealed)
        altered[position] ^= 1
        with pytest.raises(DataUnreadable):
            keys.open("ann", PROFILE, "email", bytes(altered))
    for cut in (b"", sealed[:2], sealed[:-1]):
        with pytest.raises(DataUnreadable):
            keys.open("ann", PROFILE, "email", cut)


def test_a_text_that_is_too_long_is_refused_and_makes_no_difference(keys: DataKeys) -> None:
    keys.seal("ann", PROFILE, "email", "x" * 256 * 1024)
    with pytest.raises(ValueError, match="at most"):
        keys.seal("ann", PROFILE, "email", "x" * (256 * 1024 + 1))


@pytest.mark.parametrize("fault", ["lost-answer", "lost-request", "foreign-applied"])
@pytest.mark.parametrize("act", ["seal", "rotate", "erase"])
def test_a_disturbed_write_happens_once(
    keys: DataKeys, key_table: Table, key_wire: Wire, fault: str, act: str
) -> None:
    if act == "rotate":
        keys.seal("ann", PROFILE, "email", "before")
    key_wire.plan("Write", fault)
    acts: dict[str, Callable[[], object]] = {
        "seal": lambda: keys.seal("ann", PROFILE, "email", "ann@example.com"),
        "rotate": lambda: keys.rotate("ann"),
        "erase": lambda: keys.erase("ann"),
    }
    acts[act]()
    item = stored(key_table)
    assert item is not None
    assert (item["latest"], item["revision"]) == {
        "seal": (1, 1),
        "rotate": (2, 2),
        "erase": (0, 1),
    }[act]


def test_a_late_key_does_not_replace_the_one_in_use(
    keys: DataKeys, key_wire: Wire, key_table: Table
) -> None:
    key_wire.plan("Write", "late")
    sealed = keys.seal("ann", PROFILE, "email", "ann@example.com")
    item = stored(key_table)
    key_wire.deliver_late()
    assert stored(key_table) == item
    assert keys.open("ann", PROFILE, "email", sealed) == "ann@example.com"


def test_a_table_that_does_not_respond_is_unavailable(keys: DataKeys, key_wire: Wire) -> None:
    key_wire.plan("GetItem", "unreachable", times=9)
    with pytest.raises(StorageUnavailable):
        keys.seal("ann", PROFILE, "email", "ann@example.com")


def test_many_who_make_the_first_key_at_once_use_the_same_one(
    client: Any, table_name: str, wrapping: CountedWrapping
) -> None:
    """Each has a connection of its own, as processes have."""
    count, start = 16, threading.Barrier(16)

    def seal(number: int) -> tuple[DataKeys, bytes]:
        key_table = Table(local_client(client.meta.endpoint_url), table_name)
        keys = DataKeys(key_table, NAME, wrapping, FakeClock())
        start.wait()
        return keys, keys.seal("ann", PROFILE, "email", str(number))

    with ThreadPoolExecutor(count) as pool:
        sealed = list(pool.map(seal, range(count)))
    item = stored(Table(local_client(client.meta.endpoint_url), table_name))
    assert item is not None
    assert (item["latest"], item["revision"]) == (1, 1)
    for reader, _ in sealed:
        opened = [reader.open("ann", PROFILE, "email", text) for _, text in sealed]
        assert opened == [str(number) for number in range(count)]


def test_a_key_is_unwrapped_once_for_many_uses(keys: DataKeys, wrapping: CountedWrapping) -> None:
    sealed = keys.seal("ann", PROFILE, "email", "ann@example.com")
    for _ in range(10):
        keys.open("ann", PROFILE, "email", sealed)
        keys.seal("ann", PROFILE, "email", "more")
    assert wrapping.calls == ["new_key", "unwrap"]


def test_plain_keys_are_kept_for_a_while_and_a_limited_number() -> None:
    clock = FakeClock()
    cache = KeyCache(clock)
    assert cache.get("ann", lambda: b"1") == b"1"
    clock.advance(KEEP_SECONDS - 1)
    assert cache.get("ann", lambda: b"2") == b"1"
    clock.advance(1)
    assert cache.get("bob", lambda: b"3") == b"3"
    assert len(cache) == 1, "a key that is too old leaves memory at the next use of any other"
    for number in range(MAX_KEYS + 5):
        cache.get(number, lambda: b"x")
    assert len(cache) == MAX_KEYS
    assert cache.get("bob", lambda: b"4") == b"4"


@pytest.mark.parametrize(
    "change",
    [
        {"latest": "1"},
        {"latest": 7},
        {"latest": 0},
        {"keys": "none"},
        {"keys": {}},
        {
            "keys": {
                "1": {"wrapped": "text", "by": "local", "createdAt": "2026-11-29T00:00:00.000Z"}
            }
        },
        {"keys": {"1": {"wrapped": b"x", "by": "local", "createdAt": "yesterday"}}},
        {"revision": "1"},
        {"erasedAt": "2026-11-29T00:00:00.000Z"},
    ],
)
def test_a_damaged_key_item_is_reported_and_left_alone(
    keys: DataKeys, key_table: Table, change: dict[str, Any]
) -> None:
    sealed = keys.seal("ann", PROFILE, "email", "ann@example.com")
    key_table.write(Update(data_key("ann"), EXISTS, set=change))
    item = stored(key_table)
    for act in (
        lambda: keys.open("ann", PROFILE, "email", sealed),
        lambda: keys.seal("ann", PROFILE, "email", "more"),
        lambda: keys.rotate("ann"),
        lambda: keys.erase("ann"),
    ):
        with pytest.raises(DataUnreadable):
            act()
    assert stored(key_table) == item


def test_the_key_of_another_user_cannot_be_put_in_its_place(
    keys: DataKeys, key_table: Table
) -> None:
    sealed = keys.seal("ann", PROFILE, "email", "ann@example.com")
    keys.seal("bob", PROFILE, "email", "bob@example.com")
    theirs = stored(key_table, "bob")
    assert theirs is not None
    key_table.write(Update(data_key("ann"), EXISTS, set={"keys": theirs["keys"]}))
    with pytest.raises(DataUnreadable):
        keys.open("ann", PROFILE, "email", sealed)


def test_no_plain_key_and_no_text_is_logged(keys: DataKeys) -> None:
    with capture_logs() as logs:
        sealed = keys.seal("ann", PROFILE, "email", "ann@example.com")
        with pytest.raises(DataUnreadable):
            keys.open("ann", PROFILE, "note", sealed)
    assert "example.com" not in str(logs)
    assert set(logs[0]) == {"event", "log_level", "user_id"}
