"""Who may sign in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Section, Sections, Url, setting

_CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,255}")


@dataclass(frozen=True, kw_only=True)
class IdentitySettings(Section):
    google_client_ids: tuple[str, ...] = setting(
        (), "client ids that a Google ID token may be made for, separated by commas"
    )
    google_certs_url: Url = setting(
        Url("https://www.googleapis.com/oauth2/v3/certs"), "Google's signing keys (JWKS)"
    )
    trust_bare_google_id: bool = setting(
        False, "trust a GoogleID without a token; refused in production"
    )

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        for client_id in self.google_client_ids:
            if not _CLIENT_ID.fullmatch(client_id):
                yield (
                    "GOOGLE_CLIENT_IDS takes client ids separated by commas, not "
                    f"{client_id[:100]!r}"
                )
        if not self.google_client_ids and not self.trust_bare_google_id:
            yield "GOOGLE_CLIENT_IDS must name at least one client id, or no user can sign in"

    def production_rules(self) -> Iterator[str]:
        if self.trust_bare_google_id:
            yield (
                "TRUST_BARE_GOOGLE_ID must not be on in production: anyone could spend anyone's "
                "credits"
            )
