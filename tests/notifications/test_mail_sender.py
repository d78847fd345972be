"""What SES responds decides whether a mail is sent, refused for good, or tried again."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError, ReadTimeoutError

from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from service.notifications.mail_entities import MailAttempt, MailResult, OutgoingMail
from service.notifications.mail_sender import NO_SENDER, SesSender

MAIL = OutgoingMail("m1", "ann@mail.example", "A subject", "Hello", "<p>Hello</p>")
SENDER = "Farebox <no-reply@farebox.example>"


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    with SimulatorServer(SimulatorSettings(port=0)) as server:
        yield server


@pytest.fixture
def mailbox(server: SimulatorServer) -> Iterator[str]:
    """Its address. No fault and no mail is left behind."""
    url = f"{server.url}/ses/__mailbox"
    yield url
    requests.delete(url, timeout=30)
    requests.delete(f"{server.url}/__faults", timeout=30)


def send(server: SimulatorServer, *faults: str, configuration_set: str = "") -> MailAttempt:
    for fault in faults:
        body = {"service": "ses", "operation": "send", "fault": fault}
        assert requests.post(f"{server.url}/__faults", json=body, timeout=30).status_code == 200
    url = f"{server.url}/ses"
    return SesSender.of("us-east-1", url, SENDER, configuration_set).send(MAIL)


def test_a_mail_goes_out_whole(server: SimulatorServer, mailbox: str) -> None:
    attempt = send(server, configuration_set="farebox")
    [mail] = requests.get(mailbox, timeout=30).json()["mails"]
    assert attempt == MailAttempt(MailResult.SENT, sent_id=mail["id"])
    assert (mail["from"], mail["to"], mail["subject"]) == (SENDER, [MAIL.to], MAIL.subject)
    assert (mail["text"], mail["html"]) == (MAIL.text, MAIL.html)
    assert mail["headers"] == {"X-Farebox-Mail-Id": "m1", "Auto-Submitted": "auto-generated"}
    assert mail["configurationSet"] == "farebox"


@pytest.mark.parametrize(
    ("fault", "result", "error", "sent"),
    [
        ("status:400:MessageRejected", "refused", "MessageRejected", 0),
        ("status:400:BadRequestException", "refused", "BadRequestException", 0),
        ("status:429:TooManyRequestsException", "failed", "TooManyRequestsException", 0),
        ("status:400:LimitExceededException", "failed", "LimitExceededException", 0),
        ("status:400:AccountSuspendedException", "failed", "AccountSuspendedException", 0),
        ("status:400:MailFromDomainNotVerifiedException", "failed", None, 0),
        ("status:400:SendingPausedException", "failed", "SendingPausedException", 0),
        ("status:404:NotFoundException", "failed", "NotFoundException", 0),
        ("status:403:AccessDeniedException", "failed", "AccessDeniedException", 0),
        ("status:500:MessageRejected", "failed", "MessageRejected", 0),
        ("status:503", "failed", None, 0),
        ("html:400", "failed", None, 0),
        ("html:502", "failed", None, 0),
        ("html:200", "failed", None, 0),
        ("reset", "failed", "ConnectionClosedError", 0),
        ("lost-answer", "failed", "ConnectionClosedError", 1),
        ("garbage", "failed", None, 1),
    ],
)
def test_a_response_is_of_one_of_three_kinds(
    server: SimulatorServer, mailbox: str, fault: str, result: str, error: str | None, sent: int
) -> None:
    attempt = send(server, fault)
    assert attempt.result == result
    assert attempt.error
    if error is not None:
        assert attempt.error == error
    assert MAIL.to not in attempt.error
    assert len(requests.get(mailbox, timeout=30).json()["mails"]) == sent


def test_each_attempt_is_one_request(server: SimulatorServer, mailbox: str) -> None:
    """The outbox repeats, with pauses; a client that repeats too would send a mail twice."""
    del mailbox
    requests.delete(f"{server.url}/__journal", timeout=30)
    send(server, "status:503", "status:503")
    journal = requests.get(f"{server.url}/__journal?service=ses", timeout=30).json()
    assert len(journal["requests"]) == 1


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="https://email.example"),
        ClientError({}, "SendEmail"),
        ClientError({"Error": {"Code": "MessageRejected"}}, "SendEmail"),
        KeyError("something botocore does not expect"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_cannot_be_understood_is_an_unknown_outcome(error: Exception) -> None:
    class Client:
        def send_email(self, **_: Any) -> None:
            raise error

    attempt = SesSender(Client, SENDER, "").send(MAIL)
    assert attempt.result is MailResult.FAILED


def test_without_a_sender_nothing_is_sent() -> None:
    def connect() -> None:
        raise AssertionError("no client is needed")

    assert SesSender(connect, "", "").send(MAIL) == MailAttempt(MailResult.FAILED, NO_SENDER)
