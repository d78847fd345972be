"""The composition root: settings become the core, the core and the ordered list of features become
the parts of a process, and the parts a Flask application. Nothing else wires anything."""

import random
import ssl
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

from flask import Flask

from service.accounts.feature import ACCOUNTS
from service.admin.feature import ADMIN
from service.analytics.feature import ANALYTICS
from service.audit.feature import AUDIT
from service.billing.feature import BILLING
from service.bulk_grants.feature import BULK_GRANTS
from service.catalog.feature import CATALOG
from service.catch_up.feature import CATCH_UP
from service.compatible.feature import COMPATIBLE
from service.core.clock import Clock, SystemClock
from service.core.ids import RandomIds
from service.core.keyring import Keyring, read_keyring
from service.core.metrics import EmbeddedMetrics, Metrics, NoMetrics
from service.core.settings import CoreSettings, Section
from service.encryption.feature import ENCRYPTION
from service.entitlements.feature import ENTITLEMENTS
from service.erasure.feature import ERASURE
from service.feature import Core, Declaration, Parts, key_registry
from service.finance.feature import FINANCE
from service.identity.entities import (
    MINTED_ERRORS,
    OPERATOR_ERRORS,
    SERVER_ERRORS,
    SIGN_IN_ERRORS,
    SignInTooOld,
)
from service.identity.feature import IDENTITY
from service.jobs.feature import JOBS
from service.jobs.settings import JobsSettings
from service.ledger.entities import AccessTokenRevoked, AccountClosed, AccountDisabled
from service.ledger.feature import LEDGER
from service.live.feature import LIVE
from service.notifications.feature import NOTIFICATIONS
from service.outbound.trust import public_roots
from service.passkeys.entities import PasskeysDamaged, SecondFactorRequired
from service.passkeys.feature import PASSKEYS
from service.passwords.feature import PASSWORDS
from service.promo_codes.feature import PROMO_CODES
from service.providers.assemblyai.feature import ASSEMBLYAI
from service.providers.bedrock.feature import BEDROCK
from service.providers.kling.feature import KLING
from service.providers.openai.feature import OPENAI
from service.providers.twitch.feature import TWITCH
from service.repair.feature import REPAIR
from service.results.feature import RESULTS
from service.server_keys.feature import SERVER_KEYS
from service.sessions.feature import SESSIONS
from service.settings import Settings, declared, read_settings
from service.storage.data_keys import DataKeys
from service.storage.dynamodb import connect
from service.storage.kms import KmsWrapping
from service.storage.objects import Objects
from service.storage.secrets import SecretsManager, SecretUnavailable
from service.storage.settings import StorageSettings
from service.storage.table import StorageUnavailable, Table
from service.storage.wrapping import LocalWrapping
from service.text.feature import TEXT
from service.transcription.feature import TRANSCRIPTION
from service.uploads.feature import UPLOADS
from service.users.feature import USERS
from service.videos.feature import VIDEOS
from service.web.allowed_methods import ServiceFlask
from service.web.cors import allow_origins
from service.web.docs.operators_page import operators_page_blueprint
from service.web.docs.routes import docs_blueprint
from service.web.errors import register_errors
from service.web.health import health_blueprint
from service.web.openapi.document import About, build_document, openapi_blueprint
from service.web.openapi.errors import SharedErrors
from service.web.request_log import log_requests
from service.web.root import origins_of_start_page, root_blueprint
from service.web.settings import WebSettings

VERSION = "0.1.0"
# The name under which the application keeps what builds its document.
DOCUMENT = "openapi-document"
SHARED_ERRORS = SharedErrors(
    signed_in=(
        *(*SIGN_IN_ERRORS, AccountClosed, AccountDisabled, AccessTokenRevoked),
        *MINTED_ERRORS,
        StorageUnavailable,
    ),
    server=(*SIGN_IN_ERRORS, *SERVER_ERRORS, StorageUnavailable),
    operator=(*SIGN_IN_ERRORS, *OPERATOR_ERRORS, SecretUnavailable, StorageUnavailable),
    fresh=(SignInTooOld,),
    second_factor=(SecondFactorRequired, PasskeysDamaged),
)

# In the order in which they are built: each may use what those before it publish.
FEATURES: tuple[Declaration, ...] = (
    ENCRYPTION,
    RESULTS,
    LEDGER,
    CATALOG,
    PASSKEYS,
    SERVER_KEYS,
    IDENTITY,
    KLING,
    OPENAI,
    ASSEMBLYAI,
    BEDROCK,
    TWITCH,
    USERS,
    UPLOADS,
    PROMO_CODES,
    BULK_GRANTS,
    NOTIFICATIONS,
    ENTITLEMENTS,
    SESSIONS,
    ERASURE,
    PASSWORDS,
    ACCOUNTS,
    BILLING,
    JOBS,
    VIDEOS,
    TRANSCRIPTION,
    LIVE,
    TEXT,
    COMPATIBLE,
    CATCH_UP,
    ANALYTICS,
    AUDIT,
    FINANCE,
    REPAIR,
    ADMIN,
)
# At 4 ms and 1 ms of CPU a call, a core is busy with five.
TABLE_CALLS = 32
_CORE_SECTIONS = (CoreSettings, WebSettings, StorageSettings)
# One sentence for each group of routes, in the order in which the documentation shows them.
TAGS = {
    "auth": "Sign in with Google or Cognito once; from then on, renew access here.",
    "videos": "Turn an image into a short video: one paid job for each request.",
    "upload": "Send a file for paid work: first get a form, then post the file with it.",
    "uploads": "Files that have been sent: what was found in them.",
    "transcriptions": "Turn a recording into text, captions and words with their times.",
    "ai": "Have texts written, all at once or as a stream, and find them again.",
    "v1": "OpenAI's own routes: any client of theirs writes texts here.",
    "jobs": "Follow paid work from its hold to its result, and list what you have requested.",
    "credits": "What you can spend, what is held for open jobs, and where it came from.",
    "stripe": "Buy credits and subscriptions through Stripe, and follow what you have bought.",
    "me": "Your account: what belongs to it, a copy of all of it, and its erasure.",
    "webhooks": "The other address of Stripe's events.",
    "subscription": "What is sold as a subscription, and the one that you have.",
    "prompts": "The prompts that a video can be made with.",
    "admin": "For operators: put things right, with a reason for each action in a log that cannot "
    "be changed unnoticed.",
    ".well-known": "For back ends that verify our access tokens themselves.",
    "health": "Probes for balancers and monitoring. No sign-in.",
    "hooks": "For the house's own Cognito user pool: it reports here whom it has confirmed.",
    "callbacks": "For providers only: they report here that a job has moved on.",
}


def sections(features: Iterable[Declaration] = FEATURES) -> tuple[type[Section], ...]:
    """Every section of settings, the core's first."""
    return (*_CORE_SECTIONS, *(each.settings for each in features if each.settings))


def setting_names() -> set[str]:
    """The environment variables that the service reads."""
    return {each.name.upper() for each in declared(sections())}


def load_settings(
    environment: Mapping[str, str] | None = None, features: Iterable[Declaration] = FEATURES
) -> Settings:
    """The settings of this process, or of another environment. Raises `SettingsError`."""
    return read_settings(sections(features), environment)


def build(
    settings: Settings,
    service: str,
    clock: Clock | None = None,
    features: Sequence[Declaration] = FEATURES,
) -> Parts:
    """Wires the parts of one process. Raises `SettingsError` or `SecretUnavailable` when our own
    keys cannot be read."""
    return assemble(build_core(settings, service, clock or SystemClock(), features), features)


def build_core(
    settings: Settings, service: str, clock: Clock, features: Iterable[Declaration]
) -> Core:
    region = settings.core.aws_region
    secrets = SecretsManager.connect(region)
    tls = public_roots()
    keyring, table = read_keyring(settings.core, secrets.read), _table(settings, tls)
    return Core(
        settings=settings,
        clock=clock,
        ids=RandomIds(),
        jitter=random.random,
        metrics=_metrics(settings, clock, service),
        table=table,
        tls=tls,
        data_keys=_data_keys(settings, table, keyring, clock),
        keyring=keyring,
        read_secret=secrets.read,
        open_bucket=partial(Objects.connect, region),
        keys=key_registry(features),
    )


def assemble(
    core: Core,
    features: Iterable[Declaration] = FEATURES,
    replacements: Mapping[type[Any], object] | None = None,
) -> Parts:
    """The parts of a process over that core, in order. `replacements` take the place of what a
    feature publishes under the same type."""
    parts = Parts(core, replacements)
    for feature in features:
        parts.add(feature.name, feature.build(core, parts))
    return parts


def create_app(parts: Parts) -> Flask:
    """The web application over those parts. Its OpenAPI document is built when it is first read, or
    by `prepare_document`."""
    core, settings = parts.core, parts.core.settings
    web = settings.section(WebSettings)
    app = ServiceFlask("farebox", static_folder=None)
    for feature in parts.features.values():
        for blueprint in feature.blueprints():
            app.register_blueprint(blueprint)
    app.register_blueprint(health_blueprint(core.table.ready, web.drain_flag_path, core.clock))
    log_requests(app, core.clock, core.metrics, production=settings.production)
    shapes = tuple(each for one in parts.features.values() for each in one.error_shapes)
    register_errors(app, core.metrics, shapes)
    for feature in parts.features.values():
        for hook in feature.hooks:
            hook(app)
    start_url = _local(settings, web.local_start_url)
    origins = (*web.cors_allowed_origins, *origins_of_start_page(start_url))
    allow_origins(app, origins, web.cors_allowed_headers, core.clock)
    about = About(version=VERSION, public_url=settings.core.public_url, tags=TAGS)
    shared = replace(SHARED_ERRORS, shapes=shapes)
    document = cache(partial(build_document, app, about, shared))
    app.extensions[DOCUMENT] = document
    app.register_blueprint(openapi_blueprint(document))
    app.register_blueprint(docs_blueprint(document, _local(settings, web.local_token_url)))
    app.register_blueprint(operators_page_blueprint(_local(settings, web.local_token_url)))
    app.register_blueprint(root_blueprint(start_url))
    return app


def prepare_document(app: Flask) -> None:
    """Builds the OpenAPI document now: it takes 0.1 s of CPU, for which every request of a serving
    process would wait. Raises what `build_document` does."""
    app.extensions[DOCUMENT]()


def _local(settings: Settings, url: str) -> str:
    """Returns that address of the local stack; empty for every stage but dev, whatever the
    setting."""
    return url if settings.core.stage == "dev" else ""


def _metrics(settings: Settings, clock: Clock, service: str) -> Metrics:
    if settings.core.log_format == "pretty":
        return NoMetrics()
    out = sys.stderr if service == "cli" else sys.stdout
    return EmbeddedMetrics(out, clock, settings.core.stage, service)


def _table(settings: Settings, tls: ssl.SSLContext) -> Table:
    storage = settings.section(StorageSettings)
    calls = max(TABLE_CALLS, settings.section(JobsSettings).worker_threads + 2)
    client = connect(
        settings.core.aws_region,
        storage.dynamodb_endpoint_url,
        storage.dynamodb_connect_timeout_seconds,
        storage.dynamodb_read_timeout_seconds,
        connections=calls,
        tls=tls,
    )
    return Table(client, storage.dynamodb_table_name, calls)


def _data_keys(settings: Settings, table: Table, keyring: Keyring, clock: Clock) -> DataKeys:
    """KMS wraps data keys where it is configured; what our own key wrapped before stays readable
    outside production."""
    storage, local = settings.section(StorageSettings), LocalWrapping(keyring.mac_key)
    if not storage.kms_key_id:
        return DataKeys(table, storage.sealed_name, local, clock)
    kms = KmsWrapping.connect(settings.core.aws_region, storage.kms_key_id)
    older = () if settings.production else (local,)
    return DataKeys(table, storage.sealed_name, kms, clock, older)
