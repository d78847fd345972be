"""What the rest of the world does: payers, banks, card networks and time. Each method is also a
control call over HTTP (`__pay`, `__refund`, …), with its parameters as JSON."""

from collections.abc import Callable
from dataclasses import replace

from devstack.simulators.stripe import (
    checkout,
    disputes,
    intents,
    payment_methods,
    refunds,
    sessions,
)
from devstack.simulators.stripe.account import Account, Planned
from devstack.simulators.stripe.api import Api
from devstack.simulators.stripe.books import books
from devstack.simulators.stripe.cards import ACTION, DECLINES, DELAYED, PROCESSING, SUCCEEDED
from devstack.simulators.stripe.errors import StripeError
from devstack.simulators.stripe.webhooks import Endpoint, Webhooks
from devstack.simulators.stripe.wire import Wire

OUTCOMES = frozenset({SUCCEEDED, PROCESSING, ACTION}) | DECLINES
MAX_PLANNED = 1_000
_DAY = 86_400


class Controls:
    """Every method raises `StripeError` for what cannot be, and has changed nothing then."""

    def __init__(self, api: Api, webhooks: Webhooks) -> None:
        self._api = api
        self._webhooks = webhooks

    def _locked(self, act: Callable[[Account], Wire]) -> Wire:
        with self._api.lock:
            self._api.account.clock.catch_up()
            return dict(act(self._api.account))

    def pay(
        self,
        session: str,
        card: str = "4242424242424242",
        method: str = "card",
        outcome: str | None = None,
        email: str | None = None,
        name: str | None = None,
        country: str | None = None,
    ) -> Wire:
        """The payer of that checkout session pays. The card's number says how it ends, unless
        `outcome` does: `succeeded`, `processing`, `requires_action` or a decline code. `method`:
        `card`, `sepa_debit` or `us_bank_account`."""
        _check_outcome(outcome)
        if method not in ("card", *DELAYED):
            raise StripeError(f"There is no method {method!r}.", param="method")
        known = payment_methods.known_behavior(method, card)
        if country is not None:
            known = replace(known, country=country)
        details: Wire = {}
        if email is not None:
            details["email"] = email
        if name is not None:
            details["name"] = name
        if country is not None:
            details["address"] = _address(country)
        payer = checkout.Payer(known, details, outcome)
        return self._locked(
            lambda account: checkout.pay(account, account.sessions.get(session, "session"), payer)
        )

    def settle(self, payment: str, outcome: str = SUCCEEDED) -> Wire:
        """A payment ends that is processing or needs its payer: `succeeded`, or a decline code."""
        _check_outcome(outcome)

        def act(account: Account) -> Wire:
            intent = account.intents.get(payment, "payment")
            if intent["status"] == ACTION:
                intents.authenticate(account, intent, passed=outcome == SUCCEEDED)
            elif intent["status"] == PROCESSING:
                intents.settle(account, intent, outcome)
            else:
                raise StripeError(f"The payment is {intent['status']}.", param="payment")
            return intent

        return self._locked(act)

    def expire(self, session: str) -> Wire:
        """The checkout session expires now."""
        return self._locked(
            lambda account: sessions.expire(account, account.sessions.get(session, "session"))
        )

    def refund(
        self,
        payment: str | None = None,
        amount: int | None = None,
        outcome: str = SUCCEEDED,
        reason: str | None = None,
        refund: str | None = None,
    ) -> Wire:
        """Refunds a payment (all that is left, without `amount`) as someone does in the dashboard.
        `outcome`: `succeeded`, `pending` (succeeds seconds later) or `failed` (fails seconds
        later). With `refund` instead: that refund succeeds or fails now."""
        if outcome not in (SUCCEEDED, "pending", "failed"):
            raise StripeError("outcome must be succeeded, pending or failed.", param="outcome")

        def act(account: Account) -> Wire:
            if refund is not None:
                found = account.refunds.get(refund, "refund")
                if outcome == SUCCEEDED:
                    refunds.finish(account, found)
                else:
                    refunds.fail(account, found)
                return found
            params: Wire = {} if reason is None else {"reason": reason}
            return refunds.of_payment(account, _charge(account, payment), amount, outcome, params)

        return self._locked(act)

    def dispute(
        self,
        payment: str | None = None,
        amount: int | None = None,
        currency: str = "",
        reason: str = "fraudulent",
        inquiry: bool = False,
        dispute: str | None = None,
        action: str = "",
    ) -> Wire:
        """The payer's bank disputes a payment, or inquires (`inquiry`). With `dispute` instead, the
        bank's next step: `won`, `lost`, `warning_closed`, `reinstate` or `escalate`."""

        def act(account: Account) -> Wire:
            if dispute is not None:
                return _dispute_step(account, account.disputes.get(dispute, "dispute"), action)
            charge = _charge(account, payment)
            opened = disputes.open_dispute(
                account,
                charge,
                charge["amount"] if amount is None else amount,
                currency=currency,
                reason=reason,
                inquiry=inquiry,
            )
            disputes.settle_warnings(account, charge)
            return opened

        return self._locked(act)

    def warn(
        self,
        payment: str | None = None,
        fraud_type: str = "made_with_stolen_card",
        actionable: bool = True,
        warning: str | None = None,
    ) -> Wire:
        """The card network warns of fraud. With `warning` instead: that one changes."""

        def act(account: Account) -> Wire:
            if warning is not None:
                return disputes.change_warning(
                    account, account.warnings.get(warning, "warning"), actionable=actionable
                )
            charge = _charge(account, payment)
            return disputes.warn(account, charge, fraud_type=fraud_type, actionable=actionable)

        return self._locked(act)

    def fail_next(
        self, outcome: str = "generic_decline", count: int = 1, customer: str = ""
    ) -> Wire:
        """The next `count` payments (of that customer) end with that outcome; 0 forgets those
        planned."""
        _check_outcome(outcome)
        if not 0 <= count <= MAX_PLANNED:
            raise StripeError(f"count must be from 0 to {MAX_PLANNED}.", param="count")

        def act(account: Account) -> Wire:
            if count == 0:
                account.planned.clear()
            account.planned.extend([Planned(outcome, customer)] * count)
            return {"planned": [each.outcome for each in account.planned]}

        return self._locked(act)

    def clock(self, seconds: int = 0, days: int = 0) -> Wire:
        """Moves Stripe's time forward; everything due by then happens, in order."""

        def act(account: Account) -> Wire:
            try:
                account.clock.advance(seconds + days * _DAY)
            except ValueError as error:
                raise StripeError(f"{error}", param="seconds") from None
            return {"now": account.now(), "next_due_at": account.clock.next_due_at}

        return self._locked(act)

    def settings(
        self,
        retry_days: list[int] | None = None,
        after_retries: str | None = None,
        processing_seconds: int | None = None,
        dispute_fee_cents: int | None = None,
        tax_percent: int | None = None,
    ) -> Wire:
        """The dashboard's settings: when failed invoices are tried again, what becomes of the
        subscription afterwards (`canceled`, `unpaid` or `past_due`), how long delayed payments
        take, the fee of a dispute, and the tax that checkouts with automatic tax add."""
        if after_retries not in (None, "canceled", "unpaid", "past_due"):
            raise StripeError("after_retries: canceled, unpaid or past_due.", param="after_retries")

        chosen = {
            "retry_days": None if retry_days is None else tuple(retry_days),
            "after_retries": after_retries,
            "processing_seconds": processing_seconds,
            "dispute_fee_cents": dispute_fee_cents,
            "tax_percent": tax_percent,
        }
        known: Wire = {name: value for name, value in chosen.items() if value is not None}

        def act(account: Account) -> Wire:
            account.policy = replace(account.policy, **known)
            return {**vars(account.policy), "retry_days": list(account.policy.retry_days)}

        return self._locked(act)

    def webhooks(
        self,
        endpoints: list[Wire] | None = None,
        drop: int | None = None,
        drop_types: list[str] | None = None,
        copies: int | None = None,
        delay_seconds: float | None = None,
        reorder: int | None = None,
    ) -> Wire:
        """Sets endpoints (`url`, `secrets`, `events`) and switches; what is left out stays. Events
        that are held back for `reorder` are sent when it is set again."""

        def act(_: Account) -> Wire:
            if endpoints is not None:
                self._webhooks.endpoints = tuple(map(_endpoint, endpoints))
            chosen = {
                "drop": drop,
                "drop_types": None if drop_types is None else tuple(drop_types),
                "copies": copies,
                "delay_seconds": delay_seconds,
                "reorder": reorder,
            }
            known: Wire = {name: value for name, value in chosen.items() if value is not None}
            self._webhooks.switches = replace(self._webhooks.switches, **known)
            if reorder is not None:
                self._webhooks.flush()
            return self._webhooks.shown()

        return self._locked(act)

    def deliver(self, events: list[str]) -> Wire:
        """Sends these events once more, in this order."""

        def act(account: Account) -> Wire:
            found = [account.events.recorded(each) for each in events]
            for event in found:
                self._webhooks.send(event)
            return {"sent": len(found)}

        return self._locked(act)

    def books(self) -> Wire:
        """What Stripe's books say."""
        return self._locked(books)


def _check_outcome(outcome: str | None) -> None:
    if outcome is not None and outcome not in OUTCOMES:
        raise StripeError(f"outcome must be one of {', '.join(sorted(OUTCOMES))}.", param="outcome")


def _address(country: str) -> Wire:
    empty = dict.fromkeys(("city", "line1", "line2", "postal_code", "state"))
    return {**empty, "country": country}


def _charge(account: Account, payment: str | None) -> Wire:
    """The charge of a payment: by its own id, or that of its payment intent or invoice."""
    if payment is None:
        raise StripeError("payment is missing.", "parameter_missing", "payment")
    if (charge := account.charges.find(payment)) is not None:
        return charge
    for paid in account.invoice_payments.where(invoice=payment):
        payment = paid["payment"]["payment_intent"]
    intent = account.intents.get(payment, "payment")
    return account.charges.get(intent["latest_charge"] or payment, "payment")


def _dispute_step(account: Account, found: Wire, action: str) -> Wire:
    match action:
        case "won" | "lost" | "warning_closed":
            return disputes.close(account, found, action)
        case "reinstate":
            return disputes.reinstate(account, found)
        case "escalate":
            return disputes.escalate(account, found)
        case _:
            raise StripeError(
                "action must be won, lost, warning_closed, reinstate or escalate.", param="action"
            )


def _endpoint(described: Wire) -> Endpoint:
    try:
        return Endpoint(
            str(described["url"]),
            tuple(map(str, described["secrets"])),
            tuple(map(str, described.get("events", ("*",)))),
        )
    except (KeyError, TypeError, AttributeError):
        raise StripeError("An endpoint has url, secrets and events.", param="endpoints") from None
