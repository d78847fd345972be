"""Who may sign in."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Section, Sections, Url, setting


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
        if not self.google_client_ids and not self.trust_bare_google_id:
            yield "GOOGLE_CLIENT_IDS must name at least one client id, or no user can sign in"

    def production_rules(self) -> Iterator[str]:
        if self.trust_bare_google_id:
            yield (
                "TRUST_BARE_GOOGLE_ID must not be on in production: anyone could spend anyone's "
                "credits"
            )
