"""Billing: sells through Stripe. Off where no key of Stripe is configured."""

from flask import Flask

from service.billing import keys
from service.billing.checks import purchase_checks
from service.billing.payments import Payments
from service.billing.purchase_sweeps import WarnedPurchases
from service.billing.settings import BillingSettings
from service.billing.stripe_api import StripeApi
from service.billing.stripe_client import Stripe
from service.billing.stripe_secrets import (
    StripeKeys,
    StripeSecrets,
    parse_stripe_secrets,
)
from service.core.settings import SettingsError
from service.core.sweep import Background, Sweep
from service.feature import Core, Declaration, Feature, Parts
from service.ledger.history import History
from service.ledger.operations import Ledger
from service.outbound.network import Network


def build(core: Core, parts: Parts) -> Feature:
    keys = _keys(core)
    stripe = parts.replacement_or(Stripe, lambda: Stripe(_api(core, keys)))

    def require_secrets(app: Flask) -> None:
        """A web process that cannot verify Stripe's events must not serve."""
        del app
        _require_secrets(core)

    payments = _payments(core, parts, stripe)

    def sweeps(background: Background) -> tuple[Sweep, ...]:
        if not stripe.configured:
            return ()
        return (WarnedPurchases(core.table, payments, core.clock, background.stopping),)

    return Feature(
        operations={Stripe: stripe, Payments: payments},
        hooks=(require_secrets,),
        sweeps=sweeps,
        checks=purchase_checks(core.keyring.mac_key),
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


def _api(core: Core, keys: StripeKeys | None) -> StripeApi:
    settings = core.section(BillingSettings)
    return StripeApi.connect(
        settings.stripe_api_url,
        keys,
        Network(core.clock),
        core.tls,
        settings.stripe_timeout_seconds,
    )


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


def _require_secrets(core: Core) -> None:
    """Raises `SettingsError` for secrets that cannot be used, `SecretUnavailable` for a secret
    that cannot be read."""
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
