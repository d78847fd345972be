"""Transcription: a kind of work for `jobs`, and its routes, where a vendor is configured."""

from service.catalog.operations import Catalog
from service.core.sweep import Background
from service.feature import Core, Declaration, Feature, Parts
from service.jobs.operations import Jobs
from service.jobs.work import Operations
from service.providers.assemblyai.settings import AssemblyAiSettings
from service.providers.base import TranscriptionProvider
from service.results.operations import Results
from service.transcription import keys
from service.transcription.checks import deletion_check
from service.transcription.deletions import Deletions
from service.transcription.operations import Transcriptions
from service.transcription.personal_data import TranscriptData
from service.transcription.routes import transcription_blueprint
from service.transcription.sweeps import DueDeletions
from service.transcription.work import Transcribing
from service.uploads.operations import Uploads


def build(core: Core, parts: Parts) -> Feature:
    settings = core.section(AssemblyAiSettings)
    checks = (deletion_check(core.keyring.mac_key),)
    if not settings.is_configured:
        return Feature(checks=checks)
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
    deletions = Deletions(
        core.table, jobs, results, vendor, core.clock, core.metrics, core.keyring.mac_key
    )
    transcriptions = Transcriptions(jobs, results, deletions)

    def sweeps(background: Background) -> tuple[DueDeletions]:
        return (DueDeletions(deletions, background.stopping),)

    return Feature(
        operations={Transcriptions: transcriptions, Deletions: deletions},
        blueprints=lambda: (transcription_blueprint(transcriptions, operations),),
        sweeps=sweeps,
        checks=checks,
        erasure=TranscriptData(core.table, jobs, vendor).steps,
    )


TRANSCRIPTION = Declaration(name="transcription", build=build, items=keys.ITEMS, due=keys.DUE)
