"""The simulated SES, and its mailbox for programs and for people."""

import re
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.devstack.simulators.stack import START, Stack

HTML = '<p>Hello <a href="https://app.example/#token=x">there</a><script>alert(1)</script></p>'


def client(stack: Stack) -> Any:
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    return boto3.client(
        "sesv2", region_name="us-east-1", endpoint_url=f"{stack.url}/ses", config=config
    )


def send(stack: Stack, to: str = "ann@mail.example", **simple: Any) -> str:
    content = {
        "Subject": {"Data": "A subject"},
        "Body": {"Text": {"Data": "See https://app.example/#token=x"}, "Html": {"Data": HTML}},
        "Headers": [{"Name": "X-Farebox-Mail-Id", "Value": "m1"}],
    }
    response = client(stack).send_email(
        FromEmailAddress="Farebox <no-reply@farebox.example>",
        Destination={"ToAddresses": [to]},
        Content={"Simple": content | simple},
        ConfigurationSetName="farebox",
    )
    return str(response["MessageId"])


def mails(stack: Stack, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.call("GET", "/ses/__mailbox", params=query).json()["mails"]
    return found


def page(stack: Stack, path: str = "") -> requests.Response:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    return stack.call("GET", f"/ses/__mailbox{path}", headers={"Accept": browser})


def test_a_mail_is_accepted_and_can_be_read_by_a_program(stack: Stack) -> None:
    mail_id = send(stack)
    assert mails(stack) == [
        {
            "id": mail_id,
            "at": START,
            "from": "Farebox <no-reply@farebox.example>",
            "to": ["ann@mail.example"],
            "subject": "A subject",
            "text": "See https://app.example/#token=x",
            "html": HTML,
            "headers": {"X-Farebox-Mail-Id": "m1"},
            "configurationSet": "farebox",
        }
    ]
    assert [each["operation"] for each in stack.journal(service="ses")] == ["send"]
    send(stack, "bob@mail.example")
    assert len(mails(stack)) == 2
    assert [each["id"] for each in mails(stack, to="ANN@mail.example")] == [mail_id]
    assert stack.call("DELETE", "/ses/__mailbox").status_code == 200
    assert mails(stack) == []


def test_a_person_reads_a_page_whose_mail_is_locked_in(stack: Stack) -> None:
    assert "No mail yet" in page(stack).text
    mail_id = send(stack, Subject={"Data": "<b>Bold</b>"})
    shown = page(stack)
    assert "&lt;b&gt;Bold&lt;/b&gt;" in shown.text
    assert "unsafe" not in shown.headers["Content-Security-Policy"]
    assert re.search(r'<a href="https://app.example/#token=x"[^>]*target="_blank"', shown.text)
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in shown.text
    for address in re.findall(r'(?:href|src)="(/[^"#]+)"', shown.text):
        assert stack.call("GET", address).status_code == 200, address
    mail = page(stack, f"/{mail_id}/html")
    assert mail.text == HTML
    policy = mail.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy
    assert page(stack, "/other").status_code == 404


@pytest.mark.parametrize("code", ["MessageRejected", "SendingPausedException"])
def test_a_refusal_is_of_the_class_that_was_armed(stack: Stack, code: str) -> None:
    stack.arm("ses", "send", f"status:400:{code}")
    with pytest.raises(ClientError) as error:
        send(stack)
    assert error.value.response["Error"]["Code"] == code
    assert mails(stack) == []


@pytest.mark.parametrize(
    "simple",
    [
        {"Subject": {"Data": "a\r\nBcc: all@mail.example"}},
        {"Headers": [{"Name": "X-A", "Value": "a\nb"}]},
        {"Body": {}},
    ],
)
def test_what_ses_would_refuse_is_refused(stack: Stack, simple: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as error:
        send(stack, **simple)
    assert error.value.response["Error"]["Code"] == "BadRequestException"
    assert mails(stack) == []


def test_a_mail_whose_response_was_lost_was_sent(stack: Stack) -> None:
    stack.arm("ses", "send", "lost-answer")
    with pytest.raises(BotoCoreError):
        send(stack)
    assert len(mails(stack)) == 1
