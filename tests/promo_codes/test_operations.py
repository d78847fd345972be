"""Redeeming: once per identity and device, within every limit, and nothing is written when it is
refused."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from service.core.amounts import SCALE
from service.core.errors import FareboxError
from service.ledger import keys as ledger_keys
from service.ledger.entities import (
    AccountRequired,
    WalletFrozen,
    WalletStatus,
)
from service.ledger.lots import LotKind
from service.promo_codes.entities import (
    PromoAlreadyRedeemed,
    PromoCodeBusy,
    PromoDeviceUsed,
    PromoExists,
    PromoNotFound,
    PromoTextUnusable,
    PromoUsedUp,
    RedemptionUnknown,
    UnknownPromoId,
)
from service.promo_codes.operations import CodeGates
from service.storage.table import Cancelled
from service.storage.writes import Update, When
from tests.doubles.service_harness import ServiceHarness, order
from tests.promo_codes.campaign import NEW, TERMS, TEXT, Campaign

DAY = 24 * 3600.0


def refused(campaign: Campaign, error: type[FareboxError], **request: Any) -> FareboxError:
    """The refusal of that request, which must have written nothing."""
    before = campaign.world.items()
    with pytest.raises(error) as raised:
        campaign.redeem(**request)
    assert campaign.world.items() == before
    return raised.value


def test_a_code_grants_its_credits_as_a_lot_of_its_kind(campaign: Campaign) -> None:
    promo = campaign.make(terms=replace(TERMS, life_days=30))
    ann = campaign.user()
    redemption = campaign.redeem(ann, "launch 2o27")
    now = campaign.world.clock.now()
    assert redemption.made
    assert (redemption.amount, redemption.available) == (5 * SCALE, 8 * SCALE)
    assert redemption.expires_at == now + 30 * 24 * 3600 * 1000
    lot = next(lot for lot in campaign.world.wallet().lots if lot.kind is LotKind.PROMO)
    assert (lot.remaining, lot.expires_at) == (5 * SCALE, redemption.expires_at)
    stored = campaign.stored(promo)
    assert (stored.uses, stored.granted) == (1, 5 * SCALE)
    assert campaign.world.audit().violations == ()


def test_the_text_of_a_code_stands_nowhere_in_the_table(campaign: Campaign) -> None:
    campaign.make()
    campaign.redeem(campaign.user(), TEXT)
    table = str(campaign.world.items())
    assert "LAUNCH-2027" not in table
    assert "1AUNCH2027" not in table


def test_the_same_request_again_returns_the_redemption_that_was_made(campaign: Campaign) -> None:
    promo = campaign.make(terms=replace(TERMS, life_days=30))
    ann = campaign.user()
    first = campaign.redeem(ann)
    before = campaign.world.items()
    campaign.world.clock.advance(60)
    again = campaign.redeem(ann)
    assert again == replace(first, made=False)
    campaign.revoke(promo)
    campaign.world.clock.advance(40 * DAY)
    assert campaign.redeem(ann).at == first.at
    assert len(campaign.world.items()) == len(before)


def test_each_key_is_a_use_of_its_own_where_a_code_allows_several(campaign: Campaign) -> None:
    campaign.make(max_uses_per_identity=2)
    ann = campaign.user()
    assert campaign.redeem(ann, key="a").made
    assert not campaign.redeem(ann, key="a").made
    assert not campaign.redeem(ann).made, "without a key it is the first"
    assert campaign.redeem(ann, key="b").made
    refusal = refused(campaign, PromoAlreadyRedeemed, principal=ann, key="c")
    assert refusal.details == {"maxUses": 2}
    assert campaign.world.balance()[0] == 13
    assert campaign.world.audit().violations == ()


def test_another_key_is_refused_where_a_code_allows_one_use(campaign: Campaign) -> None:
    campaign.make()
    ann = campaign.user()
    campaign.redeem(ann, key="a")
    refused(campaign, PromoAlreadyRedeemed, principal=ann, key="b")


@pytest.mark.parametrize("text", ["NO-SUCH-CODE", "??", "LAUNCH-2028"])
def test_an_unknown_code_is_not_found(campaign: Campaign, text: str) -> None:
    campaign.make()
    refused(campaign, PromoNotFound, principal=campaign.user(), text=text)


def test_a_code_that_cannot_be_redeemed_now_is_refused_like_one_that_does_not_exist(
    campaign: Campaign,
) -> None:
    now, ann = campaign.world.clock.now(), campaign.user()
    campaign.make(text="ENDED-2027", starts_at=now - 2, ends_at=now)
    campaign.make(text="FUTURE-2027", starts_at=now + 1)
    campaign.make(text="LAPSED-2027", starts_at=now - 2, terms=replace(TERMS, expires_at=now))
    campaign.revoke(campaign.make(text="REVOKED-2027"))
    unknown = refused(campaign, PromoNotFound, principal=ann, text="UNKNOWN-2027")
    for text in ("ENDED-2027", "FUTURE-2027", "LAPSED-2027", "REVOKED-2027"):
        refusal = refused(campaign, PromoNotFound, principal=ann, text=text)
        assert (refusal.message, refusal.details) == (unknown.message, unknown.details)


def test_a_code_is_redeemed_from_its_start_to_its_end(campaign: Campaign) -> None:
    now = campaign.world.clock.now()
    campaign.make(starts_at=now, ends_at=now + 1)
    assert campaign.redeem(campaign.user()).made


def test_a_code_whose_uses_are_spent_is_used_up_for_everybody_else(campaign: Campaign) -> None:
    campaign.make(max_uses=1)
    ann, bob = campaign.user("ann"), campaign.user("bob")
    campaign.redeem(ann)
    refused(campaign, PromoUsedUp, principal=bob)
    assert not campaign.redeem(ann).made


def test_a_budget_is_never_exceeded(campaign: Campaign) -> None:
    promo = campaign.make(budget=14 * SCALE)
    for user_id in ("ann", "bob"):
        campaign.redeem(campaign.user(user_id))
    refused(campaign, PromoUsedUp, principal=campaign.user("cid"))
    assert campaign.stored(promo).granted == 10 * SCALE


def test_a_device_uses_a_code_once_whoever_is_signed_in(campaign: Campaign) -> None:
    campaign.make()
    ann, bob = campaign.user("ann"), campaign.user("bob")
    campaign.redeem(ann, fingerprint="shared-tablet")
    refused(campaign, PromoDeviceUsed, principal=bob, fingerprint="shared-tablet")
    assert campaign.redeem(bob, fingerprint="tablet-of-bob").made


@pytest.mark.parametrize("fingerprint", [None, "made-up-9b1c"])
def test_leaving_the_device_out_does_not_free_it(
    campaign: Campaign, fingerprint: str | None
) -> None:
    campaign.make()
    ann, bob = campaign.user("ann"), campaign.user("bob")
    campaign.redeem(ann, fingerprint="device-of-bob")
    refused(campaign, PromoDeviceUsed, principal=bob, fingerprint=fingerprint)


def test_without_an_account_a_code_is_refused_whether_it_exists_or_not(campaign: Campaign) -> None:
    campaign.make()
    stranger = order("eve").principal
    known = refused(campaign, AccountRequired, principal=stranger)
    unknown = refused(campaign, AccountRequired, principal=stranger, text="UNKNOWN-2027")
    assert known.message == unknown.message


@pytest.mark.parametrize(
    ("status", "error"),
    [(WalletStatus.FROZEN, WalletFrozen), (WalletStatus.CLOSED, AccountRequired)],
)
def test_a_wallet_that_is_not_open_redeems_nothing(
    campaign: Campaign, status: WalletStatus, error: type[FareboxError]
) -> None:
    campaign.make()
    ann = campaign.user()
    campaign.world.table.write(
        Update(ledger_keys.wallet("ann"), When(equals={"version": 1}), set={"status": status})
    )
    refused(campaign, error, principal=ann)


def test_a_code_is_made_once(campaign: Campaign) -> None:
    campaign.make()
    prepared = campaign.promo_codes.prepare(replace(NEW, text="launch2027"))
    with pytest.raises(Cancelled):
        campaign.world.table.transact([each.write for each in prepared.writes])
    assert {type(each.refusal) for each in prepared.writes} == {PromoExists}


def test_a_text_that_no_one_could_redeem_is_refused(campaign: Campaign) -> None:
    with pytest.raises(PromoTextUnusable):
        campaign.make(text="Ärger-2027")


def test_codes_are_listed_newest_first_page_by_page(campaign: Campaign) -> None:
    made = []
    for number in range(5):
        made.append(campaign.make(text=f"NUMBER-{number:03}").promo_id)
        campaign.world.clock.advance(1)
    first = campaign.promo_codes.page(2)
    second = campaign.promo_codes.page(2, first.next_id or "")
    third = campaign.promo_codes.page(2, second.next_id or "")
    found = [promo.promo_id for page in (first, second, third) for promo in page.promos]
    assert found == made[::-1]
    assert third.next_id is None


def test_an_id_that_is_no_codes_is_unknown(campaign: Campaign) -> None:
    with pytest.raises(UnknownPromoId):
        campaign.promo_codes.find("promo_0")


def test_a_response_that_is_lost_is_found_again(campaign: Campaign) -> None:
    campaign.make()
    ann = campaign.user()
    campaign.world.wire().plan("TransactWriteItems", "lost-answer")
    assert campaign.redeem(ann).amount == 5 * SCALE
    assert campaign.world.balance()[0] == 8
    assert campaign.world.audit().violations == ()


def test_an_outcome_that_stays_unknown_is_reported_so_and_settles_on_repetition(
    campaign: Campaign,
) -> None:
    campaign.make()
    ann = campaign.user()
    wire = campaign.world.wire()
    wire.plan("TransactWriteItems", "late", times=1000)
    with pytest.raises(RedemptionUnknown):
        campaign.redeem(ann)
    wire.leave()
    assert wire.deliver_late().count(200) == 1
    assert not campaign.redeem(ann).made
    assert campaign.world.balance()[0] == 8


def test_who_waits_too_long_for_a_code_is_busy_and_nothing_is_written(campaign: Campaign) -> None:
    gates = CodeGates(max_waiting=0, wait_limit_seconds=0.01)
    entered, leave = threading.Event(), threading.Event()

    def occupy() -> None:
        with gates.passed("digest"):
            entered.set()
            leave.wait(10)

    with ThreadPoolExecutor(1) as others:
        others.submit(occupy)
        entered.wait(10)
        try:
            with pytest.raises(PromoCodeBusy), gates.passed("digest"):
                pass
        finally:
            leave.set()
    with gates.passed("digest"):
        pass


def test_a_user_whose_wallet_is_busy_delays_no_one_else(campaign: Campaign) -> None:
    campaign.make()
    ann, bob = campaign.user("ann"), campaign.user("bob")
    with ThreadPoolExecutor(1) as others, campaign.world.ledger._wallet_locks.locked("ann"):
        waiting = others.submit(campaign.redeem, ann)
        time.sleep(0.1)
        began_at = time.monotonic()
        assert campaign.redeem(bob).made
        assert time.monotonic() - began_at < 3
        with pytest.raises(PromoCodeBusy):
            waiting.result(timeout=30)
    assert campaign.redeem(ann).made


@pytest.mark.parametrize("processes", [1, 4])
def test_of_a_hundred_who_race_for_ten_uses_exactly_ten_get_one(
    client: Any, table_name: str, processes: int
) -> None:
    worlds = [ServiceHarness(client, table_name, max_users=500) for _ in range(processes)]
    campaigns = [Campaign(world) for world in worlds]
    promo = campaigns[0].make(max_uses=10)
    people = [campaigns[0].user(f"user-{number}") for number in range(100)]

    def attempt(number: int) -> str:
        """What came of it; where the code was busy, as on a slow machine, of the next try."""
        for _ in range(20):
            try:
                return f"made {campaigns[number % processes].redeem(people[number]).made}"
            except PromoCodeBusy:
                time.sleep(0.1)
            except FareboxError as error:
                return error.code
        return "always busy"

    with ThreadPoolExecutor(50) as crowd:
        outcomes = Counter(crowd.map(attempt, range(100)))
    assert outcomes == {"made True": 10, "PROMO_USED_UP": 90}
    assert campaigns[0].stored(promo).uses == 10
    assert worlds[0].audit().violations == ()


def test_twins_of_one_request_are_one_redemption(client: Any, table_name: str) -> None:
    campaigns = [Campaign(ServiceHarness(client, table_name)) for _ in range(2)]
    promo, ann = campaigns[0].make(), campaigns[0].user()
    with ThreadPoolExecutor(8) as twins:
        made = [
            redemption.made
            for redemption in twins.map(
                lambda number: campaigns[number % 2].redeem(ann, key="k"), range(8)
            )
        ]
    assert made.count(True) == 1
    assert campaigns[0].stored(promo).uses == 1
    assert campaigns[0].world.balance()[0] == 8
