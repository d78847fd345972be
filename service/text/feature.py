"""Text by language models: a kind of work for `jobs`, and `POST /ai/generate`. Without a vendor of
text there is none of it."""

from functools import partial

from service.catalog.operations import Catalog
from service.core.threads import in_thread
from service.feature import Core, Declaration, Feature, Parts
from service.jobs.operations import Jobs
from service.jobs.work import Operations
from service.providers.generation import GenerationRequest, TextProvider, TextProviders
from service.results.operations import Results
from service.storage.cursor import PageTokens
from service.text.calling import Caller
from service.text.entities import TextBody
from service.text.history import History
from service.text.models import MODELS, TextModel
from service.text.operations import Text, TextLimits
from service.text.owners import Start
from service.text.routes import text_blueprint
from service.text.runs import Runs
from service.text.settings import TextSettings
from service.text.stored import Texts
from service.text.sweeps import Cancellations
from service.text.work import TextGeneration, text_form
from service.web.health import drain_check
from service.web.settings import WebSettings

CANCEL_SECONDS = 5.0
COUNT_SECONDS = 5.0
# What an ending process waits for its calls to be settled, within gunicorn's own limit.
CLOSING_SECONDS = 10.0


class Starter:
    """How a call gets a thread of its own: a type, so that a test can replace it."""

    def __init__(self, start: Start = in_thread) -> None:
        self.start = start


def build(core: Core, parts: Parts) -> Feature:
    providers = parts.get(TextProviders).by_name
    models = [model for model in MODELS.values() if model.provider in providers]
    if not models:
        return Feature()
    settings, runs = core.section(TextSettings), Runs()
    texts = Texts(parts.get(Results))
    callers = {
        model.name: _caller(core, parts, model, providers[model.provider], texts)
        for model in models
    }
    limits = TextLimits(
        settings.text_places, settings.user_text_places, settings.text_limit_seconds
    )
    jobs, operations = parts.get(Jobs), parts.get(Operations)
    starter = parts.replaced(Starter, Starter())
    default = _default_model(settings, models)
    text = Text(jobs, operations, callers, default, runs, core.clock, limits, starter.start)
    history = History(parts.get(Results), PageTokens(core.keyring.token_keys))
    return Feature(
        operations={Text: text, History: history, Runs: runs},
        blueprints=lambda: (text_blueprint(text, history, operations, core.clock),),
        web_sweeps=(_cancellations(core, jobs, runs),),
        closing=(partial(_close, runs),),
    )


def _caller(
    core: Core, parts: Parts, model: TextModel, provider: TextProvider, texts: Texts
) -> Caller:
    settings = core.section(TextSettings)

    def count_input(body: TextBody) -> int | None:
        until = core.clock.monotonic() + COUNT_SECONDS
        return provider.count_input(
            GenerationRequest("", model.model_id, body.messages, body.output_tokens, until)
        )

    work = TextGeneration(
        model,
        text_form(),
        parts.get(Catalog),
        texts,
        count_input,
        settings.text_limit_seconds,
        settings.text_grace_seconds,
    )
    parts.get(Operations).register_call(work)
    return Caller(work, provider, parts.get(Jobs), texts, core.clock)


def _default_model(settings: TextSettings, models: list[TextModel]) -> str:
    names = [model.name for model in models]
    return settings.text_default_model if settings.text_default_model in names else names[0]


def _cancellations(core: Core, jobs: Jobs, runs: Runs) -> Cancellations:
    return Cancellations(
        jobs,
        runs,
        core.clock,
        drain_check(core.section(WebSettings).drain_flag_path),
        core.section(TextSettings).text_drain_seconds,
        CANCEL_SECONDS,
    )


def _close(runs: Runs) -> None:
    runs.end_all()
    runs.wait_until_none(CLOSING_SECONDS)


TEXT = Declaration(name="text", build=build, settings=TextSettings)
