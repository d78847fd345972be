"""Finding users for an operator, and releasing a device for someone else to sign up with."""

import pytest

from service.core.keyring import Pepper
from service.providers.base import TaskStatus
from service.storage.keys import Key
from service.storage.table import Cancelled
from service.users.directory import DeviceRelease, UserDirectory
from service.users.entities import (
    DeviceAlreadyReleased,
    DeviceAlreadyUsed,
    DeviceNotFound,
    Digests,
    FingerprintRequired,
)
from tests.doubles.memory_client import memory_client
from tests.doubles.meter import Meter
from tests.doubles.people import CAT, cognito, google
from tests.doubles.raw_client import RawClient
from tests.doubles.service_harness import PEPPERS, ServiceHarness
from tests.faults.enumeration.tables import MemoryBehind

ROTATED = (*PEPPERS, Pepper(2, b"q" * 32))


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    return ServiceHarness(memory, memory.name)


def directory(world: ServiceHarness) -> UserDirectory:
    return world.parts.get(UserDirectory)


def sign_up(world: ServiceHarness, user_id: str = "ann", device: str = "phone") -> None:
    world.users.sign_up(google(user_id), world.users.digests(device))


def use(world: ServiceHarness, user_id: str, device: str) -> None:
    """A delivered job, with which the user comes to have the device."""
    job_id = world.submit(user_id, device).job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.settlement.resolve(user_id, job_id)


def release(world: ServiceHarness, user_id: str, device: str = "phone") -> None:
    digest = world.users.digests(device).newest
    commit(world, directory(world).release(user_id, digest, device))


def commit(world: ServiceHarness, proposed: DeviceRelease) -> None:
    found = world.table.get_together(proposed.keys)
    related = dict(zip(proposed.keys, found, strict=True))
    world.table.transact(proposed.writes(related, world.clock.now()))


@pytest.mark.parametrize("spelling", ["ann@example.com", " Ann@EXAMPLE.com "])
def test_a_user_is_found_by_the_address_of_the_sign_up(
    world: ServiceHarness, spelling: str
) -> None:
    sign_up(world)
    sign_up(world, "bob", "laptop")
    assert directory(world).with_email(spelling) == ("ann",)


def test_an_address_leads_to_a_user_only_once_it_is_verified(world: ServiceHarness) -> None:
    """An operator must not take a stranger for its owner."""
    world.users.sign_up(cognito(CAT, "cat@gmail.com", verified=False), world.users.digests("phone"))
    assert directory(world).with_email("cat@gmail.com") == ()
    world.users.resolve(cognito(CAT, "cat@gmail.com"))
    assert directory(world).with_email("cat@gmail.com") == (CAT,)
    assert world.audit().violations == ()


def test_a_late_welcome_puts_the_address_into_the_index(world: ServiceHarness) -> None:
    device = world.users.digests("phone")
    world.users.sign_up(cognito(CAT, "cat@gmail.com", verified=False), device)
    snapshot = world.ledger.read_snapshot(CAT)
    world.users.welcomed(cognito(CAT, "cat@gmail.com"), device, snapshot)
    assert directory(world).with_email("cat@gmail.com") == (CAT,)


def test_an_address_that_no_one_signed_up_with_leads_to_no_one(world: ServiceHarness) -> None:
    sign_up(world)
    assert directory(world).with_email("bob@example.com") == ()


def test_no_address_stands_in_the_index_as_it_is(world: ServiceHarness) -> None:
    sign_up(world)
    (profile,) = (item for item in world.items() if item["SK"]["S"] == "PROFILE")
    assert profile["GSI1PK"]["S"].startswith("EMAIL#")
    assert "example.com" not in profile["GSI1PK"]["S"]


def test_an_address_is_found_after_another_pepper_has_come(memory: MemoryBehind) -> None:
    sign_up(ServiceHarness(memory, memory.name))
    rotated = ServiceHarness(memory, memory.name, peppers=ROTATED)
    sign_up(rotated, "bob", "laptop")
    assert directory(rotated).with_email("ann@example.com") == ("ann",)
    assert directory(rotated).with_email("bob@example.com") == ("bob",)
    assert rotated.audit().violations == ()


def test_a_forged_index_leads_to_no_one(world: ServiceHarness) -> None:
    sign_up(world)
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": {"S": "USER#ann"}, "SK": {"S": "PROFILE"}},
        UpdateExpression="SET email = :v",
        ExpressionAttributeValues={":v": {"S": "zoe@example.com"}},
    )
    assert directory(world).with_email("ann@example.com") == ()


def test_a_device_leads_to_everybody_who_has_it_its_owner_first(world: ServiceHarness) -> None:
    sign_up(world, "zoe", "phone")
    sign_up(world, "ann", "laptop")
    use(world, "ann", "phone")
    assert directory(world).with_device("phone") == ("zoe", "ann")
    assert directory(world).with_device("tablet") == ()


def test_finding_somebody_costs_the_same_however_many_users_there_are(
    memory: MemoryBehind, world: ServiceHarness
) -> None:
    meter = Meter(world.dynamodb, RawClient(memory_client(memory)))
    for user in range(20):
        sign_up(world, f"user-{user}", f"device-{user}")
    with meter.watch() as by_email:
        directory(world).with_email("user-3@example.com")
    with meter.watch() as by_device:
        directory(world).with_device("device-3")
    with meter.watch() as devices:
        directory(world).owned_devices("user-3")
    assert by_email.calls == ["Query", "BatchGetItem", "GetItem"]
    assert by_device.calls == ["BatchGetItem", "Query"]
    assert devices.calls == ["Query", "BatchGetItem"]


def test_a_profile_and_its_devices_say_who_the_user_is(world: ServiceHarness) -> None:
    sign_up(world)
    profile = directory(world).profile("ann")
    assert profile is not None
    assert (profile.email, profile.created_at) == ("ann@example.com", world.clock.now())
    (owned,) = directory(world).owned_devices("ann")
    assert (owned.device.digest, owned.claimed) == (profile.digests.claimed_device, True)
    assert directory(world).profile("bob") is None
    assert directory(world).owned_devices("bob") == []


def test_a_released_device_lets_somebody_else_sign_up_with_it(world: ServiceHarness) -> None:
    sign_up(world)
    release(world, "ann")
    assert world.audit().violations == ()
    sign_up(world, "bob")
    assert directory(world).with_device("phone") == ("bob",)
    assert world.audit().violations == ()


def test_a_device_that_another_uses_as_well_stays_theirs_until_it_is_released_there_too(
    world: ServiceHarness,
) -> None:
    sign_up(world, "ann", "phone")
    sign_up(world, "zoe", "laptop")
    use(world, "zoe", "phone")
    release(world, "ann")
    with pytest.raises(DeviceAlreadyUsed):
        sign_up(world, "bob")
    release(world, "zoe")
    sign_up(world, "bob")
    assert world.audit().violations == ()


def test_the_former_owner_works_on_and_takes_nothing_back(world: ServiceHarness) -> None:
    sign_up(world)
    release(world, "ann")
    use(world, "ann", "phone")
    (owned,) = directory(world).owned_devices("ann")
    assert (owned.claimed, owned.device.released_at) == (False, world.clock.now())
    sign_up(world, "bob")
    assert world.audit().violations == ()


def test_a_user_of_the_device_may_claim_it_once_it_is_released(world: ServiceHarness) -> None:
    sign_up(world, "ann", "phone")
    sign_up(world, "zoe", "laptop")
    release(world, "ann")
    use(world, "zoe", "phone")
    assert directory(world).with_device("phone") == ("zoe",)
    assert world.audit().violations == ()


def test_a_device_is_released_under_every_pepper(memory: MemoryBehind) -> None:
    world = ServiceHarness(memory, memory.name, peppers=ROTATED)
    sign_up(world)
    release(world, "ann")
    assert world.audit().violations == ()
    sign_up(world, "bob")
    older = ServiceHarness(memory, memory.name)
    with pytest.raises(DeviceAlreadyUsed):
        sign_up(older, "zoe")


def test_with_several_peppers_a_digest_alone_releases_nothing(memory: MemoryBehind) -> None:
    world = ServiceHarness(memory, memory.name, peppers=ROTATED)
    sign_up(world)
    digest = world.users.digests("phone").newest
    with pytest.raises(FingerprintRequired):
        directory(world).release("ann", digest, None)


def test_with_one_pepper_the_digest_is_enough(world: ServiceHarness) -> None:
    sign_up(world)
    commit(world, directory(world).release("ann", world.users.digests("phone").newest, None))
    sign_up(world, "bob")


def test_the_fingerprint_of_another_device_is_refused(world: ServiceHarness) -> None:
    sign_up(world)
    with pytest.raises(DeviceNotFound):
        directory(world).release("ann", world.users.digests("phone").newest, "tablet")


def test_a_device_is_released_once(world: ServiceHarness) -> None:
    sign_up(world)
    release(world, "ann")
    before = world.items()
    with pytest.raises(DeviceAlreadyReleased):
        release(world, "ann")
    with pytest.raises(DeviceNotFound):
        release(world, "bob")
    assert world.items() == before


def test_a_release_decided_on_a_claim_that_has_moved_writes_nothing(world: ServiceHarness) -> None:
    sign_up(world)
    proposed = DeviceRelease("ann", Digests((world.users.digests("phone").newest,)))
    found = dict(zip(proposed.keys, world.table.get_together(proposed.keys), strict=True))
    release(world, "ann")
    sign_up(world, "bob")
    before = world.items()
    with pytest.raises(Cancelled):
        world.table.transact(proposed.writes(found, world.clock.now()))
    assert world.items() == before


def test_a_repair_leaves_a_released_device_alone(world: ServiceHarness) -> None:
    sign_up(world)
    release(world, "ann")
    world.client.delete_item(
        TableName=world.table._name, Key={"PK": {"S": "USER#ann"}, "SK": {"S": "PROFILE"}}
    )
    assert world.repair.run(apply=True).left == ()
    assert world.audit().violations == ()
    sign_up(world, "bob")


@pytest.mark.parametrize(
    ("where", "attribute", "value"),
    [
        (Key("USER#ann", "PROFILE"), "GSI1PK", "FINGERPRINT#another"),
        (Key("USER#ann", "PROFILE"), "GSI1SK", "USER#bob"),
        (Key("USER#ann", "DEVICE#{}"), "GSI1PK", "FINGERPRINT#x"),
        (Key("USER#ann", "DEVICE#{}"), "releasedAt", "yesterday"),
        (Key("FINGERPRINT#{}", "CLAIM"), "releasedAt", "yesterday"),
        (Key("FINGERPRINT#{}", "CLAIM"), "userId", "ann"),
    ],
)
def test_the_audit_names_what_does_not_fit_a_release_or_an_address(
    world: ServiceHarness, where: Key, attribute: str, value: str
) -> None:
    sign_up(world)
    release(world, "ann")
    digest = world.users.digests("phone").newest
    key = Key(where.pk.format(digest), where.sk.format(digest))
    world.client.update_item(
        TableName=world.table._name,
        Key={"PK": {"S": key.pk}, "SK": {"S": key.sk}},
        UpdateExpression="SET #n = :v",
        ExpressionAttributeNames={"#n": attribute},
        ExpressionAttributeValues={":v": {"S": value}},
    )
    assert str(key) in [fault.item for fault in world.audit().violations]
