"""How often events are handed on, where webhooks may go, and from whom mail comes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Section, Sections, Url, setting
from service.notifications.mail_entities import is_address

MAX_APP_NAME = 60
_NAMED = re.compile(r"(?:[A-Za-z0-9 .&'_-]{1,60} )?<(?P<address>[^<>]+)>")
_CONFIGURATION_SET = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class NotificationsSettings(Section):
    outbox_interval_seconds: float = setting(
        2.0, "pause between two runs of the sweeps that hand on events and deliver webhooks"
    )
    webhook_timeout_seconds: float = setting(
        10.0, "how long one webhook may take, from looking the name up to the response"
    )
    webhook_allow_private: bool = setting(
        False,
        "let webhooks go to private addresses and over http, as to the local simulators",
        development_only=True,
    )
    mail_from: str = setting(
        "",
        "sender of mails, as no-reply@example.com or Example <no-reply@example.com>: an identity "
        "that SES has verified; without it no mail is sent",
    )
    mail_configuration_set: str = setting(
        "", "configuration set of SES that reports bounces and complaints"
    )
    ses_endpoint_url: Url = setting(
        Url(), "another address of SES; only outside production", development_only=True
    )
    app_url: Url = setting(Url(), "address of your app, where the links in mails lead")
    app_name: str = setting("Farebox", "what mails call your app")

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        if self.mail_from and not _is_sender(self.mail_from):
            yield "MAIL_FROM must be an address, or a name in ASCII and <address>"
        if self.mail_from and not self.app_url:
            yield "APP_URL is missing: with MAIL_FROM, mails are sent, and their links lead there"
        if any(character in self.app_url for character in "?#"):
            # A path and a fragment are added to it.
            yield "APP_URL must end with its host, port or path, without a query or a fragment"
        if self.mail_configuration_set and not _CONFIGURATION_SET.fullmatch(
            self.mail_configuration_set
        ):
            yield "MAIL_CONFIGURATION_SET takes letters, digits, _ and -, at most 64"
        if not 0 < len(self.app_name) <= MAX_APP_NAME or not self.app_name.isprintable():
            yield f"APP_NAME must be 1 to {MAX_APP_NAME} printable characters"


def _is_sender(text: str) -> bool:
    named = _NAMED.fullmatch(text)
    return text.isascii() and is_address(named["address"] if named else text)
