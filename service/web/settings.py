"""How the web process serves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from service.core.settings import Section, Sections, more_than, setting
from service.web.origins import Origin

_HEADER_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LOCAL_URL = re.compile(r"http://(127\.0\.0\.1|localhost)(:\d{1,5})?/[\w/]*")


class HeaderName(str):
    """The name of one header. Raises `ValueError` for anything else, a wildcard included: browsers
    do not let it stand for `Authorization` (Fetch, 3.3.5)."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if not _HEADER_NAME.fullmatch(text):
            raise ValueError(f"takes names of headers separated by commas, not {text[:100]!r}")
        return super().__new__(cls, text)


@dataclass(frozen=True, kw_only=True)
class WebSettings(Section):
    port: int = setting(8080, "port of the web process")
    cors_allowed_origins: tuple[Origin, ...] = setting(
        (), "exact origins that browsers may call from, separated by commas"
    )
    cors_allowed_headers: tuple[HeaderName, ...] = setting(
        (), "request headers that pages may send besides ours and those of tracing tools"
    )
    drain_flag_path: str = setting(
        "", "file whose existence makes readiness answer 503 while a process drains"
    )
    web_connections: int = setting(2000, "open connections of one web process")
    receive_seconds: float = setting(
        10.0, "longest pause of a request being received; it may lag so far behind 16 KB a second"
    )
    max_receive_seconds: float = setting(300.0, "longest time for a whole request to come in")
    upload_limit_megabytes: int = setting(
        64,
        "large request bodies in one web process together; they take up to three times that",
        minimum=16,
    )
    user_upload_limit_megabytes: int = setting(16, "how much of it one user may take", minimum=16)

    caller_request_limit: int = setting(
        300,
        "requests that one user or operator may send to one route in a minute, in one web process; "
        "0: no limit",
        minimum=0,
    )
    address_request_limit: int = setting(
        600,
        "requests that may come from one address to one route in a minute, in one web process; "
        "0: no limit",
        minimum=0,
    )
    sign_in_request_limit: int = setting(
        60,
        "the same for each route below /auth/; 0: no limit",
        minimum=0,
    )
    local_token_url: str = setting(
        "", "local stack: where /docs gets a simulated user's token", development_only=True
    )
    local_start_url: str = setting(
        "", "local stack: the start page to which / redirects", development_only=True
    )

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        yield from more_than(
            [
                (
                    "MAX_RECEIVE_SECONDS",
                    self.max_receive_seconds,
                    "RECEIVE_SECONDS",
                    self.receive_seconds,
                )
            ]
        )
        # A browser trusts what these addresses respond: they may only be the developer's machine.
        if self.local_token_url and not _LOCAL_URL.fullmatch(self.local_token_url):
            yield "LOCAL_TOKEN_URL must be a loopback address: http://127.0.0.1:8090/google/__token"
        if self.local_start_url and not _LOCAL_URL.fullmatch(self.local_start_url):
            yield "LOCAL_START_URL must be a loopback address: http://127.0.0.1:8090/"

    def production_rules(self) -> Iterator[str]:
        if any(origin.startswith("http:") for origin in self.cors_allowed_origins):
            yield "CORS_ALLOWED_ORIGINS must be https in production"
