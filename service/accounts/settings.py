"""What the hook of a Cognito user pool is signed with."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Secret, Section, Sections, setting
from service.identity.settings import IdentitySettings

MIN_SECRET = 32


@dataclass(frozen=True, kw_only=True)
class AccountsSettings(Section):
    cognito_hook_secret_name: str = setting(
        "",
        "secret in Secrets Manager that the user pool's post-confirmation hook is signed with; "
        "empty: there is no hook",
    )
    cognito_hook_secret: Secret = setting(
        Secret(), "the same, of at least 32 characters, outside production"
    )

    def rules(self, settings: Sections) -> Iterator[str]:
        if self.cognito_hook_secret and len(self.cognito_hook_secret) < MIN_SECRET:
            yield f"COGNITO_HOOK_SECRET needs at least {MIN_SECRET} characters"
        has_hook = self.cognito_hook_secret_name or self.cognito_hook_secret
        if has_hook and not settings.section(IdentitySettings).cognito_user_pool_id:
            yield "COGNITO_HOOK_SECRET_NAME needs COGNITO_USER_POOL_ID, the pool that calls it"
