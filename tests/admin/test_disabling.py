"""A disabled user is refused at once, whatever token they hold; nothing of theirs is lost."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from service.core.account_gate import AccountGate
from service.erasure.operations import Erasures
from service.ledger import keys as ledger_keys
from service.ledger.entities import AccountDisabled, WalletStatus
from service.promo_codes.operations import PromoCodes
from service.providers.base import TaskStatus
from service.sessions.entities import RefreshTokenRejected
from service.sessions.operations import Sessions
from service.sessions.sign_ins import SignIns
from service.storage.writes import Update, When
from tests.admin.admin_api import AdminApi
from tests.doubles.people import google
from tests.doubles.service_harness import ServiceHarness, memory_world
from tests.erasure.lives import REQUEST

ANN = google("ann", at=1_790_000_000_000)
REASON = {"reason": "Sells what the house makes."}
USER = "/admin/users/ann"


@pytest.fixture
def world() -> ServiceHarness:
    world = memory_world()
    world.users.sign_up(ANN, world.users.digests("phone"))
    return world


@pytest.fixture
def api(world: ServiceHarness) -> AdminApi:
    return AdminApi(world)


def disabled(api: AdminApi) -> None:
    assert api.post(f"{USER}/disable", REASON)[0] == 200


def violations(world: ServiceHarness) -> list[str]:
    return [f"{each.item}: {each.what}" for each in world.audit().violations]


def sign_ins(world: ServiceHarness) -> SignIns:
    return SignIns(world.parts.get(Sessions), world.users, world.ledger, world.clock)


REQUESTS: dict[str, Callable[[ServiceHarness], object]] = {
    "any": lambda world: world.parts.get(AccountGate).check(ANN),
    "job": lambda world: world.submit("ann", "phone"),
    "sign-up": lambda world: sign_ins(world).open(ANN, "phone", "a phone"),
    "promo code": lambda world: world.parts.get(PromoCodes).redeem(ANN, "SUMMER-2026", None, None),
    "erasure": lambda world: world.parts.get(Erasures).request("ann", REQUEST),
}


@pytest.mark.parametrize("request_of", REQUESTS.values(), ids=REQUESTS)
def test_every_request_is_refused_at_once_and_nothing_is_written(
    world: ServiceHarness, api: AdminApi, request_of: Callable[[ServiceHarness], object]
) -> None:
    promo = {"name": "Summer", "code": "SUMMER-2026", "credits": 1, "maxUses": 5, **REASON}
    assert api.post("/admin/promo-codes", promo)[0] == 200
    disabled(api)
    before = world.items()
    with pytest.raises(AccountDisabled):
        request_of(world)
    assert world.items() == before


def test_sessions_end_and_stay_ended_once_the_user_is_enabled(
    world: ServiceHarness, api: AdminApi
) -> None:
    opened = sign_ins(world).open(ANN, None, "a phone").session
    disabled(api)
    with pytest.raises(AccountDisabled):
        sign_ins(world).refresh(opened.refresh_token)
    assert world.parts.get(Sessions).live("ann") == []
    assert api.post(f"{USER}/enable", REASON)[0] == 200
    with pytest.raises(RefreshTokenRejected):
        sign_ins(world).refresh(opened.refresh_token)
    world.parts.get(AccountGate).check(ANN)


def test_a_hold_that_was_decided_before_is_not_committed_after(
    world: ServiceHarness, api: AdminApi
) -> None:
    done = list[str]()

    def overtake(operation: str) -> None:
        if operation == "TransactWriteItems" and not done:
            done.append(operation)
            twin = ServiceHarness(None, "Memory", connected=world.dynamodb)
            disabled(AdminApi(twin))

    world.wire().before(overtake)
    with pytest.raises(AccountDisabled):
        world.submit("ann", "phone")
    assert (done, world.wallet("ann").held) == (["TransactWriteItems"], 0)


def test_open_jobs_settle_and_credits_come_in(world: ServiceHarness, api: AdminApi) -> None:
    job_id = world.submit("ann", "phone").job.job_id
    disabled(api)
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.settlement.resolve("ann", job_id)
    status, response = api.post(f"{USER}/adjustments", {"amount": 2, **REASON})
    assert (status, response["data"]["available"], response["data"]["disabled"]) == (200, 4, True)
    assert (world.balance("ann"), violations(world)) == ((4, 0, 1), [])


def test_a_frozen_wallet_stays_frozen_when_its_user_is_enabled(
    world: ServiceHarness, api: AdminApi
) -> None:
    api.post(f"{USER}/freeze", REASON)
    disabled(api)
    assert violations(world) == []
    status, response = api.post(f"{USER}/enable", REASON)
    assert (status, response["data"]["status"], response["data"]["disabled"]) == (
        200,
        "frozen",
        False,
    )
    assert world.wallet("ann").status is WalletStatus.FROZEN
    assert violations(world) == []


def test_who_is_erased_while_disabled_does_not_return(world: ServiceHarness, api: AdminApi) -> None:
    disabled(api)
    assert api.post(f"{USER}/erasure", REASON)[0] in (200, 202)
    world.work_until(60)
    assert world.wallet("ann").status is WalletStatus.CLOSED
    later = replace(ANN, issued_at=world.clock.now() + 60_000)
    before = world.items()
    with pytest.raises(AccountDisabled):
        world.users.sign_up(later, world.users.digests("phone"))
    assert (world.items(), violations(world)) == (before, [])


def test_who_is_erased_while_frozen_returns_frozen_until_an_operator_thaws_them(
    world: ServiceHarness, api: AdminApi
) -> None:
    assert api.post(f"{USER}/freeze", REASON)[0] == 200
    for at in (60_000, 120_000):
        assert api.post(f"{USER}/erasure", REASON)[0] in (200, 202)
        world.work_until(at / 1000)
        assert world.wallet("ann").status is WalletStatus.CLOSED
        assert violations(world) == []
        later = replace(ANN, issued_at=world.clock.now() + at)
        world.users.sign_up(later, world.users.digests("phone"))
        assert world.wallet("ann").status is WalletStatus.FROZEN
        assert violations(world) == []
    assert api.post(f"{USER}/thaw", REASON)[0] == 200
    assert (world.wallet("ann").status, violations(world)) == (WalletStatus.OPEN, [])


def test_a_freeze_that_was_edited_away_while_closed_is_found_and_repaired(
    world: ServiceHarness, api: AdminApi
) -> None:
    assert api.post(f"{USER}/freeze", REASON)[0] == 200
    assert api.post(f"{USER}/erasure", REASON)[0] in (200, 202)
    world.work_until(60)
    world.table.write(Update(ledger_keys.wallet("ann"), When(), remove=("returnsFrozen",)))
    assert violations(world) == [
        "USER#ann/METADATA: returnsFrozen is not set, although the wallet was frozen before it "
        "was closed"
    ]
    world.repair.run(apply=True)
    assert (world.wallet("ann").returns_frozen, violations(world)) == (True, [])


def test_a_user_is_disabled_once_and_enabled_once(world: ServiceHarness, api: AdminApi) -> None:
    first, again = (api.post(f"{USER}/disable", REASON, "key-1") for _ in range(2))
    assert (first, api.replayed) == (again, True)
    before = world.wallet("ann")
    for path, expected in (
        (f"{USER}/disable", (409, "USER_DISABLED")),
        ("/admin/users/nobody/disable", (404, "USER_NOT_FOUND")),
    ):
        status, response = api.post(path, REASON)
        assert (status, response["code"]) == expected
    assert world.wallet("ann") == before
    assert api.post(f"{USER}/enable", REASON)[0] == 200
    status, response = api.post(f"{USER}/enable", REASON)
    assert (status, response["code"]) == (409, "USER_NOT_DISABLED")


@pytest.mark.parametrize("is_disabled", [True, False])
def test_an_edited_flag_is_found(world: ServiceHarness, api: AdminApi, is_disabled: bool) -> None:
    if not is_disabled:
        disabled(api)
    forged: dict[str, Any] = {"disabled": is_disabled}
    world.table.write(Update(ledger_keys.wallet("ann"), When(), set=forged))
    assert violations(world) == [
        f"USER#ann/METADATA: disabled is {is_disabled}, its entries say {not is_disabled}"
    ]


def test_the_repair_restores_what_the_entries_say(world: ServiceHarness, api: AdminApi) -> None:
    disabled(api)
    world.table.write(Update(ledger_keys.wallet("ann"), When(), remove=("disabled",)))
    world.repair.run(apply=True)
    assert (world.wallet("ann").disabled, violations(world)) == (True, [])
