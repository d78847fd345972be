"""A response that is not DynamoDB's own is never believed, whatever its status: a write may have
been applied, a read has failed."""

import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from service.storage.dynamodb import connect
from service.storage.keys import Key
from service.storage.outcomes import HttpResponse, Refusal, Refused, outcome_of
from service.storage.table import READ_TRIES, MaybeApplied, Table
from service.storage.writes import Put
from tests.doubles.imposter import Imposter, imposter

ONE = Key("P", "1")
JSON = "application/x-amz-json-1.0"
REFUSED = b'{"__type": "x#ConditionalCheckFailedException", "message": "no"}'


def crc(body: bytes) -> str:
    return str(zlib.crc32(body))


def table_at(server: Imposter) -> Table:
    return Table(connect("us-east-1", server.url, 1, 5, 4), "T")


def from_dynamodb(body: bytes) -> dict[str, str]:
    """The headers by which a response is known as DynamoDB's."""
    return {"Content-Type": JSON, "X-Amz-Crc32": crc(body), "X-Amzn-RequestId": "R"}


def without(name: str, body: bytes) -> dict[str, str]:
    """All of them but one: each is enough to notice somebody else."""
    return {header: value for header, value in from_dynamodb(body).items() if header != name}


def signed(body: bytes) -> tuple[dict[str, str], bytes]:
    return from_dynamodb(body), body


PAGE = b"<html>Please sign in.</html>"
FOREIGN = {
    "a page": (200, {"Content-Type": "text/html"}, PAGE),
    "a page that copies the rest": (
        200,
        {**from_dynamodb(PAGE), "Content-Type": "text/html"},
        PAGE,
    ),
    "JSON of another service": (200, {"Content-Type": "application/json"}, b"{}"),
    "JSON of a gateway that names requests as DynamoDB does": (
        200,
        {**from_dynamodb(b"{}"), "Content-Type": "application/json"},
        b"{}",
    ),
    "no content type": (200, without("Content-Type", b"{}"), b"{}"),
    "no CRC": (200, without("X-Amz-Crc32", b"{}"), b"{}"),
    "a wrong CRC": (200, {**from_dynamodb(b"{}"), "X-Amz-Crc32": "1"}, b"{}"),
    "a CRC that is no number": (200, {**from_dynamodb(b"{}"), "X-Amz-Crc32": "x"}, b"{}"),
    "no request id": (200, without("X-Amzn-RequestId", b"{}"), b"{}"),
    "a refusal without a request id": (400, without("X-Amzn-RequestId", REFUSED), REFUSED),
    "ten thousand brackets": (200, *signed(b"[" * 10_000)),
    "text": (200, *signed(b"OK")),
    "half a body": (200, *signed(b'{"Item": {"PK"')),
    "no body": (200, *signed(b"")),
    "a list": (200, *signed(b"[]")),
    "null": (200, *signed(b"null")),
    "bytes that are no text": (200, *signed(b"\xff\xfe{}")),
    "a redirection": (
        302,
        {"Location": "https://login.example.com/", "Content-Type": "text/html"},
        b"",
    ),
    "a page behind 403": (403, {"Content-Type": "text/html"}, PAGE),
    "a page behind 413": (413, {"Content-Type": "text/html"}, PAGE),
    "a refusal with a wrong CRC": (400, {**from_dynamodb(REFUSED), "X-Amz-Crc32": "1"}, REFUSED),
    "an error of no kind": (400, *signed(b'{"message": "no"}')),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize(
    "send",
    [
        lambda table: table.transact([Put(ONE, {"a": 1})]),
        lambda table: table.write(Put(ONE, {"a": 1})),
    ],
    ids=["transaction", "write"],
)
@pytest.mark.protocol("foreign-response")
def test_a_write_may_have_been_applied(name: str, send: Callable[[Table], None]) -> None:
    with imposter(*FOREIGN[name]) as server:
        with pytest.raises(MaybeApplied):
            send(table_at(server))
        assert server.requests == 1


def fails_after_a_second_try(name: str, read: Callable[[Table], Any]) -> None:
    with imposter(*FOREIGN[name]) as server:
        with pytest.raises(MaybeApplied):
            read(table_at(server))
        assert server.requests == READ_TRIES


@pytest.mark.parametrize("name", FOREIGN)
def test_a_read_is_tried_again_and_then_fails(name: str) -> None:
    fails_after_a_second_try(name, lambda table: table.get(ONE))


@pytest.mark.parametrize(
    "read",
    [
        lambda table: table.get_together([ONE]),
        lambda table: table.get_each([ONE]),
        lambda table: table.get_many([ONE], ("a",)),
        lambda table: table.query("P", "1", limit=1),
        lambda table: table.query_index("GSI1", "P", limit=1),
        lambda table: table.browse("P", "", limit=1),
        lambda table: table.scan(segment=0, segments=1, limit=1),
    ],
    ids=["get_together", "get_each", "get_many", "query", "query_index", "browse", "scan"],
)
def test_every_read_of_a_page_fails(read: Callable[[Table], Any]) -> None:
    fails_after_a_second_try("a page", read)


def test_a_table_behind_an_imposter_is_not_ready() -> None:
    with imposter(*FOREIGN["a page"]) as server:
        assert not table_at(server).ready()


def test_what_dynamodb_says_is_believed() -> None:
    item = json.dumps({"Item": {"PK": {"S": "P"}, "SK": {"S": "1"}}}).encode()
    with imposter(200, *signed(item)) as server:
        assert table_at(server).get(ONE) == {"PK": "P", "SK": "1"}


def test_an_error_without_a_crc_can_be_dynamodb_locals() -> None:
    response = HttpResponse(400, {"content-type": JSON, "x-amzn-requestid": "R"}, REFUSED)
    outcome = outcome_of(response)
    assert isinstance(outcome, Refused)
    assert outcome.refusal is Refusal.CONDITION
