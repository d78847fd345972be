"""Bedrock as a vendor of text: `bedrock` speaks Converse, `bedrock-openai` the Responses API for
the models of OpenAI there."""

from service.feature import Core, Declaration, Feature, Parts
from service.providers.api_key import ApiKey
from service.providers.bedrock.client import Converse, Guardrail
from service.providers.bedrock.settings import BedrockSettings
from service.providers.bedrock.signing import BedrockSigner
from service.providers.generation import TextProviders
from service.providers.http import ProviderHttp
from service.providers.openai.client import ResponsesApi
from service.providers.streams import Streams, Waits
from service.storage.credentials import task_credentials


def build(core: Core, parts: Parts) -> Feature:
    """Adds itself to the vendors of text before it."""
    providers, settings = parts.get(TextProviders), core.section(BedrockSettings)
    if settings.bedrock_region:
        providers = providers.adding(_converse(core, settings))
        if settings.bedrock_speaks_responses:
            providers = providers.adding(_responses(core, settings))
    return Feature(operations={TextProviders: providers})


def _converse(core: Core, settings: BedrockSettings) -> Converse:
    guardrail = Guardrail(settings.bedrock_guardrail_id, settings.bedrock_guardrail_version)
    credentials = task_credentials(core.clock)
    return Converse(
        base_url=settings.bedrock_url,
        signer=BedrockSigner(credentials, settings.bedrock_region, core.clock),
        guardrail=guardrail if guardrail.identifier else None,
        streams=Streams(core.clock, core.tls),
        http=ProviderHttp(core.clock, core.tls),
        waits=_waits(settings),
        count_seconds=settings.bedrock_count_seconds,
        clock=core.clock,
        metrics=core.metrics,
    )


def _responses(core: Core, settings: BedrockSettings) -> ResponsesApi:
    def read_key() -> str:
        if settings.bedrock_api_key_secret_name:
            return core.read_secret(settings.bedrock_api_key_secret_name)
        return settings.bedrock_api_key

    return ResponsesApi(
        name="bedrock-openai",
        base_url=f"{settings.bedrock_url}/openai/v1",
        key=ApiKey(read_key, core.clock),
        streams=Streams(core.clock, core.tls),
        http=ProviderHttp(core.clock, core.tls),
        waits=_waits(settings),
        count_seconds=settings.bedrock_count_seconds,
        clock=core.clock,
        metrics=core.metrics,
    )


def _waits(settings: BedrockSettings) -> Waits:
    return Waits(settings.bedrock_first_byte_seconds, settings.bedrock_stall_seconds)


BEDROCK = Declaration(name="bedrock", build=build, settings=BedrockSettings)
