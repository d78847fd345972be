"""Hands mails to the provider: Amazon SES (Amazon SES API v2 Reference, SendEmail).

In a file of its own because it is the only part of mail that reaches outside."""

from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from service.notifications.mail_entities import MailAttempt, MailResult, OutgoingMail

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
MAIL_ID_HEADER = "X-Farebox-Mail-Id"
NO_SENDER = "MAIL_FROM is not set"
# SES says with these that this mail is at fault. What concerns our account, its quota or its
# identities (`AccountSuspendedException`, `LimitExceededException`,
# `MailFromDomainNotVerifiedException`, `SendingPausedException`, `NotFoundException` of the
# configuration set, every refusal of our credentials) passes, or is mended, within three days.
_REFUSED = {"MessageRejected", "BadRequestException"}


class MailSender(Protocol):
    """Hands one mail to the provider. Never raises for what the provider does."""

    def send(self, mail: OutgoingMail) -> MailAttempt: ...


class SesSender:
    """Sends by SES. One request for each attempt: the outbox repeats, under the same mail id."""

    def __init__(self, connect: Callable[[], Any], sender: str, configuration_set: str) -> None:
        """`connect` makes the client at the first mail: a web process, which sends none, spares the
        memory."""
        self._connect = connect
        self._sender = sender
        self._configuration_set = configuration_set
        self._client: Any = None
        self._guard = Lock()

    @classmethod
    def of(cls, region: str, endpoint_url: str, sender: str, configuration_set: str) -> "SesSender":
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 1},
        )

        def connect() -> Any:
            return boto3.client(
                "sesv2", region_name=region, endpoint_url=endpoint_url or None, config=config
            )

        return cls(connect, sender, configuration_set)

    def send(self, mail: OutgoingMail) -> MailAttempt:
        if not self._sender:
            return MailAttempt(MailResult.FAILED, NO_SENDER)
        try:
            response = self._ses().send_email(**self._request(mail))
        except ClientError as error:
            return _refusal(error)
        except Exception as error:
            # No response, or one that botocore cannot read: the mail may have been sent.
            return MailAttempt(MailResult.FAILED, type(error).__name__)
        sent_id = response.get("MessageId")
        if not isinstance(sent_id, str) or not sent_id:
            # Something else has responded in the place of SES.
            return MailAttempt(MailResult.FAILED, "no message id")
        return MailAttempt(MailResult.SENT, sent_id=sent_id)

    def _ses(self) -> Any:
        with self._guard:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _request(self, mail: OutgoingMail) -> dict[str, Any]:
        request: dict[str, Any] = {
            "FromEmailAddress": self._sender,
            "Destination": {"ToAddresses": [mail.to]},
            "Content": {
                "Simple": {
                    "Subject": _content(mail.subject),
                    "Body": {"Text": _content(mail.text), "Html": _content(mail.html)},
                    "Headers": [
                        {"Name": MAIL_ID_HEADER, "Value": mail.mail_id},
                        # RFC 3834: no out-of-office reply is sent to it.
                        {"Name": "Auto-Submitted", "Value": "auto-generated"},
                    ],
                }
            },
        }
        if self._configuration_set:
            request["ConfigurationSetName"] = self._configuration_set
        return request


def _content(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}


def _refusal(error: ClientError) -> MailAttempt:
    """SES names the class of an error, and its message quotes the address: only the class is
    kept."""
    code = str(error.response.get("Error", {}).get("Code", ""))[:100]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    refused = code in _REFUSED and status == 400
    return MailAttempt(MailResult.REFUSED if refused else MailResult.FAILED, code or "no code")
