"""Who may sign in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.core.principal import MAX_OPERATOR_ID, is_subject
from service.core.settings import CoreSettings, Secret, Section, Sections, Url, setting
from service.identity.access_token_keys import access_token_keys_of_setting
from service.identity.cognito import is_pool_id, pool_issuer
from service.identity.entities import GOOGLE
from service.identity.operator_keys import keys_of_setting

_LOCAL_ISSUER = "farebox"
_CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,255}")
_COGNITO_CLIENT_ID = re.compile(r"[A-Za-z0-9+_]{1,128}")

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
# Accounts of these belong to anybody, and their tokens have no hd.
_CONSUMER_DOMAINS = ("gmail.com", "googlemail.com")
# Cognito, API_CreateGroup: 1 to 128 characters, none of them blank; a comma separates ours.
_GROUP = re.compile(r"[^\s,]{1,128}")


@dataclass(frozen=True, kw_only=True)
class IdentitySettings(Section):
    google_client_ids: tuple[str, ...] = setting(
        (), "client ids that a Google ID token may be made for, separated by commas"
    )
    google_certs_url: Url = setting(
        Url("https://www.googleapis.com/oauth2/v3/certs"), "Google's signing keys (JWKS)"
    )
    cognito_user_pool_id: str = setting(
        "", "user pool whose ID and access tokens are accepted; empty: none"
    )
    cognito_client_ids: tuple[str, ...] = setting(
        (), "app clients that a Cognito token may be made for, separated by commas"
    )
    cognito_issuer_url: Url = setting(
        Url(), "iss of the pool's tokens; empty: AWS's, from the pool's id"
    )
    cognito_jwks_url: Url = setting(
        Url(), "the pool's signing keys (JWKS); empty: /.well-known/jwks.json of its issuer"
    )
    trust_bare_google_id: bool = setting(
        False, "trust a GoogleID without a token; refused in production"
    )
    admin_subjects: tuple[str, ...] = setting(
        (),
        "identities that are operators, each issuer|subject, such as "
        "https://accounts.google.com|1102…, separated by commas",
    )
    admin_google_domains: tuple[str, ...] = setting(
        (),
        "Google Workspace domains (hd) whose every account is an operator, separated by commas; "
        "name only one that is for operators",
    )
    admin_cognito_groups: tuple[str, ...] = setting(
        (),
        "groups of the user pool whose every member is an operator, separated by commas",
    )
    operator_keys_secret_name: str = setting(
        "",
        "secret in Secrets Manager with the keys that operators' machines sign with "
        "(docs/settings.md#secrets)",
    )
    operator_keys: Secret = setting(
        Secret(), "key id:algorithm:key, separated by commas, outside production"
    )
    access_token_issuer: Url = setting(
        Url(), "`iss` of our own access tokens; PUBLIC_URL if it is not set"
    )
    access_token_keys_secret_name: str = setting(
        "",
        "secret in Secrets Manager with the keys that sign our own access tokens "
        "(docs/settings.md#secrets)",
    )
    access_token_keys: Secret = setting(
        Secret(), "kid:d pairs separated by commas, the first signs; outside production"
    )

    @property
    def cognito_issuer(self) -> str:
        """The `iss` of the pool's tokens; empty without a pool."""
        pool = self.cognito_user_pool_id
        return self.cognito_issuer_url or (pool_issuer(pool) if pool else "")

    @property
    def cognito_keys(self) -> str:
        """The address of the pool's signing keys; empty without a pool."""
        issuer = self.cognito_issuer
        return self.cognito_jwks_url or (f"{issuer}/.well-known/jwks.json" if issuer else "")

    def rules(self, settings: Sections) -> Iterator[str]:
        yield from self._operator_faults()
        yield from self._membership_faults()
        yield from self._access_token_faults(settings)
        yield from self._cognito_faults()
        for client_id in self.google_client_ids:
            if not _CLIENT_ID.fullmatch(client_id):
                yield (
                    "GOOGLE_CLIENT_IDS takes client ids separated by commas, not "
                    f"{client_id[:100]!r}"
                )
        if not (self.google_client_ids or self.cognito_user_pool_id or self.trust_bare_google_id):
            yield (
                "GOOGLE_CLIENT_IDS must name at least one client id, or COGNITO_USER_POOL_ID a "
                "user pool, or no user can sign in"
            )

    def _cognito_faults(self) -> Iterator[str]:
        pool = self.cognito_user_pool_id
        if pool and not is_pool_id(pool):
            yield (
                "COGNITO_USER_POOL_ID takes the id of a user pool, such as us-east-1_AbCdEf123, "
                f"not {pool[:100]!r}"
            )
        if pool and not self.cognito_client_ids:
            yield "COGNITO_CLIENT_IDS must name at least one app client of COGNITO_USER_POOL_ID"
        for client_id in self.cognito_client_ids:
            if not _COGNITO_CLIENT_ID.fullmatch(client_id):
                yield (
                    "COGNITO_CLIENT_IDS takes app clients separated by commas, not "
                    f"{client_id[:100]!r}"
                )
        for name in ("cognito_client_ids", "cognito_issuer_url", "cognito_jwks_url"):
            if getattr(self, name) and not pool:
                yield f"{name.upper()} is of no use without COGNITO_USER_POOL_ID"
        if self.cognito_issuer_url.endswith("/") or "accounts.google.com" in self.cognito_issuer:
            yield "COGNITO_ISSUER_URL must be the iss of the pool's tokens, without a slash behind"

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

    def _membership_faults(self) -> Iterator[str]:
        for domain in self.admin_google_domains:
            if not _DOMAIN.fullmatch(domain) or domain in _CONSUMER_DOMAINS:
                yield (
                    "ADMIN_GOOGLE_DOMAINS takes domains of Google Workspace in lower case, such as "
                    f"ops.example.com, not {domain[:100]!r}"
                )
        if self.admin_google_domains and not self.google_client_ids:
            yield "ADMIN_GOOGLE_DOMAINS is of no use without GOOGLE_CLIENT_IDS"
        for group in self.admin_cognito_groups:
            if not _GROUP.fullmatch(group):
                yield f"ADMIN_COGNITO_GROUPS takes names of groups, not {group[:100]!r}"
        if self.admin_cognito_groups and not self.cognito_user_pool_id:
            yield "ADMIN_COGNITO_GROUPS is of no use without COGNITO_USER_POOL_ID"

    def issuer(self, core: CoreSettings) -> str:
        """The `iss` of our own access tokens."""
        return self.access_token_issuer or core.public_url or _LOCAL_ISSUER

    def _access_token_faults(self, settings: Sections) -> Iterator[str]:
        if self.issuer(settings.section(CoreSettings)) in (GOOGLE, self.cognito_issuer):
            yield "ACCESS_TOKEN_ISSUER must be ours alone: it decides who verifies a token"
        if not self.access_token_keys:
            if not self.access_token_keys_secret_name:
                yield "ACCESS_TOKEN_KEYS is missing (or set ACCESS_TOKEN_KEYS_SECRET_NAME)"
            return
        try:
            access_token_keys_of_setting(self.access_token_keys)
        except ValueError as error:
            yield f"ACCESS_TOKEN_KEYS takes kid:d pairs separated by commas: {error}"

    def production_rules(self) -> Iterator[str]:
        if self.trust_bare_google_id:
            yield (
                "TRUST_BARE_GOOGLE_ID must not be on in production: anyone could spend anyone's "
                "credits"
            )
