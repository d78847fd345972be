"""What can be bought, orders, and the rules of what becomes of them. Pure.

In a file of its own because payments and subscriptions have entities of their own next to it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from service.billing.stripe_objects import CheckoutSession
from service.core.amounts import Amount, amount_of
from service.core.errors import Conflict, NotFound, RateLimited
from service.ledger.entities import IdempotencyKeyReused
from service.ledger.grant_terms import MAX_GRANT, MAX_LIFE_DAYS

ORDER_PREFIX = "ord"
SESSION_PREFIX = "cs_"
# Stripe takes at least the equivalent of $0.50 and at most eight digits
# (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).
MIN_AMOUNT_CENTS, MAX_AMOUNT_CENTS = 50, 99_999_999
MAX_NAME = 100
# A checkout is open for an hour; Stripe takes 30 minutes to 24 hours from now.
SESSION_MILLISECONDS = 3600 * 1000
MIN_SESSION_MILLISECONDS = 31 * 60 * 1000
# An order that is not paid is kept for so long after its checkout: a bank debit takes two weeks.
KEPT_MILLISECONDS = 30 * 24 * 3600 * 1000
EXAMPLE_ORDER = "ord_01kb7r3v6q8f2x0m4n5p6q7r8s"

_PACKAGE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
_CURRENCY = re.compile(r"[a-z]{3}")
_SESSION_ID = re.compile(r"cs_[A-Za-z0-9_]{1,200}")


class PackageNotFound(NotFound):
    code = "PACKAGE_NOT_FOUND"
    summary = "There is no such package."
    advice = "GET /credits/packages lists what can be bought."


class PlanNotFound(NotFound):
    code = "PLAN_NOT_FOUND"
    summary = "No plan with this price is on sale."


class OrderNotFound(NotFound):
    code = "ORDER_NOT_FOUND"
    summary = "There is no such order."


class TooManyOpenOrders(RateLimited):
    code = "TOO_MANY_OPEN_ORDERS"
    summary = "Too many of your orders wait for their payment."
    advice = (
        "Go on with one of `details.orderIds` (GET /stripe/orders/{id} returns its clientSecret), "
        "or wait until one expires."
    )
    details_example: ClassVar[Mapping[str, object]] = {"limit": 5, "orderIds": [EXAMPLE_ORDER]}


class OrderKeyReused(IdempotencyKeyReused):
    """A key that stands for another order."""

    details_example: ClassVar[Mapping[str, object]] = {"orderId": EXAMPLE_ORDER}


class OrderEnded(Conflict):
    """A repeated request for an order that will not be paid any more."""

    code = "ORDER_ENDED"
    summary = "This order has expired or failed. Nothing was paid."
    advice = "Order again, with a new Idempotency-Key."
    details_example: ClassVar[Mapping[str, object]] = {"orderId": EXAMPLE_ORDER}


class AlreadySubscribed(Conflict):
    """Nothing was written, and an idempotency key stays free."""

    code = "ALREADY_SUBSCRIBED"
    summary = "You have a subscription already. Nothing was ordered."
    advice = "Open the portal (POST /stripe/portal): it changes or cancels the subscription."
    details_example: ClassVar[Mapping[str, object]] = {"status": "active"}


class OrderKind(StrEnum):
    PACKAGE = "package"
    SUBSCRIPTION = "subscription"


class OrderStatus(StrEnum):
    """`CREATED`: Stripe may not know of it yet. `PENDING`: it can be paid, or a payment is on its
    way. Stripe is the truth: an order that has ended is paid all the same once Stripe says so. What
    was paid back later is the payment's, not the order's."""

    CREATED = "created"
    PENDING = "pending"
    PAID = "paid"
    EXPIRED = "expired"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        return self in (OrderStatus.CREATED, OrderStatus.PENDING)


class UiMode(StrEnum):
    """Where the buyer pays: in a frame of the app's own page, or on Stripe's page."""

    EMBEDDED = "embedded_page"
    HOSTED = "hosted_page"


@dataclass(frozen=True, kw_only=True)
class Package:
    """Credits for one price. `life_days`: how long they are good for; None: they never expire."""

    package_id: str
    name: str
    credits: Amount
    bonus: Amount
    amount_cents: int
    currency: str
    life_days: int | None

    @property
    def total(self) -> Amount:
        return self.credits + self.bonus

    def faults(self) -> list[str]:
        """What is wrong with it; empty for a package that can be sold."""
        life = self.life_days
        checks = {
            "the id is not lower-case letters, digits and -": not _PACKAGE_ID.fullmatch(
                self.package_id
            ),
            "the name is not 1 to 100 printable characters": not (
                0 < len(self.name) <= MAX_NAME and self.name.isprintable()
            ),
            "the credits are not more than 0": self.credits <= 0,
            "the bonus is negative": self.bonus < 0,
            "it brings more than a grant may": self.total > MAX_GRANT,
            f"the amount is not {MIN_AMOUNT_CENTS} to {MAX_AMOUNT_CENTS} cents": not (
                MIN_AMOUNT_CENTS <= self.amount_cents <= MAX_AMOUNT_CENTS
            ),
            "the currency is not three lower-case letters": not _CURRENCY.fullmatch(self.currency),
            f"the credits do not live for 1 to {MAX_LIFE_DAYS} days": life is not None
            and not 1 <= life <= MAX_LIFE_DAYS,
        }
        return [fault for fault, found in checks.items() if found]


@dataclass(frozen=True, kw_only=True)
class OrderTerms:
    """What an order is for, as it was when it was made; whatever is offered later changes nothing.
    `product_id` is the package's, or Stripe's price of a subscription, whose credits come with its
    invoices: 0 here."""

    kind: OrderKind
    product_id: str
    name: str
    credits: Amount
    bonus: Amount
    amount_cents: int
    currency: str
    life_days: int | None = None
    ui_mode: UiMode = UiMode.EMBEDDED
    saves_method: bool = False
    trial_days: int = 0

    @property
    def total(self) -> Amount:
        return self.credits + self.bonus


@dataclass(frozen=True, kw_only=True)
class Order:
    """`session_id` is empty until Stripe has made the checkout session; `payment_id` is the payment
    intent of a package, the subscription of a subscription. `version` counts the changes.
    `is_kept`: it was paid once, and is never deleted."""

    user_id: str
    order_id: str
    terms: OrderTerms
    created_at: int
    expires_at: int
    status: OrderStatus = OrderStatus.CREATED
    session_id: str = ""
    payment_id: str = ""
    completed_at: int | None = None
    version: int = 1
    mac: str = ""
    is_kept: bool = False

    @property
    def kept_until(self) -> int:
        """When an order that was never paid may be deleted."""
        return self.expires_at + KEPT_MILLISECONDS

    def is_open(self, now: int) -> bool:
        """Whether it may still be paid through its checkout, or by a payment on its way."""
        return self.status.is_open and now < self.expires_at

    def changed(self, **fields: object) -> "Order":
        """The next version of it."""
        return replace(self, version=self.version + 1, **fields)  # type: ignore[arg-type]


def package_terms(package: Package, ui_mode: UiMode, *, saves_method: bool) -> OrderTerms:
    return OrderTerms(
        kind=OrderKind.PACKAGE,
        product_id=package.package_id,
        name=package.name,
        credits=package.credits,
        bonus=package.bonus,
        amount_cents=package.amount_cents,
        currency=package.currency,
        life_days=package.life_days,
        ui_mode=ui_mode,
        saves_method=saves_method,
    )


def session_fault(order: Order, session: CheckoutSession) -> str:
    """In what a checkout session differs from the order that it names; empty if in nothing.

    With Stripe Tax the total is larger than our price: the subtotal is compared."""
    terms = order.terms
    facts = {
        "another session": order.session_id not in ("", session.id),
        "the user": session.metadata.get("userId") != order.user_id,
        "the order": session.metadata.get("orderId") != order.order_id,
        "the mode": session.mode != _mode(terms.kind),
        "the currency": session.currency != terms.currency,
        "the amount": terms.kind is OrderKind.PACKAGE
        and session.amount_subtotal_cents != terms.amount_cents,
    }
    return next((fact for fact, differs in facts.items() if differs), "")


def is_session_id(text: str) -> bool:
    """Whether the text can be the id of a checkout session."""
    return _SESSION_ID.fullmatch(text) is not None


def validated(packages: tuple[Package, ...]) -> tuple[Package, ...]:
    """Raises `ValueError` unless each can be sold, under a name of its own, in one currency."""
    for package in packages:
        if faults := package.faults():
            raise ValueError(f"package {package.package_id!r}: {faults[0]}")
    ids = [package.package_id for package in packages]
    if len(set(ids)) < len(ids):
        raise ValueError("two packages have the same id")
    if len({package.currency for package in packages}) > 1:
        raise ValueError("packages have more than one currency")
    return packages


def package_from(facts: Mapping[str, object]) -> Package:
    """A package as the data file has it. Raises `KeyError`, `TypeError` or `ValueError`."""
    known = {"id", "name", "credits", "bonusCredits", "amountCents", "currency", "expiresAfterDays"}
    if unknown := facts.keys() - known:
        raise ValueError(f"a package has no {min(unknown)}")
    life = facts["expiresAfterDays"]
    return Package(
        package_id=_text(facts["id"]),
        name=_text(facts["name"]),
        credits=amount_of(facts["credits"]),  # type: ignore[arg-type]
        bonus=amount_of(facts["bonusCredits"]),  # type: ignore[arg-type]
        amount_cents=_whole(facts["amountCents"]),
        currency=_text(facts["currency"]),
        life_days=None if life is None else _whole(life),
    )


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise TypeError("is no text")
    return found


def _whole(found: object) -> int:
    if isinstance(found, bool) or not isinstance(found, int):
        raise TypeError("is no whole number")
    return found


def _mode(kind: OrderKind) -> str:
    return "payment" if kind is OrderKind.PACKAGE else "subscription"
