"""Catch-ups: a kind of work for `jobs`, and its route, where Twitch, a vendor of text and one of
transcripts are configured."""

from service.catalog.operations import Catalog
from service.catch_up.calling import Maker
from service.catch_up.operations import CatchUpLimits, CatchUps
from service.catch_up.recordings import Recordings, RecordingTimes
from service.catch_up.routes import catch_up_blueprint
from service.catch_up.settings import CatchUpSettings
from service.catch_up.stored import CatchUpResults
from service.catch_up.words import Library
from service.catch_up.work import CatchUp, catch_up_form
from service.core.threads import in_thread
from service.feature import Core, Declaration, Feature, Parts
from service.jobs.operations import Jobs
from service.jobs.work import Operations
from service.providers.assemblyai.settings import AssemblyAiSettings
from service.providers.base import BroadcastProvider, TranscriptionProvider
from service.providers.generation import TextProviders
from service.providers.twitch.settings import TwitchSettings
from service.results.operations import Results
from service.text.models import MODELS, TextModel
from service.text.owners import Start
from service.text.runs import Runs
from service.uploads.operations import Uploads


class Starter:
    """How a catch-up gets a thread of its own: a type, so that a test can replace it."""

    def __init__(self, start: Start = in_thread) -> None:
        self.start = start


def build(core: Core, parts: Parts) -> Feature:
    settings, providers = core.section(CatchUpSettings), parts.get(TextProviders).by_name
    model = _model(settings, frozenset(providers))
    has_words = core.section(AssemblyAiSettings).is_configured
    if model is None or not has_words or not core.section(TwitchSettings).is_configured:
        return Feature()
    jobs, operations, runs = parts.get(Jobs), parts.get(Operations), parts.get(Runs)
    results = CatchUpResults(parts.get(Results))
    recordings = Recordings(
        parts.get(TranscriptionProvider),
        parts.get(Uploads),
        lambda job: jobs.callback_url(job, parts.get(TranscriptionProvider).name),
        core.clock,
        RecordingTimes(core.section(AssemblyAiSettings).assemblyai_create_seconds),
    )
    form = catch_up_form(Library(jobs, parts.get(Results)), recordings)
    work = CatchUp(
        model,
        form,
        parts.get(Catalog),
        results,
        settings.catch_up_limit_seconds,
        settings.catch_up_grace_seconds,
        core.section(AssemblyAiSettings).assemblyai_speech_model,
    )
    operations.register_call(work)
    vendor = providers[model.provider]
    maker = Maker(work, parts.get(BroadcastProvider), vendor, jobs, results, recordings, core.clock)
    limits = CatchUpLimits(
        settings.catch_up_places, settings.user_catch_up_places, settings.catch_up_limit_seconds
    )
    start = parts.replaced(Starter, Starter()).start
    catch_ups = CatchUps(jobs, operations, maker, runs, core.clock, limits, start)
    return Feature(
        operations={CatchUps: catch_ups},
        blueprints=lambda: (catch_up_blueprint(catch_ups, form, operations),),
    )


def _model(settings: CatchUpSettings, providers: frozenset[str]) -> TextModel | None:
    """The one that is set, or else the first whose vendor is configured."""
    offered = [MODELS[settings.catch_up_model], *MODELS.values()]
    return next((model for model in offered if model.provider in providers), None)


CATCH_UP = Declaration(name="catch_up", build=build, settings=CatchUpSettings)
