"""Notifications: the outbox, alerts, webhooks and mail."""

import secrets
import socket

from service.core.erasure import ErasureStep, ExportPart
from service.core.sweep import Background, Sweep
from service.feature import Core, Declaration, Feature, Parts
from service.ledger.low_balance import LowBalance
from service.ledger.operations import Ledger
from service.notifications import keys
from service.notifications.alert_mails import AlertMails
from service.notifications.alerts import alerts_of
from service.notifications.checks import notification_checks
from service.notifications.dead_letters import DeadLetters
from service.notifications.deliveries import Deliveries
from service.notifications.endpoints import Endpoints
from service.notifications.entities import MAX_ENDPOINTS
from service.notifications.expiry import ExpiryNotices
from service.notifications.mail import MailBox
from service.notifications.mail_limits import MailLimits
from service.notifications.mail_preferences import MailPreferences
from service.notifications.mail_records import MailRecords
from service.notifications.mail_sender import MailSender, SesSender
from service.notifications.mail_sending import MailSending
from service.notifications.mail_texts import MailTexts
from service.notifications.operations import Outbox
from service.notifications.personal_data import NotificationData
from service.notifications.refusals import Refusals
from service.notifications.routes import (
    alerts_blueprint,
    preferences_blueprint,
    report_refusals,
)
from service.notifications.schemas import preferences_body
from service.notifications.sender import Sender, WebhookSender
from service.notifications.settings import NotificationsSettings
from service.notifications.sweeps import DeliverWebhooks, Dispatch
from service.outbound.addresses import public_only
from service.outbound.network import Network
from service.storage.cursor import PageTokens
from service.users.directory import UserDirectory


def build(core: Core, parts: Parts) -> Feature:
    ledger = parts.get(Ledger)
    ledger.follow(alerts_of)
    outbox = Outbox(core.table, core.clock, core.metrics, core.jitter)
    endpoints, deliveries = _webhooks(core, parts)
    outbox.register(deliveries.publish)
    dead_letters = DeadLetters(core.table)
    refusals = Refusals(ledger, outbox, core.clock, core.metrics)
    notices = ExpiryNotices(core.table, ledger, outbox, core.clock)
    mail_box, mails = _mail(core, parts)
    preferences = MailPreferences(core.table, ledger)
    if core.section(NotificationsSettings).mail_from:
        directory = parts.get(UserDirectory)
        outbox.register(AlertMails(mail_box, preferences, directory.verified_email).publish)
    interval_seconds = core.section(NotificationsSettings).outbox_interval_seconds

    def sweeps(background: Background) -> tuple[Sweep, ...]:
        stopping = background.stopping
        pool = background.pool("webhooks", MAX_ENDPOINTS)
        return (
            Dispatch("outbox", keys.DUE_MESSAGES, outbox, stopping, interval_seconds),
            Dispatch("expiring_credits", keys.DUE_NOTICES, notices, stopping, interval_seconds),
            Dispatch("mail", keys.DUE_MAILS, mails, stopping, interval_seconds),
            DeliverWebhooks(
                deliveries, endpoints, dead_letters, core.metrics, pool, stopping, interval_seconds
            ),
        )

    data = NotificationData(core.table, endpoints.with_removed)
    return Feature(
        operations={
            Outbox: outbox,
            Endpoints: endpoints,
            Deliveries: deliveries,
            DeadLetters: dead_letters,
            MailBox: mail_box,
            MailSending: mails,
        },
        blueprints=lambda: (
            alerts_blueprint(parts.get(LowBalance)),
            preferences_blueprint(preferences),
        ),
        hooks=(lambda app: report_refusals(app, refusals),),
        sweeps=sweeps,
        checks=notification_checks(),
        erasure=(*data.steps, ErasureStep("mails", MailRecords(core.table, core.clock).erase)),
        exports=(*data.exports, *_exports(core, preferences)),
    )


def _exports(core: Core, preferences: MailPreferences) -> tuple[ExportPart, ...]:
    def settings(user_id: str) -> object:
        return preferences_body(preferences.wants_mail(user_id))

    return (
        ExportPart("mails", MailRecords(core.table, core.clock).exported),
        ExportPart("notificationSettings", settings),
    )


def _webhooks(core: Core, parts: Parts) -> tuple[Endpoints, Deliveries]:
    settings = core.section(NotificationsSettings)
    endpoints = Endpoints(
        core.table,
        core.data_keys,
        core.clock,
        core.ids,
        core.metrics,
        secrets.token_bytes,
        allow_private=settings.webhook_allow_private,
    )
    deliveries = Deliveries(
        core.table,
        endpoints,
        parts.replacement_or(Sender, lambda: _webhook_sender(core, settings)),
        core.clock,
        core.metrics,
        PageTokens(core.keyring.token_keys),
        core.jitter,
    )
    return endpoints, deliveries


def _mail(core: Core, parts: Parts) -> tuple[MailBox, MailSending]:
    settings = core.section(NotificationsSettings)

    def ses() -> SesSender:
        return SesSender.of(
            core.settings.core.aws_region,
            settings.ses_endpoint_url,
            settings.mail_from,
            settings.mail_configuration_set,
        )

    sending = MailSending(
        core.table,
        core.data_keys,
        MailLimits(core.table, core.keyring.peppers, core.clock),
        MailTexts(settings.app_url, settings.app_name),
        parts.replacement_or(MailSender, ses),
        core.clock,
        core.metrics,
        core.jitter,
    )
    return MailBox(core.table, core.data_keys, core.clock), sending


def _webhook_sender(core: Core, settings: NotificationsSettings) -> WebhookSender:
    resolve = socket.getaddrinfo
    allowed = resolve if settings.webhook_allow_private else public_only(resolve)
    network, seconds = Network(core.clock, allowed), settings.webhook_timeout_seconds
    return WebhookSender(network, core.tls, core.clock, seconds)


NOTIFICATIONS = Declaration(
    name="notifications",
    build=build,
    settings=NotificationsSettings,
    items=keys.ITEMS,
    due=keys.DUE,
)
