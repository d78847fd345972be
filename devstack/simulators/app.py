"""Composes the simulators: `build` creates the parts, `create_app` the Flask application."""

import logging
from dataclasses import dataclass
from functools import partial

from flask import Flask
from flask_cors import CORS
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from devstack.simulators.assemblyai.routes import AssemblyAi
from devstack.simulators.assemblyai.routes import Webhooks as TranscriptWebhooks
from devstack.simulators.assemblyai.sessions import LiveSessions
from devstack.simulators.assemblyai.transcripts import Transcripts
from devstack.simulators.background import Background
from devstack.simulators.bedrock.routes import Bedrock
from devstack.simulators.cognito import Cognito, Hook
from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.control import Control, ControlError
from devstack.simulators.delivery import Deliverer
from devstack.simulators.fault_injector import FaultInjector
from devstack.simulators.faults import FaultBoard
from devstack.simulators.google import Google, KeyRing
from devstack.simulators.journal import Journal
from devstack.simulators.kling.access import Access
from devstack.simulators.kling.callbacks import Callbacks
from devstack.simulators.kling.routes import Kling
from devstack.simulators.kling.task_store import TaskStore
from devstack.simulators.language.scripts import Script
from devstack.simulators.language.streaming import Pace
from devstack.simulators.openai.routes import OpenAi
from devstack.simulators.s3.routes import S3
from devstack.simulators.s3.signatures import Keys
from devstack.simulators.ses.routes import Ses
from devstack.simulators.start.routes import start_blueprint
from devstack.simulators.stripe.routes import StripeRoutes, WebhookSender
from devstack.simulators.stripe.seeds import price_ids, read_plans, seed
from devstack.simulators.stripe.simulator import StripeSimulator
from devstack.simulators.stripe.webhooks import Endpoint
from devstack.simulators.time_scale import TimeScale
from devstack.simulators.twitch.access import Bucket, Tokens
from devstack.simulators.twitch.channels import Channels
from devstack.simulators.twitch.routes import Twitch
from devstack.simulators.webhooks import Webhooks
from devstack.simulators.wire import json_response
from service.core.clock import Clock

BEDROCK_OPENAI = "bedrock-openai"
MAX_BODY_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Simulators:
    """All parts of one simulator process."""

    control: Control
    kling: Kling
    assemblyai: AssemblyAi
    google: Google
    cognito: Cognito
    s3: S3
    ses: Ses
    openai: OpenAi
    bedrock: Bedrock
    bedrock_openai: OpenAi
    stripe: StripeRoutes
    twitch: Twitch
    webhooks: Webhooks
    faults: FaultBoard
    background: Background
    deliverer: Deliverer

    def start(self) -> None:
        """Starts the threads for simulated time and for callbacks."""
        self.background.start()
        self.deliverer.start()

    def stop(self) -> None:
        """Ends those threads within a second; pending work is dropped."""
        self.background.stop()
        self.deliverer.stop()


def build(settings: SimulatorSettings, clock: Clock, logger: logging.Logger) -> Simulators:
    """Creates and connects the parts without starting them."""
    journal, speed = Journal(clock), TimeScale(clock)
    vendors = (Kling, AssemblyAi, Bedrock, Google, Cognito, S3, Ses, StripeRoutes)
    known = {vendor.name: vendor.faults for vendor in (*vendors, Twitch, Webhooks)}
    speak_openai = dict.fromkeys(("openai", BEDROCK_OPENAI), OpenAi.faults)
    faults = FaultBoard(known | speak_openai)
    background = Background(clock, logger)
    deliverer = Deliverer(journal, background, logger)
    injector = FaultInjector(faults, journal, background, clock)
    callbacks = Callbacks(settings, clock, faults, deliverer, background)
    task_store = TaskStore(settings, clock, speed, callbacks.changed)
    background.every_tick(task_store.catch_up)
    hooks = TranscriptWebhooks(faults, deliverer, background, settings.callback_address)
    transcripts = _transcripts(settings, clock, speed, hooks)
    background.every_tick(transcripts.catch_up)
    sender = WebhookSender(faults, deliverer, background, settings.callback_address, clock)
    stripe = _stripe(settings, clock, sender)
    background.every_tick(stripe.catch_up)
    usual = Script(settings.text_tokens, seconds_per_token=settings.text_seconds_per_token)
    pace = Pace(clock, speed)
    return Simulators(
        control=Control(faults, journal, speed),
        kling=Kling(injector, task_store, Access(settings), clock, settings.address),
        assemblyai=AssemblyAi(
            injector,
            transcripts,
            LiveSessions(clock),
            settings.assemblyai_api_key,
            settings.address,
            settings.callback_address,
        ),
        google=Google(injector, KeyRing(), clock, settings.google_client_id),
        cognito=_cognito(settings, injector, clock),
        s3=S3(injector, clock, Keys(settings.s3_access_key, settings.s3_secret_key)),
        ses=Ses(injector, clock),
        openai=OpenAi(injector, pace, clock, settings.openai_api_key, usual),
        bedrock=Bedrock(injector, pace, clock, settings.bedrock_keys, usual),
        bedrock_openai=OpenAi(
            injector, pace, clock, settings.bedrock_api_key, usual, BEDROCK_OPENAI
        ),
        stripe=StripeRoutes(injector, stripe),
        twitch=_twitch(settings, injector, clock),
        webhooks=Webhooks(injector, clock),
        faults=faults,
        background=background,
        deliverer=deliverer,
    )


def _transcripts(
    settings: SimulatorSettings, clock: Clock, speed: TimeScale, hooks: TranscriptWebhooks
) -> Transcripts:
    transcripts = Transcripts(
        clock, speed, settings.transcript_seconds, settings.assemblyai_concurrency, hooks.send
    )
    hooks.ended = transcripts.webhook_ended
    return transcripts


def _cognito(settings: SimulatorSettings, injector: FaultInjector, clock: Clock) -> Cognito:
    url = settings.callback_address(f"{settings.app_url}/hooks/cognito/post-confirmation")
    hook = Hook(url, settings.cognito_hook_secret)
    pool, client = settings.cognito_user_pool_id, settings.cognito_client_id
    return Cognito(injector, KeyRing(), clock, pool, client, hook)


def _twitch(settings: SimulatorSettings, injector: FaultInjector, clock: Clock) -> Twitch:
    tokens = Tokens(
        clock,
        settings.twitch_client_id,
        settings.twitch_client_secret,
        settings.twitch_token_seconds,
    )
    return Twitch(injector, tokens, Bucket(clock, settings.twitch_points), Channels(clock))


def _stripe(settings: SimulatorSettings, clock: Clock, sender: WebhookSender) -> StripeSimulator:
    secrets = _listed(settings.stripe_webhook_secrets)
    url = settings.stripe_webhook_url or f"{settings.app_url.rstrip('/')}/stripe/webhook"
    return StripeSimulator(
        clock,
        f"{settings.address}/stripe",
        keys=_listed(settings.stripe_keys),
        endpoints=(Endpoint(url, secrets),) if secrets else (),
        post=sender.post,
        seed=partial(seed, plans=read_plans(), prices=price_ids(settings.stripe_plan_prices)),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def create_app(settings: SimulatorSettings, clock: Clock) -> Flask:
    """Creates the application and starts its threads. `app.extensions["simulators"]` holds the
    parts; its `stop()` ends the threads.

    Every error is JSON: `{"error": …}`, or the vendor's own format below the vendor's prefix.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    # A front end in development gets its tokens from here, on whatever port its tools listen.
    CORS(app, origins="*", send_wildcard=True, expose_headers=["ETag", "x-amz-version-id"])
    simulators = build(settings, clock, app.logger)
    app.register_blueprint(start_blueprint(settings.address, settings.app_url))
    app.register_blueprint(simulators.control.blueprint())
    app.register_blueprint(simulators.kling.blueprint(), url_prefix="/kling")
    app.register_blueprint(simulators.assemblyai.blueprint(), url_prefix="/assemblyai")
    app.register_blueprint(simulators.google.blueprint(), url_prefix="/google")
    app.register_blueprint(simulators.cognito.blueprint(), url_prefix="/cognito")
    app.register_blueprint(simulators.s3.blueprint(), url_prefix="/s3")
    app.register_blueprint(simulators.ses.blueprint(), url_prefix="/ses")
    app.register_blueprint(simulators.openai.blueprint(), url_prefix="/openai")
    app.register_blueprint(simulators.bedrock.blueprint(), url_prefix="/bedrock")
    app.register_blueprint(simulators.bedrock_openai.blueprint(), url_prefix="/bedrock/openai")
    app.register_blueprint(simulators.stripe.blueprint(), url_prefix="/stripe")
    app.register_blueprint(simulators.twitch.blueprint(), url_prefix="/twitch")
    _register_error_handlers(app)
    app.register_blueprint(simulators.webhooks.blueprint(), url_prefix="/webhooks")
    app.extensions["simulators"] = simulators
    simulators.start()
    return app


def _register_error_handlers(app: Flask) -> None:
    def control_error(error: ControlError) -> Response:
        return error.response()

    def http_error(error: HTTPException) -> Response:
        return json_response({"error": error.name}, error.code or 500)

    def unexpected(error: Exception) -> Response:
        app.logger.exception("a simulator failed", exc_info=error)
        return json_response({"error": "The simulator failed; its log says why"}, 500)

    app.register_error_handler(ControlError, control_error)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, unexpected)
