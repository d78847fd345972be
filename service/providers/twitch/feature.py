"""Twitch as a provider of broadcasts, where an application there is configured."""

from service.feature import Core, Declaration, Feature, Parts
from service.providers.base import BroadcastProvider
from service.providers.http import ProviderHttp
from service.providers.twitch.client import Twitch
from service.providers.twitch.credentials import TwitchAccess, TwitchKeys, parse_twitch_keys
from service.providers.twitch.settings import TwitchSettings


def build(core: Core, parts: Parts) -> Feature:
    if not core.section(TwitchSettings).is_configured:
        return Feature()
    provider = parts.replacement_or(BroadcastProvider, lambda: _twitch(core))
    return Feature(operations={BroadcastProvider: provider})


def _twitch(core: Core) -> Twitch:
    settings = core.section(TwitchSettings)

    def read_keys() -> TwitchKeys:
        if settings.twitch_credentials_secret_name:
            return parse_twitch_keys(core.read_secret(settings.twitch_credentials_secret_name))
        return TwitchKeys(settings.twitch_client_id, settings.twitch_client_secret)

    http = ProviderHttp(core.clock, core.tls)
    return Twitch(
        http,
        TwitchAccess(read_keys, http, settings.twitch_token_url, core.clock),
        core.clock,
        core.metrics,
        settings.twitch_base_url,
        settings.twitch_query_seconds,
    )


TWITCH = Declaration(name="twitch", build=build, settings=TwitchSettings)
