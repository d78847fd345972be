"""Stored credentials: whose they are, who may remove them, and what the audit proves of them."""

import pytest

from service.passwords import keys, store
from service.passwords.entities import MAX_KNOWN_NETWORKS
from service.storage.codec import Item
from service.storage.keys import Key
from service.storage.table import ConditionFailed
from service.storage.writes import Delete, Update, When
from tests.doubles.service_harness import ServiceHarness
from tests.passwords.people import EMAIL, OTHER_PASSWORD, People


def credentials_key(people: People, email: str = EMAIL) -> Key:
    found = people.accounts.find(email)
    assert found is not None
    return keys.credentials(found.digest)


def what_is_wrong(world: ServiceHarness) -> list[str]:
    return [violation.what for violation in world.audit().violations]


def test_an_erasure_removes_no_one_else_s_password(people: People, world: ServiceHarness) -> None:
    """Of credentials that have changed hands, whatever has done that."""
    ann = people.user()
    eve = people.user("eve@example.org", OTHER_PASSWORD, "tablet")
    key = credentials_key(people)
    world.table.write(Update(key, When(), set={"userId": eve.user_id}))

    people.accounts.erase(ann.user_id)

    assert world.table.get(key) is not None
    assert people.accounts.account(ann.user_id) is None


def test_the_owner_s_own_item_is_removed_with_its_credentials_alone(
    people: People, world: ServiceHarness
) -> None:
    ann = people.user()
    _, own = store.erasure_writes(ann.user_id, "0" * 32)
    with pytest.raises(ConditionFailed):
        world.table.write(own)
    assert people.accounts.account(ann.user_id) is not None


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"userId": "usr_01kb7r3v6q8f2x0m4n5p6q7r8s"}, "its user has other credentials, or none"),
        ({"revision": 0}, "its revision is below 1"),
        ({"createdAt": "2050-01-01T00:00:00.000Z"}, "was changed before it was made"),
        ({"networks": ("n",) * (MAX_KNOWN_NETWORKS + 1)}, "knows more than 10 networks"),
    ],
)
def test_the_audit_finds_credentials_that_are_not_as_they_were_written(
    people: People, world: ServiceHarness, change: Item, complaint: str
) -> None:
    people.user()
    assert what_is_wrong(world) == []

    world.table.write(Update(credentials_key(people), When(), set=change))

    assert complaint in what_is_wrong(world)


def test_the_audit_finds_credentials_whose_user_has_none(
    people: People, world: ServiceHarness
) -> None:
    ann = people.user()
    world.table.write(Delete(keys.owned(ann.user_id), When()))

    assert "its user has other credentials, or none" in what_is_wrong(world)


def test_the_latest_networks_are_known_and_the_others_forgotten(
    people: People, world: ServiceHarness
) -> None:
    people.user()
    for number in range(MAX_KNOWN_NETWORKS + 2):
        people.sign_in(network=f"203.0.113.{number}")
    people.sign_in(network="203.0.113.2")

    found = people.accounts.find(EMAIL)
    assert found is not None
    assert len(found.networks) == MAX_KNOWN_NETWORKS
    known = [
        number
        for number in range(MAX_KNOWN_NETWORKS + 2)
        if found.knows(
            people.sign_ins._base.sealing.digest("network", f"{EMAIL}\n203.0.113.{number}")
        )
    ]
    assert known == list(range(2, MAX_KNOWN_NETWORKS + 2))
    assert world.audit().violations == ()
