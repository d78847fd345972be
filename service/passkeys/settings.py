"""Whether operators need a second factor, and where their passkeys work."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from service.core.settings import CoreSettings, Section, Sections, setting
from service.web.origins import Origin

LOCALHOST = "localhost"
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class PasskeysSettings(Section):
    operator_second_factor: bool = setting(
        True,
        "require a passkey of operators who sign in, for whatever moves credits or changes who may "
        "do what; must be on in production",
    )
    passkey_rp_id: str = setting(
        "",
        "domain that operators' passkeys are made for; empty: the host of PUBLIC_URL, and without "
        "a domain there are none. With another value, no passkey made before works",
    )
    passkey_origins: tuple[Origin, ...] = setting(
        (),
        "exact origins of the pages where passkeys are used, separated by commas; empty: "
        "PUBLIC_URL's",
    )

    def rp_id(self, core: CoreSettings) -> str:
        """Empty where there is no domain: no passkey is made for an IP address."""
        return self.passkey_rp_id or (urlsplit(_own_origin(core)).hostname or "")

    def origins(self, core: CoreSettings) -> tuple[str, ...]:
        """Those of the pages, empty where there is no domain."""
        return tuple(self.passkey_origins) or tuple(filter(None, (_own_origin(core),)))

    def rules(self, settings: Sections) -> Iterator[str]:
        core = settings.section(CoreSettings)
        is_local = self.passkey_rp_id == LOCALHOST and core.production
        if self.passkey_rp_id and (is_local or not _is_domain(self.passkey_rp_id)):
            yield (
                "PASSKEY_RP_ID takes a domain in lower case, such as farebox.example.com, not "
                f"{self.passkey_rp_id[:100]!r}"
            )
            return
        rp_id = self.rp_id(core)
        if self.passkey_origins and not rp_id:
            yield "PASSKEY_ORIGINS is of no use without PASSKEY_RP_ID or a PUBLIC_URL with a domain"
            return
        if self.passkey_rp_id and not self.origins(core):
            yield "PASSKEY_ORIGINS is missing: which pages may use passkeys of PASSKEY_RP_ID"
        for origin in self.origins(core):
            if not _is_of(origin, rp_id):
                yield (
                    f"PASSKEY_ORIGINS takes https origins of {rp_id} and its subdomains (http for "
                    f"{LOCALHOST} alone), not {origin[:100]!r}"
                )

    def production_rules(self) -> Iterator[str]:
        if not self.operator_second_factor:
            yield (
                "OPERATOR_SECOND_FACTOR must be on in production: a stolen sign-in could move "
                "credits"
            )


def _own_origin(core: CoreSettings) -> str:
    """That of PUBLIC_URL, if passkeys can be used there."""
    try:
        parts = urlsplit(core.public_url)
        origin = Origin(f"{parts.scheme}://{parts.netloc}")
    except ValueError:
        return ""
    host = urlsplit(origin).hostname or ""
    return origin if _is_domain(host) and _is_of(origin, host) else ""


def _is_domain(host: str) -> bool:
    return host == LOCALHOST or _DOMAIN.fullmatch(host) is not None


def _is_of(origin: str, rp_id: str) -> bool:
    """Whether a browser lets that page use passkeys of that domain (WebAuthn 3, 5.1.3)."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    is_secure = parts.scheme == "https" or (parts.scheme == "http" and host == LOCALHOST)
    return is_secure and (host == rp_id or host.endswith(f".{rp_id}"))
