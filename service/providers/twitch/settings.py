"""How Twitch is called. Without credentials, no catch-up is offered."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Secret, Section, Sections, Url, setting


@dataclass(frozen=True, kw_only=True)
class TwitchSettings(Section):
    twitch_base_url: Url = setting(
        Url("https://api.twitch.tv/helix"), "address of Twitch's API, its version included"
    )
    twitch_token_url: Url = setting(
        Url("https://id.twitch.tv/oauth2/token"), "where Twitch issues access tokens"
    )
    twitch_credentials_secret_name: str = setting(
        "",
        "secret in Secrets Manager that holds the client id and the client secret of an "
        "application at Twitch; empty: no catch-up is offered",
    )
    twitch_client_id: str = setting("", "client id at Twitch, outside production")
    twitch_client_secret: Secret = setting(Secret(), "its client secret, outside production")
    twitch_query_seconds: float = setting(
        8.0, "longest time for all calls that find a broadcast, pauses for its rate limit included"
    )

    @property
    def is_configured(self) -> bool:
        return bool(self.twitch_credentials_secret_name or self.twitch_client_secret)

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        if bool(self.twitch_client_secret) != bool(self.twitch_client_id):
            yield "TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET belong together"
