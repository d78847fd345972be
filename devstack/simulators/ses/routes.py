"""SES over HTTP (Amazon SES API v2 Reference, SendEmail), and the mailbox in two forms: JSON, and a
page for whoever prefers `text/html`."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from flask import Blueprint, abort, make_response, render_template, request
from flask import Response as FlaskResponse
from werkzeug.wrappers import Response

from devstack.simulators.fault_injector import FaultInjector
from devstack.simulators.faults import RESPONSE_FAULTS, Operations
from devstack.simulators.ses.mailbox import Mailbox, SentMail
from devstack.simulators.wire import Call, Endpoint, current_call, json_response
from service.core.clock import Clock

# SES accepts 50 recipients of one mail.
MAX_RECIPIENTS = 50
_USUAL_CODES = {
    400: "BadRequestException",
    404: "NotFoundException",
    429: "TooManyRequestsException",
}
_PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src data:",
        "connect-src 'self'",
        "frame-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
# A mail is someone else's page: no scripts, nothing loaded, links in a tab of their own.
_MAIL_POLICY = "; ".join(
    (
        "sandbox allow-popups allow-popups-to-escape-sandbox",
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "frame-ancestors 'self'",
    )
)


class BadMail(Exception):
    """SES refuses the request; the message says why."""


class Ses:
    """Accepts every well-formed mail, unless a fault is armed."""

    name = "ses"
    faults: ClassVar[Operations] = {"send": RESPONSE_FAULTS}

    def __init__(self, injector: FaultInjector, clock: Clock) -> None:
        self._injector = injector
        self._clock = clock
        self._mailbox = Mailbox()

    def blueprint(self) -> Blueprint:
        """All routes, without the `/ses` prefix."""
        routes = Blueprint(
            "ses",
            __name__,
            static_folder="static",
            static_url_path="/static",
            template_folder="templates",
        )
        routes.post("/v2/email/outbound-emails")(self.send)
        routes.get("/__mailbox")(self.mailbox)
        routes.delete("/__mailbox")(self.empty)
        routes.get("/__mailbox/<mail_id>")(self.mail)
        routes.get("/__mailbox/<mail_id>/html")(self.html)
        return routes

    def send(self) -> Response:
        call = current_call()
        endpoint = Endpoint(self.name, "send", _error_response)
        return self._injector.call(endpoint, call, lambda _: self._accepted(call))

    def mailbox(self) -> Response:
        """The mails, oldest first; with `?to=` those to one address."""
        if _wants_page():
            return self._page(None)
        mails = [mail.shown() for mail in self._mailbox.listed(request.args.get("to"))]
        return json_response({"mails": mails}, headers={"Vary": "Accept"})

    def mail(self, mail_id: str) -> Response:
        mail = self._found(mail_id)
        if _wants_page():
            return self._page(mail)
        return json_response(mail.shown(), headers={"Vary": "Accept"})

    def html(self, mail_id: str) -> Response:
        """The mail's own page, as a mail program shows it: locked in."""
        response = make_response(self._found(mail_id).html)
        response.headers["Content-Security-Policy"] = _MAIL_POLICY
        return _guarded(response)

    def empty(self) -> Response:
        self._mailbox.empty()
        return json_response({"mails": []})

    def _found(self, mail_id: str) -> SentMail:
        return self._mailbox.get(mail_id) or abort(404)

    def _page(self, chosen: SentMail | None) -> Response:
        mails = list(reversed(self._mailbox.listed(request.args.get("to"))))
        shown = chosen or (mails[0] if mails else None)
        response = make_response(
            render_template("mailbox.html", mails=mails, shown=shown, time=_time)
        )
        response.headers["Content-Security-Policy"] = _PAGE_POLICY
        response.headers["Vary"] = "Accept"
        return _guarded(response)

    def _accepted(self, call: Call) -> Response:
        mail_id = f"{uuid.uuid4().hex[:16]}-{uuid.uuid4()}-000000"
        try:
            mail = _read(call.body, mail_id, self._clock.now())
        except BadMail as error:
            return _error(400, "BadRequestException", str(error))
        self._mailbox.add(mail)
        return json_response({"MessageId": mail_id}, headers=_request_id())


def _read(body: bytes, mail_id: str, now: int) -> SentMail:
    try:
        content: Any = json.loads(body)
        simple = content["Content"]["Simple"]
        to = content["Destination"]["ToAddresses"]
        mail = SentMail(
            id=mail_id,
            at=now,
            sender=_line(content["FromEmailAddress"]),
            to=tuple(_line(each) for each in to),
            subject=_line(simple["Subject"]["Data"]),
            text=str(simple["Body"].get("Text", {}).get("Data", "")),
            html=str(simple["Body"].get("Html", {}).get("Data", "")),
            headers=_headers(simple.get("Headers", [])),
            configuration_set=str(content.get("ConfigurationSetName", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadMail("The request is not one that this simulator reads.") from None
    if not mail.to or len(mail.to) > MAX_RECIPIENTS or not (mail.text or mail.html):
        raise BadMail("A mail needs 1 to 50 recipients and a body.")
    if not all("@" in address for address in (mail.sender, *mail.to)):
        raise BadMail("Missing final '@domain'")
    return mail


def _headers(given: Any) -> dict[str, str]:
    return {_line(each["Name"]): _line(each["Value"]) for each in given}


def _line(text: object) -> str:
    """One line of a header. Raises `BadMail`."""
    if not isinstance(text, str) or not text.isprintable() or not text:
        raise BadMail("A header takes one line of text.")
    return text


def _wants_page() -> bool:
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    return best == "text/html"


def _guarded(response: FlaskResponse) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _request_id() -> Mapping[str, str]:
    return {"x-amzn-RequestId": str(uuid.uuid4())}


def _error(status: int, code: str, message: str) -> Response:
    headers = {**_request_id(), "x-amzn-ErrorType": code}
    return json_response({"message": message}, status, headers)


def _error_response(status: int, code: str | None) -> Response:
    usual = _USUAL_CODES.get(status, "InternalFailure")
    return _error(status, code or usual, "Simulated error")
