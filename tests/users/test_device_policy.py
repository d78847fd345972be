"""What becomes of someone new whose device is another's, under each `DEVICE_POLICY`."""

from typing import Any
from uuid import UUID

import pytest

from service.core.amounts import SCALE
from service.ledger import keys as ledger_keys
from service.ledger.entities import InsufficientCredits, WalletFrozen, WalletStatus
from service.providers.base import TaskStatus
from service.storage.writes import Update, When
from service.users import keys as users_keys
from service.users.entities import MAX_SHARING_USERS, DeviceAlreadyUsed, EmailAlreadyUsed
from service.users.settings import _MAX_SHARING_USERS
from tests.admin.admin_api import AdminApi
from tests.doubles.people import CAT, cognito, google
from tests.doubles.service_harness import ServiceHarness, memory_world, order
from tests.erasure.lives import erased

REASON = {"reason": "Two sisters, one tablet."}


def sign_up(world: ServiceHarness, user_id: str, device: str | None = "phone") -> Any:
    digests = None if device is None else world.users.digests(device)
    return world.users.sign_up(order(user_id).principal, digests).wallet


def violations(world: ServiceHarness) -> list[str]:
    return [f"{each.item}: {each.what}" for each in world.audit().violations]


def test_the_refusal_says_what_a_person_can_do() -> None:
    world = memory_world()
    sign_up(world, "ann")
    with pytest.raises(DeviceAlreadyUsed, match="contact support") as refused:
        sign_up(world, "bob")
    assert "an operator can release the device" in str(refused.value.details["action"])


def test_without_welcome_a_user_is_made_who_shares_the_device() -> None:
    world = memory_world(device_policy="no_welcome")
    sign_up(world, "ann")
    wallet = sign_up(world, "bob")
    assert (wallet.status, wallet.granted, wallet.welcomed) == (WalletStatus.OPEN, 0, False)
    assert (world.wallet("ann").welcomed, world.count()) == (True, 2)
    with pytest.raises(InsufficientCredits):
        world.submit("bob")
    with pytest.raises(InsufficientCredits):
        world.submit("bob")
    assert violations(world) == []


@pytest.mark.parametrize("policy", ["no_welcome", "review"])
def test_a_device_takes_no_more_users_than_its_limit_and_nothing_is_written(policy: str) -> None:
    world = memory_world(device_policy=policy, max_users_per_device=3)
    for name in ("ann", "bob", "cat"):
        sign_up(world, name)
    before = world.items()
    with pytest.raises(DeviceAlreadyUsed):
        sign_up(world, "dan")
    assert world.items() == before
    assert sign_up(world, "dan", "laptop").granted == 3 * SCALE
    assert violations(world) == []


@pytest.mark.parametrize("policy", ["refuse", "no_welcome", "review"])
@pytest.mark.parametrize(
    "address",
    [{"verified": False}, {"email": "{}@mailinator.com"}],
    ids=["unverified", "disposable"],
)
def test_who_gets_no_credits_takes_one_of_the_places_of_a_device(
    policy: str, address: dict[str, Any]
) -> None:
    """Otherwise one device could fill the system with users who cost nothing."""
    world = memory_world(device_policy=policy, max_users_per_device=3)
    phone = world.users.digests("phone")
    people = [str(UUID(int=number)) for number in range(1, 4)]

    def sign_up_unwelcome(subject: str) -> Any:
        email = address.get("email", "{}@gmail.com").format(f"name{subject[-1]}")
        who = cognito(subject, email, verified=address.get("verified", True))
        return world.users.sign_up(who, phone).wallet

    for subject in people[:2]:
        assert sign_up_unwelcome(subject).granted == 0
        assert sign_up_unwelcome(subject).granted == 0
    before = world.items()
    with pytest.raises(DeviceAlreadyUsed):
        sign_up_unwelcome(people[2])
    assert world.items() == before
    assert sign_up(world, "owner").granted == 3 * SCALE
    assert (world.count(), violations(world)) == (3, [])


def test_who_was_noted_on_a_device_is_welcomed_there_once_the_address_is_verified() -> None:
    world = memory_world()
    phone = world.users.digests("phone")
    world.users.sign_up(cognito(CAT, "cat@gmail.com", verified=False), phone)
    snapshot = world.ledger.read_snapshot(CAT)
    wallet = world.users.welcomed(cognito(CAT, "cat@gmail.com"), phone, snapshot).wallet
    assert wallet is not None
    assert wallet.granted == 3 * SCALE
    assert violations(world) == []


@pytest.mark.parametrize("policy", ["no_welcome", "review"])
def test_a_free_device_is_welcomed_under_every_policy(policy: str) -> None:
    world = memory_world(device_policy=policy)
    wallet = sign_up(world, "ann")
    assert (wallet.status, wallet.granted) == (WalletStatus.OPEN, 3 * SCALE)
    assert world.users.waiting_reviews() == []


def test_an_unwelcomed_user_with_a_device_of_their_own_is_welcomed_there_once() -> None:
    world = memory_world(device_policy="no_welcome")
    sign_up(world, "ann")
    sign_up(world, "bob")
    world.submit("bob", "laptop")
    wallet = world.wallet("bob")
    assert (wallet.granted, wallet.welcomed) == (3 * SCALE, True)
    world.submit("bob", "tablet")
    assert world.wallet("bob").granted == 3 * SCALE
    assert violations(world) == []
    with pytest.raises(InsufficientCredits):
        world.submit("cat", "laptop")


def test_under_review_nothing_is_spent_until_an_operator_approves() -> None:
    world = memory_world(device_policy="review")
    sign_up(world, "ann")
    wallet = sign_up(world, "bob")
    assert (wallet.status, wallet.granted, world.count()) == (WalletStatus.FROZEN, 0, 2)
    with pytest.raises(WalletFrozen):
        world.submit("bob", "laptop")
    assert violations(world) == []
    api = AdminApi(world)
    (waiting,) = api.get("/admin/reviews")[1]["data"]["reviews"]
    assert waiting["userId"] == "bob"
    assert waiting["device"] == world.users.digests("phone").newest
    status, response = api.post("/admin/users/bob/review/approve", REASON)
    assert (status, response["data"]["available"], response["data"]["status"]) == (200, 3, "open")
    assert api.get("/admin/reviews")[1]["data"]["reviews"] == []
    job_id = world.submit("bob").job.job_id
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.settlement.resolve("bob", job_id)
    assert violations(world) == []


@pytest.mark.parametrize(
    ("email", "is_verified"), [("cat@gmail.com", False), ("cat@mailinator.com", True)]
)
def test_an_approval_welcomes_no_one_without_a_mailbox_of_their_own(
    email: str, is_verified: bool
) -> None:
    world = memory_world(device_policy="review")
    sign_up(world, "ann")
    who = cognito(CAT, email, verified=is_verified)
    world.users.sign_up(who, world.users.digests("phone"))
    status, response = AdminApi(world).post(f"/admin/users/{CAT}/review/approve", REASON)
    assert (status, response["data"]["available"], response["data"]["status"]) == (200, 0, "open")
    assert (world.wallet(CAT).welcomed, violations(world)) == (False, [])


def test_an_approval_welcomes_who_has_verified_the_address_since() -> None:
    world = memory_world(device_policy="review")
    sign_up(world, "ann")
    world.users.sign_up(cognito(CAT, "cat@gmail.com", verified=False), world.users.digests("phone"))
    world.users.resolve(cognito(CAT, "cat@gmail.com"))
    assert AdminApi(world).post(f"/admin/users/{CAT}/review/approve", REASON)[0] == 200
    assert (world.wallet(CAT).granted, violations(world)) == (3 * SCALE, [])


def test_a_review_of_someone_who_is_erased_waits_for_no_operator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = memory_world(device_policy="review")
    sign_up(world, "ann")
    sign_up(world, "bob")
    erased(world, "bob")
    assert [item for item in world.items() if "REVIEW" in str(item.get("GSI2PK"))] == []
    assert sign_up(world, "bob", "laptop").status is WalletStatus.FROZEN
    assert world.users.waiting_reviews() == []
    assert violations(world) == []


def test_an_approval_welcomes_once_whatever_is_repeated() -> None:
    world = memory_world(device_policy="review")
    sign_up(world, "ann")
    sign_up(world, "bob")
    api = AdminApi(world)
    path = "/admin/users/bob/review/approve"
    first, again = api.post(path, REASON, "key-1"), api.post(path, REASON, "key-1")
    assert (first, api.replayed) == (again, True)
    before = world.wallet("bob")
    for decision in ("approve", "reject"):
        status, response = api.post(f"/admin/users/bob/review/{decision}", REASON)
        assert (status, response["code"]) == (409, "NOTHING_TO_REVIEW")
    assert world.wallet("bob") == before


def test_a_rejected_user_stays_frozen_and_leaves_the_list() -> None:
    world = memory_world(device_policy="review")
    sign_up(world, "ann")
    sign_up(world, "bob")
    api = AdminApi(world)
    assert api.post("/admin/users/bob/review/reject", REASON)[0] == 200
    assert world.users.waiting_reviews() == []
    assert world.wallet("bob").status is WalletStatus.FROZEN
    assert violations(world) == []


@pytest.mark.parametrize("is_thawed", [False, True])
def test_whoever_was_rejected_is_never_welcomed_later(is_thawed: bool) -> None:
    world = memory_world(device_policy="review")
    sign_up(world, "ann")
    sign_up(world, "bob")
    api = AdminApi(world)
    assert api.post("/admin/users/bob/review/reject", REASON)[0] == 200
    erased(world, "bob")
    assert sign_up(world, "bob", "laptop").status is WalletStatus.FROZEN
    if is_thawed:
        assert api.post("/admin/users/bob/thaw", REASON)[0] == 200
    with pytest.raises(InsufficientCredits if is_thawed else WalletFrozen):
        world.submit("bob", "tablet")
    after = world.wallet("bob")
    assert (after.granted, after.welcomed, violations(world)) == (0, False, [])


@pytest.mark.parametrize("user_id", ["ann", "nobody"])
@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_only_who_is_under_review_is_decided_on(user_id: str, decision: str) -> None:
    world = memory_world(device_policy="review")
    sign_up(world, "ann")
    wallet = world.wallet("ann")
    status, response = AdminApi(world).post(f"/admin/users/{user_id}/review/{decision}", REASON)
    expected = (409, "NOTHING_TO_REVIEW") if user_id == "ann" else (404, "USER_NOT_FOUND")
    assert (status, response["code"]) == expected
    assert world.wallet("ann") == wallet


def test_who_signed_up_without_a_device_is_welcomed_with_their_first() -> None:
    world = memory_world()
    wallet = sign_up(world, "ann", None)
    assert (wallet.granted, wallet.welcomed, wallet.fingerprints) == (0, False, frozenset())
    assert violations(world) == []
    world.submit("ann")
    assert world.wallet("ann").granted == 3 * SCALE
    assert violations(world) == []
    with pytest.raises(DeviceAlreadyUsed):
        sign_up(world, "bob")


def test_who_signed_up_without_a_device_is_refused_on_anothers_and_nothing_is_written() -> None:
    world = memory_world()
    sign_up(world, "ann")
    sign_up(world, "bob", None)
    before = world.items()
    with pytest.raises(DeviceAlreadyUsed):
        world.submit("bob")
    assert world.items() == before


def test_who_signed_up_without_a_device_is_reviewed_on_anothers() -> None:
    world = memory_world(device_policy="review")
    sign_up(world, "ann")
    sign_up(world, "bob", None)
    with pytest.raises(WalletFrozen):
        world.submit("bob")
    assert [each.user_id for each in world.users.waiting_reviews()] == ["bob"]
    assert violations(world) == []


def test_who_is_to_be_reviewed_late_is_refused_where_a_device_has_its_users() -> None:
    world = memory_world(device_policy="review", max_users_per_device=2)
    for name in ("ann", "bob"):
        sign_up(world, name)
    sign_up(world, "cat", None)
    before = world.items()
    with pytest.raises(DeviceAlreadyUsed):
        world.submit("cat")
    assert world.items() == before


def test_who_is_reviewed_late_claims_the_mailbox_that_an_approval_welcomes() -> None:
    world = memory_world(device_policy="review")
    sign_up(world, "ann")
    world.users.sign_up(cognito(CAT, "bob@gmail.com", verified=False), None)
    bob, phone = cognito(CAT, "bob@gmail.com"), world.users.digests("phone")
    snapshot = world.users.welcomed(bob, phone, world.ledger.read_snapshot(CAT))
    assert snapshot.wallet is not None
    assert snapshot.wallet.status is WalletStatus.FROZEN
    assert AdminApi(world).post(f"/admin/users/{CAT}/review/approve", REASON)[0] == 200
    before = world.items()
    with pytest.raises(EmailAlreadyUsed):
        world.users.sign_up(google("bob", "b.ob@gmail.com"), world.users.digests("laptop"))
    assert world.items() == before
    assert violations(world) == []


def test_a_user_with_other_credits_may_work_on_a_shared_device() -> None:
    world = memory_world()
    sign_up(world, "ann")
    sign_up(world, "bob", None)
    api = AdminApi(world)
    assert api.post("/admin/users/bob/adjustments", {"amount": 5, **REASON})[0] == 200
    world.submit("bob")
    assert (world.balance("bob"), world.wallet("bob").welcomed) == ((4, 1, 0), False)
    assert violations(world) == []


def test_a_forged_flag_gets_no_one_a_second_welcome_past_the_audit() -> None:
    world = memory_world()
    sign_up(world, "ann")
    forged = Update(ledger_keys.wallet("ann"), When(), set={"welcomed": False})
    world.table.write(forged)
    assert violations(world) == [
        "USER#ann/METADATA: welcomed is False, its entries say True",
        "USER#ann/PROFILE: claims a device without the welcome credits",
    ]
    world.submit("ann", "laptop")
    assert "USER#ann/METADATA: was welcomed more than once" in violations(world)


def test_a_share_that_forgets_a_user_is_found() -> None:
    world = memory_world(device_policy="no_welcome")
    sign_up(world, "ann")
    sign_up(world, "bob")
    key = users_keys.shares(world.users.digests("phone").newest)
    world.table.write(Update(key, When(), set={"users": ("cat",)}))
    assert violations(world) == [f"{key}: does not name bob, who shares the device"]


def test_a_review_that_left_the_index_undecided_is_found() -> None:
    world = memory_world(device_policy="review")
    sign_up(world, "ann")
    sign_up(world, "bob")
    key = users_keys.review("bob")
    world.table.write(Update(key, When(), remove=("GSI2PK", "GSI2SK")))
    assert violations(world) == [f"{key}: its index attributes do not fit its state"]


def test_the_settings_know_how_many_users_fit_into_one_item() -> None:
    assert _MAX_SHARING_USERS == MAX_SHARING_USERS


def test_a_place_on_a_device_that_another_takes_meanwhile_is_not_taken_twice() -> None:
    rules: dict[str, Any] = {"device_policy": "no_welcome", "max_users_per_device": 2}
    world = memory_world(**rules)
    twin, done = ServiceHarness(None, "Memory", connected=world.dynamodb, **rules), list[str]()
    sign_up(world, "ann")

    def overtake(operation: str) -> None:
        if operation == "TransactWriteItems" and not done:
            done.append(operation)
            sign_up(twin, "bob")

    world.wire().before(overtake)
    with pytest.raises(DeviceAlreadyUsed):
        sign_up(world, "cat")
    assert (world.count(), violations(world)) == (2, [])
