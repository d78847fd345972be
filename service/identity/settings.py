"""Who may sign in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.core.principal import MAX_OPERATOR_ID, is_subject
from service.core.settings import Secret, Section, Sections, Url, setting
from service.identity.operator_keys import keys_of_setting

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
    admin_subjects: tuple[str, ...] = setting(
        (),
        "identities that are operators, each issuer|subject, such as "
        "https://accounts.google.com|1102…, separated by commas",
    )
    operator_keys_secret_name: str = setting(
        "",
        "secret in Secrets Manager with the keys that operators' machines sign with "
        "(docs/settings.md#secrets)",
    )
    operator_keys: Secret = setting(
        Secret(), "key id:algorithm:key, separated by commas, outside production"
    )

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        yield from self._operator_faults()
        for client_id in self.google_client_ids:
            if not _CLIENT_ID.fullmatch(client_id):
                yield (
                    "GOOGLE_CLIENT_IDS takes client ids separated by commas, not "
                    f"{client_id[:100]!r}"
                )
        if not self.google_client_ids and not self.trust_bare_google_id:
            yield "GOOGLE_CLIENT_IDS must name at least one client id, or no user can sign in"

    def _operator_faults(self) -> Iterator[str]:
        for identity in self.admin_subjects:
            issuer, _, subject = identity.partition("|")
            is_short = len(identity) <= MAX_OPERATOR_ID
            if not issuer.startswith("https://") or not is_subject(subject) or not is_short:
                yield f"ADMIN_SUBJECTS takes issuer|subject pairs, not {identity[:100]!r}"
        try:
            keys_of_setting(self.operator_keys)
        except ValueError:
            yield (
                "OPERATOR_KEYS takes key id:algorithm:key triples: ed25519 with a public key in "
                "base64, or hmac-sha256 with a secret of at least 32 characters"
            )

    def production_rules(self) -> Iterator[str]:
        if self.trust_bare_google_id:
            yield (
                "TRUST_BARE_GOOGLE_ID must not be on in production: anyone could spend anyone's "
                "credits"
            )
