"""The service's client makes the same of every operation as boto3's, on tables with the same
content. The whole proof: `make proof ONLY=conformance`."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from devstack.dynamodb import DynamoDbLocal
from service.storage.codec import encode_item
from service.storage.dynamodb import Wire
from service.storage.keys import Key
from service.storage.outcomes import HttpResponse, Outcome, PossiblyApplied
from service.storage.writes import Put, When, request
from tests.conformance import values
from tests.conformance.clients import Boto3Client, OurClient, verdict_of
from tests.conformance.comparison import Comparison, Difference, Tally
from tests.conformance.malformed import A_FAILURE, MALFORMED
from tests.conformance.operations import TABLE, Operations, Request
from tests.conformance.tables import both_clients

SAMPLE = 300
ONE = Key("P", "1")
KEY = encode_item(ONE.attributes())
GET = Request("GetItem", {"TableName": TABLE, "Key": KEY, "ReturnConsumedCapacity": "TOTAL"})


@pytest.fixture(scope="module")
def clients(dynamodb: DynamoDbLocal) -> Iterator[tuple[OurClient, Boto3Client]]:
    with both_clients(dynamodb.url) as both:
        yield both


@pytest.fixture
def comparison(clients: tuple[OurClient, Boto3Client]) -> Comparison:
    return Comparison(*clients)


def test_generated_operations_have_the_same_outcome(comparison: Comparison) -> None:
    comparison.run(seed=1, operations=SAMPLE)
    assert comparison.tally.operations == SAMPLE


def put(**attributes: Any) -> Request:
    return Request("PutItem", {"TableName": TABLE, "Item": KEY | attributes})


@pytest.mark.parametrize("text", [*values.TEXTS, *values.LONE_SURROGATES, ""], ids=ascii)
def test_a_text_comes_back_the_same(comparison: Comparison, text: str) -> None:
    comparison.compare(put(text={"S": text}, map={"M": {text: {"SS": [text]}}}))
    comparison.compare(GET)


@pytest.mark.parametrize("number", values.NUMBERS)
def test_a_number_comes_back_the_same(comparison: Comparison, number: str) -> None:
    comparison.compare(put(number={"N": number}, set={"NS": [number]}))
    comparison.compare(GET)


@pytest.mark.parametrize("character", ["x", "é", "😀", "\x01", "\\"], ids=ascii)
def test_an_item_of_almost_400_kb_comes_back_the_same(
    comparison: Comparison, character: str
) -> None:
    text = character * (values.MAX_LARGE_BYTES // len(character.encode()))
    stored = comparison.compare(put(text={"S": text}))
    assert stored.kind == "APPLIED"
    read = comparison.compare(GET)
    assert read.content["Item"]["text"]["S"] == text


@pytest.mark.parametrize("levels", [1, 30, 31])
def test_nested_values_come_back_the_same(comparison: Comparison, levels: int) -> None:
    assert comparison.compare(put(deep=values.deep(levels))).kind == "APPLIED"
    comparison.compare(GET)


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_refused_the_same(comparison: Comparison, name: str) -> None:
    operation, parameters = MALFORMED[name](TABLE, KEY)
    verdict = comparison.compare(Request(operation, parameters, name))
    expected = ("POSSIBLY_APPLIED",) if name == A_FAILURE else ("MALFORMED", "DENIED")
    assert verdict.kind in expected
    comparison.compare_tables()


def test_a_failed_condition_returns_the_item_that_lies_there(comparison: Comparison) -> None:
    comparison.compare(put(status={"S": "open"}))
    kind, parameters = request(TABLE, Put(ONE, {}, When(equals={"status": "closed"})))
    verdict = comparison.compare(Request(f"{kind}Item", parameters))
    assert verdict.kind == "CONDITION"
    assert verdict.content["Item"] == KEY | {"status": {"S": "open"}}


def test_a_cancelled_transaction_names_each_reason_in_its_place(comparison: Comparison) -> None:
    comparison.compare(put(status={"S": "open"}))
    writes = [Put(Key("P", "2"), {}), Put(ONE, {}, When(equals={"status": "closed"}))]
    actions = [dict([request(TABLE, write)]) for write in writes]
    verdict = comparison.compare(Request("TransactWriteItems", {"TransactItems": actions}))
    assert verdict.kind == "CANCELLED"
    codes = [reason["Code"] for reason in verdict.content["CancellationReasons"]]
    assert codes == ["None", "ConditionalCheckFailed"]
    assert verdict.content["CancellationReasons"][1]["Item"] == KEY | {"status": {"S": "open"}}


def test_a_response_beyond_the_limit_counts_as_lost(dynamodb: DynamoDbLocal) -> None:
    """The one known difference: boto3 reads whatever comes. As JSON, a control character takes six
    bytes."""
    keys = [encode_item(Key("P", str(number)).attributes()) for number in range(4)]
    text = {"S": "\x01" * values.MAX_LARGE_BYTES}
    batch = Request("BatchGetItem", {"RequestItems": {TABLE: {"Keys": keys}}})
    with both_clients(dynamodb.url) as (ours, theirs):
        for key in keys:
            large = Request("PutItem", {"TableName": TABLE, "Item": {**key, "text": text}})
            assert ours.send(large) == theirs.send(large)
        assert len(theirs.send(batch).content["Responses"][TABLE]) == len(keys)
        assert isinstance(ours.outcome(batch), PossiblyApplied)
        assert ours.send(GET) == theirs.send(GET)


# What the comparison must notice.


class Tampered:
    """A wire on which something between the service and DynamoDB changes the responses, and puts
    their CRC right again."""

    def __init__(self, wire: Wire, old: bytes, new: bytes) -> None:
        self._wire, self._old, self._new = wire, old, new

    def send(self, headers: Mapping[str, str], body: bytes) -> HttpResponse | Outcome:
        response = self._wire.send(headers, body)
        assert isinstance(response, HttpResponse)
        assert self._old in response.body
        changed = response.body.replace(self._old, self._new)
        crc = {"x-amz-crc32": str(zlib.crc32(changed))} if "x-amz-crc32" in response.headers else {}
        return replace(response, body=changed, headers={**response.headers, **crc})


def refused_transaction() -> Request:
    check = {
        "TableName": TABLE,
        "Key": KEY,
        "ConditionExpression": "attribute_not_exists(PK)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    return Request("TransactWriteItems", {"TransactItems": [{"ConditionCheck": check}]})


@pytest.mark.parametrize(
    ("request_", "old", "new"),
    [
        pytest.param(GET, b'"open"', b'"done"', id="another value"),
        pytest.param(GET, b'"status":', b'"state":', id="another attribute"),
        pytest.param(GET, b'{"S":"open"}', b'{"B":"open"}', id="another type"),
        pytest.param(GET, b'"CapacityUnits":0.5', b'"CapacityUnits":1.0', id="other units"),
        pytest.param(GET, b'"Item":', b'"Thing":', id="no item"),
        pytest.param(refused_transaction(), b'"open"', b'"done"', id="another item in a reason"),
        pytest.param(
            refused_transaction(),
            b'"Code":"ConditionalCheckFailed"',
            b'"Code":"TransactionConflict"',
            id="another reason",
        ),
        pytest.param(
            refused_transaction(),
            b"TransactionCanceledException",
            b"TransactionConflictException",
            id="another error",
        ),
    ],
)
def test_the_comparison_notices_a_difference(
    dynamodb: DynamoDbLocal, request_: Request, old: bytes, new: bytes
) -> None:
    with both_clients(dynamodb.url) as (ours, theirs):
        comparison = Comparison(ours, theirs)
        comparison.compare(put(status={"S": "open"}))
        comparison.compare(request_)
        ours.recorder.wire = Tampered(ours.recorder.wire, old, new)
        with pytest.raises(Difference):
            comparison.compare(request_)


def test_the_comparison_notices_a_write_that_was_not_done(dynamodb: DynamoDbLocal) -> None:
    with both_clients(dynamodb.url) as (ours, theirs):
        comparison = Comparison(ours, theirs)
        comparison.compare(put(status={"S": "open"}))
        comparison.compare_tables()
        theirs.send(put(status={"S": "done"}))
        with pytest.raises(Difference, match="the tables differ at"):
            comparison.compare_tables()


def client_error(status: int, code: str) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "PutItem")


def test_an_error_of_boto3_that_no_one_classified_fails_the_comparison() -> None:
    with pytest.raises(AssertionError, match="no one has classified"):
        verdict_of(client_error(400, "SomethingNewException"))


def test_an_error_of_the_server_is_no_refusal() -> None:
    assert verdict_of(client_error(500, "InternalServerError")).kind == "POSSIBLY_APPLIED"


# What the generator makes.


def test_the_same_seed_makes_the_same_operations() -> None:
    one, other = Operations(5), Operations(5)
    assert [one.next() for _ in range(200)] == [other.next() for _ in range(200)]
    assert Operations(6).next() != Operations(7).next()


def test_a_run_that_did_not_meet_everything_says_what_it_missed() -> None:
    assert "a key twice" in Tally().missing()
    assert "Scan applied" in Tally().missing()
    assert "CANCELLED" in Tally().missing()


def test_values_of_every_type_are_generated() -> None:
    made = [values.value(Random(seed)) for seed in range(400)]
    kinds = {kind for value in made for kind in value}
    assert kinds == {"S", "N", "BOOL", "NULL", "B", "SS", "NS", "BS", "L", "M"}
