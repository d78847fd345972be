"""Erasing a user: what is refused at once, what goes, what stays, and that it always ends."""

import pytest

from service.core.account_gate import AccountGate
from service.core.amounts import SCALE
from service.core.erasure import ErasurePhase, ErasureStep, StepOutcome
from service.core.principal import Principal, SignInMethod
from service.erasure import keys, store
from service.erasure.entities import (
    Erasure,
    ErasureNotFound,
    ErasureState,
    StepState,
    UserPoolUnavailable,
)
from service.feature import Feature
from service.jobs.entities import JobStatus
from service.ledger.entities import (
    AccessTokenRevoked,
    AccountClosed,
    AccountClosing,
    EntryKind,
    UserNotFound,
    WalletStatus,
)
from service.ledger.session_floor import SessionFloor
from service.providers.base import TaskStatus
from service.storage.codec import Item, decode_item
from service.storage.data_keys import DataErased
from service.storage.keys import Key, data_key
from service.storage.writes import REPLACE, Put, Update, When
from service.users import keys as users_keys
from service.users.entities import DeviceAlreadyUsed
from tests.doubles.service_harness import ServiceHarness, order
from tests.erasure.lives import (
    FINGERPRINT,
    REQUEST,
    data_keys,
    dump,
    erased,
    erasures,
    lived,
    personal,
)


class Outage:
    """A step of another feature that fails until it is mended."""

    def __init__(self) -> None:
        self.is_over = False
        self.runs = 0

    def run(self, user_id: str) -> StepOutcome:
        del user_id
        self.runs += 1
        if not self.is_over:
            raise UserPoolUnavailable
        return StepOutcome.DONE


def with_step(world: ServiceHarness, phase: ErasurePhase = ErasurePhase.REMOVE) -> Outage:
    outage = Outage()
    world.parts.add("other company", Feature(erasure=(ErasureStep("other", outage.run, phase),)))
    return outage


def test_nothing_personal_is_left_and_the_audit_is_clean(world: ServiceHarness) -> None:
    job = lived(world)
    held = [text for text in personal(job) if text in dump(world)]
    assert held == [personal(job)[-1]]  # The address and the note are encrypted.
    erased(world)
    assert [text for text in personal(job) if text in dump(world)] == []
    assert world.audit().violations == ()


def test_the_account_is_closed_and_counted_out_with_the_end_of_its_data_key(
    world: ServiceHarness,
) -> None:
    lived(world)
    assert world.count() == 1
    erased(world)
    wallet = world.wallet()
    assert (wallet.status, wallet.credits, wallet.held) == (WalletStatus.CLOSED, 0, 0)
    assert (wallet.fingerprints, wallet.device_count) == (frozenset(), 0)
    assert world.count() == 0
    with pytest.raises(DataErased):
        data_keys(world).seal("ann", users_keys.profile("ann"), "email", "again")


def test_the_ledger_stays_and_says_what_was_given_up(world: ServiceHarness) -> None:
    lived(world)
    erased(world)
    kinds = [entry.kind for entry in world.ledger.entries("ann")]
    assert kinds == [
        *(EntryKind.INITIAL, EntryKind.HOLD, EntryKind.CAPTURE),
        *(EntryKind.CLOSING, EntryKind.CLOSE),
    ]
    last = list(world.ledger.entries("ann"))[-1]
    assert (last.amount, last.credits) == (2 * SCALE, 0)
    wallet = world.wallet()
    assert (wallet.granted, wallet.captured, wallet.expired) == (3 * SCALE, SCALE, 2 * SCALE)


def test_of_a_job_stays_what_accounts_need(world: ServiceHarness) -> None:
    before = lived(world)
    erased(world)
    job = world.job(before.job_id)
    assert (dict(job.payload), job.result, dict(job.facts)) == ({}, None, {})
    assert (job.status, job.captured, job.usage) == (JobStatus.SUCCEEDED, SCALE, before.usage)


def test_from_the_request_on_nothing_new_is_taken(world: ServiceHarness) -> None:
    lived(world)
    erasures(world).request("ann", REQUEST)
    before = world.items()
    with pytest.raises(AccountClosing):
        world.submit("ann", FINGERPRINT)
    assert world.items() == before


def test_a_second_request_begins_nothing_new(world: ServiceHarness) -> None:
    lived(world)
    first = erasures(world).request("ann", REQUEST)
    before = world.items()
    assert erasures(world).request("ann", REQUEST) == first
    assert world.items() == before
    world.work_until(60)
    ended = world.items()
    assert erasures(world).request("ann", REQUEST).state is ErasureState.FINISHED
    assert world.items() == ended


def test_who_never_signed_up_cannot_be_erased(world: ServiceHarness) -> None:
    with pytest.raises(UserNotFound):
        erasures(world).request("nobody", REQUEST)
    with pytest.raises(ErasureNotFound):
        erasures(world).read("nobody")
    assert world.items() == []


def test_a_token_of_a_session_that_was_ended_neither_erases_nor_reports(
    world: ServiceHarness,
) -> None:
    world.submit("ann")
    stolen = Principal(
        "https://accounts.google.com",
        "ann",
        method=SignInMethod.SESSION,
        session_id="ses_01kb7r3v6q8f2x0m4n5p6q7r8s",
        issued_at=world.clock.now(),
    )
    world.clock.advance(1)
    SessionFloor(world.table, world.clock).raise_to("ann", world.clock.now())
    before = world.items()
    with pytest.raises(AccessTokenRevoked):
        erasures(world).request("ann", REQUEST, stolen)
    assert world.items() == before
    erasures(world).request("ann", REQUEST)
    with pytest.raises(AccessTokenRevoked):
        erasures(world).read("ann", stolen)


def test_a_running_job_settles_first(world: ServiceHarness) -> None:
    job_id = world.submit("ann", FINGERPRINT).job.job_id
    erased(world, seconds=300)
    erasure = erasures(world).read("ann")
    assert erasure.state_of("open_jobs") is StepState.WAITING
    assert erasure.state_of("profile") is StepState.PENDING
    assert world.audit().violations == ()
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    world.work_until(900)
    assert erasures(world).read("ann").state is ErasureState.FINISHED
    assert (world.job(job_id).status, world.wallet().captured) == (JobStatus.SUCCEEDED, SCALE)
    assert world.audit().violations == ()


def test_monitoring_of_an_unresolved_job_ends(world: ServiceHarness) -> None:
    world.provider.creates.append(ConnectionError("lost"))
    job_id = world.submit("ann", FINGERPRINT).job.job_id
    world.work_until(1200)
    assert world.job(job_id).watch_until is not None
    erased(world, seconds=300)
    assert erasures(world).read("ann").state is ErasureState.FINISHED
    world.provider.book(job_id, TaskStatus.SUCCEEDED)
    job = world.settlement.resolve("ann", job_id)
    assert (job.watch_until, job.result, job.house_loss) == (None, None, None)
    assert world.audit().violations == ()


def test_an_outage_of_days_delays_nothing_else_and_is_never_given_up(
    world: ServiceHarness,
) -> None:
    job, outage = lived(world), with_step(world)
    erased(world, seconds=3600)
    erasure = erasures(world).read("ann")
    assert erasure.state_of("other") is StepState.FAILED
    assert erasure.held_up == {"other": "UserPoolUnavailable"}
    assert [text for text in personal(job) if text in dump(world)] == []
    assert world.audit().violations == ()
    runs = outage.runs
    world.work_until(86_400, step=300)
    assert outage.runs - runs == 96  # Every 15 minutes.
    outage.is_over = True
    world.work_until(1200, step=60)
    assert erasures(world).read("ann").state is ErasureState.FINISHED
    assert world.count() == 0
    assert world.audit().violations == ()


def test_a_phase_waits_for_the_one_before_it(world: ServiceHarness) -> None:
    lived(world)
    outage = with_step(world, ErasurePhase.ACCESS)
    erased(world)
    erasure = erasures(world).read("ann")
    assert (outage.runs > 0, "open_jobs" in erasure.done) == (True, False)


def test_who_returns_has_the_same_wallet_and_no_second_welcome(world: ServiceHarness) -> None:
    lived(world)
    erased(world)
    world.users.sign_up(order("ann").principal, world.users.digests("other phone"))
    wallet = world.wallet()
    assert (wallet.status, wallet.credits, world.count()) == (WalletStatus.OPEN, 0, 1)
    with pytest.raises(ErasureNotFound):
        erasures(world).read("ann")
    assert world.audit().violations == ()
    erased(world)
    assert (world.wallet().status, world.count()) == (WalletStatus.CLOSED, 0)
    assert world.audit().violations == ()


def test_no_access_token_of_before_serves_whoever_returns(world: ServiceHarness) -> None:
    """An erasure ends every session: a token that someone else holds must not come to life again
    with the account. One of a session that was opened since is the owner's."""
    lived(world)
    erased(world)
    closed_at, gate = world.wallet().updated_at, world.parts.get(AccountGate)
    before, since = session_token(closed_at), session_token(closed_at + 1)
    with pytest.raises(AccountClosed):
        gate.check(before)
    world.clock.advance(1)
    world.users.sign_up(order("ann").principal, world.users.digests("other phone"))
    with pytest.raises(AccessTokenRevoked):
        gate.check(before)
    gate.check(since)
    assert world.audit().violations == ()


def session_token(issued_at: int) -> Principal:
    issuer, session_id = "https://accounts.google.com", "ses_01kb7r3v6q8f2x0m4n5p6q7r8s"
    method = SignInMethod.SESSION
    return Principal(issuer, "ann", method=method, session_id=session_id, issued_at=issued_at)


def test_claims_outlive_the_account(world: ServiceHarness) -> None:
    lived(world)
    erased(world)
    with pytest.raises(DeviceAlreadyUsed):
        world.submit("bob", FINGERPRINT)


def test_who_returns_before_the_end_is_refused_for_that(world: ServiceHarness) -> None:
    lived(world)
    with_step(world)
    erased(world)
    with pytest.raises(AccountClosing):
        world.submit("ann", "other phone")


def test_an_erasure_that_this_service_did_not_write_erases_no_one(world: ServiceHarness) -> None:
    lived(world)
    erasures(world).request("ann", REQUEST)
    forged = Update(keys.erasure("ann"), When(), set={"requestedBy": "someone"})
    world.table.write(forged)
    before = dump_without(world, keys.erasure("ann"))
    world.work_until(120)
    assert dump_without(world, keys.erasure("ann")) == before
    assert "MAC does not hold" in str(world.audit().violations)


def test_without_a_closing_wallet_nothing_is_erased(world: ServiceHarness) -> None:
    lived(world)
    erasures(world).request("ann", REQUEST)
    wallet = Key("USER#ann", "METADATA")
    world.table.write(Update(wallet, When(), set={"status": WalletStatus.OPEN}))
    world.work_until(120)
    assert stored(world).done == {}
    assert "its entries say closing" in str(world.audit().violations)


def test_a_wallet_that_was_closed_by_a_torn_transaction_is_ended(world: ServiceHarness) -> None:
    """After a restore the wallet may be closed, and the erasure not ended, nor the key
    destroyed."""
    lived(world)
    running = {}

    def keep(user_id: str) -> StepOutcome:
        running.update({str(key): world.table.get(key) for key in torn(user_id)})
        return StepOutcome.DONE

    step = ErasureStep("keep", keep, ErasurePhase.FORGET)
    world.parts.add("keeper", Feature(erasure=(step,)))
    erased(world)
    for key in torn("ann"):
        restore(world, key, running[str(key)])
    assert "runs, and the wallet is closed" in str(world.audit().violations)
    world.work_until(120)
    assert erasures(world).read("ann").state is ErasureState.FINISHED
    assert world.audit().violations == ()


def stored(world: ServiceHarness) -> Erasure:
    item = world.table.get(keys.erasure("ann"))
    assert item is not None
    return store.erasure_from(item)


def dump_without(world: ServiceHarness, key: Key) -> list[Item]:
    items = [decode_item(item) for item in world.items()]
    return [item for item in items if Key.of_item(item) != key]


def restore(world: ServiceHarness, key: Key, item: Item | None) -> None:
    assert item is not None
    fields = {name: value for name, value in item.items() if name not in ("PK", "SK")}
    world.table.write(Put(key, fields, REPLACE))


def torn(user_id: str) -> tuple[Key, Key]:
    return keys.erasure(user_id), data_key(user_id)
