"""How the web process serves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Section, Sections, setting

_LOCAL_URL = re.compile(r"http://(127\.0\.0\.1|localhost)(:\d{1,5})?/[\w/]*")


@dataclass(frozen=True, kw_only=True)
class WebSettings(Section):
    port: int = setting(8080, "port of the web process")
    cors_allowed_origins: tuple[str, ...] = setting(
        (), "exact origins that browsers may call from, separated by commas"
    )
    drain_flag_path: str = setting(
        "", "file whose existence makes readiness answer 503 while a process drains"
    )
    web_connections: int = setting(2000, "open connections of one web process")
    receive_seconds: float = setting(
        10.0, "longest time for a request to come in; a second more for each megabyte"
    )
    upload_limit_megabytes: int = setting(128, "memory for large request bodies in one web process")

    local_token_url: str = setting(
        "", "local stack: where /docs gets a simulated user's token", development_only=True
    )
    local_start_url: str = setting(
        "", "local stack: the start page to which / redirects", development_only=True
    )

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        for origin in self.cors_allowed_origins:
            if not _is_exact(origin):
                yield (
                    "CORS_ALLOWED_ORIGINS takes exact origins such as https://app.example.com, "
                    "no wildcards"
                )

        # A browser trusts what these addresses respond: they may only be the developer's machine.
        if self.local_token_url and not _LOCAL_URL.fullmatch(self.local_token_url):
            yield "LOCAL_TOKEN_URL must be a loopback address: http://127.0.0.1:8090/google/__token"
        if self.local_start_url and not _LOCAL_URL.fullmatch(self.local_start_url):
            yield "LOCAL_START_URL must be a loopback address: http://127.0.0.1:8090/"

    def production_rules(self) -> Iterator[str]:
        if any(origin.startswith("http:") for origin in self.cors_allowed_origins):
            yield "CORS_ALLOWED_ORIGINS must be https in production"


def _is_exact(origin: str) -> bool:
    return (
        "*" not in origin and origin != "null" and "://" in origin and origin.rstrip("/") == origin
    )
