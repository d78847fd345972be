"""The flows: what happens first, and what is then done under faults. Effects come from playing
them, never from here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from service.bulk_grants.entities import NewBulkGrant
from service.bulk_grants.operations import BulkGrants
from service.core.amounts import SCALE
from service.core.principal import Principal
from service.ledger.grant_terms import GrantTerms
from service.ledger.lots import LotKind
from service.ledger.movements import grant
from service.ledger.operations import ConditionalWrite, Proposal, Snapshot
from service.promo_codes.entities import NewPromoCode
from service.promo_codes.operations import PromoCodes
from service.sessions.ceilings import Ceiling, new_write, sealed
from tests.doubles.service_harness import HOUR, MAC_KEY, ServiceHarness
from tests.faults.enumeration.catch_ups import MERGED, STEP, UPLOAD
from tests.faults.enumeration.stage import DEVICE, FAILING_IMAGE, LENT, USER, Habits, Scenario
from tests.faults.enumeration.texts import BROKEN, LONG, LYING, REFUSED, SILENT, WHOLE
from tests.faults.enumeration.works import (
    LONG_AUDIO,
    UNUSABLE_AUDIO,
    buy_block,
    call_back,
    catch_up,
    talk,
    transcribe,
    write,
)
from tests.faults.library.effects import Kind, fault

KEY = "key-1"
CODE = "LAUNCH-2027"
RECORDED = Habits(callbacks=True, recordings=True)
LONG_CAUGHT_UP = replace(RECORDED, welcome_credits=30, steps=MERGED)
CAUGHT_UP = replace(RECORDED, welcome_credits=30, steps=(STEP,))
GRANTED = 5
LOT_LIFE = HOUR


def _known_user(scenario: Scenario) -> None:
    world = scenario.process()
    world.users.sign_up(
        Principal("https://accounts.google.com", USER, f"{USER}@example.com"),
        world.users.digests(DEVICE),
    )


def _user_without_a_device(scenario: Scenario) -> None:
    """Their welcome credits wait for the first device."""
    world = scenario.process()
    world.users.sign_up(Principal("https://accounts.google.com", USER, f"{USER}@example.com"), None)


@dataclass(frozen=True)
class Flow:
    """`begin` prepares the table, undisturbed; `play` is what faults are tried on; the worker then
    settles all there is. At most `granting` credits come in; all of them for certain where the
    worker makes the grant."""

    name: str
    play: Callable[[Scenario], None]
    begin: Callable[[Scenario], None] = _known_user
    habits: Habits = field(default_factory=Habits)
    keyed: bool = False
    lapsing: int = 0
    granting: int = 0
    made_by_the_worker: bool = False


def _no_one(scenario: Scenario) -> None:
    """An empty table."""


def _lent_session(scenario: Scenario) -> None:
    """A ceiling of one job: whatever counts twice, or comes back twice, shows."""
    _known_user(scenario)
    now = scenario.clock.now()
    key_id = LENT.minted.key_id if LENT.minted else ""
    ceiling = Ceiling(USER, LENT.session_id or "", key_id, SCALE, now, now + HOUR)
    scenario.process().table.write(new_write(sealed(ceiling, MAC_KEY)))


def _lot_that_ends(scenario: Scenario) -> None:
    _known_user(scenario)
    _granted(scenario.process())


def _lapsed_lot(scenario: Scenario) -> None:
    _lot_that_ends(scenario)
    scenario.wait(LOT_LIFE / 1000 + 400)


def _granted(world: ServiceHarness) -> None:
    def propose(snapshot: Snapshot, now: int) -> Proposal:
        assert snapshot.wallet is not None
        return Proposal(
            grant(snapshot.wallet, LotKind.FREE, 1 * SCALE, now + LOT_LIFE, "promotion", now)
        )

    world.ledger.move(USER, propose, was_committed=lambda _: False)


def _once(scenario: Scenario) -> None:
    scenario.submit()


def _failing(scenario: Scenario) -> None:
    scenario.submit(image=FAILING_IMAGE)


def _failing_past_the_lot(scenario: Scenario) -> None:
    scenario.wait(LOT_LIFE / 1000 - 30)
    scenario.submit(image=FAILING_IMAGE)


def _in_the_last_moment_of_the_lot(scenario: Scenario) -> None:
    scenario.wait(LOT_LIFE / 1000 - 2)
    scenario.submit()


def _refused(scenario: Scenario) -> None:
    scenario.vendor.refuse("status:400:1301", 1)
    scenario.submit(KEY)
    scenario.submit(KEY, step="retry")


def _busy_once(scenario: Scenario) -> None:
    scenario.vendor.refuse("status:429:1303", 1)
    scenario.submit()


def _busy_then_successor(scenario: Scenario) -> None:
    scenario.vendor.refuse("status:429:1302", 3)
    scenario.submit(KEY)
    scenario.submit(KEY, step="retry")


def _called_back(scenario: Scenario) -> None:
    scenario.submit()
    scenario.wait(61)
    scenario.handle_callback()


def _retried_at_once(scenario: Scenario) -> None:
    scenario.submit(KEY)
    scenario.submit(KEY, step="retry")


def _retried_when_all_is_over(scenario: Scenario) -> None:
    scenario.submit(KEY)
    scenario.settle()
    scenario.submit(KEY, step="retry")


def _from_a_new_device(scenario: Scenario) -> None:
    scenario.submit(device="tablet")


def _failing_on_a_new_device(scenario: Scenario) -> None:
    scenario.submit(image=FAILING_IMAGE, device="tablet")


def _resolved_early_and_late(scenario: Scenario) -> None:
    """Someone looks while the job may still be sent; the worker comes back only when the
    quarantine is over."""
    scenario.submit()
    scenario.resolve_all()
    scenario.wait(1000)


def _linked_twice(scenario: Scenario) -> None:
    """Whoever links receives nothing, or too late, and links again."""
    scenario.link()
    scenario.link("link again")


def _granted_twice(scenario: Scenario) -> None:
    """Whoever grants receives nothing, or too late, and grants again."""
    scenario.grant()
    scenario.grant("grant again")


def _granted_later(scenario: Scenario) -> None:
    scenario.schedule(600)
    scenario.schedule(600, "schedule again")


def _promo_code(scenario: Scenario) -> None:
    _known_user(scenario)
    promo_codes = scenario.process().parts.get(PromoCodes)
    terms = GrantTerms(GRANTED * SCALE, LotKind.PROMO)
    new = NewPromoCode("Launch", terms, 3, "op", max_uses_per_identity=2, text=CODE)
    _prepared(scenario, promo_codes.prepare(new).writes)


def _redeemed_twice(scenario: Scenario) -> None:
    """A client that repeats its request, and its twin."""
    scenario.redeem(CODE, KEY)
    scenario.redeem(CODE, KEY, step="repeat")


def _bulk_grant(scenario: Scenario) -> None:
    _known_user(scenario)
    terms = GrantTerms(GRANTED * SCALE, LotKind.PROMO)
    new = NewBulkGrant("Sorry", terms, "op", user_ids=("nobody", USER))
    world = scenario.process()
    bulk_grants = BulkGrants(world.table, scenario.clock, _OneId(), MAC_KEY)
    _prepared(scenario, bulk_grants.prepare(new).writes)


class _OneId:
    """The same in every run: effects name the item."""

    def new(self, prefix: str, at: int) -> str:
        del at
        return f"{prefix}_{1:026d}"


def _worker_comes_back(scenario: Scenario) -> None:
    for _ in range(3):
        scenario.work_once()
        scenario.wait(31)


def _prepared(scenario: Scenario, writes: Sequence[ConditionalWrite]) -> None:
    scenario.process().table.transact([each.write for each in writes])


def _unheard(name: str) -> Habits:
    return Habits(own={Kind.CREATE: fault(Kind.CREATE, name)})


def _written(scenario: Scenario) -> None:
    write(scenario)


def _written_as_a_stream(scenario: Scenario) -> None:
    write(scenario, streamed=True)


def _written_and_repeated(scenario: Scenario) -> None:
    write(scenario, KEY)
    write(scenario, KEY, step="retry")


def _transcribed(scenario: Scenario) -> None:
    transcribe(scenario)


def _transcribed_and_called_back(scenario: Scenario) -> None:
    transcribe(scenario, KEY)
    scenario.wait(61)
    call_back(scenario)
    transcribe(scenario, KEY, step="retry")


def _transcribed_in_vain(scenario: Scenario) -> None:
    transcribe(scenario, audio=UNUSABLE_AUDIO)


def _block_bought(scenario: Scenario) -> None:
    buy_block(scenario, KEY)
    buy_block(scenario, KEY, "retry")


def _transcribed_before(scenario: Scenario) -> None:
    _known_user(scenario)
    transcribe(scenario)
    scenario.settle()


def _much_transcribed_before(scenario: Scenario) -> None:
    _known_user(scenario)
    transcribe(scenario, audio=LONG_AUDIO)
    scenario.settle()


def _caught_up(scenario: Scenario) -> None:
    catch_up(scenario)


def _caught_up_and_repeated(scenario: Scenario) -> None:
    catch_up(scenario, KEY)
    catch_up(scenario, KEY, step="retry")


def _upload_caught_up(scenario: Scenario) -> None:
    catch_up(scenario, words_id=UPLOAD)


MAIN = Flow("delivered", _once)
FLOWS = (
    MAIN,
    Flow("sign-up", _retried_at_once, _no_one, keyed=True),
    Flow("failed", _failing),
    Flow("refused", _refused, keyed=True),
    Flow("busy-once", _busy_once),
    Flow("busy-then-successor", _busy_then_successor, keyed=True),
    Flow("callback", _called_back, habits=Habits(callbacks=True)),
    Flow("retry-at-once", _retried_at_once, keyed=True),
    Flow("retry-when-all-is-over", _retried_when_all_is_over, keyed=True),
    Flow("new-device", _from_a_new_device),
    Flow("new-device-failed", _failing_on_a_new_device),
    Flow("lent", _retried_at_once, _lent_session, Habits(lent=True), keyed=True),
    Flow("lent-failed", _failing, _lent_session, Habits(lent=True)),
    Flow("lapsed-lot", _once, _lapsed_lot, lapsing=1),
    Flow(
        "lot-ends-while-held",
        _failing_past_the_lot,
        _lot_that_ends,
        Habits(welcome_credits=0),
        lapsing=1,
    ),
    Flow(
        "last-moment-of-a-lot",
        _in_the_last_moment_of_the_lot,
        _lot_that_ends,
        Habits(welcome_credits=0),
        lapsing=1,
    ),
    Flow("answer-lost", _once, habits=_unheard("lost-answer")),
    Flow("never-arrived", _once, habits=_unheard("lost-request")),
    Flow("worker-away", _resolved_early_and_late, habits=_unheard("lost-request")),
    Flow("late-welcome", _retried_at_once, _user_without_a_device, keyed=True, granting=1),
    Flow("link", _linked_twice),
    Flow("granted", _granted_twice),
    Flow("granted-later", _granted_later),
    Flow("redeem", _redeemed_twice, _promo_code, keyed=True, granting=GRANTED),
    Flow(
        "bulk-grant",
        _worker_comes_back,
        _bulk_grant,
        granting=GRANTED,
        made_by_the_worker=True,
    ),
    Flow("late-success", _once, habits=_unheard("late-after-the-release")),
    Flow("text", _written, habits=Habits(text=WHOLE)),
    Flow("text-streamed", _written_as_a_stream, habits=Habits(text=WHOLE)),
    Flow("text-repeated", _written_and_repeated, habits=Habits(text=WHOLE), keyed=True),
    Flow("text-long", _written, habits=Habits(text=LONG)),
    Flow("text-with-lies", _written_as_a_stream, habits=Habits(text=LYING)),
    Flow("text-broken-off", _written_as_a_stream, habits=Habits(text=BROKEN)),
    Flow("text-silent", _written, habits=Habits(text=SILENT)),
    Flow("text-refused", _written_and_repeated, habits=Habits(text=REFUSED), keyed=True),
    Flow("transcribed", _transcribed, habits=RECORDED),
    Flow("transcription-called-back", _transcribed_and_called_back, habits=RECORDED, keyed=True),
    Flow("transcription-failed", _transcribed_in_vain, habits=RECORDED),
    Flow("catch-up-merged", _caught_up, _much_transcribed_before, LONG_CAUGHT_UP),
    Flow("catch-up", _caught_up, _transcribed_before, CAUGHT_UP),
    Flow("catch-up-of-upload", _upload_caught_up, habits=CAUGHT_UP),
    Flow("catch-up-repeated", _caught_up_and_repeated, _transcribed_before, CAUGHT_UP, keyed=True),
    Flow("live", talk, habits=Habits(live=True, callbacks=True)),
    Flow("block", _block_bought, habits=Habits(blocks=True, callbacks=True), keyed=True),
)


def flow(name: str) -> Flow:
    """Raises `LookupError`."""
    for each in FLOWS:
        if each.name == name:
            return each
    raise LookupError(f"there is no flow {name!r}")
