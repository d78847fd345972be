"""Transcription: a kind of work for `jobs`, and its routes, where a vendor is configured."""

from service.catalog.operations import Catalog
from service.feature import Core, Declaration, Feature, Parts
from service.jobs.operations import Jobs
from service.jobs.work import Operations
from service.providers.assemblyai.settings import AssemblyAiSettings
from service.providers.base import TranscriptionProvider
from service.results.operations import Results
from service.transcription.operations import Transcriptions
from service.transcription.personal_data import TranscriptData
from service.transcription.routes import transcription_blueprint
from service.transcription.work import Transcribing
from service.uploads.operations import Uploads


def build(core: Core, parts: Parts) -> Feature:
    settings = core.section(AssemblyAiSettings)
    if not settings.is_configured:
        return Feature()
    operations, results = parts.get(Operations), parts.get(Results)
    vendor, jobs = parts.get(TranscriptionProvider), parts.get(Jobs)
    operations.register(
        Transcribing(
            parts.get(Catalog),
            vendor,
            results,
            parts.get(Uploads),
            settings.assemblyai_create_seconds,
            settings.assemblyai_speech_model,
        )
    )
    transcriptions = Transcriptions(jobs, results)
    return Feature(
        operations={Transcriptions: transcriptions},
        blueprints=lambda: (transcription_blueprint(transcriptions, operations),),
        erasure=TranscriptData(jobs, vendor).steps,
    )


TRANSCRIPTION = Declaration(name="transcription", build=build)
