"""The operators' API: routes below `/admin`, and the log of what operators did."""

from flask import Blueprint

from service.admin import keys
from service.admin.approval_routes import approvals_blueprint
from service.admin.approvals import Approvals
from service.admin.campaign_commands import CAMPAIGN_COMMANDS
from service.admin.campaign_routes import bulk_grants_blueprint, promo_codes_blueprint
from service.admin.campaigns import Campaigns
from service.admin.checks import approval_check, house_log_check, user_log_check
from service.admin.commands import COMMANDS
from service.admin.correction_routes import corrections_blueprint
from service.admin.corrections import Corrections
from service.admin.erasure_commands import ERASURE_COMMANDS
from service.admin.erasure_routes import erasures_blueprint
from service.admin.log import OperatorLog
from service.admin.lookup import Lookup
from service.admin.operations import Actions
from service.admin.passkey_commands import PASSKEY_COMMANDS
from service.admin.passkey_routes import passkeys_blueprint
from service.admin.passkeys import PasskeyActions
from service.admin.personal_data import OperatorData
from service.admin.price_commands import PRICE_COMMANDS
from service.admin.price_routes import prices_blueprint
from service.admin.prices import Prices
from service.admin.purchase_commands import PURCHASE_COMMANDS
from service.admin.purchase_routes import purchases_blueprint
from service.admin.purchases import PurchaseActions
from service.admin.review_commands import REVIEW_COMMANDS
from service.admin.review_routes import reviews_blueprint
from service.admin.reviews import Reviews
from service.admin.routes import log_blueprint
from service.admin.server_key_commands import SERVER_KEY_COMMANDS
from service.admin.server_key_routes import server_keys_blueprint
from service.admin.server_keys import ServerKeyActions
from service.admin.settings import AdminSettings
from service.admin.stripe_event_commands import STRIPE_EVENT_COMMANDS
from service.admin.stripe_event_routes import stripe_events_blueprint
from service.admin.stripe_events import StripeEventActions
from service.admin.support import Support
from service.admin.support_commands import SUPPORT_COMMANDS
from service.admin.support_routes import support_blueprint
from service.admin.timeline import Timeline
from service.admin.webhook_commands import WEBHOOK_COMMANDS
from service.admin.webhook_routes import webhooks_blueprint
from service.admin.webhooks import WebhookActions
from service.billing.inbox import Inbox
from service.billing.payments import Payments
from service.billing.stripe_client import Stripe
from service.bulk_grants.operations import BulkGrants
from service.catalog.scheduling import PriceSchedule
from service.core.amounts import Amount, amount_of
from service.erasure.operations import Erasures
from service.feature import Core, Declaration, Feature, Parts
from service.jobs.search import JobSearch
from service.jobs.settlement import Settlement
from service.ledger.operations import Ledger
from service.notifications.dead_letters import DeadLetters
from service.notifications.deliveries import Deliveries
from service.notifications.endpoints import Endpoints
from service.passkeys.operations import OperatorPasskeys
from service.promo_codes.operations import PromoCodes
from service.server_keys.operations import ServerKeys
from service.sessions.entities import SessionEnd
from service.sessions.operations import Sessions
from service.storage.cursor import PageTokens
from service.users.directory import UserDirectory
from service.users.operations import Users
from service.users.settings import UsersSettings


def build(core: Core, parts: Parts) -> Feature:
    mac_key = core.keyring.mac_key
    page_tokens = PageTokens(core.keyring.token_keys)
    log = OperatorLog(core.table, mac_key, page_tokens, core.data_keys)
    actions = Actions(core.table, parts.get(Ledger), log, core.clock, core.jitter)
    corrections = _corrections(core, parts, log)
    threshold = amount_of(core.section(AdminSettings).admin_approval_credits)
    approvals = _approvals(core, parts, actions, corrections, threshold)
    promo_codes, bulk_grants = parts.get(PromoCodes), parts.get(BulkGrants)
    campaigns = Campaigns(actions, promo_codes, bulk_grants, threshold)
    prices = Prices(actions, parts.get(PriceSchedule))
    webhooks = WebhookActions(actions, parts.get(Endpoints), core.clock)
    return Feature(
        operations={
            WebhookActions: webhooks,
            OperatorLog: log,
            Actions: actions,
            Corrections: corrections,
            Approvals: approvals,
            Campaigns: campaigns,
            Prices: prices,
            Timeline: _timeline(core, parts, log),
        },
        blueprints=lambda: (
            log_blueprint(log, actions),
            corrections_blueprint(corrections, approvals),
            approvals_blueprint(approvals, core.clock),
            reviews_blueprint(_reviews(core, parts, actions, corrections)),
            promo_codes_blueprint(campaigns, promo_codes, page_tokens),
            bulk_grants_blueprint(campaigns, bulk_grants, page_tokens),
            prices_blueprint(prices),
            _support(core, parts, log, actions),
            erasures_blueprint(corrections, parts.get(Erasures)),
            _webhooks(parts, webhooks),
            _passkeys(parts, actions),
            *_billing(core, parts, actions),
            _server_keys(parts, actions),
        ),
        exports=OperatorData(core.table).exports,
        checks=(user_log_check(mac_key), house_log_check(mac_key), approval_check(mac_key)),
    )


def _approvals(
    core: Core, parts: Parts, actions: Actions, corrections: Corrections, threshold: Amount
) -> Approvals:
    return Approvals(
        core.table,
        parts.get(Ledger),
        actions,
        corrections,
        core.clock,
        core.ids,
        core.keyring.mac_key,
        PageTokens(core.keyring.token_keys),
        core.data_keys,
        threshold,
    )


def _server_keys(parts: Parts, actions: Actions) -> Blueprint:
    server_keys = parts.get(ServerKeys)
    return server_keys_blueprint(ServerKeyActions(actions, server_keys), server_keys)


def _webhooks(parts: Parts, webhooks: WebhookActions) -> Blueprint:
    return webhooks_blueprint(
        webhooks, parts.get(Endpoints), parts.get(Deliveries), parts.get(DeadLetters)
    )


def _passkeys(parts: Parts, actions: Actions) -> Blueprint:
    passkeys = parts.get(OperatorPasskeys)
    return passkeys_blueprint(PasskeyActions(actions, passkeys), passkeys)


def _billing(core: Core, parts: Parts, actions: Actions) -> tuple[Blueprint, Blueprint]:
    payments = parts.get(Payments)
    return (
        purchases_blueprint(PurchaseActions(actions, payments, parts.get(Stripe)), payments),
        stripe_events_blueprint(StripeEventActions(actions, core.clock), parts.get(Inbox)),
    )


def _corrections(core: Core, parts: Parts, log: OperatorLog) -> Corrections:
    sessions = parts.get(Sessions)

    def end_sessions(user_id: str) -> int:
        return sessions.end_all(user_id, SessionEnd.DISABLED)

    return Corrections(parts.get(Ledger), log, core.clock, end_sessions)


def _reviews(core: Core, parts: Parts, actions: Actions, corrections: Corrections) -> Reviews:
    amount = amount_of(core.section(UsersSettings).welcome_credits)
    directory = parts.get(UserDirectory)
    return Reviews(parts.get(Users), directory, actions, corrections, core.clock, amount)


def _timeline(core: Core, parts: Parts, log: OperatorLog) -> Timeline:
    page_tokens = PageTokens(core.keyring.token_keys)
    directory = parts.get(UserDirectory)
    return Timeline(parts.get(Ledger), parts.get(JobSearch), directory, log, page_tokens)


def _support(core: Core, parts: Parts, log: OperatorLog, actions: Actions) -> Blueprint:
    ledger, settlement = parts.get(Ledger), parts.get(Settlement)
    directory = parts.get(UserDirectory)
    lookup = Lookup(ledger, directory, parts.get(JobSearch), settlement)
    support = Support(actions, log, ledger, settlement, directory, core.clock)
    return support_blueprint(lookup, _timeline(core, parts, log), support)


ADMIN = Declaration(
    name="admin",
    build=build,
    settings=AdminSettings,
    items=keys.ITEMS,
    commands={
        "Credits and users": COMMANDS,
        "Support": (*SUPPORT_COMMANDS, *REVIEW_COMMANDS),
        "Promo codes and bulk grants": CAMPAIGN_COMMANDS,
        "Prices": PRICE_COMMANDS,
        "Purchases": (*PURCHASE_COMMANDS, *STRIPE_EVENT_COMMANDS),
        "Webhooks": WEBHOOK_COMMANDS,
        "Server keys": SERVER_KEY_COMMANDS,
        "Erasures": ERASURE_COMMANDS,
        "Passkeys": PASSKEY_COMMANDS,
    },
)
