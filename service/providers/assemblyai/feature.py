"""AssemblyAI as a provider of transcripts, where a key is configured."""

from functools import partial

from service.core.token_cipher import TokenCipher
from service.feature import Core, Declaration, Feature, Parts
from service.providers.assemblyai.client import MAX_RECEIVED_BYTES, AssemblyAi, AssemblyAiCalls
from service.providers.assemblyai.credentials import (
    AssemblyAiCredentials,
    AssemblyAiKeys,
    parse_assemblyai_keys,
)
from service.providers.assemblyai.settings import AssemblyAiSettings
from service.providers.assemblyai.streaming import AssemblyAiSpeech
from service.providers.assemblyai.tokens import AssemblyAiTokens
from service.providers.base import TranscriptionProvider
from service.providers.http import ProviderHttp
from service.providers.speech import SpeechProvider, SpeechTokens


def build(core: Core, parts: Parts) -> Feature:
    if not core.section(AssemblyAiSettings).is_configured:
        return Feature()
    credentials = AssemblyAiCredentials(partial(_read_keys, core), core.clock)
    provider = parts.replacement_or(TranscriptionProvider, lambda: _assemblyai(core, credentials))
    speech = parts.replacement_or(SpeechProvider, lambda: _speech(core, credentials))
    tokens = parts.replacement_or(SpeechTokens, lambda: _tokens(core, credentials))
    return Feature(
        operations={
            TranscriptionProvider: provider,
            SpeechProvider: speech,
            SpeechTokens: tokens,
        }
    )


def _read_keys(core: Core) -> AssemblyAiKeys:
    settings = core.section(AssemblyAiSettings)
    if settings.assemblyai_api_key_secret_name:
        return parse_assemblyai_keys(core.read_secret(settings.assemblyai_api_key_secret_name))
    return AssemblyAiKeys(settings.assemblyai_api_key, settings.assemblyai_callback_secret)


def _speech(core: Core, credentials: AssemblyAiCredentials) -> AssemblyAiSpeech:
    url = core.section(AssemblyAiSettings).assemblyai_streaming_url
    return AssemblyAiSpeech(url, credentials, core.metrics, core.tls)


def _tokens(core: Core, credentials: AssemblyAiCredentials) -> AssemblyAiTokens:
    url = core.section(AssemblyAiSettings).assemblyai_streaming_url
    http = ProviderHttp(core.clock, core.tls)
    return AssemblyAiTokens(url, http, credentials, core.clock, core.metrics)


def _assemblyai(core: Core, credentials: AssemblyAiCredentials) -> AssemblyAi:
    settings = core.section(AssemblyAiSettings)
    cipher = TokenCipher(core.keyring.token_keys)

    def job_of(callback_url: str) -> str | None:
        """The job whose callback has that address (`Jobs` makes it)."""
        names = cipher.open(callback_url.rpartition("/")[2])
        return names[1] if names and len(names) == 2 else None

    return AssemblyAi(
        ProviderHttp(core.clock, core.tls, MAX_RECEIVED_BYTES),
        credentials,
        core.clock,
        core.metrics,
        AssemblyAiCalls(
            settings.assemblyai_base_url,
            settings.assemblyai_speech_model,
            settings.assemblyai_query_seconds,
        ),
        job_of,
    )


ASSEMBLYAI = Declaration(name="assemblyai", build=build, settings=AssemblyAiSettings)
