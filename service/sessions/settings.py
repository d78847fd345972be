"""How long sessions last, and how a browser keeps one."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Section, Sections, setting

SAME_SITE_CHOICES = ("Strict", "Lax", "None")
MAX_SESSION_DAYS = 90


@dataclass(frozen=True, kw_only=True)
class SessionsSettings(Section):
    session_days: int = setting(
        30, "days after which a session ends and its user signs in again, however often it was used"
    )
    session_cookie_same_site: str = setting(
        "Strict",
        "SameSite of the refresh token's cookie: Strict, Lax, or None for pages of another site",
        choices=SAME_SITE_CHOICES,
    )
    session_cookie_secure: bool = setting(
        True, "keep that cookie to https; false only for a local stack without it"
    )

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        if self.session_days > MAX_SESSION_DAYS:
            yield f"SESSION_DAYS must be at most {MAX_SESSION_DAYS}"
        if self.session_cookie_same_site == "None" and not self.session_cookie_secure:
            yield "SESSION_COOKIE_SAME_SITE None needs SESSION_COOKIE_SECURE: browsers refuse it"

    def production_rules(self) -> Iterator[str]:
        if not self.session_cookie_secure:
            yield "SESSION_COOKIE_SECURE must be on in production, or the cookie is sent in clear"
