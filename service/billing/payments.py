"""The one settlement of a payment: grants what it brought, once, and takes back what follows the
money that went back (docs/billing.md, Money back).

In a file of its own because orders and customers have operations of their own. Stripe's present
object is the truth: the purchase is read first, then Stripe, and what follows is written under the
version that was read. That write raises the version even when nothing moves, so that an attempt
with older facts can never undo a newer one."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from service.billing import keys
from service.billing import purchase_store as store
from service.billing.money_back import loss_of, moved_cents, target_of
from service.billing.payment_facts import facts_of
from service.billing.purchases import (
    Bought,
    PaymentBusy,
    PaymentFacts,
    PaymentUnknown,
    Purchase,
    PurchaseDamaged,
    Resolver,
    grant_of,
    purchase_of,
)
from service.billing.settlement import (
    MONEY_BACK_KINDS,
    Clearing,
    Plan,
    Settlement,
    clawed_back_by,
)
from service.billing.stripe_client import Stripe
from service.billing.unfunded import paid_with_credit, unfunded_cents
from service.core.amounts import credits_number, credits_text
from service.core.clock import Clock
from service.core.metrics import Metric, Metrics
from service.ledger.claw_backs import ClawBack, standing_after
from service.ledger.details import PAYMENT_ID
from service.ledger.entities import (
    Entry,
    EntryKind,
    GrantConflict,
    OutcomeUnknown,
    StaleRead,
    UserNotFound,
    Wallet,
    WalletStatus,
)
from service.ledger.grants import GrantRecord, grant_key
from service.ledger.grants import grant_of as made_grant
from service.ledger.history import History
from service.ledger.lots import total_taken
from service.ledger.operations import Ledger
from service.storage.keys import GSI1
from service.storage.table import (
    ConditionFailed,
    MaybeApplied,
    NotApplied,
    Table,
)

log = structlog.get_logger()

SETTLE_SECONDS = 8.0
FIRST_PAUSE_SECONDS = 0.02
MAX_PAUSE_SECONDS = 0.5
MAX_LISTED = 100
_NO_END = 10**12


class Payments:
    """Settles payments, and reads what they brought."""

    def __init__(
        self,
        stripe: Stripe,
        ledger: Ledger,
        history: History,
        table: Table,
        clock: Clock,
        metrics: Metrics,
        mac_key: bytes,
        jitter: Callable[[], float],
    ) -> None:
        self._stripe = stripe
        self._ledger = ledger
        self._history = history
        self._table = table
        self._clock = clock
        self._metrics = metrics
        self._mac_key = mac_key
        self._jitter = jitter
        self._resolvers: list[Resolver] = []

    def register(self, resolver: Resolver) -> None:
        """Has payments resolved by it as well. To be called while the process is put together."""
        self._resolvers.append(resolver)

    def read(self, payment_id: str) -> Purchase | None:
        """What a payment has brought; None if nothing. Raises `PurchaseDamaged` and
        `StorageUnavailable`."""
        item = self._table.get(keys.purchase(payment_id))
        if item is None:
            return None
        try:
            purchase = store.purchase_from(item)
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(payment_id) from error
        if not store.is_sealed(purchase, self._mac_key):
            raise self._damaged(payment_id)
        return purchase

    def of_user(self, user_id: str) -> list[Purchase]:
        """The newest purchases of a user, at most `MAX_LISTED`, the newest first. One that was made
        a moment ago may be missing."""
        hits = self._table.query_index(GSI1, keys.purchases_of(user_id), limit=MAX_LISTED)
        found = (self.read(keys.payment_of(hit.key)) for hit in hits)
        return [purchase for purchase in found if purchase is not None]

    def clearing(self, payment_id: str, warnings: Sequence[str]) -> Clearing:
        """What sets these early fraud warnings aside, for the transaction of an operator's
        action."""
        return Clearing(payment_id, tuple(warnings), self._clock.now(), self._mac_key)

    def facts_of(self, payment_id: str) -> PaymentFacts:
        """The payment as Stripe has it now. Raises what `Stripe` raises."""
        return facts_of(self._stripe, payment_id)

    def settle(self, payment_id: str) -> Purchase | None:
        """Makes the wallet what the payment, as Stripe has it now, wants it to be: the credits that
        it bought are granted unless they were, and of them is clawed back what follows the money
        that went back. Returns the purchase as it stands; None for a payment that has not succeeded
        or bought nothing that is known here. What credit of it has paid for is settled again, as no
        one may have paid for it. However often and by however many it is called, the end is the
        same.

        Raises what `Stripe` and `Ledger.move` raise; `PaymentUnknown` when it may have been settled
        or may yet be; `PaymentBusy` when others kept settling it; `GrantConflict` when the grant's
        name stands for another user, amount or payment, `UserNotFound` and `PurchaseDamaged`, after
        an alarm: then nothing was written."""
        purchase, facts = self._settle_alone(payment_id)
        if purchase is not None and purchase.credited_cents:
            for each in paid_with_credit(facts.later_invoices):
                self._settle_credit(purchase, self._stripe.retrieve_invoice(each.id).standing_id)
        return purchase

    def _settle_credit(self, source: Purchase, payment_id: str) -> None:
        """What credit has paid for, where no one may have paid for the credit. What has brought
        nothing yet is settled by its own events."""
        found = self.read(payment_id)
        if found is not None and (source.surplus_cents > 0 or found.unfunded_cents):
            self._settle_alone(payment_id)

    def _settle_alone(self, payment_id: str) -> tuple[Purchase | None, PaymentFacts]:
        """Without what its credit has paid for. Also returns what it follows from."""
        until = self._clock.monotonic() + SETTLE_SECONDS
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            try:
                purchase, facts, is_finished = self._attempt(payment_id)
                if is_finished:
                    return purchase, facts
            except StaleRead:
                log.info("payment_read_again", payment_id=payment_id)
            if self._clock.monotonic() + pause_seconds >= until:
                raise PaymentBusy
            self._clock.sleep(pause_seconds * self._jitter())
            pause_seconds = min(2 * pause_seconds, MAX_PAUSE_SECONDS)

    def _attempt(self, payment_id: str) -> tuple[Purchase | None, PaymentFacts, bool]:
        """The purchase after one attempt, what Stripe says, and whether it is what it must be."""
        before, facts = self._read_both(payment_id)
        if before is None and facts.standing_id != payment_id:
            before, facts = self._read_both(facts.standing_id)
        plan = self._plan(before, facts)
        if plan is None:
            return before, facts, True
        if plan.after.surplus_cents > 0 and (before is None or before.surplus_cents <= 0):
            self._alarm(plan.after.payment_id, "credit")
        purchase = self._moved(plan) if plan.moves else self._touched(plan)
        return purchase, facts, purchase.clawed_back == plan.target

    def _read_both(self, payment_id: str) -> tuple[Purchase | None, PaymentFacts]:
        """The purchase, and what Stripe says afterwards."""
        before = self.read(payment_id)
        facts = self.facts_of(payment_id)
        unfunded = unfunded_cents(self._stripe, self.read, facts)
        return before, replace(facts, unfunded_cents=unfunded)

    def _plan(self, before: Purchase | None, facts: PaymentFacts) -> Plan | None:
        if facts.livemode is not self._stripe.livemode:
            self._alarm(facts.payment_id, "livemode")
            return None
        if before is not None:
            return self._back_plan(before, before, facts)
        bought = self._bought(facts)
        if bought is None:
            return None
        plan = self._back_plan(None, purchase_of(bought, facts.payment_id), facts)
        return self._with_grant(plan, bought, facts)

    def _bought(self, facts: PaymentFacts) -> Bought | None:
        if not facts.succeeded:
            return None
        found = (resolver(facts) for resolver in self._resolvers)
        bought = next((each for each in found if each is not None), None)
        if bought is not None and bought.currency != facts.currency:
            self._alarm(facts.payment_id, "currency")
            return None
        return bought

    def _back_plan(self, before: Purchase | None, purchase: Purchase, facts: PaymentFacts) -> Plan:
        """How the purchase follows the money, whatever is yet to be granted."""
        others = {each.payment_id: each.paid_cents for each in facts.others}
        purchase = replace(purchase, moved_cents=moved_cents(facts), other_cents=others)
        loss = loss_of(facts, purchase, self._clock.now())
        target = target_of(purchase, loss)
        after = replace(
            purchase,
            refunded_cents=loss.refunded_cents,
            disputed_cents=loss.disputed_cents,
            credited_cents=loss.credited_cents,
            unfunded_cents=loss.unfunded_cents,
            warned_cents=loss.warned_cents,
            overlap_cents=loss.overlap_cents,
            recheck_at=loss.recheck_at,
        )
        standing: tuple[ClawBack, ...] = ()
        if target < purchase.clawed_back:
            entries = self._history.entries_at(purchase.user_id, purchase.entries)
            standing = standing_after(entries)
        return Plan(before, after, target, standing=standing)

    def _with_grant(self, plan: Plan, bought: Bought, facts: PaymentFacts) -> Plan:
        """The plan of a payment that has no purchase. Its grant was made all the same where a
        restored table has lost the purchase: then that is written again, with what was clawed
        back."""
        grant = grant_of(bought, facts.payment_id)
        snapshot = self._ledger.read_snapshot(bought.user_id, (grant_key(grant),))
        try:
            record = made_grant(snapshot, grant)
            if record is None:
                return replace(plan, bought=bought, paid_at=facts.created_at)
            if record.grant.details.get(PAYMENT_ID) != facts.payment_id:
                raise GrantConflict
        except GrantConflict:
            self._alarm(facts.payment_id, "conflict")
            raise
        return self._back_plan(None, self._adopted(plan.after, record), facts)

    def _adopted(self, purchase: Purchase, record: GrantRecord) -> Purchase:
        made = record.entry_version or 0
        later = self._history.entries(purchase.user_id, made, _NO_END)
        back = [
            entry for entry in later if entry.kind in MONEY_BACK_KINDS and entry.ref == purchase.ref
        ]
        return replace(
            purchase,
            grant_entry=made,
            lot_expires_at=record.grant.expires_at,
            clawed_back=clawed_back_by(back),
            entries=tuple(sorted(entry.version for entry in back)),
            at=record.at,
        )

    def _moved(self, plan: Plan) -> Purchase:
        settlement = Settlement(plan, self._mac_key)
        try:
            moved = self._ledger.move(
                plan.after.user_id,
                settlement.propose,
                settlement.was_committed,
                related=settlement.related,
            )
        except OutcomeUnknown as error:
            raise PaymentUnknown from error
        except (GrantConflict, UserNotFound) as error:
            self._alarm(plan.after.payment_id, error.code)
            raise
        if moved.movement is not None:
            self._report(settlement.written, moved.movement.entries)
            if plan.bought is not None and _is_locked(moved.movement.wallet):
                # As when a subscription is renewed: Stripe knows nothing of it.
                self._alarm(plan.after.payment_id, "locked")
        return settlement.written

    def _touched(self, plan: Plan) -> Purchase:
        """Nothing moves: the version rises, so that older facts can no longer be written. Raises
        `StaleRead`."""
        now = max(self._clock.now(), plan.after.updated_at)
        after = replace(plan.after, version=plan.after.version + 1, updated_at=now)
        after = store.sealed(after, self._mac_key)
        try:
            self._table.write(store.purchase_write(plan.before, after))
        except (ConditionFailed, NotApplied, MaybeApplied) as error:
            raise StaleRead("the purchase was not written") from error
        return after

    def _report(self, purchase: Purchase, entries: Sequence[Entry]) -> None:
        for entry in entries:
            log.info(
                "payment_settled",
                payment_id=purchase.payment_id,
                user_id=purchase.user_id,
                entry=entry.kind,
                credits=credits_text(entry.amount),
            )
            owed = entry.amount - total_taken(entry.allocation)
            if entry.kind is EntryKind.CLAWBACK and owed:
                self._metrics.count(Metric.MONEY_BACK_DEBT, credits_number(owed))

    def _damaged(self, payment_id: str) -> PurchaseDamaged:
        self._alarm(payment_id, "damaged")
        return PurchaseDamaged(payment_id)

    def _alarm(self, payment_id: str, alarm: str) -> None:
        log.error("payment_needs_attention", payment_id=payment_id, alarm=alarm)
        self._metrics.count(Metric.PAYMENT_ALARMS, alarm=alarm)


def _is_locked(wallet: Wallet) -> bool:
    """Whether its user has paid for what they cannot use."""
    return wallet.disabled or wallet.status is WalletStatus.FROZEN
