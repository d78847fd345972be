"""A user's data key is rotated, wrapped anew and erased: then its data is gone for good."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.storage import data_keys as module
from service.storage.codec import Item
from service.storage.data_keys import (
    MAX_VERSIONS,
    DataErased,
    DataKeys,
    NoDataKey,
    TooManyVersions,
)
from service.storage.keys import HOUSE, data_key, user_item
from service.storage.table import StorageUnavailable, Table
from service.storage.wrapping import Context, WrappedKey
from service.storage.writes import When
from tests.doubles.clock import FakeClock
from tests.doubles.counted_wrapping import CountedWrapping
from tests.faults.library.wire import Wire

PROFILE = user_item("ann", "PROFILE")
NAME = "UserCredits"
EXISTS = When(equals={"PK": "USER#ann"})


def stored(table: Table, user_id: str = "ann") -> Item | None:
    return table.get(data_key(user_id))


def test_erased_data_is_none_and_nothing_can_be_added(keys: DataKeys, key_table: Table) -> None:
    sealed = keys.seal("ann", PROFILE, "email", "ann@example.com")
    keys.erase("ann")
    assert keys.open("ann", PROFILE, "email", sealed) is None
    item = stored(key_table)
    with pytest.raises(DataErased):
        keys.seal("ann", PROFILE, "email", "again")
    with pytest.raises(DataErased):
        keys.rotate("ann")
    assert (keys.rewrap("ann"), stored(key_table)) == (0, item)
    assert item is not None
    assert item["keys"] == {}


def test_erasing_again_changes_nothing(keys: DataKeys, key_table: Table) -> None:
    keys.seal("ann", PROFILE, "email", "ann@example.com")
    keys.erase("ann")
    item = stored(key_table)
    keys.erase("ann")
    assert stored(key_table) == item


def test_an_erasure_holds_at_once_in_a_process_that_has_the_key_in_memory(
    keys: DataKeys, key_table: Table, wrapping: CountedWrapping
) -> None:
    other = DataKeys(key_table, NAME, wrapping, FakeClock())
    sealed = other.seal("ann", PROFILE, "email", "ann@example.com")
    assert other.open("ann", PROFILE, "email", sealed)
    keys.erase("ann")
    assert other.open("ann", PROFILE, "email", sealed) is None
    with pytest.raises(DataErased):
        other.seal("ann", PROFILE, "email", "again")


def test_one_who_is_erased_before_any_key_was_made_gets_none(keys: DataKeys) -> None:
    keys.erase("ann")
    with pytest.raises(DataErased):
        keys.seal("ann", PROFILE, "email", "ann@example.com")


def test_the_secrets_of_the_house_are_not_erased(keys: DataKeys) -> None:
    sealed = keys.seal(HOUSE, PROFILE, "secret", "whsec")
    with pytest.raises(ValueError, match="house"):
        keys.erase(HOUSE)
    assert keys.open(HOUSE, PROFILE, "secret", sealed) == "whsec"


def test_after_a_return_the_new_key_opens_nothing_of_before(
    keys: DataKeys, key_table: Table
) -> None:
    old = keys.seal("ann", PROFILE, "email", "old@example.com")
    keys.rotate("ann")
    newer = keys.seal("ann", PROFILE, "email", "newer@example.com")
    keys.erase("ann")
    new = keys.new_key("ann")
    write, version = new.addition(stored(key_table), 5)
    key_table.write(write)
    sealed = new.seal(version, PROFILE, "email", "new@example.com")
    assert version == 3
    opened = [keys.open("ann", PROFILE, "email", each) for each in (old, newer, sealed)]
    assert opened == [None, None, "new@example.com"]


def test_after_a_rotation_old_and_new_can_be_opened(keys: DataKeys) -> None:
    sealed = [keys.seal("ann", PROFILE, "email", "1")]
    for number in range(2, MAX_VERSIONS + 1):
        assert keys.rotate("ann") == number
        sealed.append(keys.seal("ann", PROFILE, "email", str(number)))
    assert [keys.open("ann", PROFILE, "email", each) for each in sealed] == [
        str(number) for number in range(1, MAX_VERSIONS + 1)
    ]
    with pytest.raises(TooManyVersions):
        keys.rotate("ann")


def test_who_has_no_key_has_none_to_rotate(keys: DataKeys, key_table: Table) -> None:
    with pytest.raises(NoDataKey):
        keys.rotate("ann")
    assert stored(key_table) is None


def test_keys_of_an_older_wrapping_are_opened_and_wrapped_anew(
    keys: DataKeys, key_table: Table, wrapping: CountedWrapping
) -> None:
    sealed = keys.seal("ann", PROFILE, "email", "ann@example.com")
    keys.rotate("ann")
    new = CountedWrapping(b"n" * 32, "new")
    moved = DataKeys(key_table, NAME, new, FakeClock(), older=(wrapping,))
    assert moved.open("ann", PROFILE, "email", sealed) == "ann@example.com"
    assert (moved.rewrap("ann"), moved.rewrap("ann")) == (2, 0)
    alone = DataKeys(key_table, NAME, new, FakeClock())
    assert alone.open("ann", PROFILE, "email", sealed) == "ann@example.com"


def test_a_rewrapping_does_not_bring_back_what_is_erased_meanwhile(
    keys: DataKeys, key_table: Table
) -> None:
    keys.seal("ann", PROFILE, "email", "ann@example.com")

    class ErasedMeanwhile(CountedWrapping):
        def wrap(self, plaintext: bytes, context: Context) -> WrappedKey:
            keys.erase("ann")
            return super().wrap(plaintext, context)

    moved = DataKeys(key_table, NAME, ErasedMeanwhile(b"n" * 32, "new"), FakeClock(), (LOCAL,))
    assert moved.rewrap("ann") == 0
    item = stored(key_table)
    assert item is not None
    assert item["keys"] == {}


LOCAL = CountedWrapping()


def test_rotations_at_once_each_add_a_version(keys: DataKeys) -> None:
    keys.seal("ann", PROFILE, "email", "1")
    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(lambda _: keys.rotate("ann"), range(4)))
    assert sorted(versions) == [2, 3, 4, 5]


def test_every_try_is_bounded(keys: DataKeys, key_table: Table, key_wire: Wire) -> None:
    """Somebody else is always faster: in the end the caller has to come back."""
    keys.seal("ann", PROFILE, "email", "1")
    rival = DataKeys(key_table, NAME, CountedWrapping(), FakeClock())
    busy = threading.Lock()

    def outrun(operation: str) -> None:
        if operation == "UpdateItem" and busy.acquire(blocking=False):
            rival.rotate("ann")
            busy.release()

    key_wire.before(outrun)
    with pytest.raises(StorageUnavailable):
        keys.rotate("ann")
    assert key_wire.calls.count("UpdateItem") == 2 * module.MAX_TRIES
