"""Automatic top-up: buys the chosen package with the saved payment method, one purchase at a time.

In a file of its own because it begins payments without their buyer. A purchase is stored with its
order before Stripe is called, under the order's id: whoever goes on with it repeats the same
request. What is paid is granted as every payment is."""

from dataclasses import replace

import structlog

from service.billing import keys, store, top_up_store
from service.billing.accounts import require_buyer
from service.billing.checkout_params import order_metadata
from service.billing.confirmations import Confirmations
from service.billing.customers import Customers
from service.billing.entities import StripeRefused
from service.billing.offers import Offers
from service.billing.order_entities import (
    ORDER_PREFIX,
    Order,
    OrderStatus,
    PackageNotFound,
    UiMode,
)
from service.billing.order_records import OrderRecords
from service.billing.payments import Payments
from service.billing.stripe_client import Stripe
from service.billing.stripe_objects import PaymentIntent
from service.billing.top_up_entities import (
    COOL_DOWN_MILLISECONDS,
    LEASE_MILLISECONDS,
    ORDER_MILLISECONDS,
    PROCESSING_PAUSE_MILLISECONDS,
    RESUMABLE_MILLISECONDS,
    Confirmation,
    OffReason,
    PaymentMethodRequired,
    RestReason,
    TopUp,
    TopUpBusy,
    TopUpCapTooLow,
    TopUpTooLow,
    begun,
    failed,
    is_needed,
    rest_after,
    rest_of,
    succeeded,
    switched_off,
)
from service.core.amounts import Amount, credits_number
from service.core.clock import Clock
from service.core.ids import Ids
from service.ledger.low_balance import LowBalance
from service.ledger.operations import Ledger
from service.notifications.entities import EventType, event
from service.notifications.operations import Outbox
from service.storage.table import Cancelled, ConditionFailed, Table
from service.storage.writes import Write

log = structlog.get_logger()

_CARD_ERROR = "card_error"
# An earlier request with this key had other parameters, and may have been paid.
_OTHER_PARAMETERS = "idempotency_error"
_NEEDS_BUYER = "authentication_required"
_FAILED_INTENTS = ("requires_payment_method", "requires_action", "canceled")


class TopUps:
    """Reads and sets what a user has chosen, and buys for them."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        low_balance: LowBalance,
        stripe: Stripe,
        customers: Customers,
        offers: Offers,
        records: OrderRecords,
        payments: Payments,
        outbox: Outbox,
        clock: Clock,
        ids: Ids,
        mac_key: bytes,
        confirmations: Confirmations,
        buy_page: str,
    ) -> None:
        """`buy_page` is where the app sells credits: a payment that its buyer must confirm is
        confirmed there."""
        self._table = table
        self._ledger = ledger
        self._low_balance = low_balance
        self._stripe = stripe
        self._customers = customers
        self._offers = offers
        self._records = records
        self._payments = payments
        self._outbox = outbox
        self._clock = clock
        self._ids = ids
        self._mac_key = mac_key
        self._confirmations = confirmations
        self._buy_page = buy_page

    def read(self, user_id: str) -> TopUp | None:
        item = self._table.get(keys.top_up(user_id))
        return top_up_store.top_up_from(item) if item else None

    def confirmation(self, top_up: TopUp | None) -> Confirmation | None:
        """The payment that the user's bank wants confirmed, if there is one. One that has been
        confirmed since is settled. Raises what `Stripe` raises, and `StorageUnavailable`."""
        if top_up is None or not top_up.confirm_payment_id:
            return None
        found, after = self._confirmations.of(top_up)
        if after != top_up:
            self._replace_if_first(top_up, after)
        return found

    def withdraw(self, user_id: str) -> None:
        """The user can confirm no payment any more; one that they have confirmed is settled. Raises
        what `Stripe` and the settlement raise, and `StorageUnavailable`."""
        top_up = self.read(user_id)
        if top_up is not None and top_up.confirm_payment_id:
            self._confirmations.withdraw(top_up)

    def enable(
        self, user_id: str, package_id: str, threshold: Amount, cap_cents: int, minimum: Amount
    ) -> TopUp:
        """Buys that package from now on whenever less than the threshold is left, or a request is
        refused, for at most so many cents in a month. The user's alert of a low balance gets the
        same threshold. Raises `PackageNotFound`, `TopUpTooLow`, `TopUpCapTooLow`,
        `PaymentMethodRequired`, what `require_buyer` and `Stripe` raise, `TopUpBusy` and
        `StorageUnavailable`; nothing is written then."""
        terms = self._offers.package_terms(package_id, UiMode.EMBEDDED, saves_method=True)
        if threshold < minimum:
            raise TopUpTooLow(details={"minimum": credits_number(minimum)})
        if cap_cents < terms.amount_cents:
            raise TopUpCapTooLow(details={"minimum": terms.amount_cents})
        require_buyer(self._ledger.balance(user_id).wallet)
        if not self._method_of(user_id):
            raise PaymentMethodRequired
        before = self.read(user_id)
        fresh = TopUp(
            user_id=user_id,
            enabled=True,
            package_id=package_id,
            threshold=threshold,
            monthly_cap_cents=cap_cents,
        )
        after = (before or fresh).changed(
            enabled=True,
            package_id=package_id,
            threshold=threshold,
            monthly_cap_cents=cap_cents,
            failures=0,
            off_reason="",
            rest_reason="",
            due_at=before.due_at if before and before.order_id else self._clock.now(),
        )
        self._replace(before, after)
        self._low_balance.set(user_id, threshold)
        return after

    def disable(self, user_id: str) -> TopUp | None:
        """Begins no more purchases; one that is under way ends as it does. Raises `TopUpBusy`."""
        before = self.read(user_id)
        if before is None or not before.enabled:
            return before
        due_at = before.due_at if before.order_id else None
        after = before.changed(
            enabled=False, off_reason="", rest_reason="", wanted=False, due_at=due_at
        )
        self._replace(before, after)
        return after

    def want(self, user_id: str, *, refused: bool) -> None:
        """Credits have run low, or a request was `refused` for lack of them: the worker looks at it
        now. Nothing for users without automatic top-up, and while a purchase is under way."""
        top_up = self.read(user_id)
        if top_up is None or not top_up.enabled or top_up.order_id:
            return
        self._written(top_up_store.wanted_write(top_up, self._clock.now(), refused=refused))

    def postpone(self, user_id: str) -> None:
        """What could not be done is due again in a minute."""
        top_up = self.read(user_id)
        if top_up is not None and top_up.due_at is not None:
            due_at = self._clock.now() + LEASE_MILLISECONDS
            self._replace_if_first(top_up, top_up.changed(due_at=due_at))

    def run(self, user_id: str) -> None:
        """Goes on with the purchase under way, or begins one if it is needed. Safe to run twice and
        side by side. Raises what `Stripe` and `Payments.settle` raise: then it is due again."""
        top_up = self.read(user_id)
        if top_up is None or top_up.due_at is None:
            return
        if not top_up.order_id:
            started = self._started(top_up)
            if started is None:
                return
            top_up = started
        self._go_on(top_up)

    def _started(self, top_up: TopUp) -> TopUp | None:
        """The purchase that has just been stored; None where there is none to begin."""
        now = self._clock.now()
        if self._rests(top_up, now):
            return None
        if now < top_up.next_at:
            self._replace_if_first(top_up, top_up.changed(due_at=top_up.next_at))
            return None
        method_id = self._method_of(top_up.user_id)
        if not method_id:
            self._switch_off(top_up, OffReason.NO_PAYMENT_METHOD)
            return None
        if top_up.confirm_payment_id:
            paid = self._confirmations.withdraw(top_up)
            if paid is not None:
                due_at = now + COOL_DOWN_MILLISECONDS
                self._replace_if_first(top_up, replace(paid, due_at=due_at))
                return None
        try:
            order = self._order(top_up, now)
        except PackageNotFound:
            self._switch_off(top_up, OffReason.PACKAGE_GONE)
            return None
        after = begun(top_up, order.order_id, method_id, order.terms.amount_cents, now)
        if after is None:
            log.info("top_up_cap_reached", user_id=top_up.user_id)
            self._rest(top_up, RestReason.MONTHLY_CAP)
            return None
        try:
            self._table.transact([store.order_put(order), top_up_store.top_up_write(top_up, after)])
        except Cancelled:
            return None
        return after

    def _order(self, top_up: TopUp, now: int) -> Order:
        terms = self._offers.package_terms(top_up.package_id, UiMode.EMBEDDED, saves_method=True)
        order = Order(
            user_id=top_up.user_id,
            order_id=self._ids.new(ORDER_PREFIX, now),
            terms=terms,
            created_at=now,
            expires_at=now + ORDER_MILLISECONDS,
        )
        return store.sealed_order(order, self._mac_key)

    def _rests(self, top_up: TopUp, now: int) -> bool:
        """Whether nothing is needed, or something speaks against charging the user."""
        wallet = self._ledger.balance(top_up.user_id).wallet
        if wallet is None or not is_needed(top_up, wallet, now):
            self._rest(top_up)
            return True
        reason = rest_of(wallet) or rest_after(self._payments.of_user(top_up.user_id), top_up, now)
        if reason is not None:
            self._rest(top_up, reason)
        return reason is not None

    def _go_on(self, top_up: TopUp) -> None:
        order = self._records.read(top_up.user_id, top_up.order_id)
        if order.status is OrderStatus.PAID:
            self._replace_if_first(top_up, succeeded(top_up))
            return
        if not order.status.is_open:
            self._fail(top_up, order, "failed", returned=True)
            return
        try:
            intent = self._intent(top_up, order)
        except StripeRefused as refusal:
            if refusal.kind == _OTHER_PARAMETERS:
                self._fail_unknown(top_up, order)
                return
            if refusal.kind != _CARD_ERROR:
                log.error("top_up_refused", user_id=top_up.user_id, reason=refusal.reason)
            confirm = refusal.payment_intent_id if refusal.reason == _NEEDS_BUYER else ""
            reason = refusal.reason or refusal.kind
            self._fail(top_up, order, reason, returned=True, confirm=confirm)
            return
        if intent is None:
            self._fail_unknown(top_up, order)
            return
        self._follow(top_up, order, intent)

    def _intent(self, top_up: TopUp, order: Order) -> PaymentIntent | None:
        """The payment, made or read again; None when it can be neither any more."""
        if top_up.payment_id:
            return self._stripe.retrieve_payment_intent(top_up.payment_id)
        customer_id = self._customers.of_user(top_up.user_id)
        if customer_id is None or self._clock.now() > order.created_at + RESUMABLE_MILLISECONDS:
            # The payment method was that customer's. None is made: the user may have been erased.
            return None
        params = {
            "amount": order.terms.amount_cents,
            "currency": order.terms.currency,
            "customer": customer_id,
            "payment_method": top_up.payment_method_id,
            "off_session": True,
            "confirm": True,
            # Required, though no one is there, since some methods of the dashboard redirect.
            "return_url": self._buy_page,
            "metadata": order_metadata(order),
        }
        return self._stripe.create_payment_intent(params, order.order_id)

    def _follow(self, top_up: TopUp, order: Order, intent: PaymentIntent) -> None:
        if intent.status == "succeeded":
            if self._payments.settle(intent.id) is None:
                self._stop(top_up, order)
            else:
                self._replace_if_first(top_up, succeeded(top_up))
        elif intent.status in _FAILED_INTENTS:
            reason = _NEEDS_BUYER if intent.status == "requires_action" else intent.error_code
            confirm = intent.id if reason == _NEEDS_BUYER else ""
            self._fail(top_up, order, reason or intent.status, returned=True, confirm=confirm)
        else:
            # `processing` is no success. An event settles it, or the next look.
            due_at = self._clock.now() + PROCESSING_PAUSE_MILLISECONDS
            self._replace_if_first(top_up, top_up.changed(payment_id=intent.id, due_at=due_at))

    def _fail(
        self, top_up: TopUp, order: Order, reason: str, *, returned: bool, confirm: str = ""
    ) -> None:
        """Moves nothing. The alert comes first: it is one for each order, however often this is
        run."""
        after = failed(top_up, returned=returned, confirm_payment_id=confirm)
        self._report(top_up, order.order_id, reason, enabled=after.enabled)
        self._records.end(order, OrderStatus.FAILED)
        self._replace_if_first(top_up, after)

    def _fail_unknown(self, top_up: TopUp, order: Order) -> None:
        """No one knows whether it was paid: its amount stays in the cap. An event settles it."""
        log.error("top_up_unknown", user_id=top_up.user_id, order_id=order.order_id)
        self._fail(top_up, order, "unknown", returned=False)

    def _stop(self, top_up: TopUp, order: Order) -> None:
        """The payment differs from its order, as an alarm says: whoever was charged for nothing
        must not be charged again."""
        self._report(top_up, order.order_id, "not_granted", enabled=False)
        ended = failed(top_up, returned=False)
        self._replace_if_first(top_up, switched_off(ended, OffReason.FAILURES))

    def _switch_off(self, top_up: TopUp, reason: OffReason) -> None:
        self._report(top_up, f"off-{top_up.version}", reason.value, enabled=False)
        self._replace_if_first(top_up, switched_off(top_up, reason))

    def _report(self, top_up: TopUp, key: str, reason: str, *, enabled: bool) -> None:
        data: dict[str, object] = {
            "orderId": top_up.order_id or None,
            "packageId": top_up.package_id,
            "reason": reason,
            "actionRequired": reason == _NEEDS_BUYER,
            "enabled": enabled,
            "url": self._buy_page,
        }
        now = self._clock.now()
        self._outbox.put_once(event(EventType.TOP_UP_FAILED, top_up.user_id, key, now, data))

    def _method_of(self, user_id: str) -> str:
        """The default payment method of the customer, or the one that was saved last."""
        customer_id = self._customers.of_user(user_id)
        return self._stripe.payment_method_of(customer_id) if customer_id else ""

    def _rest(self, top_up: TopUp, reason: RestReason | None = None) -> None:
        """Nothing is due before credits run low once more, or a request is refused."""
        rest_reason = reason.value if reason else ""
        after = top_up.changed(wanted=False, due_at=None, rest_reason=rest_reason)
        self._replace_if_first(top_up, after)

    def _replace(self, before: TopUp | None, after: TopUp) -> None:
        """Raises `TopUpBusy` when another process was first."""
        if not self._written(top_up_store.top_up_write(before, after)):
            raise TopUpBusy

    def _replace_if_first(self, before: TopUp, after: TopUp) -> None:
        self._written(top_up_store.top_up_write(before, after))

    def _written(self, write: Write) -> bool:
        try:
            self._table.write(write)
        except ConditionFailed:
            return False
        return True
