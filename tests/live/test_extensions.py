"""What a session holds grows by exactly what its wallet pays, whatever happens to the write."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from service.catalog.entities import LIVE_TRANSCRIPTION
from service.core.amounts import credits_of
from service.core.errors import FareboxError
from service.core.principal import Principal
from service.entitlements.entities import Plans, SubscriptionRequired
from service.entitlements.operations import Entitlements
from service.jobs import keys
from service.ledger.entities import (
    AccountClosing,
    AccountDisabled,
    EntryKind,
    InsufficientCredits,
    Movement,
    OutcomeUnknown,
    StaleRead,
    Wallet,
    WalletFrozen,
)
from service.ledger.limits import DailyLimitReached, LossLimitReached, UserLimits
from service.ledger.lots import LotKind
from service.ledger.movements import begin_closing, disable, freeze, grant
from service.ledger.operations import Proposal
from service.live.entities import LiveBody, NewSession, OpenSession
from service.live.operations import Live, Outcome
from service.live.utterances import transcript_of_segments
from service.providers.speech import SpeechProvider
from service.sessions.ceilings import SessionCeilingReached, SessionEnded
from service.storage.writes import Update, When
from tests.doubles.service_harness import ServiceHarness, memory_world
from tests.entitlements.test_entities import plan, subscription
from tests.live.test_dead_relays import segment
from tests.server_keys.stored import stored_key
from tests.sessions.minted import ceiling, minted

ANN = Principal("https://accounts.google.com", "ann", "ann@example.com")


class Vendor:
    """Is named, and never called."""

    name = "assemblyai"

    def model_of(self, language: str) -> str:
        return f"model of {language}"


def settings(**options: Any) -> dict[str, Any]:
    return {
        "replacements": {SpeechProvider: Vendor()},
        "assemblyai_api_key_secret_name": "assemblyai",
        "public_url": "https://farebox.example",
        "jitter": lambda: 1.0,
        **options,
    }


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return ServiceHarness(client, table_name, **settings())


def live(world: ServiceHarness) -> Live:
    return world.parts.get(Live)


def opened(world: ServiceHarness, who: Principal = ANN) -> OpenSession:
    issued = live(world).issue(NewSession(who, f"phone of {who.subject}", LiveBody(8000)))
    return live(world).open(issued.ticket)


def kinds(world: ServiceHarness) -> list[str]:
    return [entry.kind.value for entry in world.ledger.entries("ann")]


def finish(world: ServiceHarness, session: OpenSession, seconds: int) -> int:
    """Returns what was captured."""
    words = transcript_of_segments([segment(0, seconds, "words")])
    ended = live(world).conclude(session.job, Outcome("finished", seconds, words))
    return ended.captured


def is_whole(world: ServiceHarness) -> bool:
    assert [each.what for each in world.audit().violations] == []
    return world.wallet().held == 0


def moves(world: ServiceHarness, user_id: str, movement: Any) -> None:
    def propose(snapshot: Any, now: int) -> Proposal:
        made: Movement = movement(snapshot.wallet, now)
        return Proposal(made)

    world.ledger.move(user_id, propose, lambda _: False)


@pytest.mark.parametrize("fault", ["lost-answer", "lost-request", "conflict", "throttle"])
def test_a_write_that_is_disturbed_extends_once(world: ServiceHarness, fault: str) -> None:
    session = opened(world)
    world.wire().plan("TransactWriteItems", fault)
    job, seconds = live(world).extend(session.job, session.seconds, session.caller)
    assert (seconds, job.held) == (120, 40)
    assert job == world.job(job.job_id)
    assert kinds(world) == ["INITIAL", "HOLD", "EXTEND"]
    assert finish(world, OpenSession(job, session.body, 240, 0.0, session.caller), 200) == 34
    assert is_whole(world)


def test_a_write_without_an_outcome_is_found_by_the_next_try(world: ServiceHarness) -> None:
    """Stored, and no response to anything until the deadline: it counts once it is read back."""
    session = opened(world)
    wire = world.wire()
    wire.plan("TransactWriteItems", "lost-answer")
    wire.plan("TransactGetItems", "unreachable", skip=1, times=1000)
    with pytest.raises(OutcomeUnknown):
        live(world).extend(session.job, session.seconds, session.caller)
    wire.leave()
    job, seconds = live(world).extend(session.job, session.seconds, session.caller)
    assert (seconds, job.held) == (120, 40)
    assert kinds(world) == ["INITIAL", "HOLD", "EXTEND"]
    assert finish(world, OpenSession(job, session.body, 240, 0.0, session.caller), 10) == 2
    assert is_whole(world)


def test_a_late_extension_and_a_settlement_never_both_count(world: ServiceHarness) -> None:
    """Its relay settles by what it has read; what lands in between holds more than that."""
    session = opened(world)
    live(world).extend(session.job, session.seconds, session.caller)
    assert finish(world, session, 60) == 10
    with pytest.raises(StaleRead):
        live(world).extend(session.job, session.seconds, session.caller)
    assert is_whole(world)


def test_many_at_once_extend_by_one_slice_each_time(world: ServiceHarness) -> None:
    session = opened(world)

    def attempt(_: int) -> int:
        try:
            return live(world).extend(session.job, session.seconds, session.caller)[0].held
        except StaleRead:
            return 0

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(attempt, range(8)))
    assert set(found) <= {0, 40}
    assert kinds(world) == ["INITIAL", "HOLD", "EXTEND"]
    world.work_until(400)
    assert is_whole(world)


def small(**options: Any) -> ServiceHarness:
    return memory_world(**settings(**options))


def test_a_job_that_changes_while_the_write_is_on_its_way_is_not_extended() -> None:
    """Also where its wallet does not move."""
    world = small()
    session = opened(world)
    key = keys.job("ann", session.job.job_id)
    wire, edited = world.wire(), [False]

    def edit(operation: str) -> None:
        if operation == "TransactWriteItems" and not edited[0]:
            edited[0] = True
            world.table.write(Update(key, When(), set={"hardAt": session.job.hard_at + 1}))

    wire.before(edit)
    with pytest.raises(StaleRead):
        live(world).extend(session.job, session.seconds, session.caller)
    assert kinds(world) == ["INITIAL", "HOLD"]


def test_the_last_credits_extend_by_what_they_afford() -> None:
    world = small(welcome_credits=Decimal("0.025"))
    session = opened(world)
    job, seconds = live(world).extend(session.job, session.seconds, session.caller)
    assert (seconds, job.held) == (30, 25)
    with pytest.raises(InsufficientCredits):
        live(world).extend(job, session.seconds + seconds, session.caller)
    assert world.job(job.job_id) == job
    assert finish(world, OpenSession(job, session.body, 150, 0.0, session.caller), 149) == 25
    assert is_whole(world)


def test_less_than_fifteen_seconds_extend_nothing() -> None:
    world = small(welcome_credits=Decimal("0.022"))
    session = opened(world)
    before = world.items()
    with pytest.raises(InsufficientCredits):
        live(world).extend(session.job, session.seconds, session.caller)
    assert world.items() == before


@pytest.mark.parametrize(
    ("change", "error"),
    [(freeze, WalletFrozen), (disable, AccountDisabled), (begin_closing, AccountClosing)],
)
def test_a_wallet_that_is_not_open_extends_nothing_and_settles(
    change: Any, error: type[FareboxError]
) -> None:
    """Someone who is disabled or being erased: the session ends with its slice."""
    world = small()
    session = opened(world)
    moves(world, "ann", lambda wallet, now: change(wallet, "r", now))
    with pytest.raises(error):
        live(world).extend(session.job, session.seconds, session.caller)
    assert finish(world, session, 30) == 5
    assert world.wallet().held == 0


def test_a_sessions_ceiling_counts_what_is_added_and_gets_back_what_is_not_spent() -> None:
    world = small()
    who = minted(world, key_id=stored_key(world)[0].key_id, limit=Decimal("0.03"))
    session = opened(world, who)
    job, seconds = live(world).extend(session.job, session.seconds, session.caller)
    assert (seconds, ceiling(world, who).used) == (60, 30)
    with pytest.raises(SessionCeilingReached):
        live(world).extend(job, 180, session.caller)
    finish(world, OpenSession(job, session.body, 180, 0.0, session.caller), 60)
    assert ceiling(world, who).used == 10
    assert [each.what for each in world.audit().violations] == []


def test_a_session_that_was_ended_extends_nothing() -> None:
    world = small()
    who = minted(world, key_id=stored_key(world)[0].key_id, limit=Decimal(1))
    session = opened(world, who)
    key = ceiling(world, who).key
    ended = {"endedAt": "2026-11-21T09:00:00.000Z"}
    world.table.write(Update(key, When(), set=ended))
    with pytest.raises(SessionEnded):
        live(world).extend(session.job, session.seconds, session.caller)
    assert world.job(session.job.job_id, who.subject) == session.job


def test_the_days_limit_counts_what_is_added() -> None:
    world = small(max_credits_per_day=Decimal("0.03"))
    session = opened(world)
    job, seconds = live(world).extend(session.job, session.seconds, session.caller)
    assert (seconds, world.wallet().spent_today) == (60, 30)
    finish(world, OpenSession(job, session.body, 180, 0.0, session.caller), 60)
    assert world.wallet().spent_today == 10


def test_the_days_limit_refuses_in_its_own_words_what_the_balance_would_pay() -> None:
    world = small(max_credits_per_day=Decimal("0.021"))
    session = opened(world)
    before = world.items()
    with pytest.raises(DailyLimitReached) as refused:
        live(world).extend(session.job, session.seconds, session.caller)
    assert refused.value.details == {
        "limit": 0.021,
        "spent": 0.02,
        "required": 0.02,
        "resetsAt": "2026-09-22T00:00:00.000Z",
    }
    assert world.items() == before


def test_who_has_cost_the_house_enough_today_extends_nothing() -> None:
    limits = UserLimits(max_loss_per_day=20)
    world = small(replacements={SpeechProvider: Vendor(), UserLimits: limits})
    broken, session = opened(world), opened(world)
    job, seconds = live(world).extend(session.job, session.seconds, session.caller)
    live(world).lose(broken.job, "vendor_fault", 120)
    assert world.wallet().loss_today == 20
    before = world.items()
    with pytest.raises(LossLimitReached):
        live(world).extend(job, session.seconds + seconds, session.caller)
    assert world.items() == before


def test_a_balance_below_the_days_limit_is_what_refuses() -> None:
    world = small(max_credits_per_day=Decimal("0.022"), welcome_credits=Decimal("0.021"))
    session = opened(world)
    with pytest.raises(InsufficientCredits):
        live(world).extend(session.job, session.seconds, session.caller)


def subscribed(world: ServiceHarness, status: str = "active") -> None:
    entitlements = world.parts.get(Entitlements)
    entitlements.apply(entitlements.of("ann"), [subscription(status)])


def for_subscribers(limit: int, **options: Any) -> ServiceHarness:
    """A world where live sessions need a plan of so many thousandths of a credit a day."""
    pro = plan(operations=frozenset({LIVE_TRANSCRIPTION}), max_credits_per_day=limit)
    world = small(**options, replacements={SpeechProvider: Vendor(), Plans: Plans([pro])})
    subscribed(world)
    return world


def test_the_plans_limit_of_the_day_stops_what_no_other_limit_does() -> None:
    world = for_subscribers(30)
    session = opened(world)
    job, seconds = live(world).extend(session.job, session.seconds, session.caller)
    assert (seconds, world.wallet().spent_today) == (60, 30)
    with pytest.raises(DailyLimitReached):
        live(world).extend(job, session.seconds + seconds, session.caller)


def test_the_plans_limit_of_the_day_comes_before_that_of_every_user() -> None:
    world = for_subscribers(1000, max_credits_per_day=Decimal("0.03"))
    session = opened(world)
    _, seconds = live(world).extend(session.job, session.seconds, session.caller)
    assert (seconds, world.wallet().spent_today) == (120, 40)


@pytest.mark.parametrize("limit", [0, 1000])
def test_a_plan_that_has_lapsed_extends_nothing(limit: int) -> None:
    world = for_subscribers(limit)
    session = opened(world)
    subscribed(world, "canceled")
    before = world.items()
    with pytest.raises(SubscriptionRequired):
        live(world).extend(session.job, session.seconds, session.caller)
    assert world.items() == before


def test_a_plan_that_lapses_while_the_write_is_on_its_way_extends_nothing() -> None:
    """Every attempt decides on what it has read itself."""
    world = for_subscribers(1000)
    session = opened(world)
    wire, ended = world.wire(), [False]

    def end(operation: str) -> None:
        if operation == "TransactWriteItems" and not ended[0]:
            ended[0] = True
            subscribed(world, "canceled")

    wire.before(end)
    wire.plan("TransactWriteItems", "conflict")
    with pytest.raises(SubscriptionRequired):
        live(world).extend(session.job, session.seconds, session.caller)
    assert kinds(world) == ["INITIAL", "HOLD"]


def test_what_was_held_on_two_days_does_not_count_back() -> None:
    world = small()
    session = opened(world)
    world.clock.advance(90.0)
    world.clock.set((world.clock.now() // 86_400_000 + 1) * 86_400_000 - 1000)
    first = opened(world)
    world.clock.advance(60.0)
    job, _ = live(world).extend(first.job, first.seconds, first.caller)
    assert world.wallet().spent_today == 20
    finish(world, OpenSession(job, first.body, 240, 0.0, first.caller), 6)
    assert world.wallet().spent_today == 20
    finish(world, session, 6)
    assert is_whole(world)


def test_the_houses_budget_pays_for_what_is_added_and_gets_it_back() -> None:
    world = small(house_credits_per_day=Decimal("0.05"))
    session = opened(world)
    job, _ = live(world).extend(session.job, session.seconds, session.caller)
    with pytest.raises(FareboxError, match="as much paid work"):
        live(world).extend(job, 240, session.caller)
    finish(world, OpenSession(job, session.body, 240, 0.0, session.caller), 6)
    assert opened(world).job.held == 20


def test_lots_that_pay_one_after_the_other_all_come_back() -> None:
    world = small(welcome_credits=Decimal("0.03"))
    session = opened(world)

    def granted(wallet: Wallet, now: int) -> Movement:
        return grant(wallet, LotKind.PAID, 50, None, "g", now)

    moves(world, "ann", granted)
    job, _ = live(world).extend(session.job, session.seconds, session.caller)
    job, _ = live(world).extend(job, 240, session.caller)
    assert [part.taken for part in job.allocation] == [30, 30]
    ended = live(world).decline(job, "NOTHING_RELAYED")
    assert credits_of(ended.returned) == Decimal("0.06")
    assert [(lot.kind, lot.remaining) for lot in world.wallet().lots] == [
        (LotKind.FREE, 30),
        (LotKind.PAID, 50),
    ]
    assert EntryKind.EXTEND.value in kinds(world)
    assert is_whole(world)
