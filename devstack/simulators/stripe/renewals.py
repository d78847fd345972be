"""What time does to subscriptions: renewals, failed payments and their retries, trials that end,
cancellations that were planned (https://docs.stripe.com/billing/subscriptions/overview)."""

from devstack.simulators.stripe import invoices
from devstack.simulators.stripe.account import Account
from devstack.simulators.stripe.invoice_lines import Billed, new_line
from devstack.simulators.stripe.invoices import Draft
from devstack.simulators.stripe.periods import period_end
from devstack.simulators.stripe.wire import Wire

# A renewal's invoice stays a draft for an hour.
DRAFT_SECONDS = 3_600
NOTICE_SECONDS = 3 * 86_400
ENDED = frozenset({"canceled", "incomplete_expired"})
_DAY = 86_400


def current_end(subscription: Wire) -> int:
    """The end of the present period: the last one of its items."""
    return max(int(item["current_period_end"]) for item in subscription["items"]["data"])


def schedule(account: Account, subscription: Wire) -> None:
    """Plans what happens at the end of the present period, and the notice of a trial's end."""
    end = current_end(subscription)
    account.clock.schedule(end, lambda: _period_ends(account, subscription, end))
    if subscription["status"] == "trialing" and end - NOTICE_SECONDS > account.now():
        account.clock.schedule(end - NOTICE_SECONDS, lambda: _notify(account, subscription, end))


def _notify(account: Account, subscription: Wire, end: int) -> None:
    if subscription["status"] == "trialing" and current_end(subscription) == end:
        account.events.emit("customer.subscription.trial_will_end", subscription)


def period_lines(account: Account, subscription: Wire, *, free: bool = False) -> list[Wire]:
    """A line for each item's present period; a trial's are free."""
    lines = [
        new_line(
            account,
            Billed(
                item["price"],
                item["quantity"],
                0 if free else item["price"]["unit_amount"] * item["quantity"],
                item["current_period_start"],
                item["current_period_end"],
                subscription=subscription,
                item_id=item["id"],
            ),
        )
        for item in subscription["items"]["data"]
    ]
    for item, line in zip(subscription["items"]["data"], lines, strict=True):
        account.billed[item["id"]] = line["id"]
    return lines


def _period_ends(account: Account, subscription: Wire, end: int) -> None:
    """The period that was planned to end now; one that was moved since has a plan of its own."""
    if subscription["status"] in ENDED or current_end(subscription) != end:
        return
    if subscription["cancel_at_period_end"]:
        end_if_planned(account, subscription)
        return
    _renew(account, subscription)


def _renew(account: Account, subscription: Wire) -> None:
    """Begins the next period with a draft of its invoice. Emits `customer.subscription.updated`."""
    items = [dict(item) for item in subscription["items"]["data"]]
    previous: Wire = {
        "items": {**subscription["items"], "data": items},
        "latest_invoice": subscription["latest_invoice"],
    }
    start = items[0]["current_period_start"]
    for item in subscription["items"]["data"]:
        begin = item["current_period_end"]
        anchor = subscription["billing_cycle_anchor"]
        item |= {
            "current_period_start": begin,
            "current_period_end": period_end(anchor, begin, item["price"]["recurring"]),
        }
    if subscription["status"] == "trialing":
        previous["status"] = "trialing"
        subscription["status"] = "active"
    lines = _pending(account, subscription) + period_lines(account, subscription)
    wanted = Draft(
        subscription["customer"],
        "subscription_cycle",
        lines,
        start,
        account.now(),
        subscription=subscription,
    )
    invoice = invoices.draft(account, wanted)
    due = account.now() + DRAFT_SECONDS
    invoice["automatically_finalizes_at"] = due
    subscription["latest_invoice"] = invoice["id"]
    account.events.emit("customer.subscription.updated", subscription, previous)
    if subscription["status"] != "unpaid":
        account.clock.schedule(due, lambda: _collect(account, subscription, invoice))
    schedule(account, subscription)


def _pending(account: Account, subscription: Wire) -> list[Wire]:
    """What waits for its next invoice, and what ended subscriptions of the customer have left."""
    of_customer = account.subscriptions.where(customer=subscription["customer"])
    ended = [each["id"] for each in of_customer if each["status"] in ENDED]
    waiting = dict.fromkeys([*ended, subscription["id"]])
    return [line for each in waiting for line in account.pending_lines.pop(each, [])]


def bill_update(account: Account, subscription: Wire, *, whole_period: bool) -> None:
    """Bills what is pending at once, with the whole new period where one has begun."""
    lines = _pending(account, subscription)
    if whole_period:
        lines += period_lines(account, subscription)
    if not lines:
        return
    now = account.now()
    wanted = Draft(
        subscription["customer"],
        "subscription_update",
        lines,
        now,
        now,
        subscription=subscription,
    )
    invoice = invoices.draft(account, wanted)
    subscription["latest_invoice"] = invoice["id"]
    _collect(account, subscription, invoice)


def _collect(account: Account, subscription: Wire, invoice: Wire) -> None:
    """Finalizes the draft and attempts its payment."""
    if invoice["status"] != "draft" or not invoice["auto_advance"]:
        return
    invoices.finalize(account, invoice)
    if invoice["status"] == "open":
        attempt(account, subscription, invoice)


def attempt(account: Account, subscription: Wire, invoice: Wire) -> None:
    """One attempt to pay an open invoice, with the subscription's method or else the customer's
    default."""
    customer = account.customers.find(subscription["customer"]) or {}
    settings = customer.get("invoice_settings", {})
    identifier = subscription["default_payment_method"] or settings.get("default_payment_method")
    method = account.methods.find(identifier or "")
    usable = method if method is not None and method["customer"] is not None else None
    invoices.collect(account, invoice, usable, lambda _: after_attempt(account, invoice))


def after_attempt(account: Account, invoice: Wire) -> None:
    """What an attempt does to the subscription: paid makes it active again, failed makes it past
    due and plans the next attempt, the last one ends as the account's policy says."""
    subscription = invoices.subscription_of(account, invoice)
    if subscription is None or subscription["status"] in ENDED:
        return
    if invoice["status"] == "paid":
        if subscription["latest_invoice"] == invoice["id"]:
            _become(account, subscription, "active")
        return
    waits = account.policy.retry_days
    attempts = invoice["attempt_count"]
    if attempts <= len(waits):
        due = account.now() + waits[attempts - 1] * _DAY
        invoice["next_payment_attempt"] = due
        account.clock.schedule(due, lambda: _retry(account, subscription, invoice, due))
        _become(account, subscription, "past_due")
    else:
        invoice["next_payment_attempt"] = None
        _retries_failed(account, subscription)


def _retry(account: Account, subscription: Wire, invoice: Wire, due: int) -> None:
    if invoice["status"] == "open" and invoice["next_payment_attempt"] == due:
        attempt(account, subscription, invoice)


def _become(account: Account, subscription: Wire, status: str) -> None:
    """Emits `customer.subscription.updated` where the status is another."""
    if subscription["status"] in (status, "trialing"):
        return
    previous = {"status": subscription["status"]}
    subscription["status"] = status
    account.events.emit("customer.subscription.updated", subscription, previous)


def _retries_failed(account: Account, subscription: Wire) -> None:
    wanted = account.policy.after_retries
    if wanted == "canceled":
        end(account, subscription, "payment_failed", {})
    else:
        _become(account, subscription, wanted)


def end(account: Account, subscription: Wire, reason: str, details: Wire) -> None:
    """Emits `customer.subscription.deleted`. Drafts of its invoices are never sent."""
    subscription |= {
        "status": "canceled",
        "ended_at": account.now(),
        "canceled_at": subscription["canceled_at"] or account.now(),
        "cancellation_details": {
            **subscription["cancellation_details"],
            **details,
            "reason": reason,
        },
    }
    latest = account.invoices.find(subscription["latest_invoice"] or "")
    if latest is not None and latest["status"] in ("draft", "open"):
        latest |= {"auto_advance": False, "next_payment_attempt": None}
    account.events.emit("customer.subscription.deleted", subscription)


def end_if_planned(account: Account, subscription: Wire) -> None:
    """Ends the subscription if its planned end has come."""
    at = subscription["cancel_at"]
    if subscription["status"] not in ENDED and at is not None and at <= account.now():
        end(account, subscription, "cancellation_requested", {})
