"""The e-mail of a user is encrypted at sign-up, readable for the service, and gone with its key."""

from dataclasses import replace
from typing import Any

import pytest

from service.ledger import keys as ledger_keys
from service.ledger.entities import WalletStatus
from service.storage.data_keys import DataUnreadable
from service.storage.keys import data_key
from service.storage.wrapping import DataKeyUnavailable, LocalWrapping
from service.storage.writes import Update, When
from service.users import keys as users_keys
from service.users.directory import UserDirectory
from service.users.entities import DeviceAlreadyUsed
from tests.doubles.people import google
from tests.doubles.service_harness import ServiceHarness, order
from tests.faults.enumeration.tables import MemoryBehind


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    return ServiceHarness(memory, memory.name)


def directory(world: ServiceHarness) -> UserDirectory:
    return world.parts.get(UserDirectory)


def sign_up(world: ServiceHarness, user_id: str = "ann", device: str = "phone") -> Any:
    return world.users.sign_up(order(user_id).principal, world.users.digests(device)).wallet


def profile_key(user_id: str = "ann") -> dict[str, Any]:
    return {"PK": {"S": f"USER#{user_id}"}, "SK": {"S": "PROFILE"}}


def erase(world: ServiceHarness, user_id: str = "ann") -> None:
    """As an erasure leaves a user: the wallet closed, the profile gone, the data key destroyed."""
    wallet = ledger_keys.wallet(user_id)
    status = {"status": WalletStatus.CLOSED}
    world.table.write(Update(wallet, When(equals={"status": WalletStatus.OPEN}), set=status))
    world.client.delete_item(TableName=world.table._name, Key=profile_key(user_id))
    world.parts.core.data_keys.erase(user_id)


def test_the_e_mail_is_encrypted_in_the_sign_up_s_own_transaction(world: ServiceHarness) -> None:
    wire = world.wire()
    sign_up(world)
    assert wire.calls == ["Query", "TransactGetItems", "TransactWriteItems"]
    assert "example.com" not in str(world.items())
    profile = directory(world).profile("ann")
    assert profile is not None
    assert (profile.email, profile.email_erased) == ("ann@example.com", False)
    assert "example.com" not in repr(profile)
    assert world.audit().violations == ()


def test_without_an_e_mail_there_is_nothing_to_encrypt_and_no_key(world: ServiceHarness) -> None:
    world.users.sign_up(replace(order("ann").principal, email=None), world.users.digests("phone"))
    profile = directory(world).profile("ann")
    assert profile is not None
    assert (profile.email, profile.email_erased) == (None, False)
    assert "DATAKEY" not in str(world.items())
    assert world.audit().violations == ()


def test_who_has_no_profile_has_none(world: ServiceHarness) -> None:
    assert directory(world).profile("nobody") is None


def test_an_e_mail_that_was_stored_in_clear_is_still_read(world: ServiceHarness) -> None:
    sign_up(world)
    clear = {"email": "ann@old.example"}
    world.table.write(Update(users_keys.profile("ann"), When(equals={"PK": "USER#ann"}), set=clear))
    profile = directory(world).profile("ann")
    assert profile is not None
    assert profile.email == "ann@old.example"
    assert world.audit().violations == ()


def test_an_erased_address_leads_to_no_one(world: ServiceHarness) -> None:
    sign_up(world)
    world.parts.core.data_keys.erase("ann")
    assert directory(world).with_email("ann@example.com") == ()


def test_an_address_in_clear_still_leads_to_its_user(world: ServiceHarness) -> None:
    world.users.sign_up(google("ann"), world.users.digests("phone"))
    clear = {"email": "ann@example.com"}
    world.table.write(Update(users_keys.profile("ann"), When(equals={"PK": "USER#ann"}), set=clear))
    assert directory(world).with_email("ann@example.com") == ("ann",)


def test_an_erased_e_mail_is_reported_as_erased(world: ServiceHarness) -> None:
    sign_up(world)
    world.parts.core.data_keys.erase("ann")
    profile = directory(world).profile("ann")
    assert profile is not None
    assert (profile.email, profile.email_erased) == (None, True)
    assert world.audit().violations == ()


def test_who_returns_after_an_erasure_has_their_new_e_mail_encrypted_anew(
    world: ServiceHarness,
) -> None:
    sign_up(world)
    (before,) = (item for item in world.items() if item | profile_key() == item)
    erase(world)
    sign_up(world)
    profile = directory(world).profile("ann")
    assert profile is not None
    assert profile.email == "ann@example.com"
    world.client.put_item(TableName=world.table._name, Item=before)
    profile = directory(world).profile("ann")
    assert profile is not None
    # What was encrypted before can never be read again.
    assert (profile.email, profile.email_erased) == (None, True)


def test_a_damaged_profile_is_an_error_with_a_name(world: ServiceHarness) -> None:
    sign_up(world)
    damaged = {"email": 5}
    key = users_keys.profile("ann")
    world.table.write(Update(key, When(equals={"PK": "USER#ann"}), set=damaged))
    with pytest.raises(DataUnreadable):
        directory(world).profile("ann")


class NoKms(LocalWrapping):
    def new_key(self, context: Any) -> Any:
        raise DataKeyUnavailable


def test_without_kms_no_one_new_is_signed_up_and_nothing_is_written(world: ServiceHarness) -> None:
    world.users._data_keys._wrapping = NoKms(b"m" * 32)
    before = world.items()
    with pytest.raises(DataKeyUnavailable):
        sign_up(world)
    assert world.items() == before


def test_who_is_known_needs_no_kms(world: ServiceHarness) -> None:
    sign_up(world)
    world.users._data_keys._wrapping = NoKms(b"m" * 32)
    assert world.submit("ann").job.status


def test_the_device_of_another_costs_no_call_to_kms(world: ServiceHarness) -> None:
    sign_up(world)
    world.users._data_keys._wrapping = NoKms(b"m" * 32)
    with pytest.raises(DeviceAlreadyUsed):
        sign_up(world, "bob")


def test_a_damaged_data_key_of_one_who_returns_is_an_error_with_a_name(
    world: ServiceHarness,
) -> None:
    sign_up(world)
    erase(world)
    key = data_key("ann")
    world.table.write(Update(key, When(equals={"PK": "USER#ann"}), set={"latest": "one"}))
    before = world.items()
    with pytest.raises(DataUnreadable):
        sign_up(world)
    assert world.items() == before
    assert "USER#ann/DATAKEY" in {each.item for each in world.audit().violations}
