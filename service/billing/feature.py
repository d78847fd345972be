"""Billing: sells through Stripe. Off where no key of Stripe is configured."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Flask

from service.billing import keys, store
from service.billing.checkout_params import CheckoutRules
from service.billing.checkouts import Checkouts
from service.billing.checks import purchase_checks
from service.billing.customers import Customers
from service.billing.event_checks import event_checks
from service.billing.event_feature import Events, build_events
from service.billing.event_routes import webhook_blueprint
from service.billing.events import ObjectKind
from service.billing.inbox import Inbox
from service.billing.new_users import NewUsers
from service.billing.offers import Offers
from service.billing.open_checkouts import OpenCheckouts
from service.billing.order_checks import order_checks
from service.billing.order_payments import OrderPayments
from service.billing.order_records import OrderRecords
from service.billing.orders import Orders
from service.billing.payments import Payments
from service.billing.personal_data import BillingData
from service.billing.portal import Portal
from service.billing.purchase_sweeps import WarnedPurchases
from service.billing.reconciler import Reconciler
from service.billing.routes import (
    checkout_blueprint,
    orders_blueprint,
    packages_blueprint,
    portal_blueprint,
)
from service.billing.schemas import order_body
from service.billing.settings import BillingSettings
from service.billing.stripe_api import StripeApi
from service.billing.stripe_client import Stripe
from service.billing.stripe_secrets import StripeKeys, StripeSecrets, parse_stripe_secrets
from service.billing.subscribers import Subscribers
from service.billing.subscriptions import Subscriptions
from service.billing.top_up_feature import build_top_ups
from service.billing.top_ups import TopUps
from service.core.settings import SettingsError
from service.core.sweep import Background, Sweep
from service.entitlements.entities import Plans
from service.entitlements.operations import Entitlements
from service.entitlements.trials import Trials
from service.feature import Core, Declaration, Feature, Parts
from service.ledger.history import History
from service.ledger.operations import Ledger
from service.notifications.operations import Outbox
from service.notifications.settings import NotificationsSettings
from service.outbound.network import Network
from service.storage.cursor import PageTokens
from service.users.directory import UserDirectory


@dataclass(frozen=True)
class _Selling:
    """What begins a purchase, and what ends it."""

    customers: Customers
    offers: Offers
    checkouts: Checkouts
    orders: Orders
    portal: Portal
    records: OrderRecords
    buy_page: str


def build(core: Core, parts: Parts) -> Feature:
    stripe = parts.replacement_or(Stripe, lambda: _stripe(core))
    payments = _payments(core, parts, stripe)
    selling = _selling(core, parts, stripe, payments)
    events = build_events(core, parts, stripe)
    subscriptions = _subscriptions(core, parts, stripe, payments, selling)
    _reconcile(events.reconciler, payments, selling, subscriptions)
    top_ups = build_top_ups(
        core,
        parts,
        stripe,
        selling.customers,
        selling.offers,
        selling.records,
        payments,
        selling.buy_page,
    )
    checkouts = OpenCheckouts(core.table, stripe, selling.customers, selling.orders.reconcile)
    data = BillingData(core.table, stripe, selling.customers, checkouts, order_body)

    if stripe.configured:
        _follow_new_users(parts, selling)

    def sweeps(background: Background) -> tuple[Sweep, ...]:
        if not stripe.configured:
            return ()
        warned = WarnedPurchases(core.table, payments, core.clock, background.stopping)
        return (warned, *events.sweeps(background), *top_ups.sweeps(background))

    mac_key = core.keyring.mac_key
    return Feature(
        operations=_published(stripe, payments, selling, events, top_ups.top_ups),
        blueprints=lambda: (
            packages_blueprint(selling.offers),
            checkout_blueprint(selling.checkouts, selling.offers),
            portal_blueprint(selling.portal),
            orders_blueprint(selling.orders),
            webhook_blueprint(events.webhooks),
            top_ups.make_blueprint(),
        ),
        hooks=(partial(_require_secrets, core), top_ups.hook),
        sweeps=sweeps,
        closing=(events.close,),
        checks=(*order_checks(mac_key), *purchase_checks(mac_key), *event_checks(), top_ups.check),
        erasure=(*data.steps, top_ups.erasure),
        exports=(*data.exports, top_ups.export),
    )


def _published(
    stripe: Stripe, payments: Payments, selling: _Selling, events: Events, top_ups: TopUps
) -> dict[type[Any], object]:
    """What later features find here."""
    return {
        Stripe: stripe,
        Payments: payments,
        Customers: selling.customers,
        Offers: selling.offers,
        Checkouts: selling.checkouts,
        Orders: selling.orders,
        Inbox: events.inbox,
        TopUps: top_ups,
    }


def _follow_new_users(parts: Parts, selling: _Selling) -> None:
    """Makes each a customer at Stripe."""
    verified_email = parts.get(UserDirectory).verified_email
    new_users = NewUsers(selling.customers, parts.get(Ledger), verified_email)
    parts.get(Outbox).register(new_users.publish)


def _reconcile(
    reconciler: Reconciler, payments: Payments, selling: _Selling, subscriptions: Subscriptions
) -> None:
    """What each kind of Stripe's objects leads to, whether an event or a return page names it."""
    selling.orders.follow_subscriptions(subscriptions.reconcile_session)
    payments.register(subscriptions.bought)
    reconciler.register(ObjectKind.PAYMENT, payments.settle)
    reconciler.register(ObjectKind.CHARGE, subscriptions.reconcile_charge)
    reconciler.register(ObjectKind.CHECKOUT_SESSION, selling.orders.reconcile)
    reconciler.register(ObjectKind.INVOICE, subscriptions.reconcile_invoice)
    reconciler.register(ObjectKind.SUBSCRIPTION, subscriptions.reconcile)
    reconciler.register(ObjectKind.CUSTOMER, subscriptions.reconcile_customer)


def _subscriptions(
    core: Core, parts: Parts, stripe: Stripe, payments: Payments, selling: _Selling
) -> Subscriptions:
    return Subscriptions(
        stripe=stripe,
        customers=selling.customers,
        entitlements=parts.get(Entitlements),
        trials=parts.get(Trials),
        ledger=parts.get(Ledger),
        clock=core.clock,
        metrics=core.metrics,
        settle_payment=payments.settle,
        has_brought=lambda payment_id: payments.read(payment_id) is not None,
    )


def _payments(core: Core, parts: Parts, stripe: Stripe) -> Payments:
    return Payments(
        stripe,
        parts.get(Ledger),
        parts.get(History),
        core.table,
        core.clock,
        core.metrics,
        core.keyring.mac_key,
        core.jitter,
    )


def _selling(core: Core, parts: Parts, stripe: Stripe, payments: Payments) -> _Selling:
    settings = core.section(BillingSettings)
    mac_key, ledger = core.keyring.mac_key, parts.get(Ledger)
    tokens = PageTokens(core.keyring.token_keys)
    records = OrderRecords(core.table, core.clock, core.metrics, tokens, mac_key)
    customers = Customers(core.table, stripe, ledger, core.clock, core.ids, core.metrics)
    payments.register(OrderPayments(stripe, records, customers, core.clock).resolve)
    rules, subscribers = _rules(core, settings), Subscribers(stripe, customers)
    checkouts = Checkouts(
        table=core.table,
        ledger=ledger,
        stripe=stripe,
        customers=customers,
        records=records,
        subscribers=subscribers,
        rules=rules,
        clock=core.clock,
        ids=core.ids,
        mac_key=mac_key,
        max_open=settings.max_open_orders,
    )
    back, trials = f"{rules.app_url}{rules.cancel_path}", parts.get(Trials)

    def had_trial(user_id: str) -> bool:
        """A trial without credits leaves no claim; Stripe knows it as long as the account lives."""
        return trials.had_one(user_id) or subscribers.had_trial(user_id)

    return _Selling(
        customers=customers,
        offers=Offers(stripe, store.read_packages(), parts.get(Plans), had_trial),
        checkouts=checkouts,
        orders=Orders(stripe, records, core.clock, payments.settle),
        portal=Portal(stripe, ledger, customers, back, core.clock, core.ids),
        records=records,
        buy_page=back,
    )


def _rules(core: Core, settings: BillingSettings) -> CheckoutRules:
    return CheckoutRules(
        app_url=core.section(NotificationsSettings).app_url.rstrip("/"),
        return_path=settings.stripe_return_path,
        cancel_path=settings.stripe_cancel_path,
        tax=settings.stripe_tax,
        tax_ids=settings.stripe_tax_ids,
        invoices=settings.stripe_invoices,
    )


def _stripe(core: Core) -> Stripe:
    settings = core.section(BillingSettings)
    api = StripeApi.connect(
        settings.stripe_api_url,
        _keys(core),
        Network(core.clock),
        core.tls,
        settings.stripe_timeout_seconds,
    )
    return Stripe(api)


def _keys(core: Core) -> StripeKeys | None:
    settings = core.section(BillingSettings)
    if not settings.configured:
        return None
    return StripeKeys(lambda: _read(core), core.clock, production=core.settings.production)


def _read(core: Core) -> StripeSecrets:
    """Raises `ValueError` or `SecretUnavailable`."""
    settings = core.section(BillingSettings)
    if settings.stripe_secrets_secret_name:
        return parse_stripe_secrets(core.read_secret(settings.stripe_secrets_secret_name))
    return settings.local_secrets


def _require_secrets(core: Core, app: Flask) -> None:
    """A web process that cannot verify Stripe's events must not serve. Raises `SettingsError` for
    secrets that cannot be used, `SecretUnavailable` for a secret that cannot be read."""
    del app
    if not core.section(BillingSettings).configured:
        return
    try:
        found = _read(core)
    except ValueError as error:
        raise SettingsError([f"the secret of Stripe {error}"]) from error
    if core.settings.production and not found.livemode:
        raise SettingsError(["the secret of Stripe has a test key, which production refuses"])


BILLING = Declaration(
    name="billing",
    build=build,
    settings=BillingSettings,
    items=keys.ITEMS,
    due=keys.DUE,
)
