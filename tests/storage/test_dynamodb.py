"""The client of DynamoDB: where it sends, and what it does by itself."""

from dataclasses import replace

import pytest

from service.storage import dynamodb
from service.storage.dynamodb import DynamoDb, connect
from service.storage.outcomes import HttpResponse, NeverSent, Outcome, PossiblyApplied, Refused
from tests.doubles.memory_client import Unsigned
from tests.faults.library.wire import Reply, refusal, response_with


class Scripted:
    """A wire that returns what it is given, and counts."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.sent: list[bytes] = []

    def send(self, headers: object, body: bytes) -> Reply:
        self.sent.append(body)
        return self.reply


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-east-1", "https://dynamodb.us-east-1.amazonaws.com"),
        ("eu-central-2", "https://dynamodb.eu-central-2.amazonaws.com"),
        ("us-gov-west-1", "https://dynamodb.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "https://dynamodb.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_dynamodb_is_found_in_every_partition_whatever_the_environment_says(
    region: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")
    assert dynamodb._endpoint(region) == url


def test_a_proxy_of_the_environment_is_not_used(
    client: object, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    url = client.meta.endpoint_url  # type: ignore[attr-defined]
    outcome = connect("us-east-1", url, 1.0, 5.0, 1).call("Scan", {"TableName": table_name})
    assert not isinstance(outcome, NeverSent | PossiblyApplied)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (NeverSent("no way"), NeverSent),
        (PossiblyApplied("lost"), PossiblyApplied),
        (refusal(400, "ThrottlingException"), Refused),
        (refusal(500, "ThrottlingException"), PossiblyApplied),
        (refusal(400, "AnythingNewException"), PossiblyApplied),
        (HttpResponse(200, {}, b"{}"), PossiblyApplied),
    ],
)
@pytest.mark.protocol("no-hidden-retry")
def test_whatever_comes_back_a_request_is_sent_once(reply: Reply, kind: type[Outcome]) -> None:
    wire = Scripted(reply)
    assert isinstance(DynamoDb(wire, Unsigned()).call("PutItem", {"a": 1}), kind)
    assert wire.sent == [b'{"a":1}']


def test_a_request_that_cannot_be_signed_is_never_sent() -> None:
    class NoCredentials(Unsigned):
        def headers(self, operation: str, body: bytes) -> dict[str, str]:
            raise RuntimeError("refreshed, but still expired")

    wire = Scripted(response_with(200, {}))
    outcome = DynamoDb(wire, NoCredentials()).call("PutItem", {})
    assert outcome == NeverSent("not signed: RuntimeError")
    assert wire.sent == []


# DynamoDB's clock.

DATE = "Sun, 29 Nov 2026 09:00:00 GMT"
LATE = {"message": "Signature expired: 20261129T080000Z is now earlier than 20261129T084500Z"}


class Clocked(Unsigned):
    """Notes the dates that it is to sign with."""

    def __init__(self) -> None:
        self.dates: list[str] = []

    def set_clock(self, date: str) -> None:
        self.dates.append(date)


def dated(response: HttpResponse) -> HttpResponse:
    return replace(response, headers={**response.headers, "date": DATE})


def dates_set_by(response: HttpResponse) -> list[str]:
    signer = Clocked()
    DynamoDb(Scripted(dated(response)), signer).call("PutItem", {})
    return signer.dates


@pytest.mark.parametrize(
    "response",
    [refusal(400, "InvalidSignatureException", **LATE), refusal(400, "RequestExpired")],
    ids=["late", "expired"],
)
def test_a_late_signature_sets_the_clock_to_dynamodbs(response: HttpResponse) -> None:
    assert dates_set_by(response) == [DATE]


@pytest.mark.parametrize(
    "response",
    [
        response_with(200, {}),
        refusal(400, "ConditionalCheckFailedException"),
        refusal(400, "ThrottlingException"),
        refusal(400, "InvalidSignatureException", message="It does not match."),
        refusal(400, "AnythingNewException", **LATE),
        refusal(500, "InvalidSignatureException", **LATE),
    ],
)
def test_nothing_else_that_dynamodb_says_sets_the_clock(response: HttpResponse) -> None:
    assert dates_set_by(response) == []


@pytest.mark.parametrize("missing", ["x-amzn-requestid", "content-type"])
def test_no_one_else_sets_the_clock(missing: str) -> None:
    """A proxy could otherwise have us sign requests that are valid later."""
    late = refusal(400, "InvalidSignatureException", **LATE)
    foreign = {name: value for name, value in late.headers.items() if name != missing}
    assert dates_set_by(replace(late, headers=foreign)) == []
