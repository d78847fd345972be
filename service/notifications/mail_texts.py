"""What mails say: subject, plain text and HTML, from the templates in `mail_templates/`.

In a file of its own because it alone knows the template engine.

Every field is data: HTML escapes it, and white space of any kind in it becomes one space, so that
it can neither be mark-up nor begin a line."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from service.core.clock import from_iso, utc
from service.notifications.mail_entities import MailTemplate, OutgoingMail, SealedMail

TEMPLATES = Path(__file__).parent / "mail_templates"
SUBJECTS: Mapping[MailTemplate, str] = {
    MailTemplate.VERIFY_EMAIL: "Confirm your e-mail address",
    MailTemplate.PASSWORD_RESET: "Choose a new password",
    MailTemplate.PASSWORD_CHANGED: "Your password was changed",
    MailTemplate.ACCOUNT_EXISTS: "You already have an account",
    MailTemplate.LOW_BALANCE: "Your credits are running low",
    MailTemplate.CREDITS_EXPIRING: "Some of your credits expire soon",
    MailTemplate.TOP_UP_FAILED: "Your credits could not be topped up",
    MailTemplate.CREDITS_CLAWED_BACK: "Some of your credits were taken back",
    MailTemplate.ACCOUNT_ERASED: "Your account has been deleted",
}
# Where in the app each template's link leads. A token stands in the fragment, which browsers send
# to no server and put into no `Referer`.
_PATHS: Mapping[MailTemplate, str] = {
    MailTemplate.VERIFY_EMAIL: "/verify-email",
    MailTemplate.PASSWORD_RESET: "/reset-password",
    MailTemplate.PASSWORD_CHANGED: "/forgot-password",
    MailTemplate.ACCOUNT_EXISTS: "/forgot-password",
    MailTemplate.LOW_BALANCE: "/",
    MailTemplate.CREDITS_EXPIRING: "/",
    MailTemplate.TOP_UP_FAILED: "/billing",
    MailTemplate.CREDITS_CLAWED_BACK: "/billing",
    MailTemplate.ACCOUNT_ERASED: "",
}


class MailTexts:
    """Renders mails. Templates are read once each."""

    def __init__(self, app_url: str, app_name: str) -> None:
        self._app_url = app_url.rstrip("/")
        self._app_name = " ".join(app_name.split())
        self._engine = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            finalize=_one_line,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def outgoing(self, mail: SealedMail, to: str, fields: Mapping[str, str]) -> OutgoingMail:
        """The whole mail. Raises `jinja2.UndefinedError` for a field that is missing."""
        subject = SUBJECTS[mail.template]
        values = {
            **{name: _shown(name, text) for name, text in fields.items() if name != "token"},
            "app_name": self._app_name,
            "subject": subject,
            "link": self._link(mail.template, fields.get("token")),
        }
        text, html = (
            self._engine.get_template(f"{mail.template}.{kind}").render(values)
            for kind in ("txt", "html")
        )
        return OutgoingMail(mail.mail_id, to, f"{self._app_name}: {subject}", text, html)

    def _link(self, template: MailTemplate, token: str | None) -> str:
        address = f"{self._app_url}{_PATHS[template]}"
        return address if token is None else f"{address}#token={quote(token, safe='')}"


def _shown(name: str, text: str) -> str:
    """A field as people read it: times as `3 December 2026, 14:05 UTC`."""
    if not name.endswith("_at"):
        return text
    at = utc(from_iso(text))
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def _one_line(value: object) -> object:
    return " ".join(value.split()) if type(value) is str else value
