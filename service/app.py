"""The composition root: settings become parts, parts become a Flask application. Nothing else wires
anything."""

import random
import sys
from dataclasses import dataclass

import requests
from flask import Flask

from service.audit.daily import AuditRecords, DailyAudit
from service.audit.operations import Auditor
from service.catalog.entities import IMAGE_TO_VIDEO
from service.catalog.operations import Catalog
from service.catalog.routes import catalog_blueprint
from service.catalog.store import read_prompts
from service.core.clock import Clock, SystemClock
from service.core.ids import RandomIds
from service.core.keyring import Keyring, read_keyring
from service.core.metrics import EmbeddedMetrics, Metrics, NoMetrics
from service.core.rate_limits import Window
from service.core.token_cipher import TokenCipher
from service.identity.enforcement import enforce
from service.identity.entities import SIGN_IN_ERRORS
from service.identity.google import GoogleTokens
from service.identity.operations import Identity
from service.jobs.entities import Times
from service.jobs.holds import Holds
from service.jobs.operations import JobLimits, Jobs
from service.jobs.routes import jobs_blueprint
from service.jobs.settlement import Settlement
from service.ledger.operations import Ledger
from service.ledger.routes import ledger_blueprint
from service.ledger.wallet_locks import WalletLocks
from service.providers.base import Provider
from service.providers.http import ProviderHttp
from service.providers.kling.client import Kling, KlingDefaults
from service.providers.kling.credentials import KlingCredentials, KlingKeys, parse_kling_keys
from service.repair.account_records import RepairContext
from service.repair.operations import Repair
from service.settings import Settings
from service.storage.objects import Objects
from service.storage.secrets import SecretsManager
from service.storage.table import Table, connect
from service.users.operations import Users
from service.web.cors import allow_origins
from service.web.docs import docs_blueprint
from service.web.errors import register_errors
from service.web.health import health_blueprint
from service.web.openapi import About, build_document, openapi_blueprint
from service.web.openapi_errors import SharedErrors
from service.web.request_log import log_requests

VERSION = "0.1.0"
CALLBACKS_PER_WINDOW = 6
CALLBACK_WINDOW_SECONDS = 10.0


@dataclass(frozen=True)
class Parts:
    """Everything that the process entries use."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    table: Table
    ledger: Ledger
    catalog: Catalog
    provider: Provider
    settlement: Settlement
    jobs: Jobs
    identity: Identity
    admin: Auditor
    repair: Repair


def build(settings: Settings, service: str, clock: Clock | None = None) -> Parts:
    """Wires the parts of one process. Raises `SettingsError` or `SecretUnavailable` when our own
    keys cannot be had."""
    clock = clock or SystemClock()
    metrics = _metrics(settings, clock, service)
    secrets = SecretsManager.connect(settings.aws_region)
    keyring = read_keyring(settings, secrets.read)
    table = _table(settings)
    ledger = _ledger(settings, table, clock, metrics, keyring)
    users = Users(
        table, ledger, metrics, keyring.peppers, settings.max_users, settings.welcome_credits
    )
    catalog = Catalog(read_prompts(), {IMAGE_TO_VIDEO: settings.video_price_credits})
    provider = _kling(settings, secrets, clock, metrics)
    times = job_times(settings)
    settlement = Settlement(
        table, ledger, provider, clock, metrics, times, plain_links=not settings.production
    )
    jobs = Jobs(
        table=table,
        ledger=ledger,
        users=users,
        holds=Holds(table, ledger, users, clock, RandomIds(), times),
        catalog=catalog,
        provider=provider,
        settlement=settlement,
        token_cipher=TokenCipher(keyring.token_keys),
        clock=clock,
        metrics=metrics,
        limits=JobLimits(settings.kling_create_seconds, settings.long_poll_limit),
        public_url=settings.public_url,
    )
    return Parts(
        settings=settings,
        clock=clock,
        metrics=metrics,
        table=table,
        ledger=ledger,
        catalog=catalog,
        provider=provider,
        settlement=settlement,
        jobs=jobs,
        identity=_identity(settings, clock),
        admin=Auditor(table, clock, metrics, keyring.mac_key),
        repair=_repair(settings, table, ledger, clock, keyring),
    )


def daily_audit(parts: Parts, bucket: str, prefix: str) -> DailyAudit:
    """The audit that keeps a record of each day there."""
    records = AuditRecords(Objects.connect(parts.settings.aws_region, bucket), prefix)
    return DailyAudit(parts.admin, records, parts.clock, RandomIds())


def create_app(parts: Parts) -> Flask:
    """The web application over those parts."""
    settings = parts.settings
    app = Flask("farebox", static_folder=None)
    app.register_blueprint(
        jobs_blueprint(parts.jobs, parts.provider, _callback_window(parts.clock))
    )
    app.register_blueprint(ledger_blueprint(parts.ledger))
    app.register_blueprint(catalog_blueprint(parts.catalog))
    app.register_blueprint(
        health_blueprint(parts.table.ready, settings.drain_flag_path, parts.clock)
    )
    log_requests(app, parts.clock, parts.metrics, production=settings.production)
    register_errors(app, parts.metrics)
    enforce(app, parts.identity)
    allow_origins(app, settings.cors_allowed_origins)
    about = About(version=VERSION, public_url=settings.public_url)
    document = build_document(app, about, SharedErrors(signed_in=SIGN_IN_ERRORS))
    app.register_blueprint(openapi_blueprint(document))
    app.register_blueprint(docs_blueprint(document))
    return app


def job_times(settings: Settings) -> Times:
    """The protocol's times in milliseconds. Where Kling calls back, looking by ourselves can be
    rarer."""
    patience = 2 if settings.public_url else 1
    return Times(
        submit=_milliseconds(settings.submit_seconds),
        quarantine=_milliseconds(settings.quarantine_seconds),
        not_found_gap=_milliseconds(settings.not_found_gap_seconds),
        hard_limit=_milliseconds(settings.hard_limit_seconds),
        watch=_milliseconds(settings.watch_seconds),
        poll_min=_milliseconds(
            settings.poll_max_seconds if settings.public_url else settings.poll_min_seconds
        ),
        poll_max=_milliseconds(settings.poll_max_seconds * patience),
        watch_poll=_milliseconds(settings.watch_poll_seconds),
    )


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _metrics(settings: Settings, clock: Clock, service: str) -> Metrics:
    if settings.log_format == "pretty":
        return NoMetrics()
    out = sys.stderr if service == "cli" else sys.stdout
    return EmbeddedMetrics(out, clock, settings.stage, service)


def _table(settings: Settings) -> Table:
    client = connect(
        settings.aws_region,
        settings.dynamodb_endpoint_url,
        settings.dynamodb_connect_timeout_seconds,
        settings.dynamodb_read_timeout_seconds,
        connections=max(settings.web_threads, settings.worker_threads) + 2,
    )
    return Table(client, settings.dynamodb_table_name)


def _ledger(
    settings: Settings, table: Table, clock: Clock, metrics: Metrics, keyring: Keyring
) -> Ledger:
    return Ledger(
        table=table,
        clock=clock,
        metrics=metrics,
        wallet_locks=WalletLocks(max_waiting=settings.web_threads),
        mac_key=keyring.mac_key,
        deadline_seconds=settings.transaction_deadline_seconds,
        jitter=random.random,
    )


def _repair(
    settings: Settings, table: Table, ledger: Ledger, clock: Clock, keyring: Keyring
) -> Repair:
    context = RepairContext(
        keyring.mac_key, keyring.peppers, job_times(settings), settings.welcome_credits
    )
    return Repair(table, ledger, clock, context)


def _kling(settings: Settings, secrets: SecretsManager, clock: Clock, metrics: Metrics) -> Kling:
    def read() -> KlingKeys:
        if settings.kling_api_key_secret_name:
            return parse_kling_keys(secrets.read(settings.kling_api_key_secret_name))
        return KlingKeys(
            api_key=settings.kling_api_key,
            access_key=settings.kling_access_key,
            secret_key=settings.kling_secret_key,
            callback_secret=settings.kling_callback_secret,
        )

    credentials = KlingCredentials(read, clock)
    return Kling(
        http=ProviderHttp(clock),
        credentials=credentials,
        clock=clock,
        metrics=metrics,
        base_url=settings.kling_base_url,
        defaults=KlingDefaults(
            settings.kling_model_name, settings.kling_mode, settings.kling_duration
        ),
        query_seconds=settings.kling_query_seconds,
        callback_secret=credentials.callback_secret,
    )


def _identity(settings: Settings, clock: Clock) -> Identity:
    session = requests.Session()
    session.trust_env = False
    tokens = GoogleTokens(session, settings.google_certs_url, settings.google_client_ids, clock)
    return Identity(tokens, trust_bare_google_id=settings.trust_bare_google_id)


def _callback_window(clock: Clock) -> Window:
    return Window(CALLBACKS_PER_WINDOW, CALLBACK_WINDOW_SECONDS, clock)
