"""Kling as a provider of videos."""

from service.feature import Core, Declaration, Feature, Parts
from service.providers.base import Provider
from service.providers.http import ProviderHttp
from service.providers.kling.client import Kling, KlingDefaults
from service.providers.kling.credentials import KlingCredentials, KlingKeys, parse_kling_keys
from service.providers.kling.settings import KlingSettings


def build(core: Core, parts: Parts) -> Feature:
    return Feature(operations={Provider: parts.replacement_or(Provider, lambda: _kling(core))})


def _kling(core: Core) -> Kling:
    settings = core.section(KlingSettings)

    def read_keys() -> KlingKeys:
        if settings.kling_api_key_secret_name:
            return parse_kling_keys(core.read_secret(settings.kling_api_key_secret_name))
        return KlingKeys(
            api_key=settings.kling_api_key,
            access_key=settings.kling_access_key,
            secret_key=settings.kling_secret_key,
            callback_secret=settings.kling_callback_secret,
        )

    credentials = KlingCredentials(read_keys, core.clock)
    return Kling(
        http=ProviderHttp(core.clock, core.tls),
        credentials=credentials,
        clock=core.clock,
        metrics=core.metrics,
        base_url=settings.kling_base_url,
        defaults=KlingDefaults(
            settings.kling_model_name, settings.kling_mode, settings.kling_duration
        ),
        query_seconds=settings.kling_query_seconds,
        callback_secret=credentials.callback_secret,
    )


KLING = Declaration(name="kling", build=build, settings=KlingSettings)
