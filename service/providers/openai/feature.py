"""OpenAI as a vendor of text."""

from service.feature import Core, Declaration, Feature, Parts
from service.providers.api_key import ApiKey
from service.providers.generation import TextProviders
from service.providers.http import ProviderHttp
from service.providers.openai.client import ResponsesApi
from service.providers.openai.settings import OpenAiSettings
from service.providers.streams import Streams, Waits


def build(core: Core, parts: Parts) -> Feature:
    """The first of the vendors of text: those that follow add themselves."""
    return Feature(
        operations={TextProviders: parts.replacement_or(TextProviders, lambda: _all(core))}
    )


def _all(core: Core) -> TextProviders:
    return (
        TextProviders().adding(_openai(core))
        if _settings(core).openai_configured
        else TextProviders()
    )


def _settings(core: Core) -> OpenAiSettings:
    return core.section(OpenAiSettings)


def _openai(core: Core) -> ResponsesApi:
    settings = _settings(core)

    def read_key() -> str:
        if settings.openai_api_key_secret_name:
            return core.read_secret(settings.openai_api_key_secret_name)
        return settings.openai_api_key

    return ResponsesApi(
        name="openai",
        base_url=settings.openai_base_url,
        key=ApiKey(read_key, core.clock),
        streams=Streams(core.clock, core.tls),
        http=ProviderHttp(core.clock, core.tls),
        waits=Waits(settings.openai_first_byte_seconds, settings.openai_stall_seconds),
        count_seconds=settings.openai_count_seconds,
        clock=core.clock,
        metrics=core.metrics,
    )


OPENAI = Declaration(name="openai", build=build, settings=OpenAiSettings)
